"""Puts RTP packets of a UDP stream back into order."""

from collections.abc import Sequence

from .base import MAX_GAP


class ReorderBuffer[T]:
    """Holds packets behind a gap until it is filled, or `hold` seconds passed, or `capacity` packets wait.

    `lost` counts packets given up, `late` those that came after that (or twice) and were dropped. A step of more than
    `MAX_GAP` is a restart of the sender.
    """

    __slots__ = ("_capacity", "_deadline", "_hold", "_next", "_waiting", "late", "lost")

    def __init__(self, hold: float = 0.1, capacity: int = 512) -> None:
        self._hold = hold
        self._capacity = capacity
        self._next = -1
        self._waiting: dict[int, tuple[float, T]] = {}  # by sequence number, with the time it came
        self._deadline: float | None = None
        self.lost = 0
        self.late = 0

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do; None while nothing waits."""
        return self._deadline

    def push(self, sequence: int, packet: T, now: float) -> Sequence[T]:
        """Take a packet; return those that are in order now."""
        if sequence == self._next and not self._waiting:
            self._next = sequence + 1 & 0xFFFF
            return (packet,)
        if self._next < 0:
            self._next = sequence
        ahead = sequence - self._next & 0xFFFF
        ready: list[T] = []
        if ahead > 0x8000 and 0x10000 - ahead <= MAX_GAP:
            self.late += 1
            return ready
        if ahead > MAX_GAP:
            ready = self._restart(sequence)
        elif sequence in self._waiting:
            self.late += 1
            return ready
        self._waiting[sequence] = (now, packet)
        self._release(ready)
        while len(self._waiting) > self._capacity:
            self._skip(ready)
        self._deadline = self._earliest()
        return ready

    def expire(self, now: float) -> Sequence[T]:
        """Give up gaps older than `hold`; return what waited behind them. Call it at `deadline`."""
        ready: list[T] = []
        while self._deadline is not None and self._deadline <= now:
            self._skip(ready)
            self._deadline = self._earliest()
        return ready

    def _release(self, ready: list[T]) -> None:
        while entry := self._waiting.pop(self._next, None):
            ready.append(entry[1])
            self._next = self._next + 1 & 0xFFFF

    def _skip(self, ready: list[T]) -> None:
        """Give up the gap in front of what waits."""
        gap = min(sequence - self._next & 0xFFFF for sequence in self._waiting)
        self.lost += gap
        self._next = self._next + gap & 0xFFFF
        self._release(ready)

    def _restart(self, sequence: int) -> list[T]:
        ready: list[T] = []
        while self._waiting:
            self._skip(ready)
        self._next = sequence
        return ready

    def _earliest(self) -> float | None:
        """Of the gap in front: packets wait in the order they came."""
        return next(iter(self._waiting.values()))[0] + self._hold if self._waiting else None
