"""The gateway's API: requests, events and WebRTC signalling. Knows aiohttp, not Home Assistant."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
)
from aiohttp.client_exceptions import WSServerHandshakeError
from yarl import URL

from .conversation import Signalling, messages
from .errors import GatewayRefused, GatewayUnreachable, NotGo2py, refusal
from .found import Device, Sight, Survey
from .models import Media

_TIMEOUT = 10.0
_SEARCH_TIMEOUT = 20.0
_PROBE_TIMEOUT = 20.0
_SURVEY_TIMEOUT = 45.0
_PLAY_TIMEOUT = 30.0
"""A spoken text has to be made, fetched and read, and the cameras opened."""
_MAX_EVENT = 16 << 20
"""Bytes of a snapshot with thousands of streams."""
_CODE = "X-Go2py-Code"
"""Header of an error that is about a camera."""
_KEEP = (("video", ""), ("audio", ""))
_STALL = 30.0
"""Seconds without a byte until a moving picture is given up."""


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    """What the gateway says of itself. `id` is empty where it has none."""

    version: str
    id: str
    rtsp_port: int | None
    blocked: tuple[Blocked, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """A port of the gateway that could not be opened; `problem` tells why."""

    name: str
    address: str
    problem: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data.get("name", "")), str(data.get("listen", "")), str(data["problem"]))


class GatewayClient:
    """One gateway. The session is the caller's, and has to keep no cookies: a cookie would outvote a new password."""

    def __init__(self, session: ClientSession, url: str, username: str = "", password: str = "") -> None:
        self.url = URL(url)
        self._session = session
        self._username, self._password = username, password
        login = b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"} if username else {}

    @property
    def closed(self) -> bool:
        """Whether the session has ended, so that nothing can be asked any more."""
        return self._session.closed

    async def info(self) -> GatewayInfo:
        """Raises `NotGo2py` besides the other `GatewayError`s."""
        try:
            answer = await self._object("GET", "api")
        except GatewayRefused as error:
            raise NotGo2py(str(error)) from error
        if not isinstance(answer.get("go2py"), str):
            raise NotGo2py("this is not a go2py gateway")
        listen = str((answer.get("rtsp") or {}).get("listen", ""))
        port = listen.rpartition(":")[2]
        return GatewayInfo(
            answer["go2py"],
            str(answer.get("id", "")),
            int(port) if port.isdecimal() else None,
            tuple(Blocked.parse(one) for one in answer.get("listeners") or () if one.get("problem")),
        )

    async def media(self) -> dict[str, Media]:
        """What every stream carries, by name."""
        answer = await self._object("GET", "api/streams")
        return {str(name): Media.parse(stream) for name, stream in answer.items()}

    async def put_stream(self, name: str, sources: Sequence[str]) -> None:
        """Make or change a stream and remember it. Its passwords are not in the address, which proxies write down."""
        await self._request("PUT", "api/streams", [("name", name)], body={"src": list(sources)})

    async def try_stream(self, name: str, source: str) -> None:
        """Make a stream for now; it is gone with the gateway's next start."""
        await self._request("PATCH", "api/streams", [("name", name)], body={"src": source})

    async def delete_stream(self, name: str) -> None:
        await self._request("DELETE", "api/streams", [("src", name)])

    async def set_paused(self, name: str, *, paused: bool) -> None:
        """Close the stream's camera connections and refuse who wants to look, or end that. It survives restarts."""
        await self._request("POST" if paused else "DELETE", "api/pause", [("src", name)])

    async def set_kept(self, name: str, *, kept: bool) -> None:
        """Have the camera stay connected although nobody looks, or end that."""
        await self._request("PUT" if kept else "DELETE", "api/preload", [("src", name), *(_KEEP if kept else ())])

    async def plan(self, name: str) -> Mapping[str, Any]:
        """What a viewer of video and sound would get, and why not more."""
        return await self._object("GET", "api/plan", [("src", name), ("video", ""), ("audio", "")])

    async def can_hear(self, name: str) -> bool:
        """Ask the stream's camera whether it can be spoken to; opens nothing.

        Raises `GatewayRefused` where it cannot be asked now.
        """
        answer = await self._object("GET", "api/talk", [("src", name)])
        return answer.get("talk") is not None

    async def play(self, names: Sequence[str], wish: Mapping[str, Any]) -> Mapping[str, Any]:
        """Play into the cameras of some streams, in step; what plays and waits afterwards, by stream.

        `wish` has `src` or `text`, and may have `volume` (a factor), `priority`, `enqueue` and `fade` (docs/talk.md).
        """
        query = [("dst", name) for name in names]
        return await self._object("POST", "api/play", query, limit=_PLAY_TIMEOUT, body=wish)

    async def set_play_volume(self, name: str, factor: float) -> None:
        """Make louder or softer what plays into a camera now."""
        await self._request("PATCH", "api/play", [("dst", name), ("volume", f"{factor:.4f}")])

    async def stop_playing(self, name: str) -> None:
        """End what plays into a camera, and forget what waits."""
        await self._request("DELETE", "api/play", [("dst", name)])

    async def search(self) -> list[Device]:
        """Cameras on the gateway's networks."""
        answer = await self._object("GET", "api/discovery", limit=_SEARCH_TIMEOUT)
        return [Device.parse(device) for device in answer.get("devices") or ()]

    async def survey(self, address: str, username: str, password: str) -> Survey:
        """Find out what the camera at an address has."""
        body = {"address": address, "username": username, "password": password}
        answer = await self._object("POST", "api/discovery/probe", limit=_SURVEY_TIMEOUT, body=body)
        return Survey.parse(answer)

    async def look_at(self, source: str) -> Sight:
        """Open a source once, wait for its picture and close it."""
        answer = await self._object("POST", "api/discovery/probe", limit=_SURVEY_TIMEOUT, body={"src": source})
        return Sight.parse(answer)

    async def frame(
        self, name: str, width: int = 0, height: int = 0, *, rotate: int = 0, limit: float = _TIMEOUT
    ) -> bytes:
        """The newest picture as JPEG; one that was made for somebody else half a second ago will do.

        It is scaled, then turned clockwise by `rotate` degrees.
        """
        sizes = (("width", width), ("height", height), ("rotate", rotate))
        query = [("src", name), ("cache", "500ms"), *((key, str(value)) for key, value in sizes if value)]
        return await self._request("GET", "api/frame.jpeg", query, limit=limit)

    @asynccontextmanager
    async def mjpeg(self, name: str, rotate: int = 0) -> AsyncIterator[ClientResponse]:
        """A moving picture as `multipart/x-mixed-replace`, for as long as the response is read.

        Reading it raises `ClientError` or `TimeoutError` when the gateway leaves or stalls.
        """
        query = [("src", name), *((("rotate", str(rotate)),) if rotate else ())]
        limit = ClientTimeout(total=None, sock_connect=_TIMEOUT, sock_read=_STALL)
        async with self._response("GET", "api/stream.mjpeg", query, limit=limit) as response:
            yield response

    def rtsp_url(self, name: str, port: int, *, login: bool = True) -> str:
        """Where other programs get the stream, with the gateway's credentials unless `login` is false."""
        url = URL.build(scheme="rtsp", host=self.url.host or "", port=port, path=f"/{name}")
        return str(url.with_user(self._username).with_password(self._password) if login and self._username else url)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The gateway's events, the snapshot first; the iterator ends when the gateway leaves."""
        async with self._websocket("api/events", {}, autoping=False) as socket:
            yield messages(socket)

    @asynccontextmanager
    async def signalling(self, name: str, rotate: int = 0) -> AsyncIterator[Signalling]:
        """A conversation about one WebRTC session, which ends with it; pictures are turned by `rotate` degrees."""
        query = {"src": name, "close": "1", **({"rotate": str(rotate)} if rotate else {})}
        async with self._websocket("api/ws", query) as socket:
            yield Signalling(socket)

    @asynccontextmanager
    async def live(self, name: str, codecs: str) -> AsyncIterator[ClientWebSocketResponse]:
        """The stream as fragments of MP4: a text that names their type, then binary messages. Who does not read makes
        the gateway skip pictures."""
        async with self._websocket("api/ws", {"src": name}) as socket:
            await socket.send_json({"type": "mse", "value": codecs})
            yield socket

    # --- requests -----------------------------------------------------------------------------------------------------

    def _at(self, path: str, query: Sequence[tuple[str, str]] = ()) -> URL:
        return (self.url / path).with_query(query)

    async def _object(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        limit: float = _TIMEOUT,
        body: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        try:
            answer = json.loads(await self._request(method, path, query, limit=limit, body=body))
        except ValueError:
            answer = None
        if not isinstance(answer, Mapping):
            raise NotGo2py("the answer makes no sense")
        return answer

    async def _request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        limit: float = _TIMEOUT,
        body: Mapping[str, Any] | None = None,
    ) -> bytes:
        timeout = ClientTimeout(total=limit)
        try:
            async with self._response(method, path, query, limit=timeout, body=body) as response:
                return await response.read()
        except TimeoutError:
            raise GatewayUnreachable(f"no answer from {self.url.host} within {limit:g} s") from None
        except ClientError as error:
            raise GatewayUnreachable(str(error) or type(error).__name__) from error

    @asynccontextmanager
    async def _response(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        *,
        limit: ClientTimeout,
        body: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """A response that is no refusal. Raises aiohttp's errors besides ours."""
        async with self._session.request(
            method, self._at(path, query), headers=self._headers, json=body, timeout=limit, allow_redirects=False
        ) as response:
            await _check(response)
            yield response

    @asynccontextmanager
    async def _websocket(
        self, path: str, query: Mapping[str, str], *, autoping: bool = True
    ) -> AsyncIterator[ClientWebSocketResponse]:
        try:
            async with asyncio.timeout(_TIMEOUT):
                socket = await self._session.ws_connect(
                    self._at(path, tuple(query.items())),
                    headers=self._headers,
                    autoping=autoping,
                    max_msg_size=_MAX_EVENT,
                )
        except TimeoutError:
            raise GatewayUnreachable(f"no answer from {self.url.host} within {_TIMEOUT:g} s") from None
        except WSServerHandshakeError as error:
            raise refusal(error.status, error.message) from error
        except ClientError as error:
            raise GatewayUnreachable(str(error) or type(error).__name__) from error
        try:
            yield socket
        except ConnectionError as error:
            raise GatewayUnreachable(str(error) or "the connection broke") from error
        finally:
            await socket.close()


async def _check(response: ClientResponse) -> None:
    if response.status >= 300:
        text = (await response.text(errors="replace"))[:500]
        raise refusal(response.status, text, response.headers.get(_CODE, ""))
