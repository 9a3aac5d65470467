"""JPEG over RTP (RFC 2435): its headers are left out on the way and made again behind it."""

from collections.abc import Sequence
from struct import Struct
from typing import override

from ...errors import ProtocolError
from ...media import jpeg
from ...media.codec import Codec
from ...media.unit import AccessUnit
from .base import MAX_UNIT, Depacketizer, PacketizedUnit, Packetizer, Payload

_HEADER = Struct(">IBBBB")
"""Type-specific and fragment offset, type, Q, width / 8, height / 8."""

_TYPES: dict[tuple[tuple[int, int], ...], int] = {((2, 1), (1, 1), (1, 1)): 0, ((2, 2), (1, 1), (1, 1)): 1}
_RESTART = 64
_DYNAMIC_Q = 255
_TABLE_BYTES = 128

OVERFLOWN_SIZES = {
    (512, 1920): (2560, 1920),
    (512, 1440): (2560, 1440),
    (1792, 112): (3840, 2160),
    (256, 1296): (2304, 1296),
}
"""A size takes 8 bits of 8 pixels: cameras above 2040 pixels send what is left of it."""


class JpegDepacketizer(Depacketizer):
    """Types 0, 1 (4:2:2, 4:2:0) with and without restart markers, Q 1 to 127 and tables in the stream."""

    __slots__ = ("_front", "_scan", "_tables", "_timestamp")

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        self._front = b""
        self._scan = bytearray()
        self._timestamp = -1
        self._tables: dict[int, tuple[bytes, bytes]] = {}

    @override
    def push(
        self, sequence: int, timestamp: int, marker: bool, payload: Payload, arrived: float
    ) -> Sequence[AccessUnit]:
        first = self._next < 0
        ordered = self._in_order(sequence)
        if self._front and not (ordered and timestamp == self._timestamp):
            self._give_up()
        elif not ordered and not first and timestamp != self._timestamp and not self._starts(payload):
            self.dropped += 1  # its first packets are lost
        self._timestamp = timestamp
        try:
            self._take(bytes(payload))
        except ProtocolError:
            self._give_up()
        if not marker or not self._front:
            return ()
        end = b"" if self._scan.endswith(jpeg.EOI) else jpeg.EOI
        unit = self._unit(self._front + self._scan + end, timestamp, arrived)
        self._front = b""
        self._scan.clear()
        return (unit,)

    def _give_up(self) -> None:
        self.dropped += 1
        self._front = b""
        self._scan.clear()

    @staticmethod
    def _starts(payload: Payload) -> bool:
        return bytes(payload[1:4]) == b"\0\0\0"

    def _take(self, data: bytes) -> None:
        if len(data) < _HEADER.size:
            raise ProtocolError("RTP/JPEG header is cut off")
        offset, kind, q, width, height = _HEADER.unpack_from(data)
        offset &= 0xFFFFFF
        position = _HEADER.size
        interval = 0
        if kind & _RESTART:
            interval = int.from_bytes(data[position : position + 2])
            position += 4
        if kind & ~_RESTART > 1:
            raise ProtocolError("RTP/JPEG type is not known")
        if offset == 0:
            self._scan.clear()
            luma, chroma, position = self._quantizers(data, position, q)
            width, height = self._size(width * 8, height * 8)
            rows = bool(kind & 1)
            self._front = jpeg.headers(
                width, height, subsampled_rows=rows, luma=luma, chroma=chroma, restart_interval=interval
            )
        elif not self._front:
            return  # of a picture that is broken already
        if offset != len(self._scan) or offset > MAX_UNIT:
            raise ProtocolError("RTP/JPEG fragment does not follow")
        self._scan += data[position:]

    def _quantizers(self, data: bytes, position: int, q: int) -> tuple[bytes, bytes, int]:
        if q < 128:
            if not q:
                raise ProtocolError("RTP/JPEG quality is reserved")
            return *jpeg.quantizers(q), position
        if position + 4 > len(data):
            raise ProtocolError("RTP/JPEG table header is cut off")
        size = int.from_bytes(data[position + 2 : position + 4])
        precision = data[position + 1]
        position += 4
        if not size and q != _DYNAMIC_Q and q in self._tables:
            return *self._tables[q], position
        tables = data[position : position + size]
        if precision or len(tables) < size or size not in (_TABLE_BYTES // 2, _TABLE_BYTES):
            raise ProtocolError("RTP/JPEG tables are broken")
        found = tables[:64], tables[-64:]
        self._tables[q] = found
        return *found, position + size

    def _size(self, width: int, height: int) -> tuple[int, int]:
        width, height = OVERFLOWN_SIZES.get((width, height), (width, height))
        width, height = width or self.codec.width, height or self.codec.height
        if not width or not height:
            raise ProtocolError("RTP/JPEG size is not told")
        return width, height


class JpegPacketizer(Packetizer):
    """Sends the picture's own tables in each first packet (Q 255).

    What RFC 2435 cannot carry gives no payloads: other sampling than 4:2:0 and 4:2:2, own Huffman tables, progressive
    pictures. Tables are never cut: packets may have 145 bytes whatever the `mtu`. A side above 2040 pixels, or not a
    multiple of 8, arrives as what is left of it.
    """

    __slots__ = ()

    @override
    def packetize(self, unit: AccessUnit) -> PacketizedUnit:
        data = unit.units[0]
        try:
            found = jpeg.parse(data)
        except ProtocolError:
            return PacketizedUnit((), unit.pts)
        kind = _TYPES.get(found.sampling)
        tables = [found.tables.get(table, b"") for table in found.components[:2]]
        if kind is None or not all(tables) or not jpeg.is_standard_huffman(found.huffman):
            return PacketizedUnit((), unit.pts)
        restart = b""
        if found.restart_interval:
            kind |= _RESTART
            restart = found.restart_interval.to_bytes(2) + b"\xff\xff"
        front = b"\0\0" + _TABLE_BYTES.to_bytes(2) + b"".join(tables)
        width, height = found.width + 7 >> 3 & 0xFF, found.height + 7 >> 3 & 0xFF
        return PacketizedUnit(tuple(self._cut(data[found.scan :], front, restart, (kind, width, height))), unit.pts)

    def _cut(self, scan: bytes, front: bytes, restart: bytes, shape: tuple[int, int, int]) -> list[bytes]:
        """All packets of one size: the first one holds the tables and less of the picture."""
        kind, width, height = shape
        scan = scan.removesuffix(jpeg.EOI)
        limit = max(self.mtu - _HEADER.size - len(restart), len(front) + 1)
        data = front + scan
        parts = [data[at : at + limit] for at in range(0, len(data), limit)]
        payloads: list[bytes] = []
        offset = 0
        for index, part in enumerate(parts):
            payloads.append(_HEADER.pack(offset, kind, _DYNAMIC_Q, width, height) + restart + part)
            offset += len(part) - (0 if index else len(front))
        return payloads
