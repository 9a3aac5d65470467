"""One TCP connection of an RTSP client: the glue between socket, protocol session and stream."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, assert_never, override

from ...errors import Go2pyError, Unsupported
from ...media import codec as names
from ...protocols import sdp
from ...protocols.rtsp_server import (
    SESSION_TIMEOUT,
    Close,
    Describe,
    Event,
    Leave,
    Pause,
    Play,
    ServerSession,
    SetUpUdp,
)
from ...streams.negotiate import wants_from_query
from ...streams.reader import Attachment, ReaderInfo
from ...streams.track import Track
from .packets import PacketSource
from .udp import UdpSender
from .viewer import Leg, Viewer

if TYPE_CHECKING:
    from .server import RtspServer

REQUEST_SECONDS = 5.0
"""How long a client may take for its next request, and for our last words, before it plays."""
REPORT_SECONDS = 5.0
PARAMETER_SECONDS = 2.0
"""How long a description waits for parameter sets that the camera sends in its pictures only."""
WRONG_PASSWORD_SECONDS = 1.0

_FIRST_PAYLOAD_TYPE = 96

_log = logging.getLogger("go2py.rtsp")


class Connection(asyncio.Protocol):
    """Lives in `server.connections` from accept to close; `closed` is done then."""

    def __init__(self, server: RtspServer) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session: ServerSession
        self._attachment: Attachment | None = None
        self._sources: list[PacketSource] = []
        self._udp: dict[int, UdpSender] = {}
        self._viewer: Viewer | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self._peer = ("", 0)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = (transport.get_extra_info("peername") or ("", 0))[:2]
        guard = self._server.authorize(self._peer[0])
        self._session = ServerSession(self._server.agent, guard=guard, udp=self._server.udp)
        self._server.connections.add(self)
        self._alive()
        self._timer = self._loop.call_later(REQUEST_SECONDS, self._expire)

    @override
    def data_received(self, data: bytes) -> None:
        events = self._session.receive(data, time.monotonic())
        if events or self._viewer is not None:  # half a request is no sign of life
            self._alive()
        self._perform(events)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        if self._timer is not None:
            self._timer.cancel()
        self._server.connections.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def close(self) -> None:
        """Send what is left to send, then close; at once if the peer does not take it."""
        self._release()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.close()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(REQUEST_SECONDS, transport.abort)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _alive(self) -> None:
        self._heard = self._loop.time()

    def _expire(self) -> None:
        """Close a client that is silent for too long, or look again later; sender reports go out meanwhile."""
        playing = self._viewer is not None
        if self._session.busy:
            self._alive()  # it waits for us
        limit = SESSION_TIMEOUT if playing else REQUEST_SECONDS
        left = self._heard + limit - self._loop.time()
        if left <= 0:
            self._end("nothing heard from the client")
            return
        if self._viewer is not None:
            self._viewer.report()
            left = min(left, REPORT_SECONDS)
        self._timer = self._loop.call_later(left, self._expire)

    def _perform(self, events: list[Event]) -> None:
        if events and isinstance(last := events[-1], Close) and last.slow:
            self._task = asyncio.create_task(self._refuse_slowly(events))
            return
        for event in events:
            match event:
                case bytes():
                    if self._transport is not None and not self._transport.is_closing():
                        self._transport.write(event)
                case Describe():
                    self._task = asyncio.create_task(self._describe(event))
                case SetUpUdp():
                    self._task = asyncio.create_task(self._set_up(event))
                case Play():
                    self._play(event)
                case Pause():
                    if self._viewer is not None:
                        self._viewer.stop()
                case Leave():
                    self._release()
                case Close():
                    self._end(event.reason)
                case _:
                    assert_never(event)

    async def _refuse_slowly(self, events: list[Event]) -> None:
        """Who guesses passwords waits for each answer."""
        await asyncio.sleep(WRONG_PASSWORD_SECONDS)
        for event in events:
            if isinstance(event, bytes) and self._transport is not None:
                self._transport.write(event)
        self._end("wrong user or password")

    async def _describe(self, wanted: Describe) -> None:
        query = dict(reversed(wanted.query))
        # the value of mp4 means something for files only (go2rtc)
        filters = [(key, "" if key == "mp4" else value) for key, value in wanted.query if key != "microphone"]
        info = ReaderInfo(
            "rtsp",
            protocol="rtsp+tcp",
            remote_addr=f"{self._peer[0]}:{self._peer[1]}",
            user_agent=wanted.user_agent,
            source=query.get("source", ""),
        )
        try:
            stream = self._server.registry.require(wanted.name)
            attachment = self._attachment = await stream.attach(
                info, wants_from_query(filters, self._server.default_query)
            )
            attachment.on_end = self._end
            tracks = await self._choose(attachment, _number(query.get("pkt_size", "")))
        except Go2pyError as error:
            _log.log(_level(query.get("log_level", "")), "%s", error, extra={"fields": {"stream": wanted.name}})
            self._perform(self._session.refused(str(error)))
            return
        description = sdp.build(
            self._server.agent,
            [sdp.Announced(t.codec, _FIRST_PAYLOAD_TYPE + n, f"trackID={n}") for n, t in enumerate(tracks)],
        )
        info.sdp = description
        if attachment.ended is not None:
            self._end(attachment.ended)
            return
        self._alive()
        self._perform(self._session.described(description, len(tracks), time.monotonic()))

    async def _choose(self, attachment: Attachment, packet_size: int) -> list[Track]:
        """The tracks that RTP can carry, once their parameters are known. Raises `Unsupported` if there are none."""
        refusal: Unsupported | None = None
        for track in attachment.tracks:
            try:
                self._sources.append(PacketSource.shared(track, packet_size or self._server.packet_size))
            except Unsupported as error:
                refusal = error
        if refusal is not None and not self._sources:
            raise refusal
        tracks = [source.track for source in self._sources]
        await asyncio.gather(*map(_parameters, tracks))
        return tracks

    async def _set_up(self, wanted: SetUpUdp) -> None:
        assert self._transport is not None
        ports = None
        try:
            local = self._transport.get_extra_info("sockname")[0]
            pair = await self._server.udp_ports(local)
            if replaced := self._udp.pop(wanted.track, None):
                replaced.close()
            self._udp[wanted.track] = pair.sender(self._peer[0], wanted.ports, self._alive)
            ports = pair.ports
        except OSError as error:
            _log.warning("no UDP ports: %s", error)
        self._perform(self._session.set_up(wanted, ports, time.monotonic()))

    def _play(self, play: Play) -> None:
        assert self._transport is not None
        assert self._attachment is not None
        if self._viewer is None:
            legs = [
                Leg(source, _FIRST_PAYLOAD_TYPE + number, play.channels.get(number, 0), self._udp.get(number))
                for number, source in enumerate(self._sources)
                if number in play.channels or number in self._udp
            ]
            if self._udp:
                self._attachment.info.protocol = "rtsp+udp"
            # a replay is megabytes at once: how much may wait is the pressure's business
            self._transport.set_write_buffer_limits(high=1 << 30)
            registry = self._server.registry
            self._viewer = Viewer(self._attachment, legs, self._transport, registry.settings, registry.budget)
        self._viewer.start()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(REPORT_SECONDS, self._expire)

    def _end(self, reason: str) -> None:
        _log.debug("closed: %s", reason, extra={"fields": {"remote": self._peer[0]}})
        self.close()

    def _release(self) -> None:
        """Give back what the stream and others hold for this client."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None
        for sender in self._udp.values():
            sender.close()
        self._udp.clear()
        self._sources.clear()
        if self._attachment is not None:
            self._attachment.close()
            self._attachment = None


async def _parameters(track: Track) -> None:
    """Wait a moment for parameter sets that were not announced: they go into the description."""
    if track.codec.name not in (names.H264, names.H265) or track.codec.parameter_sets:
        return
    known = asyncio.Event()
    cancel = track.subscribe(lambda track, _: known.set() if track.codec.parameter_sets else None)
    try:
        async with asyncio.timeout(PARAMETER_SECONDS):
            await known.wait()
    except TimeoutError:
        _log.debug("no parameter sets yet", extra={"fields": {"codec": track.codec.name}})
    finally:
        cancel()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _level(name: str) -> int:
    """A level by its name in the configuration; a failed attach is worth a warning."""
    levels = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}
    return levels.get(name, logging.WARNING)
