"""Cameras that announce themselves by UPnP: asked for over SSDP, known by the description that they point to."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import ProtocolError
from ..observe.log import get_logger
from ..protocols import ssdp
from .found import Sighting
from .makers import is_camera, maker_of
from .multicast import ask
from .networks import Link

if TYPE_CHECKING:
    import aiohttp

_log = get_logger("discovery")

MAX_DESCRIPTIONS = 64
AT_ONCE = 8
DESCRIPTION_BYTES = 64 << 10
DESCRIPTION_SECONDS = 2.0


async def search(links: Sequence[Link], seconds: float, seen: Callable[[Sighting], None]) -> None:
    """Ask everybody on these networks for `seconds`; one call of `seen` for every camera among those who answer."""
    import aiohttp  # noqa: PLC0415  not needed before the first search

    places: set[str] = set()
    limit = asyncio.Semaphore(AT_ONCE)
    timeout = aiohttp.ClientTimeout(total=DESCRIPTION_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        asyncio.TaskGroup() as group,
    ):

        def heard(data: bytes, sender: str) -> None:
            try:
                answer = ssdp.answer(data, sender)
            except ProtocolError as error:
                _log.debug("search: %s: %s", sender, error)
                return
            if answer.location not in places and len(places) < MAX_DESCRIPTIONS:
                places.add(answer.location)
                group.create_task(_describe(session, limit, answer, sender, seen))

        await ask([ssdp.search()], (ssdp.GROUP, ssdp.PORT), links, seconds, heard)


async def _describe(
    session: aiohttp.ClientSession,
    limit: asyncio.Semaphore,
    answer: ssdp.Answer,
    sender: str,
    seen: Callable[[Sighting], None],
) -> None:
    import aiohttp  # noqa: PLC0415

    try:
        async with limit, session.get(answer.location, allow_redirects=False) as response:
            body = await response.content.read(DESCRIPTION_BYTES)
            while (more := await response.content.read(DESCRIPTION_BYTES)) and len(body) < DESCRIPTION_BYTES:
                body += more
        device = ssdp.description(body[:DESCRIPTION_BYTES])
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, ProtocolError) as error:
        _log.debug("description of %s: %s", sender, error)
        return
    maker = maker_of(device.maker, device.name, device.model)
    if is_camera(maker, device.kind, device.model, device.name):
        seen(Sighting(sender, "upnp", answer.name, "", device.name, device.maker, device.model))
