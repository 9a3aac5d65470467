"""`/api/webrtc`: an offer in, a complete answer out; WHEP with its resource (RFC draft-ietf-wish-whep, RFC 9725)."""

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from aiohttp import web

from ..errors import ProtocolError, StreamNotFound
from ..streams.stream import Stream
from .caller import caller_of
from .context import AppContext
from .ice_servers import parse_ice_servers
from .respond import SDP_BYTES, error, json_response, ok, parse_json, read_text
from .routes import Route

if TYPE_CHECKING:
    from ..outputs.webrtc.session import Session

JSON = "application/json"
SDP = "application/sdp"
FORM = "application/x-www-form-urlencoded"
FRAGMENT = "application/trickle-ice-sdpfrag"

MAX_PRIORITY = 100
MAX_BODY = 2 * SDP_BYTES
"""Base64 and JSON make an SDP longer."""


class WebRtcEndpoint:
    def __init__(self, context: AppContext) -> None:
        self._context = context

    def routes(self) -> Sequence[Route]:
        handlers = {"POST": self.offer, "PATCH": self.trickle, "DELETE": self.end, "OPTIONS": self.options}
        return (Route("api/webrtc", handlers, "webrtc"),)

    async def close(self) -> None:
        """Peer connections belong to the WebRTC service."""

    async def offer(self, request: web.Request) -> web.Response:
        src = request.query.get("src")
        if not src:
            if request.query.get("dst"):
                return error(501, "taking streams from browsers is not built yet")
            return error(400, "src is needed")
        stream = self._context.registry.require(src)
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        body = await read_text(request, MAX_BODY)
        match media_type:
            case "application/json":
                value = parse_json(body)
                if not isinstance(value.get("sdp"), str):
                    raise ProtocolError('the body needs type "offer" and sdp')
                answer, _ = await self._answer(request, stream, value["sdp"], "webrtc/json", value.get("ice_servers"))
                return json_response({"type": "answer", "sdp": answer})
            case "application/sdp":
                answer, session = await self._answer(request, stream, body, "webrtc/whep")
                # relative, so that it holds behind every prefix
                headers = {"Location": f"webrtc?id={session.id}", "ETag": _tag(session), "Accept-Patch": FRAGMENT}
                return web.Response(status=201, body=answer.encode(), content_type=SDP, headers=headers)
            case "application/x-www-form-urlencoded":
                answer, _ = await self._answer(request, stream, from_form(body), "webrtc/post")
                return web.Response(body=base64.b64encode(answer.encode()), content_type=FORM)
            case _:
                answer, _ = await self._answer(request, stream, body, "webrtc/post")
                return web.Response(body=answer.encode(), content_type=echoed(media_type))

    async def _answer(
        self, request: web.Request, stream: Stream, sdp: str, format_name: str, ice_servers: Any = None
    ) -> tuple[str, Session]:
        if len(sdp) > SDP_BYTES:
            raise ProtocolError("the SDP is too large")
        servers = parse_ice_servers(ice_servers)
        service = await self._context.webrtc()
        reader = caller_of(request).reader(format_name, "http")
        return await service.answer(stream, sdp, reader, ice_servers=servers, priority=priority_of(request))

    async def _session(self, request: web.Request) -> Session | None:
        return (await self._context.webrtc()).sessions.get(request.query["id"])

    async def trickle(self, request: web.Request) -> web.Response:
        """Candidates that the client found after its offer, or an ICE restart (RFC 9725 section 4.3)."""
        if not request.query.get("id"):
            return error(405, "only a session, named by id, takes candidates", {"Allow": "POST, DELETE, OPTIONS"})
        if request.content_type != FRAGMENT:
            return error(415, f"candidates come as {FRAGMENT}")
        session = await self._session(request)
        if session is None:
            return error(404, "session not found")
        if request.headers.get("If-Match", "*") not in {"*", _tag(session)}:
            return error(412, "this belongs to an ICE session that is over")
        answer = session.patch(await read_text(request, SDP_BYTES))
        if not answer:
            return web.Response(status=204)
        return web.Response(body=answer.encode(), content_type=FRAGMENT, headers={"ETag": _tag(session)})

    async def end(self, request: web.Request) -> web.Response:
        if not request.query.get("id"):
            return error(400, "id is needed")
        session = await self._session(request)
        if session is None:
            return error(404, "session not found")
        session.close("the client ended it")
        return ok()

    async def options(self, request: web.Request) -> web.Response:
        headers = {"Allow": "POST, PATCH, DELETE, OPTIONS", "Accept-Post": f"{SDP}, {JSON}"}
        return web.Response(status=204, headers=headers)


class RtspToWebRtcEndpoints:
    """The API of RTSPtoWebRTC, which old clients of Home Assistant use. Its paths are absolute."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    def routes(self) -> Sequence[Route]:
        return (
            Route("/static", {"GET": self.ok, "POST": self.ok}, "hass"),
            Route("/streams", {"GET": self.ok, "POST": self.ok}, "hass"),
            Route("/stream/", {"GET": self.stream, "POST": self.stream}, "hass"),
        )

    async def close(self) -> None:
        """Peer connections belong to the WebRTC service."""

    async def ok(self, request: web.Request) -> web.Response:
        return json_response({"status": 1, "payload": {}})

    async def stream(self, request: web.Request) -> web.Response:
        name, _, action = request.match_info["below"].partition("/")
        body = await read_text(request, MAX_BODY)
        if action == "add":
            self._context.registry.patch(*self._named(parse_json(body)))
            return await self.ok(request)
        stream = self._context.registry.get(name)
        if stream is None:
            raise StreamNotFound(name)
        service = await self._context.webrtc()
        answer, _ = await service.answer(stream, from_form(body), caller_of(request).reader("webrtc/post", "http"))
        return web.Response(body=base64.b64encode(answer.encode()), content_type="text/plain")

    def _named(self, value: dict[str, Any]) -> tuple[str, str]:
        """Name and source of `{"name": n, "channels": {"0": {"url": u}}}`. Raises `ProtocolError`."""
        match value:
            case {"name": str(name), "channels": {"0": {"url": str(url)}}}:
                return name, url
            case _:
                raise ProtocolError("name and channels.0.url are needed")


def _tag(session: Session) -> str:
    """Names the ICE session, which a restart replaces."""
    return f'"{session.transport.ufrag}"'


def priority_of(request: web.Request) -> int:
    """Of what the caller will say, against others who speak: 0 to 100, by the query."""
    text = request.query.get("priority", "")
    return min(int(text), MAX_PRIORITY) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def from_form(body: str) -> str:
    """The SDP in the form field `data`, base64. Raises `ProtocolError`."""
    try:
        data = parse_qs(body, max_num_fields=16).get("data", [""])[0]
        return base64.b64decode(data.replace(" ", "+"), validate=True).decode()
    except ValueError, binascii.Error:
        raise ProtocolError("the form needs a field data with an SDP in base64") from None


def echoed(media_type: str) -> str:
    """The type of the request for the answer; only plain texts, lest a page is made of it."""
    return media_type if media_type.startswith(("text/plain", "application/octet")) else SDP
