"""MPEG audio (MP3) over RTP (RFC 2250 section 3.5): whole frames, or parts of one."""

from collections.abc import Sequence
from typing import override

from ...errors import ProtocolError
from ...media import mp3
from ...media.codec import Codec
from ...media.unit import AccessUnit
from .base import MAX_UNIT, Depacketizer, PacketizedUnit, Packetizer, Payload, pieces

HEADER_SIZE = 4
MAX_FRAMES = 64


class MpaDepacketizer(Depacketizer):
    """Cuts packets into frames; `sample_rate` and `channels` of the codec are learned from them."""

    __slots__ = ("_part", "_timestamp")

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        self._part = bytearray()
        self._timestamp = 0

    @override
    def push(
        self, sequence: int, timestamp: int, marker: bool, payload: Payload, arrived: float
    ) -> Sequence[AccessUnit]:
        ordered = self._in_order(sequence)
        if len(payload) <= HEADER_SIZE:
            return ()
        offset = payload[2] << 8 | payload[3]
        if self._part and not (ordered and offset == len(self._part)):
            self._part.clear()
            self.dropped += 1
        if offset != len(self._part) or len(self._part) > MAX_UNIT:
            return ()
        if not offset:
            self._timestamp = timestamp
        self._part += payload[HEADER_SIZE:]
        return self._frames(arrived)

    def _frames(self, arrived: float) -> Sequence[AccessUnit]:
        data = bytes(self._part)
        units: list[AccessUnit] = []
        position = ticks = 0
        while position < len(data) and len(units) < MAX_FRAMES:
            try:
                frame = mp3.parse(data[position : position + mp3.HEADER_SIZE])
            except ProtocolError:
                self.dropped += 1
                break
            if position + frame.size > len(data):
                if position:
                    self.dropped += 1
                    break
                return ()  # the rest is in the next packet
            self._learn(frame)
            body = data[position : position + frame.size]
            units.append(self._unit(body, self._timestamp + ticks & 0xFFFFFFFF, arrived))
            position += frame.size
            ticks += frame.samples * self.codec.clock_rate // frame.sample_rate
        self._part.clear()
        return units

    def _learn(self, frame: mp3.Frame) -> None:
        rate = frame.sample_rate if frame.sample_rate != self.codec.clock_rate else 0
        if (self.codec.sample_rate, self.codec.channels) != (rate, frame.channels):
            self.codec = self.codec.with_(sample_rate=rate, channels=frame.channels)


class MpaPacketizer(Packetizer):
    """A frame a packet; larger ones in parts."""

    __slots__ = ()

    @override
    def packetize(self, unit: AccessUnit) -> PacketizedUnit:
        parts = pieces(unit.units[0], self.mtu - HEADER_SIZE)
        step = len(parts[0])
        payloads = tuple((index * step & 0xFFFF).to_bytes(4) + part for index, part in enumerate(parts))
        return PacketizedUnit(payloads, unit.pts, marker=False)
