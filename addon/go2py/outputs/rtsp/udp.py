"""RTP to viewers over UDP: one pair of ports for all of them, and a paced sender for each."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import override

_ATTEMPTS = 16
_BURST = 64
_PAUSE = 0.004
"""Seconds between bursts of `_BURST` packets: a receiver's socket holds some 200 kB."""

type Address = tuple[str, int]


type Received = Callable[[bytes], None]


class _Endpoint(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, (addr[0], addr[1]))

    @override
    def error_received(self, exc: Exception) -> None:
        """A viewer's port is closed; its connection or its silence ends it."""


class UdpPorts:
    """An even port for RTP and the next one for RTCP on one local address."""

    def __init__(self) -> None:
        self.ports = (0, 0)
        self._listeners: dict[Address, Received] = {}
        self._transports: list[asyncio.DatagramTransport] = []

    @classmethod
    async def open(cls, host: str) -> UdpPorts:
        """Raises `OSError` when no pair is free."""
        ports = cls()
        for _ in range(_ATTEMPTS):
            rtp = await ports._bind(host, 0)
            port = rtp.get_extra_info("sockname")[1]
            first = port if port % 2 == 0 else port - 1
            rtp.close()
            with suppress(OSError):
                for number in (first, first + 1):
                    ports._transports.append(await ports._bind(host, number))
                ports.ports = (first, first + 1)
                return ports
            ports.close()
        raise OSError(f"no two neighbouring UDP ports are free on {host}")

    async def _bind(self, host: str, port: int) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Endpoint(self._received), local_addr=(host, port))
        return transport

    def close(self) -> None:
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def sender(self, host: str, ports: tuple[int, int], on_rtp: Received, on_rtcp: Received) -> UdpSender:
        """Sends to a client's RTP and RTCP ports; the callbacks get whatever comes from them."""
        rtp, rtcp = (host, ports[0]), (host, ports[1])
        self._listeners[rtp], self._listeners[rtcp] = on_rtp, on_rtcp

        def closed() -> None:
            self._listeners.pop(rtp, None)
            self._listeners.pop(rtcp, None)

        return UdpSender(self._transports[0], self._transports[1], rtp, rtcp, closed)

    def _received(self, data: bytes, address: Address) -> None:
        if listener := self._listeners.get(address):
            listener(data)


class UdpSender:
    """Packets of one track to one viewer, at a pace that its socket can take."""

    def __init__(
        self,
        rtp: asyncio.DatagramTransport,
        rtcp: asyncio.DatagramTransport,
        rtp_address: Address,
        rtcp_address: Address,
        on_close: Callable[[], None],
    ) -> None:
        self.queued = 0
        """Bytes that wait for their turn."""
        self._rtp, self._rtcp = rtp, rtcp
        self._rtp_address, self._rtcp_address = rtp_address, rtcp_address
        self._on_close = on_close
        self._queue: deque[memoryview] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, datagrams: Iterable[memoryview]) -> None:
        for datagram in datagrams:
            self._queue.append(datagram)
            self.queued += len(datagram)
        if self._timer is None:
            self._flush()

    def report(self, data: bytes) -> None:
        """Send an RTCP packet."""
        if not self._rtcp.is_closing():
            self._rtcp.sendto(data, self._rtcp_address)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.clear()
        self._on_close()

    def _flush(self) -> None:
        self._timer = None
        if self._rtp.is_closing():
            return
        for _ in range(min(_BURST, len(self._queue))):
            datagram = self._queue.popleft()
            self.queued -= len(datagram)
            self._rtp.sendto(datagram, self._rtp_address)
        if self._queue:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._flush)
