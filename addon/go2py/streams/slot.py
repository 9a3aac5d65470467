"""A configured source in its stream: whose session it uses, and how that source's offers look from here."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import SourceError, Unsupported
from ..media.codec import Codec
from ..transcode.formats import decodable, forced
from .session import Session
from .source import Offer, SourceUrl

_OWN_AUDIO = frozenset({"exec", "ffmpeg"})
"""Schemes that mean something of their own by `#audio=`."""
COPY = "copy"


@dataclass(frozen=True, slots=True)
class Slot:
    """One configured source of a stream: its session, or the reason why it has none.

    A `mirror` is go2rtc's `ffmpeg:<own stream>#audio=opus`: the sound of another slot's session in other codecs.
    """

    url: SourceUrl
    session: Session | None
    error: SourceError | None = None
    mirror: bool = False

    @property
    def code(self) -> str:
        """What is wrong with the source now, as errors tell programs; empty: nothing known."""
        if self.session is not None:
            return self.session.code
        return self.error.code if self.error is not None else ""

    @property
    def offers(self) -> tuple[Offer, ...] | None:
        """What the source offers to this stream, in the places that its session counts by; None while not known."""
        if self.session is None or self.session.offers is None:
            return None
        return tuple(self._seen(offer) for offer in self.session.offers)

    def lets_through(self, kind: str) -> bool:
        """`#media=video+audio` keeps only the kinds it names."""
        media = self.url.parameter("media")
        return not media or kind in media

    def check(self) -> None:
        """Raises `Unsupported` for an `#audio=` that cannot be made."""
        for text in self._wishes():
            if text != COPY:
                forced(Codec("", "audio", 8_000), text)

    def _wishes(self) -> list[str]:
        if self.url.scheme in _OWN_AUDIO and not self.mirror:
            return []
        return [text.lower() for text in self.url.parameters.get("audio", ()) if text]

    def _seen(self, offer: Offer) -> Offer:
        """What is left out keeps its place and matches nothing."""
        sound = offer.kind == "audio" and offer.direction == "recvonly"
        if not self.lets_through(offer.kind) or (self.mirror and not sound):
            return Offer(offer.codecs, "hidden")
        wishes = self._wishes()
        if not wishes or not sound or not decodable(offer.codecs[0]):
            return offer
        origin = offer.codecs[0]
        codecs = (codec for text in wishes for codec in (offer.codecs if text == COPY else (_made(origin, text),)))
        return Offer(tuple(dict.fromkeys(codecs)), offer.direction, origin=origin, fixed=wishes == [COPY])


def _made(origin: Codec, text: str) -> Codec:
    """What comes already in that codec stays as it is."""
    codec = forced(origin, text)
    same = (codec.name, codec.clock_rate) == (origin.name, origin.clock_rate)
    return origin if same else codec


def refers_to(url: SourceUrl, stream: str) -> bool:
    """Whether this is go2rtc's reference of a stream to itself for its sound alone: `ffmpeg:<stream>#audio=opus`, with
    nothing else than `#query=`, which has a meaning between two processes only."""
    scheme, _, rest = url.url.partition(":")
    return scheme == "ffmpeg" and rest == stream and url.parameters.keys() - {"query"} == {"audio"}


def mirror(url: SourceUrl, others: Sequence[Slot]) -> Slot:
    """The slot of a reference that `refers_to` its stream; `others` are the stream's sources before it."""
    session = next((slot.session for slot in others if slot.session is not None), None)
    if session is None:
        return Slot(url, None, Unsupported("ffmpeg: the stream has no other source whose sound could be taken"))
    return Slot(url, session, mirror=True)
