"""MPEG audio frame headers (ISO 11172-3 section 2.4.1.3, 13818-3): how long a frame is, in bytes and in time."""

from dataclasses import dataclass

from ..errors import ProtocolError

HEADER_SIZE = 4

_RATES = (44100, 48000, 32000)
_V1_KBITS = {
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_V2_KBITS = {
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATE_SHIFT = {3: 0, 2: 1, 0: 2}  # by version bits: MPEG-1, MPEG-2, MPEG-2.5


@dataclass(frozen=True, slots=True)
class Frame:
    """`size` in bytes, header included; `samples` per channel."""

    size: int
    samples: int
    sample_rate: int
    channels: int


def parse(data: bytes) -> Frame:
    """The frame that begins `data`. Raises `ProtocolError`, also for free-format frames."""
    if len(data) < HEADER_SIZE or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        raise ProtocolError("not an MPEG audio frame")
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    bitrate, rate = data[2] >> 4, data[2] >> 2 & 3
    if version not in _RATE_SHIFT or layer == 4 or bitrate in (0, 15) or rate == 3:
        raise ProtocolError("MPEG audio header makes no sense")
    first_version = version == 3
    kbits = (_V1_KBITS[layer] if first_version else _V2_KBITS[min(layer, 2)])[bitrate]
    sample_rate = _RATES[rate] >> _RATE_SHIFT[version]
    padding = data[2] >> 1 & 1
    if layer == 1:
        size, samples = (12_000 * kbits // sample_rate + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and not first_version else 1152
        size = samples * 125 * kbits // sample_rate + padding
    return Frame(size, samples, sample_rate, 1 if data[3] >> 6 == 3 else 2)
