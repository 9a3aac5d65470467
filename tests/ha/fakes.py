"""A gateway made of attributes: what it answers is what a test put there."""

import asyncio
import json
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

JPEG = b"\xff\xd8picture\xff\xd9"


class FakeGateway:
    """Speaks the parts of the API that the integration uses."""

    def __init__(self) -> None:
        self.about: Any = {"go2py": "0.1.0", "id": "", "rtsp": {"listen": ":8554"}}
        self.streams: dict[str, list[str]] = {"door": ["rtsp://***@camera/1"]}
        self.state, self.reason, self.code = "live", "", ""
        self.producer: dict[str, Any] = {"medias": ["video, recvonly, H264"], "bytes_recv": 1000}
        self.password = ""
        self.refuse: dict[str, tuple[int, str] | tuple[int, str, str]] = {}
        """Status, text and, if a camera is the cause, its code, by `METHOD path`."""
        self.picture: bytes | asyncio.Event = JPEG
        self.script: list[dict[str, Any]] = [{"type": "webrtc", "value": {"type": "answer", "sdp": "v=0 answer"}}]
        """What follows an offer; None in place of it keeps silent."""
        self.pictures: list[bytes] = []
        """What follows a wish for MSE."""
        self.devices: list[dict[str, Any]] = []
        self.paused: set[str] = set()
        self.kept: set[str] = set()
        self.facts: dict[str, Any] = {}
        """`video` and `audio` of every stream."""
        self.numbers: dict[str, int] = {}
        """A stream's source, where it is not 1."""
        self.hears: dict[str, bool] = {}
        """Which cameras were asked, or would say when asked, that they can be spoken to; others cannot."""
        self.talks: dict[int, dict[str, Any]] = {}
        """How talk stands with those that were asked, by source."""
        self.plays: dict[str, dict[str, Any]] = {}
        """What plays into cameras."""
        self.wishes: list[tuple[list[str], dict[str, Any]]] = []
        """What was to be played, and where."""
        self.schema = 1
        self.watching = 0
        self.moving = asyncio.Event()
        """Set to end what `/api/stream.mjpeg` sends."""
        self.slow: dict[str, asyncio.Event] = {}
        """By `METHOD path`: answered when the event comes."""
        self.waiting = 0
        """Requests that are held up now."""
        self.searches = 0
        self.search_takes: asyncio.Event | None = None
        self.trouble = ""
        """Code of what is wrong with every source that is tried."""
        self.dead = ""
        """No camera answers whose source has this in it."""
        self.survey: dict[str, Any] = {}
        """What a look at any camera brings."""
        self.surveyed: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        """What viewers said on `/api/ws`."""
        self.requests = self.changes = 0
        self.conversations: list[dict[str, str]] = []
        """What they asked for when they came."""
        self.asked: list[str] = []
        """`METHOD path?query` of requests that change something or take a picture; behind a stream's, its sources."""
        self.enquiries: list[str] = []
        """Streams of which somebody asked whether they can be spoken to: those that bring a picture, at any time."""
        self.listeners: set[web.WebSocketResponse] = set()
        self.viewers: set[web.WebSocketResponse] = set()
        app = web.Application(middlewares=[self._door])
        app.router.add_get("/api", self._about)
        app.router.add_route("*", "/api/streams", self._streams)
        app.router.add_get("/api/frame.jpeg", self._frame)
        app.router.add_get("/api/stream.mjpeg", self._mjpeg)
        app.router.add_route("*", "/api/pause", self._pause)
        app.router.add_route("*", "/api/preload", self._preload)
        app.router.add_get("/api/plan", self._plan)
        app.router.add_get("/api/talk", self._talk)
        app.router.add_route("*", "/api/play", self._play)
        app.router.add_get("/api/events", self._events)
        app.router.add_get("/api/discovery", self._search)
        app.router.add_post("/api/discovery/probe", self._survey)
        app.router.add_get("/api/ws", self._signalling)
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drop()
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("/"))

    async def drop(self) -> None:
        """Leave all clients, as a gateway that stops."""
        for socket in (*self.listeners, *self.viewers):
            await socket.close()

    async def tell(self, type: str, **data: Any) -> None:
        """An event."""
        for socket in tuple(self.listeners):
            await socket.send_json({"type": type, "time": 0, "data": data})

    async def media(self, **facts: Any) -> None:
        """What the picture and the sound of `door` are, also for who comes later."""
        self.facts = facts
        await self.tell("stream.media", stream="door", **facts)

    async def source_state(self, state: str, reason: str = "", restarts: int = 0, code: str = "") -> None:
        self.state, self.reason, self.code = state, reason, code
        await self.tell("source.state", source=1, url="rtsp://***@camera/1", **self._source(restarts))

    def _source(self, restarts: int = 0) -> dict[str, Any]:
        return {"state": self.state, "reason": self.reason, "code": self.code, "restarts": restarts}

    def _describe(self, sources: list[str], name: str = "") -> dict[str, Any]:
        state = {"state": "off", "reason": "paused"} if name in self.paused else {"state": "on", "reason": ""}
        number = self.numbers.get(name, 1)
        talk = {"talk": self.talks[number]} if number in self.talks else {}
        listed = [{"source": number, "url": url, **self._source(), **talk} for url in sources]
        play = {"play": self.plays[name]} if name in self.plays else {}
        return {"sources": listed, "readers": [], **state, **play, **self.facts}

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests += 1
        self.changes += request.method not in {"GET", "HEAD"}
        if request.method != "GET" or request.path == "/api/frame.jpeg":
            self.asked.append(f"{request.method} {request.path_qs}")
        if status_text := self.refuse.get(f"{request.method} {request.path}"):
            headers = {"X-Go2py-Code": status_text[2]} if len(status_text) > 2 else {}
            return web.Response(status=status_text[0], text=status_text[1], headers=headers)
        if self.password and self.password not in request.headers.get("Authorization", ""):
            return web.Response(status=401)
        if event := self.slow.get(f"{request.method} {request.path}"):
            self.waiting += 1
            await event.wait()
            self.waiting -= 1
        response: web.StreamResponse = await handler(request)
        return response

    async def _about(self, request: web.Request) -> web.Response:
        return web.json_response(self.about)

    async def _streams(self, request: web.Request) -> web.Response:
        query = request.query
        match request.method:
            case "PUT" | "PATCH":
                told = (await request.json())["src"]
                sources = [told] if isinstance(told, str) else told
                self.asked.append(f"{query['name']}: {sources}")
                self.streams[query["name"]] = sources
                await self.tell("stream.added", stream=query["name"], **self._describe(sources))
            case "DELETE":
                self.streams.pop(query["src"], None)
                await self.tell("stream.removed", stream=query["src"])
            case "GET" if "src" in query:
                return web.json_response({"producers": [self.producer]})
            case _:
                return web.json_response({name: {"producers": [self.producer]} for name in self.streams})
        return web.Response()

    async def _search(self, request: web.Request) -> web.Response:
        self.searches += 1
        if self.search_takes is not None:
            await self.search_takes.wait()
        return web.json_response({"devices": self.devices})

    async def _survey(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if source := asked.get("src"):
            trouble = "unreachable" if self.dead and self.dead in source else self.trouble
            problems = [{"code": trouble, "message": "because"}] if trouble else []
            return web.json_response({**self.producer, "problems": problems})
        self.surveyed.append(asked)
        return web.json_response(self.survey)

    async def _frame(self, request: web.Request) -> web.Response:
        if isinstance(self.picture, asyncio.Event):
            await self.picture.wait()
            return web.Response(body=JPEG)
        return web.Response(body=self.picture)

    async def _mjpeg(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"GET {request.path_qs}")
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        self.watching += 1
        try:
            while not self.moving.is_set():
                await response.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG + b"\r\n")
                await asyncio.sleep(0.05)
        finally:
            self.watching -= 1
        return response

    async def _pause(self, request: web.Request) -> web.Response:
        name = request.query["src"]
        if name not in self.streams:
            return web.Response(status=404, text="stream not found")
        (self.paused.add if request.method == "POST" else self.paused.discard)(name)
        state = {"state": "off", "reason": "paused"} if name in self.paused else {"state": "on", "reason": ""}
        await self.tell("stream.state", stream=name, **state)
        return web.json_response({"stream": name, **state, "lasting": True})

    async def _preload(self, request: web.Request) -> web.Response:
        name = request.query["src"]
        if request.method == "DELETE" and name not in self.kept:
            return web.Response(status=404, text=f"streams: preload not found: {name}")
        (self.kept.add if request.method == "PUT" else self.kept.discard)(name)
        return web.Response()

    async def talk_state(self, state: str, reason: str = "", source: int = 1, **more: Any) -> None:
        """How it stands with speaking to a camera."""
        self.talks[source] = {"state": state, "reason": reason, "by": "", "level": 0.0, "codecs": ["PCMA/8000"], **more}
        await self.tell("talk.state", source=source, talk=self.talks[source])

    async def play_state(self, name: str, state: str, **more: Any) -> None:
        self.plays[name] = {"state": state, "queue": [], **more}
        await self.tell("play.state", stream=name, **self.plays[name])

    async def _talk(self, request: web.Request) -> web.Response:
        name = request.query["src"]
        self.enquiries.append(name)
        number = self.numbers.get(name, 1)
        if not self.hears.get(name):
            self.talks.pop(number, None)
            await self.tell("talk.state", source=number, talk={"state": "idle", "codecs": []})
            return web.json_response({"talk": None, "reason": f"{name} has no backchannel: it cannot be spoken to"})
        await self.talk_state("idle", source=number)
        return web.json_response({"talk": self.talks[number]})

    async def _play(self, request: web.Request) -> web.Response:
        names = request.query.getall("dst")
        match request.method:
            case "POST":
                wish = await request.json()
                self.wishes.append((names, wish))
                for name in names:
                    title = wish.get("src", "speech")
                    await self.play_state(name, "playing", title=title, position=0.1, duration=2.0)
            case "DELETE":
                for name in names:
                    await self.play_state(name, "idle")
        return web.json_response({name: self.plays.get(name, {"state": "idle", "queue": []}) for name in names})

    async def _plan(self, request: web.Request) -> web.Response:
        return web.json_response({"sources": [], "tracks": []})

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        streams = {name: self._describe(sources, name) for name, sources in self.streams.items()}
        self.listeners.add(socket)  # first: who has the snapshot misses nothing
        await socket.send_json({"type": "snapshot", "time": 0, "data": {"schema": self.schema, "streams": streams}})
        async for _ in socket:
            pass
        self.listeners.discard(socket)
        return socket

    async def _signalling(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.viewers.add(socket)
        self.conversations.append(dict(request.query))
        async for message in socket:
            content = json.loads(message.data)
            self.said.append(content)
            if content["type"] == "mse":
                await socket.send_json({"type": "mse", "value": 'video/mp4; codecs="avc1.640029"'})
                for picture in self.pictures:
                    await socket.send_bytes(picture)
            if content["type"] == "webrtc":
                for answer in self.script:
                    await socket.send_json(answer)
        self.viewers.discard(socket)
        return socket
