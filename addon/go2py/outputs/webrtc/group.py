"""One track, rendered once as RTP for all viewers that take it in the same form."""

import random
import time
from collections import deque
from collections.abc import Callable, Sequence

from ...media.unit import AccessUnit
from ...protocols.rtp.base import Packetizer
from ...protocols.rtp.registry import packetizer_for
from ...streams.track import Track
from .batch import RtpBatch
from .form import MAX_PACKET, Header, SendForm

HISTORY_SECONDS = 2.0
HISTORY_PACKETS = 8192
REPLAY_IDLE = 2.0
"""Seconds after which an unused replay is forgotten."""
CHUNK = 16
"""Packets of a replay that are sent at once."""


class Picture:
    """An access unit as packets. `first` is the group's sequence number, `number` the transport-wide one, of its first
    packet; `sent` is `time.monotonic()`."""

    __slots__ = ("first", "key", "number", "packets", "sent", "size", "timestamp")

    def __init__(
        self, packets: tuple[bytes, ...], first: int, number: int, timestamp: int, size: int, key: bool, sent: float
    ) -> None:
        self.packets = packets
        self.first = first
        self.number = number
        self.timestamp = timestamp
        self.size = size
        self.key = key
        self.sent = sent


type Member = Callable[[Picture, RtpBatch], None]


class Replay:
    """The current group of pictures as packets numbered from 0; the timestamp of picture `i` is `i`.

    A viewer shifts both to where it stands, so one rendering serves all who join.
    """

    def __init__(self, key: AccessUnit, form: SendForm, ssrc: int) -> None:
        self.key = key
        self.packets: list[bytes] = []
        self.batches: list[RtpBatch] = []
        self.ends: list[int] = []
        """Batches up to the end of each picture."""
        self.sizes: list[int] = []
        """Bytes of each access unit."""
        self.bytes = 0
        self.used = 0.0
        self._ssrc = ssrc
        self._key_header = Header(form, key=True, numbered=False)
        self._header = Header(form, key=False, numbered=False)

    def extend(self, units: Sequence[AccessUnit], packetizer: Packetizer, now: float) -> None:
        """Render what is new; `units` is the whole group of pictures."""
        for index in range(len(self.ends), len(units)):
            unit = units[index]
            made = packetizer.packetize(unit)
            header = self._key_header if unit.key else self._header
            packets = header.pack(made.payloads, made.marker, len(self.packets), index, 0, self._ssrc, 0, now)
            self.packets += packets
            for start in range(0, len(packets), CHUNK):
                batch = RtpBatch(packets[start : start + CHUNK])
                self.bytes += batch.size
                self.batches.append(batch)
            self.ends.append(len(self.batches))
            self.sizes.append(unit.size)

    def packet(self, sequence: int) -> bytes | None:
        """The packet with this number, for retransmission."""
        return self.packets[sequence] if sequence < len(self.packets) else None


