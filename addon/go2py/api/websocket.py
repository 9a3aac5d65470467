"""`/api/ws`: signalling for WebRTC and whole video over MSE, in go2rtc's messages; docs/websocket.md has ours."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

from ..errors import Go2pyError, Paused, ProtocolError, StreamNotFound
from ..observe.log import get_logger
from ..observe.secret import mask
from ..outputs.mse import MseSession
from ..streams.stream import Stream
from ..streams.talk.status import Status
from .caller import caller_of
from .context import AppContext
from .frame import wanted_rotation
from .ice_servers import parse_ice_servers
from .respond import SDP_BYTES, dump, parse_json
from .routes import Route
from .sockets import Sockets
from .webrtc import priority_of

if TYPE_CHECKING:
    from ..outputs.webrtc.session import Session

_log = get_logger("api")

MAX_MESSAGE = 2 * SDP_BYTES
"""An SDP, escaped, with ICE servers."""
MAX_EARLY = 128
"""Candidates that may wait for the answer."""
MAX_TASKS = 16
"""Messages of one socket handled at once; more make the sender wait."""
NOT_YET = ("hls", "mp4", "mjpeg")


class WebSocketEndpoint:
    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._sockets = Sockets(MAX_MESSAGE)

    def routes(self) -> Sequence[Route]:
        return (Route("api/ws", {"GET": self.serve}, "ws"),)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        async with self._sockets.accept(request) as socket:
            conversation = Conversation(self._context, request, socket)
            try:
                await conversation.run()
            finally:
                await conversation.close()
            return socket

    async def close(self) -> None:
        await self._sockets.close()


class Conversation:
    """One socket. Its end is the end of MSE; peer connections that were answered live on, unless it was opened with
    `close=1`."""

    def __init__(self, context: AppContext, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._context = context
        self._request = request
        self._socket = socket
        self._caller = caller_of(request)
        self._source = request.query.get("src", "")
        self._name = request.query.get("name", "")
        self._tasks: set[asyncio.Task[None]] = set()
        self._mse: MseSession | None = None
        self._peer: Session | None = None
        self._peers: list[Session] = []
        """Those that end with the socket."""
        self._early: list[str] = []
        self._offers = 0
        """How many offers came: candidates belong to the newest."""
        self._handlers: dict[str, Callable[[str, Any], Coroutine[Any, Any, None]]] = {
            "webrtc": self._offer_object,
            "webrtc/offer": self._offer,
            "mse": self._play,
            **dict.fromkeys(NOT_YET, self._refuse),
        }

    async def run(self) -> None:
        """Read until the client leaves or sends what is no JSON object."""
        async for message in self._socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            try:
                text = message.data if isinstance(message.data, str) else message.data.decode()
                content = parse_json(text)
            except ProtocolError, UnicodeDecodeError:
                await self._socket.close(code=WSCloseCode.INVALID_TEXT, message=b"a JSON object is needed")
                break
            self._dispatch(content.get("type"), content.get("value"))
            while len(self._tasks) >= MAX_TASKS:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """End what this socket began and nobody can use any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end_mse()
        for peer in self._peers:
            peer.close("the client closed its socket")

    def _dispatch(self, kind: Any, value: Any) -> None:
        if kind == "webrtc/candidate":
            self._candidate(value)
            return
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is None:
            return
        if kind in {"webrtc", "webrtc/offer"}:
            self._offers += 1
            self._peer = None
            self._early.clear()
        self._spawn(self._handle(kind, handler, value))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, kind: str, handler: Callable[[str, Any], Coroutine[Any, Any, None]], value: Any) -> None:
        try:
            await handler(kind, value)
        except Go2pyError as error:
            await self._send(_error(f"{kind}: {error}", error.code))
        except Exception:  # noqa: BLE001  logged with its stack, and the other messages are served
            _log.exception("%s from %s failed", kind, self._caller.address)
            await self._send(_error(f"{kind}: internal error, see the log", "internal"))

    async def _send(self, message: dict[str, Any]) -> None:
        if not self._socket.closed:
            try:
                await self._socket.send_str(dump(message))
            except ConnectionError as error:
                _log.debug("%s: %s", self._caller.address, error)

    def _stream(self) -> Stream:
        """The stream meant by the query; looked up for each message, as it may appear meanwhile."""
        if not self._source:
            if self._request.query.get("dst"):
                raise ProtocolError("taking streams from browsers is not built yet")
            raise StreamNotFound
        return self._context.registry.get_or_patch(self._source, self._name)

    # --- WebRTC

    async def _offer_object(self, kind: str, value: Any) -> None:
        if not isinstance(value, dict) or value.get("type") != "offer" or not isinstance(value.get("sdp"), str):
            raise ProtocolError('value needs type "offer" and sdp')
        sdp, session = await self._answer(value["sdp"], value.get("ice_servers"))
        await self._send({"type": kind, "value": {"type": "answer", "sdp": sdp}})
        if value.get("talk") is True:  # go2rtc-client, which offers like this, takes no message that it does not know
            self._tell_talk(session)
        self._trickle(session)

    async def _offer(self, kind: str, value: Any) -> None:
        if not isinstance(value, str):
            raise ProtocolError("value needs the text of an SDP")
        sdp, session = await self._answer(value)
        await self._send({"type": "webrtc/answer", "value": sdp})
        self._tell_talk(session)
        self._trickle(session)

    async def _answer(self, sdp: str, ice_servers: Any = None) -> tuple[str, Session]:
        number = self._offers
        if len(sdp) > SDP_BYTES:
            raise ProtocolError("the SDP is too large")
        stream = self._stream()
        service = await self._context.webrtc()
        answer, session = await service.answer(
            stream,
            sdp,
            self._caller.reader("webrtc", "ws"),
            ice_servers=parse_ice_servers(ice_servers),
            trickle=True,
            rotation=wanted_rotation(self._request.query),
            priority=priority_of(self._request),
        )
        if self._request.query.get("close") == "1":
            self._peers.append(session)
        session.on_closed = partial(self._peer_closed, session)
        if number == self._offers:
            self._peer = session
            for line in self._early:
                _add(session, line)
            self._early.clear()
        return answer, session

    def _trickle(self, session: Session) -> None:
        def send(line: str) -> None:
            if not self._socket.closed:
                self._spawn(self._send({"type": "webrtc/candidate", "value": line}))

        session.trickle(send)

    def _tell_talk(self, session: Session) -> None:
        """Whoever speaks is told how it stands, for as long as the socket is open."""

        def tell(status: Status) -> None:
            if not self._socket.closed:
                self._spawn(self._send({"type": "talk", "value": status.to_json()}))

        session.on_talk = tell

    def _peer_closed(self, session: Session, _reason: str) -> None:
        """Say so if it was the stream that ended, as nobody else would."""
        if (reason := session.attachment.ended) and not self._socket.closed:
            self._spawn(self._send(_ended(f"webrtc: {reason}", reason)))

    def _candidate(self, value: Any) -> None:
        """A line of text, or what browsers make of a candidate; nothing, null or an empty line after the last."""
        if isinstance(value, dict):
            value = value.get("candidate")
        line = "" if value is None else value
        if not isinstance(line, str) or not self._offers:
            return
        if self._peer is not None:
            _add(self._peer, line)
        elif len(self._early) < MAX_EARLY:
            self._early.append(line)

    # --- MSE

    async def _play(self, kind: str, value: Any) -> None:
        if value is not None and not isinstance(value, str):
            raise ProtocolError("value needs a list of codecs as text")
        transport = self._request.transport
        if transport is None:
            return
        self._end_mse()
        session = await MseSession.open(
            self._stream(),
            value or "",
            info=self._caller.reader("mse/fmp4", "ws"),
            send=self._send,
            transport=transport,
            settings=self._context.registry.settings,
            budget=self._context.registry.budget,
            on_end=partial(self._ended, kind),
        )
        self._end_mse()  # a second request may have overtaken this one
        self._mse = session

    def _end_mse(self) -> None:
        if self._mse is not None:
            self._mse.close()
            self._mse = None

    def _ended(self, kind: str, reason: str) -> None:
        """The stream is over: say so and close, so that the player starts anew."""
        self._spawn(self._finish(f"{kind}: {reason}", reason))

    async def _finish(self, sentence: str, reason: str) -> None:
        self._end_mse()
        await self._send(_ended(sentence, reason))
        await self._socket.close(code=WSCloseCode.OK, message=mask(sentence).encode()[:120])

    async def _refuse(self, kind: str, value: Any) -> None:
        raise ProtocolError(f"go2py does not speak {kind} yet, use webrtc or mse")


def _error(sentence: str, code: str) -> dict[str, Any]:
    return {"type": "error", "value": sentence, "code": code}


def _ended(sentence: str, reason: str) -> dict[str, Any]:
    return _error(sentence, Paused.code if reason == str(Paused()) else "ended")


def _add(session: Session, line: str) -> None:
    """A candidate that cannot be read is the loss of one path, not of the picture."""
    try:
        session.add_candidate(line)
    except ProtocolError as error:
        _log.debug("candidate passed over: %s", error)
