"""The sockets of the WebRTC port: UDP with segmentation offload, TCP with framing."""

import asyncio
import contextlib
import errno
import socket
import sys
from struct import Struct
from typing import Final, Protocol

from ...errors import ProtocolError
from ...protocols import rfc4571
from .addresses import LocalAddress, Reach, local_address
from .candidates import Candidate, priority
from .pairs import SockAddr

MAX_DATAGRAM: Final = 2048
DRAIN: Final = 64
"""Datagrams taken from one socket before the loop may do something else."""
RECEIVE_BUFFER: Final = 4 << 20
SEND_BUFFER: Final = 4 << 20
MAX_BUFFERED: Final = 2 << 20
"""Bytes that may wait in one TCP connection; what comes on top is dropped, like UDP does."""

PATIENCE: Final = 16
"""Segmented sends that must fail in a row before a socket gives them up: one thin route says nothing of the others."""

_UDP_SEGMENT: Final = 103
_FORCE: Final = {socket.SO_RCVBUF: 33, socket.SO_SNDBUF: 32}
"""The Linux options that lift the limits of `net.core.*mem_max` for root."""
_REFUSED: Final = frozenset({errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE})
"""What kernels say that cannot offload segmentation on this route."""
_OWN_LINK: Final = frozenset({Reach.LINK_LOCAL, Reach.LOOPBACK})
_segment_option: dict[int, list[tuple[int, int, bytes]]] = {}
_U16 = Struct("=H")


class Receiver(Protocol):
    """A peer, as sockets see it. Both calls borrow `data`: it is overwritten by the next datagram."""

    def datagram(self, data: memoryview, base: Socket, address: SockAddr) -> None:
        """DTLS, RTP or RTCP from an address that proved itself."""

    def base_lost(self, base: Socket) -> None:
        """The socket is gone."""


class Demux(Protocol):
    """Finds the peer that a datagram is for, and counts those for nobody."""

    strays: int

    def stun(self, data: memoryview, size: int, base: Socket, address: SockAddr) -> None:
        """A datagram that may be STUN."""

    def connected(self, connection: TcpConnection) -> bool:
        """A TCP connection came in; False turns it away."""

    def disconnected(self, connection: TcpConnection) -> None:
        """It is gone."""


