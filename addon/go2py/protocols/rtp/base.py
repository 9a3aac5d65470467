"""What every depacketizer and packetizer looks like."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from ...media.codec import Codec
from ...media.unit import AccessUnit

MAX_UNIT = 5 << 20
"""Bytes collected for one access unit before it is given up: markers get lost."""

MAX_GAP = 3000
"""A larger step of the sequence number is a restart of the sender, not loss."""

DEFAULT_MTU = 1200
"""Bytes of an RTP payload that fit every path with room for headers and SRTP."""

type Payload = bytes | memoryview


class Depacketizer(ABC):
    """Joins the payloads of one RTP stream into access units with the camera's own (32 bit, wrapping) timestamps.

    `codec` is what its units are in; it differs from the announced one where the payload format only wraps another
    codec (MP4A-LATM carries MPEG4-GENERIC). `lost` counts missing packets, `dropped` access units given up for them.
    """

    __slots__ = ("_next", "codec", "dropped", "lost")

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.lost = 0
        self.dropped = 0
        self._next = -1

    @abstractmethod
    def push(
        self, sequence: int, timestamp: int, marker: bool, payload: Payload, arrived: float
    ) -> Sequence[AccessUnit]:
        """Take the next packet, in order of sequence numbers; return the units that are whole now, mostly none.

        `payload` is only read during the call, its memory may be reused afterwards. Never raises: what makes no sense
        is dropped and counted. A broken access unit is never returned.
        """

    def _in_order(self, sequence: int) -> bool:
        """Note the sequence number and count what is missing in front of it; False when something is."""
        expected = self._next
        self._next = sequence + 1 & 0xFFFF
        if sequence == expected:
            return True
        if expected >= 0 and (gap := sequence - expected & 0xFFFF) <= MAX_GAP:
            self.lost += gap
        return False

    def _unit(self, frame: bytes, timestamp: int, arrived: float) -> AccessUnit:
        return AccessUnit(self.codec, (frame,), timestamp, arrived=arrived)


@dataclass(frozen=True, slots=True)
class PacketizedUnit:
    """RTP payloads of an access unit, shared by all who send it.

    Payload number `i` has the timestamp `pts + i * step` in the codec's clock. The last one carries the marker bit when
    `marker`, no other. All pieces of a NAL unit have the same size, except a shorter last one: fit for `UDP_SEGMENT`.
    """

    payloads: tuple[bytes, ...]
    pts: int
    marker: bool = True
    step: int = 0


class Packetizer(ABC):
    """Cuts access units into RTP payloads of at most `mtu` bytes (without the RTP header)."""

    __slots__ = ("codec", "mtu")

    def __init__(self, codec: Codec, mtu: int) -> None:
        self.codec = codec
        self.mtu = mtu

    @abstractmethod
    def packetize(self, unit: AccessUnit) -> PacketizedUnit:
        """The payloads; none for what the payload format cannot carry.

        Stateless unless it regroups audio (`ptime`), so that the result may be kept in the unit:
        `unit.rendered(("rtp", packetizer.mtu), packetizer.packetize)`.
        """


def pieces(data: bytes, limit: int, start: int = 0) -> list[bytes]:
    """`data[start:]` cut into the fewest pieces of at most `limit` bytes, equal ones with a shorter last one."""
    size = len(data) - start
    count = -(-size // limit)
    if count < 2:
        return [data[start:]]
    step = -(-size // count)
    return [data[at : at + step] for at in range(start, len(data), step)]
