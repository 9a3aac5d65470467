"""What somebody says over RTP: packets as they come, from whoever they come, to audio units in order on a steady time.

Nothing that is sent can harm: other payload types and nonsense are counted and dropped, a flood costs no more than real
time and a quarter, and times that jump are replaced by the clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import ProtocolError
from ...media import codec as names
from ...media import opus
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ..rtcp import SenderReport
from .base import Depacketizer
from .packet import HEADER, payload_bounds
from .reception import Reception
from .registry import depacketizer_for
from .reorder import ReorderBuffer

HOLD = 0.03
"""Seconds that packets wait for one that they overtook; the jitter buffer is the mixing desk's."""
SWITCH = 0.1
"""Seconds of silence of one sender (SSRC) after which another one is listened to."""
JUMP = 2.0
"""Seconds by which timestamps may differ from the clock from one unit to the next."""
BACK = 0.1
"""The same backwards: packets are in order here, so a sender that goes back has taken up another track."""
BURST, PACE = 2.0, 1.25
"""Seconds of sound that may come at once, and how many per second from then on."""

_CAPACITY = 64
_SAMPLE_BYTES = {names.PCMA: 1, names.PCMU: 1, names.G722: 1, names.L16: 2, names.PCML: 2}
_AAC_SAMPLES = 1024
_USUAL = 0.02


@dataclass(frozen=True, slots=True)
class _Packet:
    payload_type: int
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    arrived: float


