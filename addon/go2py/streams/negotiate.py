"""Who gets which track: a pure function from what sources offer and a reader wants to a plan with reasons.

go2rtc's rules: the reader's wants are served in their order; for each, sources in configured order, and in them
the camera's order of medias and codecs decides. A source is dialled only if no earlier one satisfied the want.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..media import codec as names
from ..media.codec import Codec, Kind
from ..transcode.formats import choose
from .source import Direction, Offer

ANY = "ANY"
ALL = "ALL"

_ALIASES = {"MJPEG": names.JPEG, "AAC": names.AAC, "MP3": names.MP3, "COPY": ANY, "": ANY}


@dataclass(frozen=True, slots=True)
class CodecWish:
    """A codec a reader can take; `ANY` and `ALL` take every one; 0 means any rate, any number of channels."""

    name: str
    clock_rate: int = 0
    channels: int = 0

    def accepts(self, codec: Codec) -> bool:
        if self.name in (ANY, ALL):
            return True
        return (
            self.name == codec.name
            and self.clock_rate in (0, codec.clock_rate)
            and self.channels in (0, codec.channels)
        )

    def label(self) -> str:
        text = self.name
        if self.clock_rate not in (0, names.VIDEO_CLOCK):
            text += f"/{self.clock_rate}"
        return f"{text}/{self.channels}" if self.channels else text


@dataclass(frozen=True, slots=True)
class Want:
    """One track that a reader would like. `direction` is the source's side of it: `recvonly` to view."""

    kind: Kind
    codecs: tuple[CodecWish, ...]
    direction: Direction = "recvonly"

    @property
    def wants_all(self) -> bool:
        """Every matching track, not only the first."""
        return any(wish.name == ALL for wish in self.codecs)

    def label(self) -> str:
        """Text of go2rtc's `medias` list, from the reader's side."""
        direction = "sendonly" if self.direction == "recvonly" else "recvonly"
        return ", ".join([self.kind, direction, *dict.fromkeys(wish.label() for wish in self.codecs)])


@dataclass(frozen=True, slots=True)
class Match:
    """A want served by one offer of one source (all are indexes); `codec` is what the reader gets.

    `reason` says why it is not what the camera sends.
    """

    want: int
    source: int
    offer: int
    codec: Codec
    action: Literal["pass", "transcode"] = "pass"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one offer, or with `offer` None a whole source, does not serve a want."""

    want: int
    source: int
    offer: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a reader gets. `dial` is the source whose offers must be known before the plan is final, else None."""

    matches: tuple[Match, ...]
    refusals: tuple[Refusal, ...]
    dial: int | None = None

    def to_json(self, wants: Sequence[Want]) -> dict[str, object]:
        return {
            "wants": [want.label() for want in wants],
            "matches": [
                {
                    "want": match.want,
                    "source": match.source,
                    "offer": match.offer,
                    "codec": match.codec.label(),
                    "action": match.action,
                    **({"reason": match.reason} if match.reason else {}),
                }
                for match in self.matches
            ],
            "refused": [
                {"want": refusal.want, "source": refusal.source, "offer": refusal.offer, "reason": refusal.reason}
                for refusal in self.refusals
            ],
        }


type Known = Sequence[Offer] | str | None
"""What is known of a source: its offers, why it is out of the question, or nothing yet."""


@dataclass(slots=True)
class _Draft:
    matches: list[Match] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def negotiate(sources: Sequence[Known], wants: Sequence[Want], *, transcode: bool = True) -> Plan:
    """The plan for a reader; where it needs a source nobody asked yet, `Plan.dial` names it and the rest is a draft.

    With `transcode`, sound that no source has in a codec of the reader is made of the first that can be decoded.
    """
    draft = _Draft()
    for number, want in enumerate(wants):
        dial = _serve(draft, number, want, sources)
        if dial is not None:
            return Plan(tuple(draft.matches), tuple(draft.refusals), dial)
        served = any(match.want == number for match in draft.matches)
        if transcode and not served and want.kind == "audio" and want.direction == "recvonly":
            _transcode(draft, number, want, sources)
    return Plan(tuple(draft.matches), tuple(draft.refusals))


def _serve(draft: _Draft, number: int, want: Want, sources: Sequence[Known]) -> int | None:
    """Find offers for one want; a source that must be dialled first, or None."""
    for source, known in enumerate(sources):
        if known is None:
            return source
        if isinstance(known, str):
            draft.refusals.append(Refusal(number, source, None, known))
            continue
        found = False
        for index, offer in enumerate(known):
            if found and not want.wants_all:
                break
            codec, reason = _fit(want, offer)
            if codec is None:
                draft.refusals.append(Refusal(number, source, index, reason))
            elif not any(m.source == source and m.offer == index and m.want != number for m in draft.matches):
                draft.matches.append(_match(number, source, index, offer, codec))
                found = True
            else:
                draft.refusals.append(Refusal(number, source, index, "already serves another want of this reader"))
        if found and not want.wants_all:
            return None
    return None


