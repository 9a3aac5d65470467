"""How much one viewer's path carries: from transport-wide feedback, receiver reports, REMB and NACKs.

There is no encoder to steer. What is decided with the estimate is whether and how fast a burst is sent, and whether
large pictures are spread over time. So capacity is measured by dispersion: packets of a picture leave back to back,
and how far apart they arrive tells what the narrowest link does.
"""

from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

INITIAL = 48e6
"""Bits a second that a burst starts with: a local network."""
FLOOR = 0.5e6
UNLIMITED = 1e9
TRAIN = 16
"""Packets sent at once at least, so that their spacing is the path's."""
MIN_TRAIN = 4
SLOW = 20e6
"""Below this, large pictures are spread over time."""
MAX_NACK_SHARE = 0.1
RECOVERY = 1.15
"""How much faster a ceiling lowered by loss becomes a second."""


class Bandwidth:
    """One viewer's path. `round_trip` in seconds, `loss` as a share, `jitter` in seconds, `remb` in bits a second."""

    def __init__(self) -> None:
        self.round_trip: float | None = None
        self.loss = 0.0
        self.jitter = 0.0
        self.remb: int | None = None
        self.capacity: float | None = None
        self._ceiling = INITIAL
        self._lowered = 0.0
        self._samples: deque[float] = deque(maxlen=15)

    @property
    def estimate(self) -> int | None:
        """Bits a second for people to look at; None until something was measured."""
        if self.capacity is not None:
            return int(min(self.capacity, self._ceiling) if self.lossy else self.capacity)
        return self.remb

    @property
    def lossy(self) -> bool:
        return self._ceiling < INITIAL

    def rate(self) -> float:
        """Bits a second for bursts."""
        limit = self._ceiling
        return limit if self.capacity is None else max(min(limit, 0.9 * self.capacity), FLOOR)

    @property
    def slow(self) -> bool:
        """Whether large pictures must be spread over time."""
        return self.rate() < SLOW

    def congested(self, now: float) -> None:
        """A burst is being lost: halve the ceiling, at most once a round trip."""
        if now - self._lowered > max(self.round_trip or 0.0, 0.04):
            self._lowered = now
            self._ceiling = max(min(self._ceiling, self.rate()) / 2, FLOOR)

    def recover(self, elapsed: float, now: float) -> None:
        """Time without congestion goes by."""
        if self._ceiling < INITIAL and now - self._lowered > 2.0:
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
        got = [(time, size) for time, size in zip(arrivals, sizes, strict=False) if time is not None]
        if len(got) < MIN_TRAIN or got[0][0] != arrivals[0]:
            return
        span = max(time for time, _ in got) - got[0][0]
        bits = 8 * sum(size for _, size in got[1:])
        self._samples.append(min(bits * 1e6 / span, UNLIMITED) if span > 0 else UNLIMITED)
        if len(self._samples) >= 3:
            self.capacity = median(self._samples)
