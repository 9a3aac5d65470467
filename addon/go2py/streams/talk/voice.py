"""One who speaks to a camera: a microphone, a file that is played, another camera."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ...media.unit import AccessUnit
from ..track import next_id
from .status import Status
from .work import Member

MAX_WAITING = 256
"""Units between two turns of the desk; more than that comes from nobody who speaks."""


class Table(Protocol):
    """What a voice needs of the camera's talk."""

    def wake(self) -> None: ...
    def leave(self, voice: Voice) -> None: ...


class Voice:
    """Made by `Talk.voice`. Whoever made it closes it.

    `name` is told to others. `dropped` counts units that came too fast. `queued` is how many seconds wait to be said.
    """

    def __init__(
        self, table: Table, name: str, priority: int, *, live: bool, on_status: Callable[[Status], None] | None
    ) -> None:
        self.member = Member(next_id(), priority, live)
        self.name = name
        self.status = Status()
        self.queued = 0.0
        self.dropped = 0
        self.pushed = 0.0
        """When something came the last time, `time.monotonic()`."""
        self.closed = False
        self._table = table
        self._on_status = on_status
        self._waiting: list[AccessUnit] = []
        self._flush = False

    def push(self, units: Sequence[AccessUnit]) -> None:
        """Say this: audio of any codec that can be decoded, `pts` on a steady timeline of the talker's own.

        Never raises.
        """
        if self.closed:
            return
        room = MAX_WAITING - len(self._waiting)
        self.dropped += max(0, len(units) - room)
        self._waiting.extend(units[:room])
        self.pushed = time.monotonic()
        self._table.wake()

    def flush(self) -> None:
        """Forget what was pushed and is not said yet."""
        self._waiting.clear()
        self._flush = True
        self._table.wake()

    def close(self) -> None:
        """Fall silent for good; safe to call more than once."""
        if not self.closed:
            self.closed = True
            self._waiting.clear()
            self._table.leave(self)

    @property
    def waiting(self) -> Sequence[AccessUnit]:
        """What was pushed since the desk took the last."""
        return self._waiting

    def collect(self) -> Sequence[AccessUnit] | None:
        """For the desk: what came since the last time; None to forget what came before."""
        if self._flush:
            self._flush = False
            return None
        units, self._waiting = self._waiting, []
        return units

    def tell(self, status: Status) -> None:
        """From the camera's talk: how it stands."""
        if status != self.status:
            self.status = status
            if self._on_status is not None:
                self._on_status(status)
