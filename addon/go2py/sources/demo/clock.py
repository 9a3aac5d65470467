"""What time it is in the demo picture."""

import time
from typing import Literal

_STEP = 0.002
"""Below this, wall and monotonic clock only differ by how they were read: following it would crack in the sound."""


class Clock:
    """Seconds of the camera's life to the time it shows: the wall's, or its own that starts at 0."""

    def __init__(self, mode: Literal["wall", "stream"]) -> None:
        self._wall = mode == "wall"
        self._offset = 0.0
        self._second = -1
        self._label = ("", "")

    def follow(self, born: float) -> None:
        """Follow steps of the wall clock; `born` is second 0 on the monotonic clock."""
        if self._wall:
            offset = time.time() - time.monotonic() + born
            if abs(offset - self._offset) > _STEP:
                self._offset = offset

    def milliseconds(self, seconds: float) -> int:
        return round((self._offset + seconds) * 1000)

    def sample(self, seconds: float, rate: int) -> int:
        """The number of the sample at this second, counted from a full second of the clock."""
        return round((self._offset + seconds) % 1 * rate)

    def label(self, milliseconds: int) -> tuple[str, str]:
        """`HH:MM:SS` and the date, local time; a stream's own clock has no date."""
        second = milliseconds // 1000
        if second != self._second:
            self._second = second
            local = time.localtime(second) if self._wall else time.gmtime(second)
            self._label = (time.strftime("%H:%M:%S", local), time.strftime("%Y-%m-%d", local) if self._wall else "")
        return self._label
