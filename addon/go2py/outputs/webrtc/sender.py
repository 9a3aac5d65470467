"""One track on its way to one viewer: in step with the group, catching up, or waiting for a key picture.

A viewer in step gets every picture the moment it is rendered, under the group's own sequence numbers. A viewer that
joins gets the current group of pictures first, numbered so that it ends where the live numbers go on: it is in step
when the burst is through. Whoever is given a replay later, or was cut, continues its own numbers by a shift.
Timestamps of a replay are one tick apart: a browser that was asked for no playout delay decodes through them and shows
the newest. Live timestamps are never shifted, so one clock serves all sender reports.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from .bandwidth import SETTLE, TRAIN, Bandwidth, BurstWatch
from .batch import RtpBatch, Shift
from .form import retransmission
from .group import HISTORY_SECONDS, Picture, Replay, SenderGroup

REPLAY_INTERVAL = 2.0
"""Seconds between two replays for one viewer."""
BURST_SECONDS = 2.0
"""A replay begins only where it should take no longer …"""
LONGEST_BURST = 3.0
"""… and goes on while what is left takes no longer."""
KEY_RATE = 24e6
RAMP_START = 8e6
RAMP_DOUBLES = 0.1
"""Bits a second of a burst: of its key picture, then of what follows, which doubles after so many seconds up to what
the path takes. News of an overflow come late, so a burst starts gently."""
DRAIN = 0.6
"""The share of the rate that is used after an overflow until the queue on the path is empty."""
SPRINKLE = 4
"""Packets of a replay sent at once on a thin path, whose queue has little room."""
HEADROOM = 1.25
"""How much faster than the stream live pictures leave a queue."""
BACKLOG_SECONDS = 2.5
"""A queue whose head waits longer is dropped up to the next key picture."""
BACKLOG_BYTES = 24 << 20
STREAM_BUFFER = 256 * 1024
"""Bytes that may wait in a TCP connection before pictures queue here, where they can be skipped."""
RESEND_MEMORY = 512
RESEND_PAUSE = 0.02
RESEND_PAUSE_THIN = 0.12
"""Seconds until a packet is sent again; with a queue on the path its arrival takes longer than a round trip."""
KEEP_SEGMENTS = 4.0


class Transport(Protocol):
    """What is needed of `PeerTransport`."""

    @property
    def buffered(self) -> int: ...
    def send_rtp(self, batch: RtpBatch, shift: Shift | None = None) -> int: ...
    def send_packet(self, packet: bytes, shift: Shift | None = None) -> int: ...


class _Segment:
    """A stretch of the viewer's sequence numbers that begins at `start` and comes from one place with one shift."""

    __slots__ = ("ended", "shift", "source", "start")

    def __init__(self, start: int, shift: Shift, source: SenderGroup | Replay) -> None:
        self.start = start
        self.shift = shift
        self.source = source
        self.ended = 0.0


class _Queued(NamedTuple):
    """Packets that wait. `unit`: bytes of the access unit that they end, 0 in mid-picture; `since`: when queued."""

    batch: RtpBatch
    shift: Shift | None
    unit: int
    since: float
    stage: int


LIVE, REPLAY, OPENING = range(3)
"""Stages of what waits; a replay opens with its key picture."""


def sequence_of(batch: RtpBatch, shift: Shift | None) -> int:
    """The number of the batch's first packet as the viewer sees it."""
    return int.from_bytes(batch.packets[0][2:4]) + (shift.sequence if shift else 0) & 0xFFFF


