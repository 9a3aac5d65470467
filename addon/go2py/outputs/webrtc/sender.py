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
from typing import Protocol

from .bandwidth import MAX_NACK_SHARE, TRAIN, Bandwidth
from .batch import RtpBatch, Shift
from .form import retransmission
from .group import Picture, Replay, SenderGroup

REPLAY_INTERVAL = 2.0
"""Seconds between two replays for one viewer."""
BURST_SECONDS = 1.2
"""A replay is sent only where it takes no longer."""
BACKLOG_SECONDS = 2.5
BACKLOG_BYTES = 24 << 20
STREAM_BUFFER = 256 * 1024
"""Bytes that may wait in a TCP connection before pictures queue here, where they can be skipped."""
RESEND_MEMORY = 512
KEEP_SEGMENTS = 4.0
RESEND_BURST = 96 * 1024


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
        self.repair = repair
        self.video = group.track.codec.is_video
        self.packets = 0
        self.octets = 0
        self.resent = 0
        self.replays = 0
        self.skips = 0
        self._transport = transport
        self._bandwidth = bandwidth
        self._count = count
        self._drop = drop
        self._wake = wake
        self._shift: Shift | None = None
        self._next: int | None = None
        self._skipping = False
        self._queue: deque[tuple[RtpBatch, Shift | None, int, float]] = deque()
        """Batch, shift, bytes of the access unit that it ends (0 in mid-picture), time of queueing."""
        self._queued = 0
        self._credit = 0.0
        self._pumped = 0.0
        self._replayed = float("-inf")
        self._replaying = 0
        self._burst_lost = 0
        self._burst_start = 0
        self._segments: deque[_Segment] = deque(maxlen=16)
        self._resends: dict[int, float] = {}
        self._resend_credit = float(RESEND_BURST)
        self._resend_time = 0.0
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
            if buffered > STREAM_BUFFER:
                self._drop(1)
            else:
                self._send(batch, self._align(picture), picture.size)
        elif self._queue or buffered > STREAM_BUFFER or (len(batch) > TRAIN and self._bandwidth.slow):
            self._enqueue_live(picture)
        else:
            self._send(batch, self._align(picture), picture.size)

    def pump(self, now: float, share: float) -> bool:
        """Send what the path takes by now, at most at `share` bits a second; whether something is left."""
        rate = min(self._bandwidth.rate(), share) / 8
        self._credit = min(self._credit + rate * min(now - self._pumped, 0.05), max(rate * 0.01, 1500.0))
        self._pumped = now
        queue = self._queue
        while queue and self._credit > 0 and self._transport.buffered < STREAM_BUFFER:
            batch, shift, size, _ = queue.popleft()
            self._queued -= batch.size
            self._credit -= batch.size
            self._replaying = max(self._replaying - 1, 0)
            self._send(batch, shift, size)
        late = bool(queue) and not self._replaying and now - queue[0][3] > BACKLOG_SECONDS
        if late or self._queued > BACKLOG_BYTES:
            self._cut()
        return bool(queue)

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
        pause = max(self._bandwidth.round_trip or 0.0, 0.02)
        rate = self._bandwidth.rate() / 8
        self._resend_credit = min(self._resend_credit + rate * (now - self._resend_time), RESEND_BURST)
        self._resend_time = now
        if self._replaying:
            self._watch_burst(len(sequences), now)
        if len(self._resends) > RESEND_MEMORY:
            self._resends = {key: at for key, at in self._resends.items() if now - at < pause}
        for sequence in sequences:
            if self._resend_credit <= 0:
                return
            if now - self._resends.get(sequence, float("-inf")) < pause:
                continue
            segment = self._segment(sequence)
            if segment is None:
                continue
            packet = segment.source.packet((sequence - segment.shift.sequence) & 0xFFFF)
            if packet is None:
                continue
            self._resends[sequence] = now
            self._resend_credit -= len(packet)
            self.resent += 1
            self._send_again(packet, sequence, segment.shift)

    def tick(self, now: float) -> None:
        """Forget what can no longer be asked for."""
        segments = self._segments
        while len(segments) > 1 and segments[0].ended and now - segments[0].ended > KEEP_SEGMENTS:
            segments.popleft()

    def _begin(self, now: float) -> None:
        replay = self.group.replay(now)
        gop = self.group.track.gop
        self._pumped = now
        if replay is None:
            self._skipping = True
            return
        whole = self._fits(replay.bytes) and not gop.cut
        batches = len(replay.batches) if self._fits(replay.bytes) else replay.ends[0]
        self._next = (self.group.sequence - sum(map(len, replay.batches[:batches]))) & 0xFFFF
        self._enqueue_replay(replay, batches, now)
        self._skipping = not whole

    def _fits(self, size: int) -> bool:
        return size * 8 <= self._bandwidth.rate() * BURST_SECONDS

    def _enqueue_replay(self, replay: Replay, batches: int, now: float) -> None:
        """Queue the first batches of a replay behind everything sent so far."""
        start = self._next if self._next is not None else self.group.sequence
        newest = self.group.timestamp(self.group.track.gop.units()[-1])
        shift = Shift(start, (newest + 1) & 0xFFFFFFFF)
        self._note(_Segment(start, shift, replay), now)
        picture = 0
        for index in range(batches):
            batch = replay.batches[index]
            ends = index + 1 == replay.ends[picture]
            self._queue.append((batch, shift, replay.sizes[picture] if ends else 0, now))
            self._queued += batch.size
            picture += ends
        sent = sum(map(len, replay.batches[:batches]))
        self._next = (start + sent) & 0xFFFF
        self._replaying = batches
        self._replayed = now
        self._burst_lost, self._burst_start = 0, self.packets
        self.replays += 1
        self._wake(self)

    def _enqueue_live(self, picture: Picture) -> None:
        shift = self._align(picture)
        packets = picture.packets
        for start in range(0, len(packets), TRAIN):
            chunk = RtpBatch(packets[start : start + TRAIN])
            size = picture.size if start + TRAIN >= len(packets) else 0
            self._queue.append((chunk, shift, size, picture.sent))
            self._queued += chunk.size
        self._wake(self)

    def _align(self, picture: Picture) -> Shift | None:
        """Take the picture's numbers into the viewer's row; the shift that does it, None in step with the group."""
        first, count = picture.first, len(picture.packets)
        offset = self._shift.sequence if self._shift is not None else 0
        if self._next is None:
            self._next = first
        if not self._segments or (first + offset) & 0xFFFF != self._next:
            offset = (self._next - first) & 0xFFFF
            self._shift = Shift(offset) if offset else None
            self._note(_Segment(self._next, self._shift or Shift(), self.group), picture.sent)
        elif self._segments[-1].source is not self.group:
            self._note(_Segment(self._next, self._shift or Shift(), self.group), picture.sent)
        self._next = (self._next + count) & 0xFFFF
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

    def _send(self, batch: RtpBatch, shift: Shift | None, size: int) -> None:
        self._transport.send_rtp(batch, shift)
        self.packets += len(batch)
        self.octets += batch.size
        if size:
            self._count(size, 1)

    def _send_again(self, packet: bytes, sequence: int, shift: Shift) -> None:
        if self.repair is None:
            self._transport.send_packet(packet, shift)
            return
        payload_type, ssrc = self.repair
        self._repair_sequence = (self._repair_sequence + 1) & 0xFFFF
        again = retransmission(packet, payload_type, ssrc, self._repair_sequence, sequence)
        self._transport.send_packet(again, Shift(0, shift.timestamp) if shift.timestamp else None)

    def _watch_burst(self, lost: int, now: float) -> None:
        """A burst that meets a path thinner than thought slows down, and ends where it would take too long."""
        self._burst_lost += lost
        if self._burst_lost < 8 or self._burst_lost < MAX_NACK_SHARE * (self.packets - self._burst_start):
            return
        self._burst_lost, self._burst_start = 0, self.packets
        self._bandwidth.congested(now)
        if self._queued * 8 > self._bandwidth.rate() * 2 * BURST_SECONDS:
            self._replayed = now
            self._cut()

    def _cut(self) -> None:
        """Drop the queue and wait for the next key picture; numbers go on without a gap."""
        self._next = ((self._next or 0) - sum(len(batch) for batch, *_ in self._queue)) & 0xFFFF
        self._drop(sum(1 for _, _, size, _ in self._queue if size))
        self._queue.clear()
        self._queued = 0
        self._replaying = 0
        self._skipping = True
        self.skips += 1
