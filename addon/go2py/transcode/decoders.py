"""Sound from access units, by libavcodec and, where it lacks a codec, our own code. Loads av."""

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import override

import av

from ..errors import ProtocolError, Unsupported
from ..media import aac
from ..media import codec as names
from ..media.codec import Codec
from . import g726, ima
from .formats import MAX_CHANNELS, MAX_RATE, MIN_RATE, decodable

LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")
MAX_UNIT = 1 << 19
"""Bytes of an access unit: more is no sound."""
MAX_SECONDS = 1.0
"""What one unit may decode to: a corrupt header promises any rate and any number of samples."""

_LIBAV = {
    names.AAC: "aac",
    names.LATM: "aac_latm",
    names.OPUS: "libopus",
    names.PCMA: "pcm_alaw",
    names.PCMU: "pcm_mulaw",
    names.G722: "g722",
    names.L16: "pcm_s16be",
    names.PCML: "pcm_s16le",
    names.MP3: "mp3float",
    names.FLAC: "flac",
}
_TOLD_BY_STREAM = frozenset({names.AAC, names.LATM, names.MP3, names.FLAC})
"""Codecs whose bitstream says rate and channels."""
_SAMPLE_BYTES = {names.PCMA: 1, names.PCMU: 1, names.L16: 2, names.PCML: 2}

type _Packet = av.Packet[av.stream.Stream]


class AudioDecoder(ABC):
    """Decodes units in order. One thread at a time."""

    def decode(self, data: bytes) -> Sequence[av.AudioFrame]:
        """The sound of one unit, without times. Raises `ProtocolError` for what makes no sense."""
        if len(data) > MAX_UNIT:
            raise ProtocolError("an audio unit is too large")
        try:
            frames = self._decode(data)
        except (av.FFmpegError, ValueError) as error:
            raise ProtocolError(f"an audio unit cannot be decoded: {type(error).__name__}") from error
        if any(not MIN_RATE <= frame.sample_rate <= MAX_RATE for frame in frames):
            raise ProtocolError("an audio unit has an impossible sample rate")
        if sum(frame.samples / frame.sample_rate for frame in frames) > MAX_SECONDS:
            raise ProtocolError("an audio unit lasts too long")
        return frames

    @abstractmethod
    def _decode(self, data: bytes) -> Sequence[av.AudioFrame]: ...


def decoder_for(codec: Codec) -> AudioDecoder:
    """A fresh decoder. Raises `Unsupported`."""
    if not decodable(codec):
        raise Unsupported(f"{codec.label()} cannot be decoded")
    try:
        if codec.name in ima.FRAMINGS:
            return _ImaDecoder(codec)
        if codec.name in names.G726:
            return _G726At40Decoder(codec) if codec.name.endswith("40") else _G726Decoder(codec)
        return _LibavDecoder(codec)
    except (av.FFmpegError, ValueError) as error:
        raise Unsupported(f"{codec.label()} cannot be decoded: {error}") from error


class _LibavDecoder(AudioDecoder):
    def __init__(self, codec: Codec) -> None:
        context = av.CodecContext.create(_LIBAV[codec.name], "r")
        assert isinstance(context, av.AudioCodecContext)
        channels = max(codec.channels, 1)
        if codec.name not in _TOLD_BY_STREAM:
            context.sample_rate, context.layout = codec.rate, LAYOUTS[channels - 1]
        if codec.name == names.AAC:
            context.extradata = codec.config or aac.build_config(aac.AudioConfig(aac.LC, codec.rate, channels))
        context.thread_count = 1
        context.open()
        self._context = context
        self._loas = codec.name == names.LATM
        self._block = _SAMPLE_BYTES.get(codec.name, 0) * channels

    @override
    def _decode(self, data: bytes) -> Sequence[av.AudioFrame]:
        if self._block:
            data = data[: len(data) // self._block * self._block]
        elif self._loas:  # the sync layer that libav looks for (ISO 14496-3 section 1.7.2)
            if len(data) >= 1 << 13:
                raise ProtocolError("a LATM element is too large")
            data = (0x2B7 << 13 | len(data)).to_bytes(3) + data
        if not data:
            return ()
        packet: _Packet = av.Packet(data)
        return self._context.decode(packet)


class _G726Decoder(AudioDecoder):
    """libav takes the width of a code from a container only, so an empty raw file stands in for one."""

    def __init__(self, codec: Codec) -> None:
        form = "g726" if codec.name.startswith("AAL2") else "g726le"
        options = {"code_size": str(int(codec.name[-2:]) // 8), "sample_rate": str(codec.rate)}
        self._container = av.open(io.BytesIO(bytes(1024)), format=form, options=options)
        self._context = self._container.streams.audio[0].codec_context

    @override
    def _decode(self, data: bytes) -> Sequence[av.AudioFrame]:
        packet: _Packet = av.Packet(data)
        return self._context.decode(packet)


class _G726At40Decoder(AudioDecoder):
    def __init__(self, codec: Codec) -> None:
        self._coder = g726.Coder(5, low_first=not codec.name.startswith("AAL2"))
        self._rate = codec.rate

    @override
    def _decode(self, data: bytes) -> Sequence[av.AudioFrame]:
        if 8 * len(data) // 5 > MAX_SECONDS * self._rate:
            raise ProtocolError("an audio unit lasts too long")
        samples = self._coder.decode(data)
        return (frame_of(samples, self._rate, 1),) if samples else ()


class _ImaDecoder(AudioDecoder):
    def __init__(self, codec: Codec) -> None:
        if codec.channels > 1:
            raise Unsupported("ADPCM with more than one channel cannot be decoded")
        self._framing = ima.FRAMINGS[codec.name]
        self._rate = codec.rate

    @override
    def _decode(self, data: bytes) -> Sequence[av.AudioFrame]:
        if 2 * len(data) > MAX_SECONDS * self._rate:
            raise ProtocolError("an audio unit lasts too long")
        return (frame_of(ima.decode(data, self._framing), self._rate, 1),)


def frame_of(samples: bytes, rate: int, channels: int) -> av.AudioFrame:
    """Interleaved 16 bit samples as a frame of libav."""
    frame = av.AudioFrame("s16", LAYOUTS[channels - 1], len(samples) // (2 * channels))
    frame.planes[0].update(samples)
    frame.sample_rate = rate
    frame.time_base = Fraction(1, rate)
    return frame


assert len(LAYOUTS) == MAX_CHANNELS