def _match(want: int, source: int, index: int, offer: Offer, codec: Codec) -> Match:
    if offer.origin in (None, codec):
        return Match(want, source, index, codec)
    assert offer.origin is not None
    reason = f"the source's #audio= makes {codec.label()} of {offer.origin.label()}"
    return Match(want, source, index, codec, "transcode", reason)


def _transcode(draft: _Draft, number: int, want: Want, sources: Sequence[Known]) -> None:
    """Serve a want for sound, which nothing fits, by the first offer that can be decoded."""
    wishes = [(wish.name, wish.clock_rate, wish.channels) for wish in want.codecs]
    for source, known in enumerate(sources):
        if known is None or isinstance(known, str):
            continue
        for index, offer in enumerate(known):
            if (offer.kind, offer.direction) != ("audio", "recvonly") or offer.fixed or _fit(want, offer)[0]:
                continue
            origin = offer.origin or offer.codecs[0]
            codec = choose(origin, wishes)
            if codec is None or any((m.source, m.offer, m.codec) == (source, index, codec) for m in draft.matches):
                continue
            reason = f"the reader does not take {origin.label()}, of which {codec.label()} can be made"
            draft.matches.append(Match(number, source, index, codec, "transcode", reason))
            return


def _fit(want: Want, offer: Offer) -> tuple[Codec | None, str]:
    if offer.kind != want.kind:
        return None, f"is {offer.kind}, wanted is {want.kind}"
    if offer.direction != want.direction:
        return None, _DIRECTIONS[offer.direction]
    for codec in offer.codecs:
        if any(wish.accepts(codec) for wish in want.codecs):
            return codec, ""
    return None, f"is {', '.join(c.label() for c in offer.codecs)}, the reader takes " + ", ".join(
        wish.label() for wish in want.codecs
    )


def mismatch_text(sources: Sequence[Known], wants: Sequence[Want]) -> str:
    """go2rtc's sentence when nothing fits: `codecs not matched: video:H265 => video:H264`."""

    def names_of(kind: str, labels: Iterable[str]) -> list[str]:
        return [f"{kind}:{_PRINTED.get(label, label)}" for label in labels]

    have = [
        text
        for known in sources
        if known is not None and not isinstance(known, str)
        for offer in known
        if offer.direction == "recvonly"
        for text in names_of(offer.kind, (codec.name for codec in offer.codecs))
    ]
    take = [text for want in wants for text in names_of(want.kind, (wish.name for wish in want.codecs))]
    return f"codecs not matched: {', '.join(dict.fromkeys(have))} => {', '.join(dict.fromkeys(take))}"


_DIRECTIONS = {
    "recvonly": "comes from the camera",
    "sendonly": "goes to the camera",
    "hidden": "is left out by #media= of the source",
}

_PRINTED = {names.AAC: "AAC", names.L16: "S16B", names.PCML: "S16L"}

_MP4_VIDEO = (CodecWish(names.H264), CodecWish(names.H265))
_PCM = (names.PCMA, names.PCMU, names.L16, names.PCML)


def wants_from_query(query: Iterable[tuple[str, str]], default: str = "video&audio") -> tuple[Want, ...]:
    """go2rtc's query filters as wants, video first: `video`, `audio` (may repeat), `microphone`, `mp4`.

    `default` is the query to use where none of these keys is present.
    """
    pairs = [(key, value) for key, value in query if key in ("video", "audio", "microphone", "mp4")]
    if not pairs:
        pairs = [(part.partition("=")[0], part.partition("=")[2]) for part in default.split("&") if part]
    for key, value in pairs:
        if key == "mp4":
            return mp4_wants(value)
    video = [Want("video", _wishes(value)) for key, value in pairs if key == "video"]
    audio = [Want("audio", _wishes(value)) for key, value in pairs if key == "audio"]
    talk = [Want("audio", _wishes(value), "sendonly") for key, value in pairs if key == "microphone"]
    return (*video, *audio, *talk)


def mp4_wants(value: str = "") -> tuple[Want, ...]:
    """What an MP4 reader takes with `?mp4[=flac|all]`."""
    audio = [names.AAC]
    if value not in ("", "mp4"):
        audio += _PCM
    if value not in ("", "mp4", "flac"):
        audio += [names.OPUS, names.MP3]
    return Want("video", _MP4_VIDEO), Want("audio", tuple(map(CodecWish, audio)))


def _wishes(value: str) -> tuple[CodecWish, ...]:
    words = [word.strip().upper() for word in value.split(",")[:32]]
    return tuple(CodecWish(_ALIASES.get(word, word)) for word in dict.fromkeys(words))