class Socket(Protocol):
    """What a peer sends from: a UDP socket, a TCP connection, or a relay (a `Base` of the ICE agent)."""

    network: str

    @property
    def priority(self) -> int: ...
    @property
    def peer_reflexive(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def buffered(self) -> int:
        """Bytes not yet handed to the kernel."""

    def target(self, candidate: Candidate) -> SockAddr | None: ...
    def claim(self, address: SockAddr, receiver: Receiver, *, proven: bool) -> bool:
        """Deliver what comes from this address; a proven claim takes it from another peer. True when it is new."""

    def release(self, address: SockAddr, receiver: Receiver) -> None:
        """No longer."""

    def send(self, data: bytes | memoryview, address: SockAddr) -> bool:
        """One packet; False when it was dropped."""

    def send_burst(self, burst: memoryview, segment: int, address: SockAddr) -> int:
        """Packets of `segment` bytes, the last maybe shorter, one behind the other; how many were not dropped."""


class UdpSocket:
    """A bound UDP socket of one local address: answers leave from the address that was asked."""

    network = "udp"

    def __init__(self, bound: socket.socket, address: LocalAddress, rank: int, demux: Demux) -> None:
        self.address, self.port = address, bound.getsockname()[1]
        self.priority = priority("host", "udp", rank)
        self.peer_reflexive = priority("prflx", "udp", rank)
        self.closed = False
        self.buffered = 0
        self._socket, self._demux = bound, demux
        self._routes: dict[SockAddr, Receiver] = {}
        self._buffer = bytearray(MAX_DATAGRAM)
        self._view = memoryview(self._buffer)
        self._patience = PATIENCE if sys.platform == "linux" else 0
        bound.setblocking(False)  # noqa: FBT003
        for option, size in ((socket.SO_RCVBUF, RECEIVE_BUFFER), (socket.SO_SNDBUF, SEND_BUFFER)):
            _enlarge(bound, option, size)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(bound.fileno(), self._readable)

    def _readable(self) -> None:
        receive, buffer, view, routes = self._socket.recvfrom_into, self._buffer, self._view, self._routes
        for _ in range(DRAIN):
            try:
                size, address = receive(buffer)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier packet, or the address is gone: the rescan sees to that
                return
            if not size:
                continue
            if buffer[0] < 4:
                self._demux.stun(view, size, self, address)
            elif (receiver := routes.get(address)) is not None:
                receiver.datagram(view[:size], self, address)
            else:
                self._demux.strays += 1
            if self.closed:
                return

    def target(self, candidate: Candidate) -> SockAddr | None:
        """Same family; loopback and link-local only from their like."""
        if self.closed or (":" in candidate.host) != (self.address.version == 6):
            return None
        mine, theirs = self.address.reach, local_address(candidate.host).reach
        if mine != theirs and (mine in _OWN_LINK or theirs in _OWN_LINK):
            return None
        return self.address.sockaddr(candidate.host, candidate.port)

    def claim(self, address: SockAddr, receiver: Receiver, *, proven: bool) -> bool:
        known = self._routes.get(address)
        if known is receiver or (known is not None and not proven):
            return False
        self._routes[address] = receiver
        return True

    def release(self, address: SockAddr, receiver: Receiver) -> None:
        if self._routes.get(address) is receiver:
            del self._routes[address]

    def send(self, data: bytes | memoryview, address: SockAddr) -> bool:
        try:
            self._socket.sendto(data, address)
        except OSError:  # buffer full, no route, filtered: the network drops packets too
            return False
        return True

    def send_burst(self, burst: memoryview, segment: int, address: SockAddr) -> int:
        if self._patience and len(burst) > segment:
            option = _segment_option.get(segment)
            if option is None:
                option = _segment_option[segment] = [(socket.IPPROTO_UDP, _UDP_SEGMENT, _U16.pack(segment))]
            try:
                self._socket.sendmsg((burst,), option, 0, address)
            except OSError as error:
                if error.errno not in _REFUSED:
                    return 0
                self._patience -= 1
            else:
                self._patience = PATIENCE
                return -(-len(burst) // segment)
        return sum(self.send(burst[at : at + segment], address) for at in range(0, len(burst), segment))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._routes.clear()


class TcpConnection(asyncio.Protocol):
    """One accepted connection; it belongs to a peer once its first packet named one (RFC 6544 section 7)."""

    network = "tcp"

    def __init__(self, demux: Demux) -> None:
        self.priority = priority("host", "tcp", 0)
        self.peer_reflexive = self.priority - 1
        self.opened = asyncio.get_running_loop().time()
        self.address: SockAddr = ("", 0)
        self.receiver: Receiver | None = None
        self._demux = demux
        self._deframer = rfc4571.Deframer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.address = transport.get_extra_info("peername") or ("", 0)
        transport.set_write_buffer_limits(high=MAX_BUFFERED)
        if not self._demux.connected(self):
            self.close()

    def data_received(self, data: bytes) -> None:
        try:
            packets = self._deframer.feed(data)
        except ProtocolError:
            self.close()
            return
        for packet in packets:
            if packet[0] < 4:
                self._demux.stun(memoryview(packet), len(packet), self, self.address)
            elif self.receiver is not None:
                self.receiver.datagram(memoryview(packet), self, self.address)
            if self.receiver is None:  # its first packet was for nobody here
                self.close()
            if self.closed:
                return

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._demux.disconnected(self)
        if self.receiver is not None:
            self.receiver.base_lost(self)
            self.receiver = None

    @property
    def closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    @property
    def buffered(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def target(self, candidate: Candidate) -> SockAddr | None:
        return None  # passive: who connected is the only one there

    def claim(self, address: SockAddr, receiver: Receiver, *, proven: bool) -> bool:
        if self.receiver is not None:
            return False
        self.receiver = receiver
        return True

    def release(self, address: SockAddr, receiver: Receiver) -> None:
        if self.receiver is receiver:
            self.receiver = None
            self.close()

    def send(self, data: bytes | memoryview, address: SockAddr) -> bool:
        return self._write(rfc4571.frame(data))

    def send_burst(self, burst: memoryview, segment: int, address: SockAddr) -> int:
        return -(-len(burst) // segment) if self._write(rfc4571.frame_burst(burst, segment)) else 0

    def _write(self, data: bytes) -> bool:
        if self._transport is None or self._transport.is_closing() or self.buffered + len(data) > MAX_BUFFERED:
            return False
        self._transport.write(data)
        return True

    def close(self) -> None:
        """Let what is buffered go out (a close_notify above all), but not for long: the port aborts what lingers."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _enlarge(bound: socket.socket, option: int, size: int) -> None:
    with contextlib.suppress(OSError):
        bound.setsockopt(socket.SOL_SOCKET, option, size)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # only root may go beyond the system's limit
            bound.setsockopt(socket.SOL_SOCKET, _FORCE[option], size)
