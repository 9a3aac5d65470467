"""One TCP connection of an RTSP client: the glue between socket, protocol session and stream."""

import asyncio
import time
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never, override

from ...errors import Go2pyError
from ...observe.log import fields, get_logger
from ...protocols.rtsp import interleaved_header
from ...protocols.rtsp_events import (
    Announce,
    Close,
    Describe,
    Event,
    Heard,
    Leave,
    Pause,
    Play,
    Record,
    SetUpUdp,
)
from ...protocols.rtsp_server import SESSION_TIMEOUT, ServerSession
from .udp import UdpSender
from .viewer import Leg, Viewer
from .visit import FIRST_PAYLOAD_TYPE, Visit, level_of, status_of

if TYPE_CHECKING:
    from .server import RtspServer

REQUEST_SECONDS = 5.0
"""How long a client may take for its next request, and for our last words, before it plays."""
REPORT_SECONDS = 5.0
WRONG_PASSWORD_SECONDS = 1.0

_log = get_logger("rtsp")


class Connection(asyncio.Protocol):
    """Lives in `server.connections` from accept to close; `closed` is done then."""

    def __init__(self, server: RtspServer) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session: ServerSession
        self._visit: Visit | None = None
        self._udp: dict[int, UdpSender] = {}
        self._viewer: Viewer | None = None
        self._ear_channel: int | None = None
        """Of the track on which the client talks, over TCP."""
        self._patience = REQUEST_SECONDS
        """How long the client may be silent."""
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
        if self._session.busy:
            self._alive()  # it waits for us
        left = self._heard + self._patience - self._loop.time()
        if left <= 0:
            self._end("nothing heard from the client")
            return
        if self._viewer is not None:
            self._viewer.report()
        if self._visit is not None:
            self._report(self._visit)
        if self._patience > REQUEST_SECONDS:
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
                case Describe() | Announce():
                    self._begin(self._receive(event))
                case SetUpUdp():
                    self._begin(self._set_up(event))
                case Leave():
                    self._release()
                case Close():
                    self._end(event.reason)
                case _:
                    self._go_on(event)

    def _go_on(self, event: Play | Record | Pause | Heard) -> None:
        match event:
            case Play():
                self._play(event)
            case Record():
                self._record(event)
            case Pause():
                if self._viewer is not None:
                    self._viewer.stop()
            case Heard():
                self._listen(event.data, control=event.control)
            case _:
                assert_never(event)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """What a request waits for; the session asks for one thing at a time."""
        self._task = asyncio.create_task(work)

    async def _refuse_slowly(self, events: list[Event]) -> None:
        """Who guesses passwords waits for each answer."""
        await asyncio.sleep(WRONG_PASSWORD_SECONDS)
        for event in events:
            if isinstance(event, bytes) and self._transport is not None:
                self._transport.write(event)
        self._end("wrong user or password")

    async def _receive(self, wanted: Describe | Announce) -> None:
        """Find out what the client can have."""
        target, visits, session = wanted.target, self._server.visits, self._session
        try:
            if isinstance(wanted, Describe):
                visit = self._visit = await visits.view(wanted, self._peer)
            else:
                visit = self._visit = await visits.speak(wanted, self._peer)
        except Go2pyError as error:
            _log.log(level_of(target), "%s", error, extra=fields(stream=target.name))
            status = 404 if isinstance(wanted, Describe) else status_of(error)
            self._perform(session.refused(str(error), status))
            return
        visit.attachment.on_end = self._end
        if visit.attachment.ended is not None:
            self._end(visit.attachment.ended)
            return
        self._alive()
        if isinstance(wanted, Describe):
            now, description = time.monotonic(), visit.attachment.info.sdp
            self._perform(session.described(description, visit.tracks, now, ear=visit.ear))
        else:
            self._perform(session.announced(time.monotonic()))

    def _record(self, record: Record) -> None:
        assert self._visit is not None
        if self._udp:
            self._visit.attachment.info.protocol = "rtsp+udp"
        self._watch(record.channels, self._visit.patience)

    def _listen(self, data: bytes, *, control: bool) -> None:
        """A packet of the client."""
        microphone = self._visit.microphone if self._visit is not None else None
        if microphone is None:
            return
        if control:
            microphone.control(data)
        else:
            microphone.rtp(data)

    def _report(self, visit: Visit) -> None:
        """To a talker: what came of what it sent."""
        if visit.ear is None or visit.microphone is None or not (data := visit.microphone.report()):
            return
        if udp := self._udp.get(visit.ear):
            udp.report(data)
        elif self._ear_channel is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.write(interleaved_header(self._ear_channel + 1, len(data)) + data)

    async def _set_up(self, wanted: SetUpUdp) -> None:
        assert self._transport is not None
        ports = None
        try:
            local = self._transport.get_extra_info("sockname")[0]
            pair = await self._server.udp_ports(local)
            if replaced := self._udp.pop(wanted.track, None):
                replaced.close()
            self._udp[wanted.track] = pair.sender(
                self._peer[0], wanted.ports, partial(self._datagram, wanted.track, control=False),
                partial(self._datagram, wanted.track, control=True),
            )  # fmt: skip
            ports = pair.ports
        except OSError as error:
            _log.warning("no UDP ports: %s", error)
        self._perform(self._session.set_up(wanted, ports, time.monotonic()))

    def _datagram(self, track: int, data: bytes, *, control: bool) -> None:
        self._alive()
        if self._visit is not None and track == self._visit.ear:
            self._listen(data, control=control)

    def _play(self, play: Play) -> None:
        assert self._transport is not None
        assert self._visit is not None
        attachment = self._visit.attachment
        if self._viewer is None:
            legs = [
                Leg(source, FIRST_PAYLOAD_TYPE + number, play.channels.get(number, 0), self._udp.get(number))
                for number, source in enumerate(self._visit.sources)
                if number in play.channels or number in self._udp
            ]
            if self._udp:
                attachment.info.protocol = "rtsp+udp"
            # a replay is megabytes at once: how much may wait is the pressure's business
            self._transport.set_write_buffer_limits(high=1 << 30)
            registry = self._server.registry
            self._viewer = Viewer(attachment, legs, self._transport, registry.settings, registry.budget)
        self._viewer.start()
        self._watch(play.channels, SESSION_TIMEOUT)

    def _watch(self, channels: dict[int, int], patience: float) -> None:
        """Media flows: from now on the client may be silent for so long, and gets reports."""
        self._patience = patience
        if self._visit is not None and self._visit.ear is not None:
            self._ear_channel = channels.get(self._visit.ear)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(REPORT_SECONDS, self._expire)

    def _end(self, reason: str) -> None:
        _log.debug("closed: %s", reason, extra=fields(remote=self._peer[0]))
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
        if self._visit is not None:
            self._visit.close()
            self._visit = None
