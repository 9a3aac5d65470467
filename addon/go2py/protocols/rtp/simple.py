"""Payload formats that are the codec's frames as they are: Opus (RFC 7587), G.711, G.722, L16 (RFC 3551)."""

from array import array
from collections.abc import Sequence
from typing import override

from ...media.codec import L16, PCML, Codec
from ...media.unit import AccessUnit
from .base import Depacketizer, PacketizedUnit, Packetizer, Payload


class FrameDepacketizer(Depacketizer):
    """Each packet is an access unit."""

    __slots__ = ()

    @override
    def push(
        self, sequence: int, timestamp: int, marker: bool, payload: Payload, arrived: float
    ) -> Sequence[AccessUnit]:
        self._in_order(sequence)
        return (self._unit(bytes(payload), timestamp, arrived),) if len(payload) else ()


class FramePacketizer(Packetizer):
    """Each access unit is a packet, whatever its size: such frames cannot be cut."""

    __slots__ = ()

    @override
    def packetize(self, unit: AccessUnit) -> PacketizedUnit:
        return PacketizedUnit(unit.units[:1], unit.pts, marker=False)


def swap_bytes(samples: bytes) -> bytes:
    """16 bit samples in the other byte order; an odd last byte is dropped."""
    words = array("H", samples[: len(samples) & ~1])
    words.byteswap()
    return words.tobytes()


class PcmPacketizer(Packetizer):
    """Samples cut into packets: of `ptime` ms, or each unit on its own into the fewest that fit when it is 0.

    PCML is sent as L16, the only one of the two that RTP knows.
    """

    __slots__ = ("_buffer", "_frame", "_pts", "_samples", "_swap")

    def __init__(self, codec: Codec, mtu: int, ptime: int = 0) -> None:
        super().__init__(codec, mtu)
        self._swap = codec.name == PCML
        width = 2 if codec.name in (L16, PCML) else 1
        self._frame = width * max(codec.channels, 1)  # bytes of one tick of the clock
        self._samples = min(codec.clock_rate * ptime // 1000, mtu // self._frame)
        self._buffer = bytearray()
        self._pts = 0

    @override
    def packetize(self, unit: AccessUnit) -> PacketizedUnit:
        data = swap_bytes(unit.units[0]) if self._swap else unit.units[0]
        return self._regroup(data, unit.pts) if self._samples else self._split(data, unit.pts)

    def _split(self, data: bytes, pts: int) -> PacketizedUnit:
        ticks = len(data) // self._frame
        count = -(-ticks * self._frame // (self.mtu // self._frame * self._frame)) or 1
        step = -(-ticks // count)
        size = step * self._frame
        payloads = tuple(data[at : at + size] for at in range(0, ticks * self._frame, size)) if ticks else ()
        return PacketizedUnit(payloads, pts, marker=False, step=step)

    def _regroup(self, data: bytes, pts: int) -> PacketizedUnit:
        held = len(self._buffer) // self._frame
        if abs(self._pts + held - pts) > self._samples:  # a jump in time: what is left over belongs to the past
            self._buffer.clear()
            held = 0
        if not held:
            self._pts = pts
        self._buffer += data
        size = self._samples * self._frame
        count = len(self._buffer) // size
        payloads = tuple(bytes(self._buffer[index * size : (index + 1) * size]) for index in range(count))
        del self._buffer[: count * size]
        first = self._pts
        self._pts += count * self._samples
        return PacketizedUnit(payloads, first, marker=False, step=self._samples)
