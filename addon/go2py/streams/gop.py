"""The current group of pictures, so that a new reader starts with a picture at once."""

from collections import deque

from ..media.unit import AccessUnit

AUDIO_SECONDS = 1.0
_MAX_AUDIO_UNITS = 512


class Gop:
    """Access units from the newest key picture on; of audio the last second.

    `cut`: the group outgrew its limit in bytes and its end is missing. Who replays it then must skip live units up
    to the next key picture.
    """

    def __init__(self, limit: int, *, video: bool) -> None:
        self.cut = False
        self.bytes = 0
        self._limit = limit
        self._video = video
        self._units: deque[AccessUnit] = deque()

    def units(self) -> tuple[AccessUnit, ...]:
        """In decoding order; empty until the first key picture came."""
        return tuple(self._units)

    @property
    def key(self) -> AccessUnit | None:
        """The newest key picture."""
        return self._units[0] if self._units else None

    def __len__(self) -> int:
        return len(self._units)

    def add(self, unit: AccessUnit) -> bool:
        """Keep one more unit; true if this one is the first that did not fit."""
        if not self._video:
            self._units.append(unit)
            self.bytes += unit.size
            span = int(AUDIO_SECONDS * unit.codec.clock_rate)
            while len(self._units) > _MAX_AUDIO_UNITS or unit.pts - self._units[0].pts > span:
                self.bytes -= self._units.popleft().size
            return False
        if unit.key:
            self.clear()
        elif not self._units or self.cut:
            return False
        if self.bytes + unit.size > self._limit and self._units:
            self.cut = True
            return True
        self._units.append(unit)
        self.bytes += unit.size
        return False

    def clear(self) -> None:
        self._units.clear()
        self.bytes = 0
        self.cut = False
