"""What a way in looks like to the rest: the interface that every module in `sources/` implements."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from ..media.codec import Codec
from ..media.unit import AccessUnit
from ..observe.secret import mask

if TYPE_CHECKING:
    from .talk.backchannel import Backchannel, Link

Direction = Literal["recvonly", "sendonly", "hidden"]
"""Seen from go2py: `recvonly` comes from the camera, `sendonly` goes to it (backchannel), `hidden` is left out."""


@dataclass(frozen=True, slots=True)
class SourceUrl:
    """A configured source: `<scheme>:<rest>[#key=value]...`. Prints masked; `raw` is for the dial step.

    Parameters follow `#`, are not URL-decoded, may repeat and may lack a value (go2rtc's grammar).
    """

    raw: str = field(repr=False)

    @property
    def scheme(self) -> str:
        return self.raw.partition(":")[0].lower() if ":" in self.raw else ""

    @property
    def url(self) -> str:
        """The text before the first `#`, secrets included."""
        return self.raw.partition("#")[0]

    @property
    def parameters(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for part in self.raw.split("#")[1:]:
            key, _, value = part.partition("=")
            found.setdefault(key, []).append(value)
        return found

    def parameter(self, key: str, default: str = "") -> str:
        """The last value of a parameter."""
        return self.parameters.get(key, [default])[-1]

    @property
    def masked(self) -> str:
        return mask(self.raw)

    def __str__(self) -> str:
        return self.masked


@dataclass(frozen=True, slots=True)
class Offer:
    """One media that a source has: the codecs it could be in (a camera's picture has one) and its direction.

    Sources leave the rest alone: `origin` is what the camera sends where `codecs` are made of it (`#audio=opus`),
    `fixed` forbids to make any other.
    """

    codecs: tuple[Codec, ...]
    direction: Direction = "recvonly"
    origin: Codec | None = None
    fixed: bool = False

    @property
    def kind(self) -> str:
        return self.codecs[0].kind

    def label(self) -> str:
        """Text of go2rtc's `medias` list: `video, recvonly, H264`."""
        return ", ".join([self.kind, self.direction, *dict.fromkeys(codec.label() for codec in self.codecs)])


class Sink(Protocol):
    """Where a source puts what it receives. Every call is cheap, synchronous and never raises."""

    def deliver(self, offer: int, units: Sequence[AccessUnit]) -> None:
        """Access units of the offer with this index, in decoding order, with the camera's own timestamps in
        `pts`, all those of one socket read at once. NAL units may be as they came: the sink drops delimiters, puts
        parameter sets in front of key pictures and finds out which are key."""

    def sender_report(self, offer: int, rtp_time: int, ntp: float) -> None:
        """RTCP sender report: the RTP timestamp and the camera's wall clock (seconds) of the same instant."""

    def alive(self, size: int) -> None:
        """Bytes arrived, of whatever kind."""

    def lost(self, offer: int, packets: int) -> None:
        """Packets of this offer went missing; what depends on them was dropped."""


@dataclass(slots=True)
class SourceInfo:
    """What the API tells of a live connection; sources fill in what they know."""

    format_name: str
    protocol: str = ""
    remote_addr: str = ""
    user_agent: str = ""
    sdp: str = ""
    url: str = ""
    details: dict[str, object] = field(default_factory=dict)


class Source(ABC):
    """One connection to one camera. Life: `open`, `play`, `close`; a new attempt is a new object.

    Errors: every method raises `SourceError` (Unreachable, Unauthorized, Busy, Unsupported) or `ProtocolError`, and
    nothing else. Their text names no secret.
    """

    info: SourceInfo

    @abstractmethod
    async def open(self) -> Sequence[Offer]:
        """Connect and find out what the camera has. Bounded in time by the source itself (default 5 s)."""

    @abstractmethod
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        """Deliver the wanted offers (indexes into what `open` returned) until the camera ends the connection (return)
        or something breaks (raise). Cancelling it stops delivery."""

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye and free everything; safe to call at any time, more than once; takes ≤ 1 s."""

    def talk(self, offer: int, units: Sequence[AccessUnit]) -> None:
        """Send audio to a `sendonly` offer, for sources that `InBand` speaks to; cheap, never waits."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """How to reach one camera.

    Sources with the same `key` share one connection; the key holds scheme, host, port, path, query, user and
    transport, and is never shown. `create` makes a fresh, unopened source, `backchannel` the way to speak to the
    camera; None where there is none.
    """

    key: str = field(repr=False)
    url: SourceUrl
    create: Callable[[], Source] = field(repr=False)
    backchannel: Callable[[Link], Backchannel] | None = field(default=None, repr=False)


class Dialer(Protocol):
    """Turns a configured text into a `SourceSpec` by its scheme; raises `Unsupported` with a clear sentence."""

    def __call__(self, url: SourceUrl) -> SourceSpec: ...
