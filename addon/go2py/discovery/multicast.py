"""One question to a multicast group on every network, or to one host, and the answers."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from ..observe.log import get_logger
from .networks import Link

_log = get_logger("discovery")

REPEATS = 3
PAUSE = 0.1
"""Seconds between the repetitions: datagrams get lost."""
MAX_ANSWERS = 4096

type Heard = Callable[[bytes, str], None]
"""Takes a datagram and the address that it came from."""


class _Questions(asyncio.DatagramProtocol):
    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._count = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._count += 1
        if self._count <= MAX_ANSWERS:
            self._heard(data, addr[0])

    def error_received(self, exc: Exception) -> None:
        _log.debug("search: %s", exc)


async def ask(
    questions: Sequence[bytes], target: tuple[str, int], links: Sequence[Link], seconds: float, heard: Heard
) -> None:
    """Send the questions from each of our addresses and listen. A network that cannot be asked is left out."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        transports = []
        for link in links:
            try:
                sock = _socket(link.address)
                transport, _ = await loop.create_datagram_endpoint(lambda: _Questions(heard), sock=sock)
            except OSError as error:
                _log.debug("search on %s: %s", link.address, error)
                continue
            stack.callback(transport.close)
            transports.append(transport)
        if not transports:
            return
        for _ in range(REPEATS):
            for transport in transports:
                for question in questions:
                    transport.sendto(question, target)
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(max(0.0, seconds - REPEATS * PAUSE))


def _socket(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)  # noqa: FBT003  takes no keyword
        sock.bind((address, 0))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    except OSError:
        sock.close()
        raise
    return sock
