"""How much one viewer's path carries: from transport-wide feedback, receiver reports, REMB and NACKs.

There is no encoder to steer. What is decided with the estimate is whether and how fast a burst is sent, and whether
large pictures are spread over time. So capacity is measured by dispersion: packets of a picture leave back to back,
and how far apart they arrive tells what the narrowest link does.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter

INITIAL = 48e6
"""Bits a second assumed of a path of which nothing is known: a local network."""
FLOOR = 0.5e6
UNLIMITED = 1e9
TRAIN = 16
"""Packets sent at once at least, so that their spacing is the path's."""
MIN_TRAIN = 10
"""Shorter ones may fit a shaper's bucket as a whole."""
SLOW = 20e6
"""Below this, large pictures are spread over time."""
MIN_MISSING = 8
MIN_MISSING_SHARE = 0.1
"""Fewer lost packets than these are noise of the path, not its limit."""
SETTLE = 0.35
"""Seconds that the queue on the path is given to empty after an overflow."""
MIN_OVERFLOW = 0.02
"""Seconds of a burst that must have overflowed the path before its capacity is computed."""
RECOVERY = 1.25
"""How much higher a ceiling lowered by loss gets a second, once …"""
PATIENCE = 4.0
"""… so many seconds went by without loss."""


class Bandwidth:
    """One viewer's path. `round_trip` in seconds, `loss` as a share, `jitter` in seconds, `remb` in bits a second."""

    def __init__(self) -> None:
        self.round_trip: float | None = None
        self.loss = 0.0
        self.jitter = 0.0
        self.remb: int | None = None
        self.capacity: float | None = None
        self._ceiling = INITIAL
        self._lowered = float("-inf")
        self._samples: deque[float] = deque(maxlen=9)

    @property
    def estimate(self) -> int | None:
        """Bits a second for people to look at; None until something was measured."""
        if self.capacity is not None:
            return int(min(self.capacity, self._ceiling) if self.lossy else self.capacity)
        return self.remb

    @property
    def lossy(self) -> bool:
        return self._ceiling < INITIAL

    def rate(self, needed: float = 0.0) -> float:
        """Bits a second to send at; as much as the stream needs, unless the path was measured to carry less."""
        if self.capacity is None:
            return max(self._ceiling, needed, FLOOR)
        carried = 0.9 * self.capacity
        return max(min(self._ceiling, carried), min(needed, carried), FLOOR)

    @property
    def slow(self) -> bool:
        """Whether large pictures must be spread over time."""
        return self.rate() < SLOW

    def congested(self, capacity: float, now: float) -> None:
        """A burst overflowed the path; only `capacity` bits a second come through."""
        self._lowered = now
        self._ceiling = max(min(0.85 * capacity, self._ceiling), FLOOR)

    def draining(self, now: float) -> bool:
        """The queue on the path is still full of what was too much."""
        return now - self._lowered < SETTLE

    def recover(self, elapsed: float, now: float) -> None:
        """Time without congestion goes by."""
        if self._ceiling < INITIAL and now - self._lowered > PATIENCE:
            self._ceiling = min(self._ceiling * RECOVERY**elapsed, INITIAL)

    def reported(self, fraction_lost: float, jitter: float, round_trip: float | None) -> None:
        """A receiver report for the picture's stream."""
        self.loss = fraction_lost
        self.jitter = jitter
        if round_trip is not None and 0 <= round_trip < 10:
            known = self.round_trip
            self.round_trip = round_trip if known is None else known + (round_trip - known) / 4

    def arrived(
        self, base: int, arrivals: Sequence[int | None], train_of: Callable[[int], tuple[int, Sequence[int]] | None]
    ) -> None:
        """Transport-wide feedback: receive times (µs) of packets `base`, `base` + 1, …

        `train_of` gives for a transport-wide number the first number of the picture it belongs to and the sizes of the
        packets that left together with it.
        """
        position = 0
        while position < len(arrivals):
            train = train_of((base + position) & 0xFFFF)
            if train is None:
                position += 1
                continue
            first, sizes = train
            start = position - ((base + position - first) & 0xFFFF)
            if start >= 0:
                self._sample(arrivals[start : start + min(len(sizes), TRAIN)], sizes)
            position = start + len(sizes)

    def _sample(self, arrivals: Sequence[int | None], sizes: Sequence[int]) -> None:
        """One train; only its second half counts, the first may have gone through a shaper's bucket."""
        got = [(time, size) for time, size in zip(arrivals, sizes, strict=False) if time is not None]
        if len(got) < MIN_TRAIN:
            return
        tail = got[len(got) // 2 :]
        span = tail[-1][0] - tail[0][0]
        bits = 8 * sum(size for _, size in tail[1:])
        self._samples.append(min(bits * 1e6 / span, UNLIMITED) if span > 0 else UNLIMITED)
        self.capacity = sorted(self._samples)[len(self._samples) // 2]


class BurstWatch:
    """Finds the capacity of a path that a burst overflows, however late the news of its losses comes.

    While packets are lost one after the other the queue in front of the narrowest link is full; what got through of
    the packets sent in that time is what the link carries. Chunks sent before `begin` are left out.
    """

    def __init__(self, begin: float = float("-inf")) -> None:
        self._begin = begin
        self._sent: list[tuple[int, float, int]] = []
        """Of each chunk: the place of its first packet in the burst, when it was sent, bytes of a packet."""
        self._base = 0
        self._packets = 0
        self._missing: set[int] = set()
        self._repaired: list[tuple[float, int]] = []

    def sent(self, sequence: int, packets: int, size: int, now: float) -> None:
        """A chunk of the burst left; chunks come in order."""
        if now < self._begin:
            return
        if not self._sent:
            self._base = sequence
        self._sent.append((self._packets, now, size // packets))
        self._packets += packets

    def repaired(self, size: int, now: float) -> None:
        """A retransmission took its share of the path."""
        self._repaired.append((now, size))

    def lost(self, sequences: Sequence[int]) -> float | None:
        """More packets are missing. Bits a second of the path where they are too many, else None."""
        places = ((sequence - self._base) & 0xFFFF for sequence in sequences)
        self._missing.update(place for place in places if place < self._packets)
        if len(self._missing) < MIN_MISSING:
            return None
        places_lost = sorted(self._missing)[len(self._missing) // 4 :]  # the first ones may be random loss
        first, last, missing = places_lost[0], places_lost[-1], len(places_lost)
        judged = last - first + 1
        begin, _ = self._chunk(first)
        end, size = self._chunk(last)
        if missing < MIN_MISSING_SHARE * judged or end - begin < MIN_OVERFLOW:
            return None
        repairs = sum(size for at, size in self._repaired if begin <= at <= end)
        return 8 * ((judged - missing) * size + repairs) / (end - begin)

    def _chunk(self, place: int) -> tuple[float, int]:
        """When the packet at this place was sent, and its size."""
        _, sent, size = self._sent[bisect_right(self._sent, place, key=itemgetter(0)) - 1]
        return sent, size
