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
        self.state, self.reason = "live", ""
        self.producer: dict[str, Any] = {"medias": ["video, recvonly, H264"], "bytes_recv": 1000}
        self.password = ""
        self.refuse: dict[str, tuple[int, str]] = {}
        """Status and text by `METHOD path`."""
        self.picture: bytes | asyncio.Event = JPEG
        self.script: list[dict[str, Any]] = [{"type": "webrtc", "value": {"type": "answer", "sdp": "v=0 answer"}}]
        """What follows an offer; None in place of it keeps silent."""
        self.devices: list[dict[str, Any]] = []
        self.survey: dict[str, Any] = {}
        """What a look at any camera brings."""
        self.surveyed: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        """What viewers said on `/api/ws`."""
        self.asked: list[str] = []
        """`METHOD path?query` of requests that change something or take a picture."""
        self.listeners: set[web.WebSocketResponse] = set()
        self.viewers: set[web.WebSocketResponse] = set()
        app = web.Application(middlewares=[self._door])
        app.router.add_get("/api", self._about)
        app.router.add_route("*", "/api/streams", self._streams)
        app.router.add_get("/api/frame.jpeg", self._frame)
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

    async def source_state(self, state: str, reason: str = "", restarts: int = 0) -> None:
        self.state, self.reason = state, reason
        await self.tell("source.state", source=1, url="rtsp://***@camera/1", **self._source(restarts))

    def _source(self, restarts: int = 0) -> dict[str, Any]:
        return {"state": self.state, "reason": self.reason, "restarts": restarts}

    def _describe(self, sources: list[str]) -> dict[str, Any]:
        return {"sources": [{"source": 1, "url": url, **self._source()} for url in sources], "readers": []}

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method != "GET" or request.path == "/api/frame.jpeg":
            self.asked.append(f"{request.method} {request.path_qs}")
        if status_text := self.refuse.get(f"{request.method} {request.path}"):
            return web.Response(status=status_text[0], text=status_text[1])
        if self.password and self.password not in request.headers.get("Authorization", ""):
            return web.Response(status=401)
        response: web.StreamResponse = await handler(request)
        return response

    async def _about(self, request: web.Request) -> web.Response:
        return web.json_response(self.about)

    async def _streams(self, request: web.Request) -> web.Response:
        query = request.query
        match request.method:
            case "PUT" | "PATCH":
                self.streams[query["name"]] = query.getall("src")
                await self.tell("stream.added", stream=query["name"], **self._describe(query.getall("src")))
            case "DELETE":
                self.streams.pop(query["src"], None)
                await self.tell("stream.removed", stream=query["src"])
            case "GET" if "src" in query:
                return web.json_response({"producers": [self.producer]})
            case _:
                return web.json_response({name: {"producers": [self.producer]} for name in self.streams})
        return web.Response()

    async def _search(self, request: web.Request) -> web.Response:
        return web.json_response({"devices": self.devices})

    async def _survey(self, request: web.Request) -> web.Response:
        self.surveyed.append(await request.json())
        return web.json_response(self.survey)

    async def _frame(self, request: web.Request) -> web.Response:
        if isinstance(self.picture, asyncio.Event):
            await self.picture.wait()
            return web.Response(body=JPEG)
        return web.Response(body=self.picture)

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        streams = {name: self._describe(sources) for name, sources in self.streams.items()}
        await socket.send_json({"type": "snapshot", "time": 0, "data": {"schema": 1, "streams": streams}})
        self.listeners.add(socket)
        async for _ in socket:
            pass
        self.listeners.discard(socket)
        return socket

    async def _signalling(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.viewers.add(socket)
        async for message in socket:
            content = json.loads(message.data)
            self.said.append(content)
            if content["type"] == "webrtc":
                for answer in self.script:
                    await socket.send_json(answer)
        self.viewers.discard(socket)
        return socket
