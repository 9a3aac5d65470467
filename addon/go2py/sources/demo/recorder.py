"""The demo camera's working day: makes every unit when it is due, on an absolute schedule. Loads av."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import av

from ...errors import SourceError
from ...media.unit import AccessUnit
from .clock import Clock
from .echo import Echo
from .encode import Track, make_tracks
from .settings import DemoSettings

_REPORT_SECONDS = 5.0
_LATE_SECONDS = 0.2
"""A machine further behind gives up what it missed (wall clock) or lets the camera's time wait (stream clock)."""


class Report(NamedTuple):
    """An RTP timestamp and the wall clock (seconds) of the same instant, as in an RTCP sender report."""

    track: int
    rtp_time: int
    ntp: float


@dataclass(slots=True)
class Batch:
    """What became due together: reports first, then the units of each track."""

    reports: list[Report] = field(default_factory=list)
    units: list[tuple[int, AccessUnit]] = field(default_factory=list)


class Recorder:
    """The tracks with their clock and schedule. Not thread-safe: one thread at a time makes or runs it."""

    def __init__(self, settings: DemoSettings) -> None:
        self._clock = Clock(settings.clock)
        self.echo = Echo()
        self._waits = settings.clock == "stream"
        self._born: float | None = None
        self._stopped = 0.0
        self._next: dict[int, int] = {}
        self._fresh: set[int] = set()
        try:
            self.tracks: tuple[Track, ...] = make_tracks(settings, self._clock, self.echo)
        except av.FFmpegError as error:
            raise SourceError(f"demo: the encoder does not start: {error.strerror}") from error

    def run(self, wanted: Collection[int], stop: threading.Event, post: Callable[[Batch], object]) -> None:
        """Make the wanted tracks' units until `stop` is set; `post` gets them in this thread."""
        self._begin(wanted)
        next_report = time.monotonic()
        try:
            while not stop.is_set():
                now = time.monotonic()
                self._clock.follow(self.born)
                batch = Batch()
                if now >= next_report:
                    next_report += _REPORT_SECONDS
                    batch.reports += map(self._report, wanted)
                for index in wanted:
                    batch.units += ((index, unit) for unit in self._due_units(index, now))
                if batch.units or batch.reports:
                    post(batch)
                due = min(self.born + self.tracks[index].due(self._next[index]) for index in wanted)
                stop.wait(max(0.0, due - time.monotonic()))
        except av.FFmpegError as error:
            raise SourceError(f"demo: the encoder failed: {error.strerror}") from error
        finally:
            self._stopped = time.monotonic()

    @property
    def born(self) -> float:
        """Second 0 of the camera's life, monotonic."""
        assert self._born is not None, "the camera runs"
        return self._born

    def _begin(self, wanted: Collection[int]) -> None:
        now = time.monotonic()
        if self._born is None:
            self._born = now
        elif self._waits:
            self._born += now - self._stopped
        self._next = {index: self.tracks[index].number_due(now - self._born) for index in wanted}
        self._fresh = set(wanted)

    def _due_units(self, index: int, now: float) -> list[AccessUnit]:
        track, made = self.tracks[index], list[AccessUnit]()
        late = now - self.born - track.due(self._next[index])
        if late > _LATE_SECONDS and self._waits:
            self._born = self.born + late
        elif late > _LATE_SECONDS:
            self._next[index] = track.number_due(now - self.born)
        while self.born + track.due(self._next[index]) <= now:
            unit = track.make(self._next[index], fresh=index in self._fresh)
            self._fresh.discard(index)
            self._next[index] += 1
            if unit:
                made.append(unit)
        return made

    def _report(self, index: int) -> Report:
        track, number = self.tracks[index], self._next[index]
        wall = time.time() - time.monotonic() + self.born
        return Report(index, track.timestamp(number), wall + track.time(number))
