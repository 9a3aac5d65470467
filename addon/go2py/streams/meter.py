"""How much a picture track carries: bit rate and distance of key pictures, measured over whole groups."""

from ..media.unit import AccessUnit

_FIRST_SECONDS = 1.0
_SECONDS = 5.0
"""A measurement is over at the first key picture after so long …"""
_LONGEST_SECONDS = 20.0
"""… or here, whatever comes: smart codecs have groups of minutes."""
_OVERDUE_SECONDS = 20.0
_OVERDUE_GROUPS = 2.0


class Meter:
    """Fed with every unit of one video track, in decoding order.

    `bit_rate` is in bit/s, `gop_seconds` the usual time between key pictures; 0 until known. `key_arrived` is the
    `time.monotonic()` of the newest key picture, or of the connection's start. `running`: a connection delivers.
    """

    __slots__ = ("_bytes", "_first", "_last_key", "_until", "bit_rate", "gop_seconds", "key_arrived", "running")

    def __init__(self) -> None:
        self.bit_rate = 0.0
        self.gop_seconds = 0.0
        self.key_arrived = 0.0
        self.running = False
        self._bytes = 0
        self._first: int | None = None
        self._last_key: int | None = None
        self._until = float("-inf")
        """Where the measurement is over at the latest."""

    def restart(self, now: float) -> None:
        """A new connection begins; what was usual stays so."""
        self.running = True
        self.key_arrived = now
        self._first = self._last_key = None
        self._until = float("-inf")

    def add(self, unit: AccessUnit) -> bool:
        """Count one more unit; true if something is known now that was not."""
        if not unit.key and unit.dts < self._until:  # nearly always
            self._bytes += unit.size
            return False
        if self._first is None:
            self._begin(unit)
        news = False
        seconds = (unit.dts - (self._first or 0)) / unit.codec.clock_rate
        wanted = _SECONDS if self.bit_rate else _FIRST_SECONDS
        if seconds >= _LONGEST_SECONDS or (unit.key and seconds >= wanted):
            news = not self.bit_rate
            self.bit_rate = 8 * self._bytes / seconds
            self._begin(unit)
        self._bytes += unit.size
        if unit.key:
            self._key(unit)
        return news

    def overdue(self, now: float) -> bool:
        """Whether no key picture came for far longer than usual: new viewers wait, a broken picture stays."""
        return self.running and now - self.key_arrived > max(_OVERDUE_SECONDS, _OVERDUE_GROUPS * self.gop_seconds)

    def _begin(self, unit: AccessUnit) -> None:
        self._first, self._bytes = unit.dts, 0
        self._until = unit.dts + _LONGEST_SECONDS * unit.codec.clock_rate

    def _key(self, unit: AccessUnit) -> None:
        self.key_arrived = unit.arrived
        if self._last_key is not None:
            step = (unit.dts - self._last_key) / unit.codec.clock_rate
            self.gop_seconds += (step - self.gop_seconds) / (4 if self.gop_seconds else 1)
        self._last_key = unit.dts