class SoundReceiver:
    """Listens to one sender at a time. `codecs` are those of the payload types that are understood.

    `own_ssrc` names us in reports. `packets` and `bytes` count what was taken, `lost` what never came, `refused` what
    was dropped for being nonsense or too much. Raises `Unsupported` for a codec that RTP cannot carry.
    """

    def __init__(self, codecs: Mapping[int, Codec], own_ssrc: int) -> None:
        self.packets = self.bytes = self.refused = 0
        self._codecs = dict(codecs)
        self._own = own_ssrc
        self._ssrc = -1
        self._heard = float("-inf")
        self._given_up = 0
        self._order: ReorderBuffer[_Packet] = ReorderBuffer(HOLD, _CAPACITY)
        self._reception = Reception(8000, own_ssrc)
        self._timeline = _Timeline()
        self._payload_type = -1
        self._by_type: dict[int, Depacketizer] = {}
        self._last: _Packet | None = None
        self._make_depacketizers()

    @property
    def codec(self) -> Codec | None:
        """What is being sent, None before the first packet."""
        return self._codecs.get(self._payload_type)

    @property
    def lost(self) -> int:
        return self._given_up + self._order.lost

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do."""
        return self._order.deadline

    def push(self, packet: bytes, now: float) -> list[AccessUnit]:
        """Take a packet; return what is ready now, `pts` counting from 0. Never raises."""
        try:
            start, end = payload_bounds(packet, 0, len(packet))
        except ProtocolError:
            self.refused += 1
            return []
        _, marker_type, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        payload_type = marker_type & 0x7F
        if payload_type not in self._codecs or not self._admit(ssrc, now):
            self.refused += 1
            return []
        self.packets += 1
        self.bytes += end - start
        self._turn(payload_type)
        self._reception.received(sequence, timestamp, ssrc, now)
        one = _Packet(payload_type, sequence, timestamp, marker_type > 0x7F, packet[start:end], now)
        return self._join(self._order.push(sequence, one, now))

    def expire(self, now: float) -> list[AccessUnit]:
        """Give up what did not come in time; return what waited behind it."""
        return self._join(self._order.expire(now))

    def reported(self, report: SenderReport, now: float) -> None:
        """A sender report of the peer, whoever it is about."""
        if report.ssrc == self._ssrc:
            self._reception.reported(report, now)

    def report(self, now: float) -> bytes:
        """The compound RTCP packet to send; empty before the first packet."""
        return self._reception.report(now)

    def _admit(self, ssrc: int, now: float) -> bool:
        """Whether this sender is listened to: one at a time, the next when the last has fallen silent."""
        if ssrc != self._ssrc:
            if now - self._heard < SWITCH:
                return False
            self._ssrc = ssrc
            self._given_up += self._order.lost
            self._order = ReorderBuffer(HOLD, _CAPACITY)
            self._make_depacketizers()
            self._timeline.restart()
        self._heard = now
        return True

    def _turn(self, payload_type: int) -> None:
        """Reports count in the clock of what is sent."""
        codec = self._codecs[payload_type]
        if payload_type != self._payload_type:
            before, self._payload_type = self.codec, payload_type
            if before is None or before.clock_rate != codec.clock_rate:
                self._reception = Reception(codec.clock_rate, self._own)

    def _make_depacketizers(self) -> None:
        self._by_type = {number: depacketizer_for(codec) for number, codec in self._codecs.items()}
        self._last = None

    def _join(self, packets: Sequence[_Packet]) -> list[AccessUnit]:
        units: list[AccessUnit] = []
        for packet in packets:
            codec, last = self._codecs[packet.payload_type], self._last
            if last is not None and last.payload_type != packet.payload_type:
                self._timeline.restart()
            elif last is not None and codec.name == names.OPUS:
                self._place(_concealed(codec, last, packet), units)
            self._last = packet
            push = self._by_type[packet.payload_type].push
            made = push(packet.sequence, packet.timestamp, packet.marker, packet.payload, packet.arrived)
            self._place(made, units)
        return units

    def _place(self, made: Sequence[AccessUnit], units: list[AccessUnit]) -> None:
        for unit in made:
            pts = self._timeline.place(unit)
            if pts is None:
                self.refused += 1
            else:
                unit.pts = unit.dts = pts
                units.append(unit)


class _Timeline:
    """RTP times, which wrap, jump and race, made one that only goes forward."""

    def __init__(self) -> None:
        self._pts = -1
        self._raw = 0
        self._rate = 1
        self._fresh = True
        self._credit = BURST
        self._seen: float | None = None
        """When the newest unit came …"""
        self._taken = 0.0
        """… and the newest that was not dropped."""

    def restart(self) -> None:
        """The next unit's time has nothing to do with the last one's: only the clock tells where it belongs."""
        self._fresh = True

    def place(self, unit: AccessUnit) -> int | None:
        """Where the unit belongs, in its codec's clock; None for one that is too old, too much or no sound."""
        rate, now, length = unit.codec.clock_rate, unit.arrived, _seconds(unit)
        if self._seen is not None:
            self._credit = min(BURST, self._credit + PACE * max(0.0, now - self._seen))
        self._seen = now
        if not 0 < length <= self._credit:
            return None
        step = (unit.pts - self._raw + (1 << 31)) % (1 << 32) - (1 << 31)
        passed = now - self._taken
        if self._pts < 0:
            step = 1
        elif self._fresh or rate != self._rate or step / rate < -BACK or abs(step / rate - passed) > JUMP:
            self._pts = round(self._pts * rate / self._rate)
            step = max(1, round(passed * rate))
        elif step <= 0:
            return None
        self._credit -= length
        self._fresh, self._raw, self._rate, self._taken = False, unit.pts, rate, now
        self._pts += step
        return self._pts


def _seconds(unit: AccessUnit) -> float:
    """How long the unit sounds; 0 for nonsense."""
    codec, data = unit.codec, unit.units[0]
    if codec.name == names.OPUS:
        return opus.duration(data) / 48_000
    if size := _SAMPLE_BYTES.get(codec.name):
        return len(data) / (size * max(codec.channels, 1) * codec.clock_rate)
    return _AAC_SAMPLES / codec.rate if codec.name == names.AAC else _USUAL


def _concealed(codec: Codec, last: _Packet, packet: _Packet) -> list[AccessUnit]:
    """What stands for Opus packets lost between two: the decoder goes on from what it heard last."""
    if packet.sequence == last.sequence + 1 & 0xFFFF or not last.payload:
        return []
    content = opus.concealment(last.payload)
    frame, start = opus.duration(content), last.timestamp + opus.duration(last.payload)
    missing = (packet.timestamp - start) % (1 << 32)
    if not frame or missing > opus.MAX_SAMPLES:
        return []
    times = range(start, start + missing - frame + 1, frame)
    return [AccessUnit(codec, (content,), at % (1 << 32), arrived=packet.arrived) for at in times]
