"""Back-pressure of one reader over a byte transport, and the byte budget over all of them.

The policy counts in milliseconds: a reader whose oldest unsent byte is too old skips whole pictures up to the next
key picture, never from the middle of a GOP, and nobody else notices.
"""

from collections import deque
from collections.abc import Callable

from ..config.settings import StreamSettings
from ..media.unit import AccessUnit
from ..observe.log import get_logger

_log = get_logger("streams")

STUCK = "took nothing for too long"


class Budget:
    """The bytes that may wait for all readers together; past it the one with most waiting is cut."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.total = 0
        self._readers: set[Pressure] = set()

    def add(self, reader: Pressure) -> None:
        self._readers.add(reader)

    def remove(self, reader: Pressure) -> None:
        self._readers.discard(reader)
        self.total -= reader.queued

    def update(self, change: int) -> None:
        """Account for bytes; over the limit the slowest reader is shed."""
        self.total += change
        if self.total > self.limit and change > 0:
            worst = max(self._readers, key=lambda reader: reader.queued)
            if worst.queued:
                worst.shed()


class Pressure:
    """Decides for each unit whether a reader gets it.

    `name` says who it is in the log. `dropped` counts units left out, `skips` how often a run of them began.
    `on_shed` closes the reader, for a reason, when the process needs its memory back: what already waits in a
    transport cannot be taken out of it.
    """

    def __init__(
        self,
        settings: StreamSettings,
        budget: Budget | None = None,
        *,
        name: str = "a reader",
        has_video: bool = True,
        on_shed: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.queued = 0
        self.dropped = 0
        self.skips = 0
        self.skipping = False
        self._settings = settings
        self._budget = budget
        self._has_video = has_video
        self._on_shed = on_shed
        self._written = 0
        self._marks: deque[tuple[int, float]] = deque()
        """For each admitted unit: bytes written up to its end, and when."""
        self._moved = 0.0
        if budget is not None:
            budget.add(self)

    def admit(self, unit: AccessUnit, queued: int, now: float) -> bool:
        """Whether to send `unit` (video or its audio) with `queued` bytes still waiting in the transport.

        Where it says yes, tell `wrote` how many bytes went out, unless the transport took all of them at once.
        """
        if queued or self.queued:
            self._settle(queued, now)
        elif not self.skipping:  # the usual case
            return True
        full = queued > self._settings.reader_bytes or self.age(now) > self._settings.backlog
        if self.skipping:
            may_resume = (unit.key and unit.codec.is_video) or not self._has_video
            if full or not may_resume:
                self.dropped += 1
                return False
            self.skipping = False
            return True
        if full:
            self.skip()
            self.dropped += 1
            return False
        return True

    def wrote(self, size: int, now: float) -> None:
        """`size` more bytes were handed to the transport."""
        if not self._marks:
            self._moved = now
        self._written += size
        self._marks.append((self._written, now))
        self._account(self.queued + size)

    def skip(self) -> None:
        """Leave out everything up to the next key picture."""
        if not self.skipping:
            self.skipping = True
            self.skips += 1

    def shed(self) -> None:
        """The process needs memory: skip, and end a reader that can only hold on to it."""
        _log.warning("%s is the slowest reader and is cut: %d MB wait for it", self.name, self.queued >> 20)
        self.skip()
        if self._on_shed is not None:
            self._on_shed("the slowest reader when memory was needed")

    def age(self, now: float) -> float:
        """Seconds since the oldest byte that still waits was written."""
        return now - self._marks[0][1] if self._marks else 0.0

    def stuck(self, now: float) -> bool:
        """Nothing at all was taken for so long that the peer is gone or hostile; the log has it then."""
        if not self._marks or now - self._moved <= self._settings.stuck:
            return False
        _log.warning("%s took nothing for %.0f s and is closed", self.name, now - self._moved)
        return True

    def close(self) -> None:
        """Give the bytes back to the budget."""
        if self._budget is not None:
            self._budget.remove(self)
            self._budget = None

    def _settle(self, queued: int, now: float) -> None:
        sent = self._written - queued
        marks = self._marks
        if queued < self.queued:
            self._moved = now
        while marks and marks[0][0] <= sent:
            marks.popleft()
        self._account(queued)

    def _account(self, queued: int) -> None:
        change = queued - self.queued
        self.queued = queued
        if self._budget is not None and change:
            self._budget.update(change)
