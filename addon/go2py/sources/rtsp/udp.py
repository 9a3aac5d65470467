"""One track over UDP: a pair of ports, reordering, hole punching, receiver reports (RFC 3550)."""

import asyncio
import random
import socket
from collections.abc import Callable
from time import monotonic

from ...errors import Unreachable
from ...protocols.rtp import ReorderBuffer
from ...protocols.rtp.packet import HEADER, HEADER_SIZE
from ...protocols.rtsp_headers import Transport
from .receiver import Receiver

PUNCH_RTP = bytes.fromhex("80000000")
PUNCH_RTCP = bytes.fromhex("80c80001")
"""Datagrams that open a firewall's way back; no server takes them for anything."""

REPORT_INTERVAL = 5.0
_TRIES = 10
_RECEIVE_BUFFER = 2 << 20
_DATAGRAMS_A_TURN = 128

_BUFFER = bytearray(64 << 10)
_VIEW = memoryview(_BUFFER)


class PortPair:
    """An even port for RTP and the next one for RTCP; packets go from there to a receiver.

    `heard` is told the size of whatever came from the camera.
    """

    def __init__(self, address: str, family: socket.AddressFamily) -> None:
        self._sockets = bind_pair(address, family)
        self.ports = tuple(one.getsockname()[1] for one in self._sockets)
        self._loop = asyncio.get_running_loop()
        self._order: ReorderBuffer[bytes] = ReorderBuffer()
        self._receiver: Receiver | None = None
        self._heard: Callable[[int], None] = lambda size: None
        self._hosts: frozenset[str] = frozenset()
        self._remote: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reports: asyncio.TimerHandle | None = None

    def start(self, receiver: Receiver, host: str, transport: Transport, heard: Callable[[int], None]) -> None:
        """Deliver to `receiver` what comes from the camera's address, or the source it named in SETUP's answer."""
        self._receiver, self._hosts, self._heard = receiver, frozenset((host, transport.source)), heard
        rtp, control = self._sockets
        self._loop.add_reader(rtp, self._readable, rtp, self._media)
        self._loop.add_reader(control, self._readable, control, self._control)
        if (ports := transport.server_port) is not None:
            self._remote = (host, ports[1])
            self._send(rtp, PUNCH_RTP, (host, ports[0]))
            self._send(control, PUNCH_RTCP, self._remote)
        self._reports = self._loop.call_later(REPORT_INTERVAL * random.uniform(0.5, 1.5), self._report)

    def close(self) -> None:
        for timer in (self._timer, self._reports):
            if timer is not None:
                timer.cancel()
        for one in self._sockets:
            self._loop.remove_reader(one)
            one.close()

    def _readable(self, sock: socket.socket, take: Callable[[memoryview, float], None]) -> None:
        now = monotonic()
        size = 0
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                count, sender = sock.recvfrom_into(_BUFFER)
            except BlockingIOError, InterruptedError:
                break
            except OSError:
                continue  # an ICMP error of something we sent; reading clears it
            if sender[0].removeprefix("::ffff:") in self._hosts:
                size += count
                take(_VIEW[:count], now)
        if self._receiver is not None and size:
            self._receiver.deliver()
            self._heard(size)

    def _media(self, packet: memoryview, now: float) -> None:
        if len(packet) < HEADER_SIZE or packet[0] >> 6 != 2:
            return
        _, _, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        assert self._receiver is not None
        if self._receiver.reception is not None:
            self._receiver.reception.received(sequence, timestamp, ssrc, now)
        for whole in self._order.push(sequence, bytes(packet), now):
            self._receiver.push_packet(whole, now)
        self._arm()

    def _control(self, packet: memoryview, now: float) -> None:
        if self._receiver is not None:
            self._receiver.push_control(packet, now)

    def _arm(self) -> None:
        deadline = self._order.deadline
        if deadline is not None and self._timer is None:
            self._timer = self._loop.call_later(max(0.0, deadline - monotonic()), self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = monotonic()
        assert self._receiver is not None
        for whole in self._order.expire(now):
            self._receiver.push_packet(whole, now)
        self._receiver.deliver()
        self._arm()

    def _report(self) -> None:
        self._reports = self._loop.call_later(REPORT_INTERVAL * random.uniform(0.5, 1.5), self._report)
        if self._remote is not None and self._receiver is not None and self._receiver.reception is not None:
            self._send(self._sockets[1], self._receiver.reception.report(monotonic()), self._remote)

    def _send(self, sock: socket.socket, data: bytes, to: tuple[str, int]) -> None:
        """Reports and punches may get lost like any datagram."""
        if not data:
            return
        try:
            sock.sendto(data, to)
        except OSError:
            return


def bind_pair(address: str, family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
    """Sockets on an even port and the next one. Raises `Unreachable` where there are none."""
    for _ in range(_TRIES):
        first = _bind(address, family, 0)
        port = first.getsockname()[1]
        try:
            second = _bind(address, family, port ^ 1)
        except OSError:
            first.close()
            continue
        return (first, second) if port % 2 == 0 else (second, first)
    raise Unreachable("no free pair of UDP ports on this machine; try #transport=tcp")


def _bind(address: str, family: socket.AddressFamily, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock
