"""What the payload formats of H.264 and H.265 have in common: pictures of NAL units, spread over packets."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import override

from ...media.codec import Codec
from ...media.unit import AccessUnit
from .base import MAX_UNIT, Depacketizer, PacketizedUnit, Packetizer, Payload, pieces


class NalDepacketizer(Depacketizer):
    """Collects NAL units until a marker or the next timestamp ends the picture.

    After a gap it searches: packets are dropped until one surely begins a picture.
    """

    __slots__ = ("_fragments", "_searching", "_size", "_timestamp", "_units")

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        self._units: list[bytes] = []
        self._fragments: bytearray | None = None  # the NAL unit whose pieces are coming in
        self._timestamp = -1
        self._size = 0
        self._searching = True

    @override
    def push(
        self, sequence: int, timestamp: int, marker: bool, payload: Payload, arrived: float
    ) -> Sequence[AccessUnit]:
        ended: Sequence[AccessUnit] = ()
        if sequence != self._next or self._searching:
            if not self._found_begin(sequence, timestamp, marker, payload):
                return ended
        else:
            self._next = sequence + 1 & 0xFFFF
            if timestamp != self._timestamp:
                ended = self._finish(arrived)
                self._timestamp = timestamp
        self._size += len(payload)
        if self._size > MAX_UNIT or not self._take(payload):
            self._give_up()
            self._searching = not marker
        elif marker:
            return [*ended, *self._finish(arrived)] if ended else self._finish(arrived)
        return ended

    def _found_begin(self, sequence: int, timestamp: int, marker: bool, payload: Payload) -> bool:
        """After a gap, and while searching: whether this packet is the first of a picture."""
        known = self._next >= 0
        if self._in_order(sequence):
            begins = timestamp != self._timestamp
        else:
            of_broken = timestamp == self._timestamp and (self._searching or self._size > 0)
            begins = not of_broken and self._begins(payload)
            if self._size:
                self._give_up()
            if known and not begins and not of_broken:
                self.dropped += 1
        self._timestamp = timestamp
        self._searching = not (begins or marker)
        return begins

    def _give_up(self) -> None:
        self.dropped += 1
        self._units.clear()
        self._fragments = None
        self._size = 0

    def _finish(self, arrived: float) -> Sequence[AccessUnit]:
        """The picture collected so far."""
        if self._fragments is not None:
            self._close()
        self._size = 0
        if not self._units:
            return ()
        unit = AccessUnit(self.codec, tuple(self._units), self._timestamp, arrived=arrived, key=False)
        self._units.clear()
        return (unit,)

    def _close(self) -> None:
        """The fragmented NAL unit is whole. Some cameras forget the end flag: the next packet or marker tells."""
        if self._fragments is not None:
            self._units.append(bytes(self._fragments))
            self._fragments = None

    def _aggregate(self, payload: Payload, position: int) -> None:
        """Take the NAL units of an aggregation packet; a truncated last one is dropped."""
        end = len(payload)
        while position + 2 < end:
            start = position + 2
            position = start + (payload[position] << 8 | payload[position + 1])
            if start < position <= end:
                self._units.append(bytes(payload[start:position]))

    @abstractmethod
    def _take(self, payload: Payload) -> bool:
        """Take an accepted payload; False when the picture cannot be whole."""

    @abstractmethod
    def _begins(self, payload: Payload) -> bool:
        """Whether the payload can only be the first of a picture."""


class NalPacketizer(Packetizer):
    """Parameter sets and SEI share a packet in front, slices follow whole or in equal pieces."""

    __slots__ = ()

    @override
    def packetize(self, unit: AccessUnit) -> PacketizedUnit:
        payloads: list[bytes] = []
        small: list[bytes] = []
        for nal in unit.units:
            if len(nal) <= self.mtu and not self._is_slice(nal):
                small.append(nal)
                continue
            if small:
                self._bundle(small, payloads)
                small = []
            if len(nal) <= self.mtu:
                payloads.append(nal)
            else:
                self._fragment(nal, payloads)
        self._bundle(small, payloads)
        return PacketizedUnit(tuple(payloads), unit.pts)

    def _bundle(self, nals: list[bytes], payloads: list[bytes]) -> None:
        """Aggregation packets of small NAL units, as few as fit."""
        group: list[bytes] = []
        size = 0
        for nal in nals:
            if group and size + len(nal) + 4 > self.mtu:
                payloads.append(self._aggregate(group))
                group, size = [], 0
            group.append(nal)
            size += len(nal) + 2
        if group:
            payloads.append(self._aggregate(group))

    def _aggregate(self, nals: list[bytes]) -> bytes:
        if len(nals) == 1:
            return nals[0]
        return self._aggregation_header(nals) + b"".join(len(nal).to_bytes(2) + nal for nal in nals)

    def _cut(self, nal: bytes, indicator: bytes, kind: int, payloads: list[bytes]) -> None:
        """Fragmentation units: `indicator`, then a byte of start flag, end flag and type."""
        parts = pieces(nal, self.mtu - len(indicator) - 1, len(indicator))
        middle = indicator + bytes((kind,))
        payloads.append(indicator + bytes((0x80 | kind,)) + parts[0])
        payloads += [middle + part for part in parts[1:-1]]
        payloads.append(indicator + bytes((0x40 | kind,)) + parts[-1])

    @abstractmethod
    def _is_slice(self, nal: bytes) -> bool: ...

    @abstractmethod
    def _aggregation_header(self, nals: list[bytes]) -> bytes: ...

    @abstractmethod
    def _fragment(self, nal: bytes, payloads: list[bytes]) -> None: ...
