"""A profile of an ONVIF camera as a source: ask for its URI, then be the source behind that."""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import override

from ...errors import Busy, ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from ...observe.log import get_logger
from ...protocols.onvif.answers import Profile
from ...protocols.onvif.client import HttpAnswer, HttpRequest, OnvifClient
from ...protocols.onvif.url import OnvifUrl, media_urls
from ...streams.source import Offer, Sink, Source, SourceInfo, SourceSpec, SourceUrl
from .ask import Asker

_log = get_logger("onvif")

ASK_SECONDS = 10.0
"""For all questions together."""


@dataclass(slots=True)
class Found:
    """What the last attempt found out, kept between attempts so that a reconnect need not ask again."""

    url: str = ""
    spec: SourceSpec | None = None
    """What is behind it."""

    def dial(self, url: str, parameters: str) -> SourceSpec:
        """How to reach a URL that the device gave; the same as long as the URL is, so that those who use it share what
        they find out about the camera. Raises `Unsupported`."""
        from ..registry import dial  # noqa: PLC0415  the registry knows this module

        text = f"{url}#{parameters}" if parameters else url
        if self.spec is None or self.spec.url.raw != text:
            self.spec = dial(SourceUrl(text))
        return self.spec


class OnvifSource(Source):
    """See `Source`."""

    def __init__(self, url: OnvifUrl, parameters: str, found: Found) -> None:
        self.info = SourceInfo("onvif", "http", url.address, url=str(url))
        self._url, self._parameters, self._found = url, parameters, found
        self._inner: Source | None = None

    @override
    async def open(self) -> Sequence[Offer]:
        if self._found.url:
            known, self._found.url = self._found.url, ""
            try:
                return await self._open(known)
            except Unauthorized, Busy:
                raise
            except (SourceError, ProtocolError) as error:
                _log.debug("%s: the URI that it gave before: %s; asking again", self._url.address, error)
        failure: SourceError | ProtocolError | None = None
        for url in await ask(self._url):
            try:
                return await self._open(url)
            except (Unreachable, ProtocolError) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        await self._opened().play(wanted, sink)

    @property
    def inner(self) -> Source | None:
        """The source behind the URI, once it is open."""
        return self._inner

    @override
    async def close(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            await inner.close()

    async def _open(self, url: str) -> Sequence[Offer]:
        """Open the source behind a URL and be it from now on."""
        await self.close()
        self._inner = self._found.dial(url, self._parameters).create()
        try:
            offers = await self._inner.open()
        except SourceError, ProtocolError:
            await self.close()
            raise
        self._found.url = url
        self.info = self._inner.info
        self.info.details["onvif"] = str(self._url)
        return offers

    def _opened(self) -> Source:
        if self._inner is None:
            raise Unreachable(f"{self._url.address}: the connection is closed")
        return self._inner


async def ask(url: OnvifUrl) -> tuple[str, ...]:
    """The URLs under which the stream may be had. Raises `SourceError`, `ProtocolError`."""
    client = OnvifClient(url)
    try:
        async with asyncio.timeout(ASK_SECONDS), Asker() as asker:
            return media_urls(await asker.run(_uri(client)), url)
    except TimeoutError:
        raise Unreachable(f"{url.address} takes too long to answer (ONVIF)") from None


def _uri(client: OnvifClient) -> Generator[HttpRequest, HttpAnswer, str]:
    """The questions of a source: as few as its URL allows."""
    yield from client.connect()
    token = client.url.subtype
    if not token or token.isdecimal():
        token = chosen((yield from client.profiles()), token, client.url.address).token
    if client.url.snapshot:
        return (yield from client.snapshot_uri(token))
    return (yield from client.stream_uri(token))


def chosen(profiles: Sequence[Profile], subtype: str, address: str) -> Profile:
    """The profile of this token, else with this index; the first one of an empty text. Raises `Unsupported`."""
    for profile in profiles:
        if profile.token == subtype:
            return profile
    index = int(subtype) if subtype and len(subtype) <= 4 else 0
    if len(subtype) > 4 or index >= len(profiles):
        raise Unsupported(f"{address} has no ONVIF profile {subtype}; it has {len(profiles)}")
    return profiles[index]
