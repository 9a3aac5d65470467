"""What an ONVIF device has: who made it, its profiles, their URIs. For setting cameras up; nothing is opened."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from ...errors import ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from ...observe.log import get_logger
from ...observe.secret import remember
from ...protocols.onvif.answers import DeviceInformation, Profile
from ...protocols.onvif.client import OnvifClient, Steps
from ...protocols.onvif.url import OnvifUrl, media_urls
from ...streams.source import SourceUrl
from ..explored import Explored, ExploredStream
from .ask import Asker

_log = get_logger("onvif")

PORTS = (80, 2020, 8000, 8899, 8080, 5000, 443)
"""Where makers put ONVIF; tried side by side, without credentials, when the URL names no port."""
EXPLORE_SECONDS = 12.0
MAX_ASKED = 16
"""Profiles whose URIs are asked for; recorders have dozens."""


async def explore(url: SourceUrl) -> Explored:
    """Ask the device for everything that helps to add it. Raises `SourceError`, `ProtocolError`.

    Without credentials, or with refused ones, it raises `Unauthorized` where the device wants some.
    """
    try:
        target = OnvifUrl.parse(url.url)
    except ProtocolError as error:
        raise Unsupported(f"onvif: {error}") from None
    remember(target.password)
    try:
        async with asyncio.timeout(EXPLORE_SECONDS), Asker() as asker:
            return await _explored(asker, target if target.port else await _located(asker, target))
    except TimeoutError:
        raise Unreachable(f"{target.address} takes too long to answer (ONVIF)") from None


async def _located(asker: Asker, url: OnvifUrl) -> OnvifUrl:
    """The device with the port at which it speaks ONVIF."""

    async def knock(port: int) -> OnvifUrl:
        candidate = replace(url, port=port)
        await asker.run(OnvifClient(candidate).clock())
        return candidate

    tasks = [asyncio.get_running_loop().create_task(knock(port)) for port in PORTS]
    failures: list[BaseException] = []
    try:
        async for done in asyncio.as_completed(tasks):
            if (failure := done.exception()) is None:
                return done.result()
            failures.append(failure)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for failure in failures:
        if not isinstance(failure, (SourceError, ProtocolError)):
            raise failure
    answered = any(not isinstance(failure, Unreachable) for failure in failures)
    ports = ", ".join(map(str, PORTS))
    raise (Unsupported if answered else Unreachable)(
        f"{url.host} does not speak ONVIF on ports {ports}; is ONVIF switched on in the camera?"
    )


async def _explored(asker: Asker, url: OnvifUrl) -> Explored:
    client = OnvifClient(url)
    await asker.run(client.connect())
    profiles = await asker.run(client.profiles())
    device = await _optional(asker, client.device_information()) or DeviceInformation()
    streams = [
        ExploredStream(
            name=profile.name or profile.token,
            source=url.profile(profile.token).text(),
            direct=await _uris(asker, client, profile),
            video=profile.video,
            size=(profile.width, profile.height),
            fps=profile.fps,
            audio=profile.audio,
            talk=profile.talk,
        )
        for profile in profiles[:MAX_ASKED]
    ]
    snapshot = await _optional(asker, client.snapshot_uri(profiles[0].token))
    return Explored(
        device.maker,
        device.model,
        device.firmware,
        device.serial,
        tuple(streams),
        url.profile(profiles[0].token, snapshot=True).text() if snapshot else "",
        client.offset,
    )


async def _uris(asker: Asker, client: OnvifClient, profile: Profile) -> Sequence[str]:
    uri = await _optional(asker, client.stream_uri(profile.token))
    try:
        return media_urls(uri, client.url) if uri else ()
    except ProtocolError as error:
        _log.debug("%s: profile %s: %s", client.url.address, profile.token, error)
        return ()


async def _optional[T](asker: Asker, steps: Steps[T]) -> T | None:
    """What one question more has brought; a refusal of it spoils nothing, unless it is the password's."""
    try:
        return await asker.run(steps)
    except Unauthorized:
        raise
    except (SourceError, ProtocolError) as error:
        _log.debug("%s", error)
        return None
