"""The way to a camera's loudspeaker: the interface that every kind of camera implements which can be spoken to."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol, override

from ...errors import Unreachable, Unsupported
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ..source import Offer, Source


class Held(Protocol):
    """The wish that a connection runs. `on_end` is told why when it cannot any more."""

    on_end: Callable[[str], None] | None

    def release(self) -> None: ...


class Link(Protocol):
    """The viewing connection to the same camera, as its backchannel sees it."""

    @property
    def source(self) -> Source | None:
        """The connection that is open at present."""

    @property
    def offers(self) -> Sequence[Offer] | None:
        """What the camera had when it last answered; None until then."""

    async def run_for(self, offer: int | None) -> Held:
        """Have the viewing connection run for the sake of this offer, back when it is live; None: only until its offers
        are known. Raises `SourceError`."""

    async def reopen(self) -> None:
        """Close the viewing connection and make it anew at once, with its readers attached; back when it is live or has
        failed. Does nothing where there is none."""


class Backchannel(ABC):
    """One camera's ear. Found without being opened; opened only while somebody speaks; may be opened again and again.

    Every method raises `SourceError` or `ProtocolError` and nothing else; texts name no secret.
    """

    on_lost: Callable[[str], None] | None = None
    """Called once, with the reason, when an open backchannel breaks off by itself."""

    @abstractmethod
    async def find(self) -> tuple[Codec, ...]:
        """What the camera takes, its own order; nothing if it has no backchannel. Disturbs neither viewers nor the
        camera, and takes at most some seconds."""

    @abstractmethod
    async def open(self, codec: Codec) -> None:
        """Get ready to send `codec`, one of those found. Bounded in time; undone by `close` also where it failed."""

    @abstractmethod
    def send(self, units: Sequence[AccessUnit]) -> None:
        """Send frames of the opened codec, each when it is due; cheap and never waits. `pts` counts in
        `codec.clock_rate` from 0 on at every opening."""

    @abstractmethod
    async def close(self) -> None:
        """Give the camera's ear free; safe at any time, more than once; takes ≤ 1 s."""


class InBand(Backchannel):
    """For cameras whose viewing connection carries the talk: they list it as `sendonly` offer and implement
    `Source.talk`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._offer = -1
        self._held: Held | None = None

    @override
    async def find(self) -> tuple[Codec, ...]:
        held = await self._link.run_for(None)
        try:
            return tuple(codec for _, offer in self._offers() for codec in offer.codecs)
        finally:
            held.release()

    @override
    async def open(self, codec: Codec) -> None:
        await self.close()
        self._offer = next((index for index, offer in self._offers() if codec in offer.codecs), -1)
        if self._offer < 0:
            raise Unsupported(f"the camera no longer takes {codec.label()}")
        self._held = await self._link.run_for(self._offer)
        self._held.on_end = self._ended

    @override
    def send(self, units: Sequence[AccessUnit]) -> None:
        source = self._link.source
        if source is None:
            raise Unreachable("the camera is being reconnected")
        source.talk(self._offer, units)

    @override
    async def close(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.release()

    def _offers(self) -> list[tuple[int, Offer]]:
        offers = enumerate(self._link.offers or ())
        return [(index, one) for index, one in offers if (one.kind, one.direction) == ("audio", "sendonly")]

    def _ended(self, reason: str) -> None:
        if self.on_lost is not None:
            self.on_lost(reason)