class SenderGroup:
    """Renders a track for its members while there are any; keeps what was sent for retransmission.

    All members share SSRC, sequence numbers, timestamps and transport-wide numbers. `hold` and `release` count who
    may still join: the SSRC stands in their answers.
    """

    def __init__(
        self, track: Track, form: SendForm, on_empty: Callable[[], None], like: SenderGroup | None = None
    ) -> None:
        self.track = track
        self.form = form
        self.ssrc: int = like.ssrc if like else random.randrange(1, 1 << 32)
        self.sequence = random.randrange(1 << 15)
        self.number = 0
        self.offset: int = like.offset if like else random.randrange(1 << 32)
        """Added to the track's times to get RTP timestamps."""
        self.history: deque[Picture] = deque()
        self.key_sent = 0.0
        """`time.monotonic()` of the newest key picture."""
        self._history_packets = 0
        self._members: tuple[Member, ...] = ()
        self._holds = 0
        self._on_empty = on_empty
        self._cancel: Callable[[], None] | None = None
        self._replay: Replay | None = None
        self._headers = {key: Header(form, key=key, numbered=True) for key in (True, False)}
        self._codec = track.codec
        self._packetizer = self._make_packetizer()

    def hold(self) -> None:
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1
        if not self._holds:
            self._on_empty()

    def join(self, member: Member) -> None:
        """Call `member` with every picture from now on."""
        self._members = (*self._members, member)
        if self._cancel is None:
            self._cancel = self.track.subscribe(self._publish)

    def leave(self, member: Member) -> None:
        self._members = tuple(one for one in self._members if one != member)
        if not self._members and self._cancel is not None:
            self._cancel()
            self._cancel = None
            self.history.clear()
            self._history_packets = 0
            self._replay = None

    def rtp_time(self, now: float) -> int:
        """The RTP timestamp of an instant of `time.monotonic()`, for sender reports."""
        return int(now * self.track.codec.clock_rate + self.offset) & 0xFFFFFFFF

    @property
    def bitrate(self) -> float:
        """Bits a second sent lately, 0 while unknown."""
        if len(self.history) < 2:
            return 0.0
        span = self.history[-1].sent - self.history[0].sent
        return 8 * sum(picture.size for picture in self.history) / span if span > 0.5 else 0.0

    def timestamp(self, unit: AccessUnit) -> int:
        """The RTP timestamp of a unit."""
        return (unit.pts + self.offset) & 0xFFFFFFFF

    def replay(self, now: float) -> Replay | None:
        """The current group of pictures as packets; None before the first key picture."""
        units = self.track.gop.units()
        if not units or not units[0].key:
            return None
        if self._replay is None or self._replay.key is not units[0]:
            self._replay = Replay(units[0], self.form, self.ssrc)
        self._replay.extend(units, self._packetizer_for(units[0]), now)
        self._replay.used = now
        return self._replay

    def train(self, number: int) -> tuple[int, list[int]] | None:
        """The first transport-wide number of the picture that this number belongs to, and its packets' sizes."""
        for picture in reversed(self.history):
            if (number - picture.number) & 0xFFFF < len(picture.packets):
                return picture.number, [len(packet) for packet in picture.packets]
        return None

    def packet(self, sequence: int) -> bytes | None:
        """A packet sent lately, by the group's sequence number."""
        for picture in reversed(self.history):
            offset = (sequence - picture.first) & 0xFFFF
            if offset < len(picture.packets):
                return picture.packets[offset]
        return None

    def _publish(self, _track: Track, units: Sequence[AccessUnit]) -> None:
        now = time.monotonic()
        for unit in units:
            if (picture := self._render(unit, now)) is None:
                continue
            batch = RtpBatch(picture.packets)
            for member in self._members:
                member(picture, batch)
        self._forget(now)

    def _render(self, unit: AccessUnit, now: float) -> Picture | None:
        packetizer = self._packetizer_for(unit)
        made = unit.rendered(("rtp", packetizer.mtu), packetizer.packetize)
        if not made.payloads:
            return None
        timestamp = (made.pts + self.offset) & 0xFFFFFFFF
        header = self._headers[unit.key and unit.codec.is_video]
        packets = header.pack(
            made.payloads, made.marker, self.sequence, timestamp, made.step, self.ssrc, self.number, now
        )
        picture = Picture(packets, self.sequence, self.number, timestamp, unit.size, unit.key, now)
        self.sequence = (self.sequence + len(packets)) & 0xFFFF
        self.number = (self.number + len(packets)) & 0xFFFF
        self.history.append(picture)
        self._history_packets += len(packets)
        self.key_sent = now if unit.key else self.key_sent
        return picture

    def _packetizer_for(self, unit: AccessUnit) -> Packetizer:
        if unit.codec is not self._codec:
            self._codec = unit.codec
            self._packetizer = self._make_packetizer()
        return self._packetizer

    def _make_packetizer(self) -> Packetizer:
        return packetizer_for(self._codec, MAX_PACKET - Header(self.form, key=True, numbered=True).size)

    def _forget(self, now: float) -> None:
        history = self.history
        while history and (now - history[0].sent > HISTORY_SECONDS or self._history_packets > HISTORY_PACKETS):
            self._history_packets -= len(history.popleft().packets)
        if self._replay is not None and now - self._replay.used > REPLAY_IDLE:
            self._replay = None


def group_for(track: Track, form: SendForm, like: SenderGroup | None = None) -> SenderGroup:
    """The track's group for this form, made when needed; the caller holds it until `release`.

    `like` is a group whose SSRC and clock it shares: a viewer may go from one to the other."""
    key = ("webrtc", form, like.ssrc if like else 0)
    group: SenderGroup | None = track.shared.get(key)
    if group is None:
        group = track.shared[key] = SenderGroup(track, form, lambda: track.shared.pop(key, None), like)
    group.hold()
    return group
