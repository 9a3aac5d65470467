"""The sending end of a backchannel that is set up: over the connection's channels, or a pair of UDP ports."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from ...errors import ProtocolError, Unreachable, Unsupported
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...observe.log import get_logger
from ...protocols.rtsp import interleaved_header
from ...protocols.rtsp_client import Refused, TransportRefused
from ...protocols.rtsp_headers import Transport
from .connection import Connection
from .conversation import Conversation
from .manner import manner_of
from .speech import Speech
from .udp import PUNCH_RTCP, PUNCH_RTP, bind_pair

if TYPE_CHECKING:
    from .ear import BackTrack

_log = get_logger("rtsp")

FIRST_REPORT, REPORT_INTERVAL = 0.2, 5.0
BACKLOG = 128 << 10
"""Bytes that a camera may leave unread before it counts as gone."""


class Wire(Protocol):
    """Carries packets to the camera; what cannot be sent is dropped."""

    def media(self, packet: bytes) -> None: ...
    def control(self, packet: bytes) -> None: ...
    def close(self) -> None: ...


class Outlet:
    """One backchannel from its SETUP to its end. `begin` and `pause` may follow each other many times."""

    def __init__(self, track: BackTrack, connection: Connection, wire: Wire) -> None:
        self.track = track
        self._connection, self._wire = connection, wire
        self._speech = Speech()
        self._on_lost: Callable[[str], None] | None = None
        self._reports: asyncio.TimerHandle | None = None
        self._closed = False
        connection.lost.add_done_callback(self._broke)

    @property
    def usable(self) -> bool:
        """Neither closed nor cut off."""
        return not self._closed and not self._connection.lost.done()

    def begin(self, codec: Codec, on_lost: Callable[[str], None]) -> None:
        """Take frames of this codec from now on. Raises `Unsupported`."""
        track = self.track
        payload_type = track.payload_type(codec)
        if payload_type is None:
            raise Unsupported(f"the camera does not take {codec.label()} any more")
        self._speech.begin(codec, payload_type, manner_of(track.tool, codec, track.ptime), monotonic())
        self._on_lost = on_lost
        self._reports = asyncio.get_running_loop().call_later(FIRST_REPORT, self._report)

    def send(self, units: Sequence[AccessUnit]) -> None:
        """Send frames, at once."""
        transport = self._connection.transport
        if transport is not None and transport.get_write_buffer_size() > BACKLOG:
            self.lose("the camera takes no more sound")
            return
        for packet in self._speech.packets(units, monotonic()):
            self._wire.media(packet)

    def pause(self) -> None:
        """Nothing more for now."""
        self._on_lost = None
        if self._reports is not None:
            self._reports.cancel()

    def close(self) -> None:
        """Say that nothing more comes and free the ports."""
        self.pause()
        if not self._closed:
            self._closed = True
            self._control(self._speech.goodbye())
            self._wire.close()

    def lose(self, reason: str) -> None:
        """It broke off; whoever speaks is told, once."""
        on_lost = self._on_lost
        self.pause()
        if on_lost is not None:
            on_lost(reason)

    def _broke(self, lost: asyncio.Future[Unreachable | ProtocolError]) -> None:
        if not lost.cancelled():
            self.lose(str(lost.result()))

    def _report(self) -> None:
        self._reports = asyncio.get_running_loop().call_later(REPORT_INTERVAL * random.uniform(0.5, 1.5), self._report)
        self._control(self._speech.report(monotonic(), time.time()))

    def _control(self, packet: bytes) -> None:
        if packet:
            self._wire.control(packet)


async def set_up(conversation: Conversation, track: BackTrack, transport: str) -> Outlet:
    """SETUP of the backchannel by `tcp` or `udp`, by the other where that is refused. Raises `SourceError`,
    `ProtocolError`."""
    try:
        return await _set_up(conversation, track, transport)
    except TransportRefused:
        if conversation.tunnelled:
            raise
        return await _set_up(conversation, track, "udp" if transport == "tcp" else "tcp")


async def _set_up(conversation: Conversation, track: BackTrack, transport: str) -> Outlet:
    connection = conversation.connected()
    if transport == "udp":
        return Outlet(track, connection, await _udp(conversation, track))
    channel = conversation.free_channel()
    answer = await _setup(conversation, track, Transport("tcp", interleaved=(channel, channel + 1)))
    return Outlet(track, connection, _Channels(connection, answer.interleaved or (channel, channel + 1)))


async def _setup(conversation: Conversation, track: BackTrack, asked: Transport) -> Transport:
    """With `Require`; there are cameras that know it in DESCRIBE alone."""
    try:
        return await conversation.setup(track.url, asked, backchannel=True)
    except Refused as refusal:
        if refusal.status not in (400, 551):
            raise
        _log.debug("%s: %s; without Require", conversation.url.address, refusal)
    return await conversation.setup(track.url, asked)


class _Channels:
    """Interleaved in the RTSP connection."""

    def __init__(self, connection: Connection, channels: tuple[int, int]) -> None:
        self._connection, (self._media, self._control) = connection, channels

    def media(self, packet: bytes) -> None:
        self._connection.write(interleaved_header(self._media, len(packet)) + packet)

    def control(self, packet: bytes) -> None:
        self._connection.write(interleaved_header(self._control, len(packet)) + packet)

    def close(self) -> None:
        """The channels go with the connection."""


async def _udp(conversation: Conversation, track: BackTrack) -> _Ports:
    transport = conversation.connected().transport
    assert transport is not None
    local, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    ports = _Ports(bind_pair(local[0], transport.get_extra_info("socket").family), peer[0])
    try:
        answer = await _setup(conversation, track, Transport("udp", client_port=ports.own))
    except BaseException:
        ports.close()
        raise
    if answer.server_port is None:
        ports.close()
        raise TransportRefused(f"{conversation.url.address} does not say to which UDP ports sound may be sent")
    ports.start(answer.server_port)
    return ports


class _Ports:
    """Datagrams from a pair of ports of ours. What comes back, receiver reports, is read and forgotten."""

    def __init__(self, sockets: tuple[socket.socket, socket.socket], host: str) -> None:
        self._sockets, self._host = sockets, host
        self.own: tuple[int, int] = (sockets[0].getsockname()[1], sockets[1].getsockname()[1])
        self._remote = (0, 0)

    def start(self, remote: tuple[int, int]) -> None:
        self._remote = remote
        for sock in self._sockets:
            asyncio.get_running_loop().add_reader(sock, _drain, sock)
        self.media(PUNCH_RTP)
        self.control(PUNCH_RTCP)

    def media(self, packet: bytes) -> None:
        self._send(0, packet)

    def control(self, packet: bytes) -> None:
        self._send(1, packet)

    def close(self) -> None:
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def _send(self, which: int, packet: bytes) -> None:
        try:
            self._sockets[which].sendto(packet, (self._host, self._remote[which]))
        except OSError:
            return  # a full buffer or an ICMP error: sound is not sent twice


def _drain(sock: socket.socket) -> None:
    try:
        while sock.recv(2048):
            pass
    except OSError:
        return
