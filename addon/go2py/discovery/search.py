"""All ways of searching at once, their results as they come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

from ..observe.log import get_logger
from . import mdns, networks, ports, ssdp, wsdd
from .found import Device, Devices, Sighting
from .mdns import Mdns
from .networks import Link

_log = get_logger("discovery")

WAYS = ("onvif", "mdns", "upnp", "port")
"""What can be searched by; `port` only where it is named."""
DEFAULT_WAYS = ("onvif", "mdns", "upnp")
MAX_SECONDS = 30.0


class Search:
    """Searches of one gateway. `links` None: the networks that the machine is on when a search begins."""

    def __init__(self, mdns: Mdns, links: Sequence[Link] | None = None) -> None:
        self._mdns = mdns
        self._links = links

    async def run(self, seconds: float, ways: Sequence[str] = DEFAULT_WAYS) -> AsyncGenerator[Device]:
        """Every device whenever something new is known of it, until `seconds` are over or all ways came to their end.

        What one way fails at is logged and does not end the others. Close the iterator to end it early.
        """
        seconds = min(seconds, MAX_SECONDS)
        links = self._links if self._links is not None else await asyncio.to_thread(networks.links)
        devices = Devices()
        news: asyncio.Queue[Device | None] = asyncio.Queue()

        def seen(sighting: Sighting) -> None:
            if device := devices.add(sighting):
                news.put_nowait(device)

        async def everything() -> None:
            try:
                async with asyncio.timeout(seconds + 1.0):
                    await asyncio.gather(
                        *(_careful(way, self._by(way, links, seconds, seen)) for way in WAYS if way in ways)
                    )
            except TimeoutError:
                _log.debug("search: not all was heard in time")
            finally:
                news.put_nowait(None)

        task = asyncio.get_running_loop().create_task(everything(), name="camera search")
        try:
            while (device := await news.get()) is not None:
                yield device
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _by(
        self, way: str, links: Sequence[Link], seconds: float, seen: Callable[[Sighting], None]
    ) -> Coroutine[None, None, None]:
        match way:
            case "onvif":
                return wsdd.search(links, seconds, seen)
            case "mdns":
                return mdns.search(self._mdns, seconds, seen)
            case "upnp":
                return ssdp.search(links, seconds, seen)
            case _:
                return ports.search(links, seen)


async def _careful(way: str, search: Coroutine[None, None, None]) -> None:
    try:
        await search
    except OSError as error:
        _log.info("search by %s: %s", way, error)
