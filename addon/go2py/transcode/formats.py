"""Which audio can be decoded and encoded in process, and what one codec becomes in another. Loads nothing heavy."""

from collections.abc import Callable, Iterable
from typing import Final

from ..errors import Unsupported
from ..media import aac
from ..media import codec as names
from ..media.codec import Codec

MIN_RATE, MAX_RATE = 4_000, 192_000
MAX_CHANNELS = 8

_SUITABILITY: Final = (
    frozenset({names.OPUS, names.AAC, names.FLAC}),
    frozenset({names.G722, names.L16, names.PCML, names.MP3}),
    frozenset({names.PCMA, names.PCMU}),
    frozenset({names.DVI4, names.ADPCM, *names.G726}),
)
"""Encoded codecs in classes, the best first."""
_ENCODED: Final = frozenset().union(*_SUITABILITY)
_DECODED: Final = _ENCODED | {names.LATM}
_CLASS: Final = {name: number for number, members in enumerate(_SUITABILITY) for name in members}

_AAC_RATES = tuple(sorted(rate for rate in aac.RATES if 16_000 <= rate <= 48_000))
_MP3_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_FLAC_RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
_PCM_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

_WORDS: Final = {
    "OPUS": names.OPUS, "AAC": names.AAC, "MP3": names.MP3, "FLAC": names.FLAC, "G722": names.G722,
    "PCMA": names.PCMA, "PCMU": names.PCMU, "PCM": names.L16, "L16": names.L16, "PCML": names.PCML,
}  # fmt: skip
"""What `#audio=` may name; go2rtc's names of ffmpeg templates are among them."""
_MONO = frozenset({names.PCMA, names.PCMU, names.L16, names.PCML})
"""What go2rtc's templates make mono, at 8 kHz unless told."""

type Wish = tuple[str, int, int]
"""The name of a codec, its clock rate and channels; 0 is any."""


def decodable(codec: Codec) -> bool:
    """Whether this audio can be turned into samples."""
    return codec.name in _DECODED and MIN_RATE <= codec.rate <= MAX_RATE and codec.channels <= MAX_CHANNELS


def encodable(codec: Codec) -> bool:
    """Whether samples can be turned into this audio."""
    return codec.name in _ENCODED and MIN_RATE <= codec.rate <= MAX_RATE and codec.channels <= 2


def choose(source: Codec, wishes: Iterable[Wish]) -> Codec | None:
    """The codec to make of `source` for a reader with these wishes: the most suitable, among equals the reader's
    first. None where none can be made, or where `source` cannot be decoded."""
    if not decodable(source):
        return None
    made = [codec for wish in wishes if (codec := encoded(source, *wish)) is not None]
    return min(made, key=lambda codec: _CLASS[codec.name], default=None)


def encoded(source: Codec, name: str, clock_rate: int = 0, channels: int = 0) -> Codec | None:
    """`source` as another codec, complete before anything is encoded; None where it cannot be had like this."""
    build = _BUILDERS.get(name)
    if build is None:
        return None
    codec = build(name, clock_rate or source.rate, channels or min(max(source.channels, 1), 2), clock_rate)
    fits = clock_rate in (0, codec.clock_rate) and channels in (0, codec.channels or 1)
    return codec if fits else None


def forced(source: Codec, text: str) -> Codec:
    """What `#audio=<text>` makes of `source`: `opus`, `aac/16000`, `pcma`. Raises `Unsupported` with what would do."""
    word, _, rate_text = text.upper().partition("/")
    name = _WORDS.get(word)
    rate = int(rate_text) if rate_text.isascii() and rate_text.isdigit() and len(rate_text) < 7 else 0
    if name is None or bool(rate) != bool(rate_text):
        known = ", ".join(sorted(word.lower() for word in _WORDS))
        raise Unsupported(f"#audio={text[:20]} is not made by go2py; it makes {known}")
    mono = name in _MONO or (rate and name == names.AAC)
    if name in (names.OPUS, names.G722, names.MP3):
        rate = 0  # their clock is fixed
    codec = encoded(source, name, rate or (8_000 if name in _MONO else 0), 1 if mono else 0)
    if codec is None:
        raise Unsupported(f"#audio={text[:20]}: there is no {word} at this rate")
    return codec


def _opus(name: str, _rate: int, channels: int, _clock: int) -> Codec:
    return Codec(name, "audio", 48_000, 2, fmtp="sprop-stereo=1" if channels > 1 else "")


def _aac(name: str, rate: int, channels: int, clock: int) -> Codec:
    rate = clock if clock in aac.RATES else _nearest(rate, _AAC_RATES)
    config = aac.build_config(aac.AudioConfig(aac.LC, rate, channels))
    return Codec(name, "audio", rate, _announced(channels), config=config)


def _g711(name: str, _rate: int, _channels: int, clock: int) -> Codec:
    return Codec(name, "audio", clock if clock in (8_000, 16_000, 32_000, 48_000) else 8_000)


def _g722(name: str, _rate: int, _channels: int, _clock: int) -> Codec:
    return Codec(name, "audio", 8_000, sample_rate=16_000)


def _pcm(name: str, rate: int, channels: int, _clock: int) -> Codec:
    return Codec(name, "audio", _nearest(rate, _PCM_RATES), _announced(channels))


def _flac(name: str, rate: int, channels: int, _clock: int) -> Codec:
    return Codec(name, "audio", _nearest(rate, _FLAC_RATES), _announced(channels))


def _mp3(name: str, rate: int, channels: int, _clock: int) -> Codec:
    return Codec(name, "audio", names.VIDEO_CLOCK, _announced(channels), sample_rate=_nearest(rate, _MP3_RATES))


def _adpcm(name: str, rate: int, _channels: int, _clock: int) -> Codec:
    return Codec(name, "audio", 16_000 if rate >= 16_000 else 8_000)


def _g726(name: str, _rate: int, _channels: int, _clock: int) -> Codec:
    return Codec(name, "audio", 8_000)


def _announced(channels: int) -> int:
    """Mono is not said, as in SDP."""
    return channels if channels > 1 else 0


def _nearest(rate: int, rates: tuple[int, ...]) -> int:
    """The lowest rate that loses nothing, else the highest."""
    return next((one for one in rates if one >= rate), rates[-1])


_BUILDERS: Final[dict[str, Callable[[str, int, int, int], Codec]]] = {
    names.OPUS: _opus,
    names.AAC: _aac,
    names.FLAC: _flac,
    names.G722: _g722,
    names.L16: _pcm,
    names.PCML: _pcm,
    names.MP3: _mp3,
    names.PCMA: _g711,
    names.PCMU: _g711,
    names.DVI4: _adpcm,
    names.ADPCM: _adpcm,
    **dict.fromkeys(names.G726, _g726),
}
