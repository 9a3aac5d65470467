"""IMA ADPCM, mono: 4 bits a sample, a packet begins with the state it needs.

Two framings: RTP's DVI4 (RFC 3551 section 4.5.1) and the blocks of WAV files that many makers send (Microsoft's IMA
ADPCM). libav has the second, in blocks of fixed size only, and lacks the first.
"""

from array import array
from dataclasses import dataclass
from functools import cache
from struct import Struct

from ..errors import ProtocolError
from ..media import codec as names

HEADER_SIZE = 4

_STEPS = (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107,
    118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
    1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894,
    6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794,
    32767,
)  # fmt: skip
_INDEX_MOVES = (-1, -1, -1, -1, 2, 4, 6, 8)
_MIN, _MAX = -32768, 32767


@dataclass(frozen=True, slots=True)
class Framing:
    """`leading`: the header's sample is itself one of the packet's; `high_first`: order of the two codes of a byte."""

    header: Struct
    leading: bool
    high_first: bool


FRAMINGS = {
    names.DVI4: Framing(Struct(">hBx"), leading=False, high_first=True),
    names.ADPCM: Framing(Struct("<hBx"), leading=True, high_first=False),
}


@cache
def _moves() -> tuple[tuple[tuple[int, int], ...], ...]:
    """What each code does at each step: the difference and the next step."""
    table = []
    for index, step in enumerate(_STEPS):
        row = []
        for code in range(16):
            size = step >> 3
            for bit, shift in ((4, 0), (2, 1), (1, 2)):
                size += step >> shift if code & bit else 0
            row.append((-size if code & 8 else size, min(max(index + _INDEX_MOVES[code & 7], 0), len(_STEPS) - 1)))
        table.append(tuple(row))
    return tuple(table)


def decode(packet: bytes, framing: Framing) -> bytes:
    """16 bit samples in the machine's byte order. Raises `ProtocolError`."""
    if len(packet) < HEADER_SIZE:
        raise ProtocolError("ADPCM packet without a header")
    value, index = framing.header.unpack_from(packet)
    if index >= len(_STEPS):
        raise ProtocolError("ADPCM step index is out of range")
    samples = array("h", [value] if framing.leading else [])
    moves = _moves()
    for byte in packet[HEADER_SIZE:]:
        for code in (byte >> 4, byte & 15) if framing.high_first else (byte & 15, byte >> 4):
            difference, index = moves[index][code]
            value = min(max(value + difference, _MIN), _MAX)
            samples.append(value)
    return samples.tobytes()


class Encoder:
    """Packets of one stream: the step size is carried from one to the next."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._value = 0
        self._index = 0

    def encode(self, data: bytes) -> bytes:
        """A packet of 16 bit samples in the machine's byte order; with a leading sample an odd number fits best."""
        samples = array("h", data)
        if self._framing.leading and samples:
            self._value = samples.pop(0)
        header = self._framing.header.pack(self._value, self._index)
        codes = [self._code(sample) for sample in samples]
        if len(codes) & 1:
            codes.append(0)
        first, second = (codes[0::2], codes[1::2]) if self._framing.high_first else (codes[1::2], codes[0::2])
        return header + bytes(high << 4 | low for high, low in zip(first, second, strict=True))

    def _code(self, sample: int) -> int:
        step = _STEPS[self._index]
        distance = sample - self._value
        code = 0
        if distance < 0:
            code, distance = 8, -distance
        code |= min(7, (distance << 2) // step)
        difference, self._index = _moves()[self._index][code]
        self._value = min(max(self._value + difference, _MIN), _MAX)
        return code