class TrackSender:
    """Sends one group's pictures to one viewer. `repair` is the RTX payload type and SSRC where negotiated.

    `count(bytes, units)` and `drop(units)` are told what was sent and left out; `wake` is called when packets wait for
    `pump`. Times are `time.monotonic()` of the caller.
    """

    def __init__(
        self,
        transport: Transport,
        group: SenderGroup,
        bandwidth: Bandwidth,
        *,
        repair: tuple[int, int] | None,
        count: Callable[[int, int], None],
        drop: Callable[[int], None],
        wake: Callable[[TrackSender], None],
    ) -> None:
        self.group = group
        self.bandwidth = bandwidth
        self.repair = repair
        self.video = group.track.codec.is_video
        self.packets = 0
        self.octets = 0
        self.resent = 0
        self.replays = 0
        self.skips = 0
        self.muted = False
        """Sound is left out, as if there were none."""
        self._transport = transport
        self._count = count
        self._drop = drop
        self._wake = wake
        self._shift: Shift | None = None
        self._next: int | None = None
        self._latest: int | None = None
        """Timestamp of the newest sound that was sent."""
        self._skipping = False
        self._queue: deque[_Queued] = deque()
        self._queued = 0
        self._inside = False
        """The last packet sent from the queue was not the last one of its picture."""
        self._credit = 0.0
        self._pumped = 0.0
        self._replayed = float("-inf")
        self._ramped = 0.0
        self._bursting = 0.0
        """When the last packets of a replay were sent."""
        self._burst = BurstWatch()
        self._repairs: deque[tuple[int, _Segment]] = deque()
        self._delayed: deque[tuple[int, RtpBatch, float]] = deque()
        """Live packets sent late, with their first number and when: the group may have forgotten them."""
        self._segments: deque[_Segment] = deque(maxlen=16)
        self._resends: dict[int, float] = {}
        self._repair_sequence = random.randrange(1 << 15)

    @property
    def waiting(self) -> int:
        """Bytes in the queue."""
        return self._queued

    def start(self, now: float) -> None:
        """The peer is connected: give it what is cached, then everything new."""
        if self.video:
            self._begin(now)
        self.group.join(self.deliver)

    def stop(self) -> None:
        self.group.leave(self.deliver)
        self._queue.clear()
        self._queued = 0
        self._repairs.clear()
        self._delayed.clear()
        self._segments.clear()

    def deliver(self, picture: Picture, batch: RtpBatch) -> None:
        """One new picture of the group."""
        if self._skipping:
            if not picture.key:
                self._drop(1)
                return
            self._skipping = False
        buffered = self._transport.buffered
        if not self.video:
            self._deliver_sound(picture, batch, buffered)
        elif self._queue or buffered > STREAM_BUFFER or (len(batch.packets) > TRAIN and self.bandwidth.slow):
            self._enqueue_live(picture)
        else:
            self._send(batch, self._align(picture), picture.size)

    def switch(self, group: SenderGroup) -> None:
        """Go on with the sound of another group, one made `like` this one."""
        self.group.leave(self.deliver)
        self.group = group
        group.join(self.deliver)

    def _deliver_sound(self, picture: Picture, batch: RtpBatch, buffered: int) -> None:
        late = self._latest is not None and (picture.timestamp - self._latest) & 0xFFFFFFFF >= 1 << 31
        if self.muted or late:  # late: said already by the group before this one
            return
        if buffered > STREAM_BUFFER:
            self._drop(1)
            return
        self._latest = picture.timestamp
        self._send(batch, self._align(picture), picture.size)

    def pump(self, now: float, share: float) -> bool:
        """Send what the path takes by now, at most at `share` bits a second; whether something is left."""
        rate = min(self._rate(now), share) / 8
        self._credit = min(self._credit + rate * min(now - self._pumped, 0.05), max(rate * 0.01, 1500.0))
        self._pumped = now
        queue, repairs = self._queue, self._repairs
        while repairs and self._credit > 0:
            sequence, segment = repairs.popleft()
            self._resends[sequence] = now
            size = self._send_again(sequence, segment)
            self._credit -= size
            self._burst.repaired(size, now)
        while queue and self._credit > 0 and self._transport.buffered < STREAM_BUFFER:
            batch, shift, unit, _, stage = self._take()
            self._queued -= batch.size
            self._credit -= batch.size
            self._burst.sent(sequence_of(batch, shift), len(batch), batch.size, now)
            if stage == LIVE:
                self._delayed.append((sequence_of(batch, shift), batch, now))
            else:
                self._bursting = now
                self._ramped = now if stage == OPENING else self._ramped
            self._inside = not unit
            self._send(batch, shift, unit)
        if queue and (now - max(queue[0].since, self._bursting) > BACKLOG_SECONDS or self._queued > BACKLOG_BYTES):
            self._cut()
        return bool(queue or repairs)

    def _rate(self, now: float) -> float:
        rate = self.bandwidth.rate(self.group.bitrate * HEADROOM)
        if self.bandwidth.draining(now):
            return rate * DRAIN
        if self._stage == OPENING:
            return min(rate, KEY_RATE)
        if self._stage == REPLAY:
            return min(rate, RAMP_START * 2 ** min((now - self._ramped) / RAMP_DOUBLES, 10))
        return rate

    @property
    def _stage(self) -> int:
        return self._queue[0].stage if self._queue else LIVE

    def _take(self) -> _Queued:
        """The head of the queue, on a thin path only a part of it."""
        head = self._queue.popleft()
        if head.stage == LIVE or len(head.batch) <= SPRINKLE or not self.bandwidth.slow:
            return head
        packets = head.batch.packets
        self._queue.appendleft(head._replace(batch=RtpBatch(packets[SPRINKLE:])))
        return head._replace(batch=RtpBatch(packets[:SPRINKLE]), unit=0)

    def refresh(self, now: float) -> bool:
        """The viewer lost the picture (PLI, FIR): replay the current group of pictures if that helps."""
        if not self.video or self._queue or self._skipping or now - self._replayed < REPLAY_INTERVAL:
            return False
        replay = self.group.replay(now)
        if replay is None or self.group.track.gop.cut or not self._fits(replay.bytes):
            return False
        self._enqueue_replay(replay, len(replay.batches), now)
        return True

    def resend(self, sequences: Sequence[int], now: float) -> None:
        """Answer a NACK with what is still there, each packet at most once a round trip."""
        thin = bool(self._queue) or self.bandwidth.slow
        pause = max(self.bandwidth.round_trip or 0.0, RESEND_PAUSE_THIN if thin else RESEND_PAUSE)
        known = self._resends
        if len(known) > RESEND_MEMORY:
            known = self._resends = {key: at for key, at in known.items() if now - at < 1.0}
        asked = [number for number in sequences if now - known.get(number, float("-inf")) >= pause][:RESEND_MEMORY]
        if self._queue:
            self._watch_burst([number for number in asked if number not in known], now)
        for sequence in asked:
            if (segment := self._segment(sequence)) is None:
                continue
            if thin:
                known[sequence] = float("inf")
                self._repairs.append((sequence, segment))
            else:
                known[sequence] = now
                self._send_again(sequence, segment)
        if self._repairs:
            self._wake(self)

    def tick(self, now: float) -> None:
        """Forget what can no longer be asked for."""
        segments = self._segments
        while len(segments) > 1 and segments[0].ended and now - segments[0].ended > KEEP_SEGMENTS:
            segments.popleft()
        while self._delayed and now - self._delayed[0][2] > HISTORY_SECONDS:
            self._delayed.popleft()

    def _begin(self, now: float) -> None:
        replay = self.group.replay(now)
        gop = self.group.track.gop
        self._pumped = now
        if replay is None:
            self._skipping = True
            return
        whole = self._fits(replay.bytes) and not gop.cut
        batches = len(replay.batches) if self._fits(replay.bytes) else replay.ends[0]
        self._enqueue_replay(replay, batches, now)
        self._skipping = not whole

    def _fits(self, size: int) -> bool:
        return size * 8 <= self.bandwidth.rate() * BURST_SECONDS

    def _enqueue_replay(self, replay: Replay, batches: int, now: float) -> None:
        """Queue the first batches of a replay behind everything sent so far, or so that the group's numbers follow."""
        packets = sum(map(len, replay.batches[:batches]))
        start = self._next if self._next is not None else (self.group.sequence - packets) & 0xFFFF
        newest = self.group.timestamp(self.group.track.gop.units()[-1])
        shift = Shift(start, (newest + 1) & 0xFFFFFFFF)
        self._note(_Segment(start, shift, replay), now)
        picture = 0
        for index in range(batches):
            batch = replay.batches[index]
            ends = index + 1 == replay.ends[picture]
            unit = replay.sizes[picture] if ends else 0
            self._queue.append(_Queued(batch, shift, unit, now, REPLAY if picture else OPENING))
            self._queued += batch.size
            picture += ends
        self._next = (start + packets) & 0xFFFF
        self._replayed = self._bursting = now
        self._burst = BurstWatch()
        self.replays += 1
        self._wake(self)

    def _enqueue_live(self, picture: Picture) -> None:
        shift = self._align(picture)
        packets = picture.packets
        for start in range(0, len(packets), TRAIN):
            chunk = RtpBatch(packets[start : start + TRAIN])
            unit = picture.size if start + TRAIN >= len(packets) else 0
            self._queue.append(_Queued(chunk, shift, unit, picture.sent, LIVE))
            self._queued += chunk.size
        self._wake(self)

    def _align(self, picture: Picture) -> Shift | None:
        """Take the picture's numbers into the viewer's row; the shift that does it, None in step with the group."""
        if self._next is None:
            self._next = picture.first
        offset = (self._next - picture.first) & 0xFFFF
        in_row = offset == (self._shift.sequence if self._shift is not None else 0)
        if not in_row:
            self._shift = Shift(offset) if offset else None
        if not in_row or not self._segments or self._segments[-1].source is not self.group:
            self._note(_Segment(self._next, self._shift or Shift(), self.group), picture.sent)
        self._next = (self._next + len(picture.packets)) & 0xFFFF
        return self._shift

    def _note(self, segment: _Segment, now: float) -> None:
        if self._segments:
            self._segments[-1].ended = now
        self._segments.append(segment)

    def _segment(self, sequence: int) -> _Segment | None:
        for segment in reversed(self._segments):
            if (sequence - segment.start) & 0xFFFF < 0x8000:
                return segment
        return None

    def _send(self, batch: RtpBatch, shift: Shift | None, unit: int) -> None:
        self._transport.send_rtp(batch, shift)
        self.packets += len(batch.packets)
        self.octets += batch.size
        if unit:
            self._count(unit, 1)

    def _send_again(self, sequence: int, segment: _Segment) -> int:
        """Retransmit one of the viewer's packets; the bytes it took, 0 when it is gone."""
        packet = segment.source.packet((sequence - segment.shift.sequence) & 0xFFFF) or self._delayed_packet(sequence)
        if packet is None:
            return 0
        shift = segment.shift
        self.resent += 1
        if self.repair is None:
            self._transport.send_packet(packet, shift)
            return len(packet)
        payload_type, ssrc = self.repair
        self._repair_sequence = (self._repair_sequence + 1) & 0xFFFF
        again = retransmission(packet, payload_type, ssrc, self._repair_sequence, sequence)
        self._transport.send_packet(again, Shift(0, shift.timestamp) if shift.timestamp else None)
        return len(again)

    def _delayed_packet(self, sequence: int) -> bytes | None:
        for first, batch, _ in reversed(self._delayed):
            if (place := (sequence - first) & 0xFFFF) < len(batch):
                return batch.packets[place]
        return None

    def _watch_burst(self, lost: Sequence[int], now: float) -> None:
        """A burst that meets a path thinner than thought slows down, and ends where it would take too long."""
        capacity = self._burst.lost(lost)
        if capacity is None:
            return
        self.bandwidth.congested(capacity, now)
        self._burst = BurstWatch(now + SETTLE)
        if self._queued * 8 > self.bandwidth.rate() * LONGEST_BURST:
            self._replayed = now
            self._cut()

    def _cut(self) -> None:
        """Drop the queue behind the picture being sent and wait for the next key picture; numbers have no gap."""
        queue, kept = self._queue, deque[_Queued]()
        while self._inside and queue:
            kept.append(queue.popleft())
            if kept[-1].unit:
                break
        self._next = ((self._next or 0) - sum(len(one.batch) for one in queue)) & 0xFFFF
        self._drop(sum(1 for one in queue if one.unit))
        self._queue = kept
        self._queued = sum(one.batch.size for one in kept)
        self._skipping = True
        self.skips += 1
