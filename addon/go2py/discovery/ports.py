"""A look at the ports that cameras have open. Only when a person asks for it: it knocks on every door of the house."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from .found import Sighting
from .networks import Link

PORTS = (554, 8554, 2020, 8899)
"""RTSP, and ONVIF where hardly anything else lives."""
MAX_HOSTS = 1024
"""Four ordinary home networks; larger ones are looked at only this far."""
AT_ONCE = 64
"""Hosts; each of them takes a file descriptor for every port."""
CONNECT_SECONDS = 0.7


async def search(links: Sequence[Link], seen: Callable[[Sighting], None]) -> None:
    """Connect to each port of each neighbour once, and close at once; some 3 s for a home network. Cancel it to end it
    earlier. Nothing is sent."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def look(host: str) -> None:
        async with limit:
            found = await asyncio.gather(*(is_open(host, port) for port in PORTS))
        ports = [port for port, is_there in zip(PORTS, found, strict=True) if is_there]
        if ports:
            seen(Sighting(host, "port", name=f"port {', '.join(map(str, ports))}"))

    async with asyncio.TaskGroup() as group:
        for host in hosts(links):
            group.create_task(look(host))


def hosts(links: Sequence[Link]) -> Iterator[str]:
    """The neighbours on private networks, nearest network first, ourselves left out."""
    own = {link.address for link in links}
    left = MAX_HOSTS
    for network in dict.fromkeys(link.network for link in links):
        if not network.is_private or network.is_link_local:
            continue
        for address in network.hosts():
            if left <= 0:
                return
            left -= 1
            if str(address) not in own:
                yield str(address)


async def is_open(host: str, port: int) -> bool:
    return await knock(host, port, CONNECT_SECONDS) == "open"


async def knock(host: str, port: int, timeout: float) -> Literal["open", "refused", "silent"]:
    """What comes of a TCP connection; `refused` says that somebody is there."""
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError, ConnectionResetError:
        return "refused"
    except OSError, TimeoutError:
        return "silent"
    writer.transport.abort()  # no TIME_WAIT left behind for each of thousands
    return "open"
