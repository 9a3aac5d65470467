"""Speaking to an ONVIF camera: through the source that its URI leads to."""

from collections.abc import Sequence
from typing import override

from ...errors import ProtocolError, SourceError, Unauthorized, Unreachable
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...protocols.onvif.url import OnvifUrl
from ...streams.source import Offer, Source, SourceSpec
from ...streams.talk.backchannel import Backchannel, Held, Link
from .source import Found, OnvifSource, ask


class OnvifBackchannel(Backchannel):
    """See `Backchannel`. `found` is shared with the viewing connections."""

    def __init__(self, url: OnvifUrl, parameters: str, found: Found, link: Link) -> None:
        self._url, self._parameters, self._found, self._link = url, parameters, found, _Inner(link)
        self._inner: Backchannel | None = None
        self._spec: SourceSpec | None = None

    @override
    async def find(self) -> tuple[Codec, ...]:
        failure: SourceError | ProtocolError | None = None
        urls = (self._found.url,) if self._found.url else await ask(self._url)
        for url in urls:
            try:
                inner = self._behind(url)
                return await inner.find() if inner is not None else ()
            except Unauthorized:
                raise
            except (SourceError, ProtocolError) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    @override
    async def open(self, codec: Codec) -> None:
        if self._inner is None:
            await self.find()
        if self._inner is None:
            raise Unreachable(f"{self._url.address}: its stream has no backchannel")
        self._inner.on_lost = self._lost
        await self._inner.open(codec)

    @override
    def send(self, units: Sequence[AccessUnit]) -> None:
        if self._inner is None:
            raise Unreachable(f"{self._url.address}: the backchannel is closed")
        self._inner.send(units)

    @override
    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()

    def _behind(self, url: str) -> Backchannel | None:
        spec = self._found.dial(url, self._parameters)
        if spec is not self._spec:
            self._spec = spec
            self._inner = spec.backchannel(self._link) if spec.backchannel is not None else None
        return self._inner

    def _lost(self, reason: str) -> None:
        if self.on_lost is not None:
            self.on_lost(reason)


class _Inner(Link):
    """The link as the inner source's backchannel is to see it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    @override
    def source(self) -> Source | None:
        source = self._link.source
        return source.inner if isinstance(source, OnvifSource) else source

    @property
    @override
    def offers(self) -> Sequence[Offer] | None:
        return self._link.offers

    @override
    async def run_for(self, offer: int | None) -> Held:
        return await self._link.run_for(offer)

    @override
    async def reopen(self) -> None:
        await self._link.reopen()
