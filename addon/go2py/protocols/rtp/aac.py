"""AAC over RTP, `mpeg4-generic` (RFC 3640): AU headers of any width, several or parts of access units in a packet."""

from collections.abc import Sequence
from typing import override

from ...errors import ProtocolError
from ...media.aac import parse_config, strip_adts
from ...media.bits import BitReader
from ...media.codec import Codec
from ...media.fmtp import number, parameters
from ...media.unit import AccessUnit
from .base import MAX_UNIT, Depacketizer, PacketizedUnit, Packetizer, Payload, pieces

MAX_UNITS = 64
"""Access units in a packet; more is nonsense."""

HBR_FMTP = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
"""What `AacPacketizer` makes, in words of SDP; `;config=` is to follow."""

_MAX_FRAME = (1 << 13) - 1


def frame_ticks(codec: Codec) -> int:
    """How long an AAC frame lasts in ticks of the codec's clock (which may be that of SBR's output, or 90 kHz)."""
    try:
        config = parse_config(codec.config)
    except ProtocolError:
        return 1024
    return config.frame_samples * codec.clock_rate // config.sample_rate or 1024


class AacDepacketizer(Depacketizer):
    """`sizelength`, `indexlength`, `indexdeltalength` of the fmtp; without a sizelength a packet is one access unit.

    Cameras that send ADTS frames in place of AU headers are understood. Interleaving (AU-Index ≠ 0) is not undone.
    """

    __slots__ = ("_delta_bits", "_fragments", "_index_bits", "_size_bits", "_ticks", "_timestamp", "_wanted")

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        values = parameters(codec.fmtp)
        hbr = ("mode" not in values and "sizelength" not in values) or values.get("mode", "").lower() == "aac-hbr"
        self._size_bits = number(values, "sizelength", 13 if hbr else 0, 32)
        self._index_bits = number(values, "indexlength", 3 if hbr else 0, 32)
        self._delta_bits = number(values, "indexdeltalength", 3 if hbr else 0, 32)
        self._ticks = frame_ticks(codec)
        self._fragments = bytearray()
        self._wanted = 0  # bytes of the access unit whose parts are coming in
        self._timestamp = 0

    @override
    def push(
        self, sequence: int, timestamp: int, marker: bool, payload: Payload, arrived: float
    ) -> Sequence[AccessUnit]:
        if not self._in_order(sequence) or timestamp != self._timestamp:
            self._give_up()
        self._timestamp = timestamp
        data = bytes(payload)
        if not self._size_bits:
            return (self._unit(strip_adts(data), timestamp, arrived),) if data else ()
        header_end = 2 + (int.from_bytes(data[:2]) + 7 >> 3)
        if header_end > len(data):
            frame = strip_adts(data)
            return (self._unit(frame, timestamp, arrived),) if len(frame) < len(data) else ()
        sizes = self._sizes(data, header_end)
        if self._wanted or (len(sizes) == 1 and sizes[0] > len(data) - header_end):
            return self._collect(data[header_end:], sizes, timestamp, arrived)
        return self._cut(data, header_end, sizes, timestamp, arrived)

    def _sizes(self, data: bytes, header_end: int) -> list[int]:
        if header_end == 4 and self._size_bits + self._index_bits == 16:
            return [int.from_bytes(data[2:4]) >> self._index_bits]
        total = min(int.from_bytes(data[:2]), MAX_UNITS * 64)
        bits = BitReader(data[2:header_end])
        sizes: list[int] = []
        width = self._size_bits + self._index_bits
        while total >= width and bits.left >= width and len(sizes) < MAX_UNITS:
            sizes.append(bits.read(self._size_bits))
            bits.skip(width - self._size_bits)
            total -= width
            width = self._size_bits + self._delta_bits
        return sizes

    def _cut(
        self, data: bytes, position: int, sizes: list[int], timestamp: int, arrived: float
    ) -> Sequence[AccessUnit]:
        units: list[AccessUnit] = []
        for index, size in enumerate(sizes):
            frame = data[position : position + size]
            position += size
            if len(frame) < size or not size:
                self.dropped += 1
                break
            at = timestamp + index * self._ticks & 0xFFFFFFFF
            units.append(self._unit(strip_adts(frame) if frame[0] == 0xFF else frame, at, arrived))
        return units

    def _collect(self, part: bytes, sizes: list[int], timestamp: int, arrived: float) -> Sequence[AccessUnit]:
        """Parts of one access unit; each packet repeats its whole size."""
        if not self._wanted:
            self._wanted = min(sizes[0], MAX_UNIT)
        self._fragments += part
        if len(self._fragments) < self._wanted:
            return ()
        frame = bytes(self._fragments)
        whole = len(frame) == self._wanted
        self._fragments.clear()
        self._wanted = 0
        if whole:
            return (self._unit(frame, timestamp, arrived),)
        self.dropped += 1
        return ()

    def _give_up(self) -> None:
        if self._wanted:
            self.dropped += 1
            self._fragments.clear()
            self._wanted = 0


class AacPacketizer(Packetizer):
    """AAC-hbr, an access unit a packet; larger ones in parts."""

    __slots__ = ()

    @override
    def packetize(self, unit: AccessUnit) -> PacketizedUnit:
        frame = unit.units[0]
        if len(frame) > _MAX_FRAME:
            return PacketizedUnit((), unit.pts)
        header = b"\0\x10" + (len(frame) << 3).to_bytes(2)
        return PacketizedUnit(tuple(header + part for part in pieces(frame, self.mtu - 4)), unit.pts)
