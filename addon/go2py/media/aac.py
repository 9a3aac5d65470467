"""AAC: AudioSpecificConfig (ISO 14496-3 section 1.6.2.1) and ADTS headers (section 1.A.2.2)."""

from dataclasses import dataclass

from ..errors import ProtocolError
from .bits import BitReader, BitWriter

CODEC_STRING = "mp4a.40.2"

LC, SBR, LD, PS, ELD = 2, 5, 23, 29, 39
RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
ADTS_HEADER = 7

_ESCAPE = 31
_EXPLICIT_RATE = 15
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_GENERAL_AUDIO = frozenset((1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, LD))


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """`object_type` 2 is LC, 23 LD, 39 ELD; SBR and PS are told by `extension_rate`, the output rate with them, else 0.

    `frame_samples` count at `sample_rate`: 1024, 960, 512 or 480. `channels` is 0 where the stream itself tells.
    """

    object_type: int
    sample_rate: int
    channels: int
    frame_samples: int = 1024
    extension_rate: int = 0


@dataclass(frozen=True, slots=True)
class AdtsHeader:
    """`frame_size` in bytes, header included."""

    config: AudioConfig
    header_size: int
    frame_size: int


def parse_config(config: bytes) -> AudioConfig:
    """Parse an AudioSpecificConfig. Raises `ProtocolError`."""
    return read_config(BitReader(config[:64]))


def read_config(bits: BitReader) -> AudioConfig:
    """Read an AudioSpecificConfig, up to the end of its frame length flag and what follows it for LC and its like."""
    kind = _object_type(bits)
    rate = _rate(bits)
    channels = bits.read(4)
    extension = 0
    if kind in (SBR, PS):
        extension = _rate(bits)
        kind = _object_type(bits)
    samples = 1024
    if kind in _GENERAL_AUDIO:
        long, short = (512, 480) if kind == LD else (1024, 960)
        samples = short if bits.flag() else long
        if bits.flag():
            bits.skip(14)  # coreCoderDelay
        bits.skip(1)  # extensionFlag
    elif kind == ELD:
        samples = 480 if bits.flag() else 512
    if channels >= len(_CHANNELS):
        raise ProtocolError("AAC channel configuration is reserved")
    return AudioConfig(kind, rate, _CHANNELS[channels], samples, extension)


def _object_type(bits: BitReader) -> int:
    kind = bits.read(5)
    return 32 + bits.read(6) if kind == _ESCAPE else kind


def _rate(bits: BitReader) -> int:
    index = bits.read(4)
    rate = bits.read(24) if index == _EXPLICIT_RATE else RATES[index] if index < len(RATES) else 0
    if not rate:
        raise ProtocolError("AAC sample rate is reserved")
    return rate


def build_config(config: AudioConfig) -> bytes:
    """The AudioSpecificConfig of an LC, LD or ELD stream (SBR stays implicit: decoders find it)."""
    bits = BitWriter()
    if config.object_type >= 32:
        bits.write(_ESCAPE, 5)
        bits.write(config.object_type - 32, 6)
    else:
        bits.write(config.object_type, 5)
    if config.sample_rate in RATES:
        bits.write(RATES.index(config.sample_rate), 4)
    else:
        bits.write(_EXPLICIT_RATE, 4)
        bits.write(config.sample_rate, 24)
    bits.write(_channel_index(config.channels), 4)
    bits.write(config.frame_samples in (960, 480), 1)
    if config.object_type == ELD:
        bits.write(0, 4 + 4)  # resilience flags, SBR flag, terminator
    else:
        bits.write(0, 2)  # dependsOnCoreCoder, extensionFlag
    return bits.bytes()


def _channel_index(channels: int) -> int:
    return _CHANNELS.index(channels) if channels in _CHANNELS else 0


def parse_adts(data: bytes) -> AdtsHeader:
    """Parse an ADTS header. Raises `ProtocolError`."""
    if len(data) < ADTS_HEADER or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        raise ProtocolError("not an ADTS header")
    index = data[2] >> 2 & 15
    frame_size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    header_size = ADTS_HEADER if data[1] & 1 else ADTS_HEADER + 2
    if index >= len(RATES) or frame_size < header_size:
        raise ProtocolError("ADTS header makes no sense")
    channels = _CHANNELS[(data[2] & 1) << 2 | data[3] >> 6]
    return AdtsHeader(AudioConfig((data[2] >> 6) + 1, RATES[index], channels), header_size, frame_size)


def strip_adts(data: bytes) -> bytes:
    """The raw frame without its ADTS header, if it has one."""
    try:
        return data[parse_adts(data).header_size :]
    except ProtocolError:
        return data


def build_adts(config: AudioConfig, frame_size: int) -> bytes:
    """The 7-byte ADTS header (MPEG-4, no CRC) for a raw frame of `frame_size` bytes.

    Raises `ValueError` for what ADTS cannot express: ELD and its like, odd rates, frames of 8 KiB.
    """
    size = frame_size + ADTS_HEADER
    if not 1 <= config.object_type <= 4 or config.sample_rate not in RATES or size >= 1 << 13:
        raise ValueError("ADTS cannot express this AAC")
    head = (config.object_type - 1) << 6 | RATES.index(config.sample_rate) << 2
    bits = 0xFFF1 << 40 | head << 32 | _channel_index(config.channels) << 30 | size << 13 | 0x7FF << 2
    return bits.to_bytes(ADTS_HEADER)
