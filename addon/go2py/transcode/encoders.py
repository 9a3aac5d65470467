"""Sound into frames of a codec, by libavcodec and, where it lacks a codec, our own code. Loads av."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import override

import av
from av.codec.context import Flags

from ..errors import Unsupported
from ..media import codec as names
from ..media.codec import Codec
from . import g726, ima
from .decoders import LAYOUTS, frame_of

PTIME = 0.02
"""Seconds of a frame where the codec leaves it open."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """An encoder of libav. `bit_rate` is per channel, at least and at most; between them 1.5 bits a sample."""

    codec: str
    sample_format: str = "s16"
    bit_rate: tuple[int, int] = (0, 0)
    options: dict[str, str] = field(default_factory=dict)


_RECIPES = {
    names.OPUS: _Recipe(
        "libopus",
        bit_rate=(32_000, 32_000),
        options={"application": "audio", "frame_duration": "20", "compression_level": "5"},
    ),
    names.AAC: _Recipe("aac", "fltp", (24_000, 64_000)),
    names.MP3: _Recipe("libmp3lame", "s16p", (32_000, 64_000), {"reservoir": "0"}),
    names.FLAC: _Recipe("flac"),
    names.G722: _Recipe("g722"),
    names.PCMA: _Recipe("pcm_alaw"),
    names.PCMU: _Recipe("pcm_mulaw"),
    names.L16: _Recipe("pcm_s16be"),
    names.PCML: _Recipe("pcm_s16le"),
}
_FREE_SIZE = frozenset({names.FLAC, names.G722})
"""Codecs whose frames libav makes of any size, if told before."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A frame and where the sound it decodes to begins, in samples since the encoder's first: negative while a codec
    that looks ahead fills up (its priming)."""

    start: int
    data: bytes


class AudioEncoder(ABC):
    """Takes `frame_samples` samples per channel at a time, 16 bit, interleaved, in the machine's byte order."""

    def __init__(self, rate: int, channels: int, frame_samples: int) -> None:
        self.rate = rate
        self.channels = channels
        self.frame_samples = frame_samples
        self.fed = 0
        """Samples per channel so far."""

    def encode(self, samples: bytes) -> Sequence[Encoded]:
        start = self.fed
        self.fed += self.frame_samples
        return self._encode(samples, start)

    @abstractmethod
    def _encode(self, samples: bytes, start: int) -> Sequence[Encoded]: ...

    def finish(self) -> Sequence[Encoded]:
        """What is still inside; after it the encoder is used up."""
        return ()


def encoder_for(codec: Codec, channels: int, ptime: float = PTIME) -> AudioEncoder:
    """A fresh encoder; Opus, which is always announced as stereo, is encoded with `channels`. Frames last `ptime`
    seconds where the codec leaves it open and libav has it. Raises `Unsupported`."""
    if codec.name != names.OPUS:
        channels = max(codec.channels, 1)
    try:
        if codec.name in ima.FRAMINGS:
            return _ImaEncoder(codec)
        if codec.name in names.G726:
            return _G726Encoder(codec)
        if codec.name in _RECIPES:
            return _LibavEncoder(codec, min(channels, 2), ptime)
    except (av.FFmpegError, ValueError) as error:
        raise Unsupported(f"{codec.label()} cannot be encoded: {error}") from error
    raise Unsupported(f"{codec.label()} cannot be encoded")


class _LibavEncoder(AudioEncoder):
    def __init__(self, codec: Codec, channels: int, ptime: float) -> None:
        recipe = _RECIPES[codec.name]
        context = av.CodecContext.create(recipe.codec, "w")
        assert isinstance(context, av.AudioCodecContext)
        rate = codec.rate
        context.sample_rate, context.layout, context.format = rate, LAYOUTS[channels - 1], recipe.sample_format
        context.time_base = Fraction(1, rate)
        context.thread_count = 1
        context.flags |= Flags.global_header
        least, most = recipe.bit_rate
        if most:
            context.bit_rate = channels * min(max(rate * 3 // 2, least), most)
        samples = round(rate * ptime)
        context.options = recipe.options | ({"frame_size": str(samples)} if codec.name in _FREE_SIZE else {})
        context.open()
        super().__init__(rate, channels, context.frame_size or samples)
        self._context = context

    @override
    def _encode(self, samples: bytes, start: int) -> Sequence[Encoded]:
        frame = frame_of(samples, self.rate, self.channels)
        frame.pts = start
        return self._packets(frame)

    @override
    def finish(self) -> Sequence[Encoded]:
        return self._packets(None)

    def _packets(self, frame: av.AudioFrame | None) -> Sequence[Encoded]:
        return [Encoded(packet.pts or 0, bytes(packet)) for packet in self._context.encode(frame) if packet.size]


class _ImaEncoder(AudioEncoder):
    def __init__(self, codec: Codec) -> None:
        framing = ima.FRAMINGS[codec.name]
        samples = round(codec.rate * PTIME)
        super().__init__(codec.rate, 1, samples + framing.leading)
        self._encoder = ima.Encoder(framing)

    @override
    def _encode(self, samples: bytes, start: int) -> Sequence[Encoded]:
        return (Encoded(start, self._encoder.encode(samples)),)


class _G726Encoder(AudioEncoder):
    def __init__(self, codec: Codec) -> None:
        super().__init__(codec.rate, 1, round(codec.rate * PTIME))
        self._coder = g726.Coder(int(codec.name[-2:]) // 8, low_first=not codec.name.startswith("AAL2"))

    @override
    def _encode(self, samples: bytes, start: int) -> Sequence[Encoded]:
        return (Encoded(start, self._coder.encode(samples)),)
