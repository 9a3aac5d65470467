"""One timeline per connection: the camera's timestamps, unwrapped, joined, repaired, on our monotonic clock.

A track's timestamps keep their own steps (a picture's time is what the camera says), while a slowly moving offset holds
the track near the clock of this machine: a camera whose clock drifts, runs at a wrong rate, jumps by hours
or restarts with a reboot leaves `pts / clock_rate` comparable with `time.monotonic()` all the same. Sender reports hold
audio beside video (RFC 3550 section 6.4.1). Decode times increase strictly, also over reconnects.
"""

from dataclasses import dataclass

from ..media.unit import AccessUnit

JUMP = 1.5
"""Seconds by which a timestamp may differ from what the clock says has passed before it counts as a jump."""
LATE = 2.0
"""Seconds that all units of a window may be late before the track is moved instead of drawn near."""
DEADBAND = 0.05
"""Seconds of lateness that are left alone: jitter, not drift."""
WINDOW = 2.0
"""Seconds over which the least lateness is taken."""
SLEW = 0.05
"""The share of passing time by which an offset may move."""
MAX_SKEW = 5.0
"""Sender reports that put audio and video further apart than these seconds are wrong."""
_WRAP = 1 << 32


@dataclass(slots=True)
class _Clock:
    """The state of one track; all times in ticks of its clock rate unless named otherwise."""

    rate: int
    raw: int = 0
    """The last timestamp as it came."""
    pts: int = 0
    """Where it was put, before drift correction of later units."""
    dts: int | None = None
    arrived: float = 0.0
    started: bool = False
    interval: int = 0
    reordered: bool = False
    slack: int = 0
    """With reordered pictures: how far decode times are to move, negative for back; and over the last pictures …"""
    least_slack: int = 1 << 40
    """… the least distance from decoding to presentation."""
    since_slack: int = 0
    window_start: float = 0.0
    window_least: float = 1e9
    correction: float = 0.0
    """Ticks still to be added to the offset, bit by bit."""
    camera_lead: float | None = None
    """The camera's wall clock minus our time, in seconds, by its last sender report."""


class Timeline:
    """Places units of all tracks of one session; tracks are told apart by any number."""

    def __init__(self) -> None:
        self._clocks: dict[int, _Clock] = {}

    def restart(self) -> None:
        """The connection is new: timestamps and sender reports start afresh, decode times go on."""
        for clock in self._clocks.values():
            clock.started = False
            clock.camera_lead = None

    def place(self, track: int, unit: AccessUnit) -> None:
        """Rewrite `pts` and `dts` of a unit that came with the camera's timestamp in `pts`."""
        rate = unit.codec.clock_rate
        clock = self._clocks.get(track)
        if clock is None or clock.rate != rate:
            clock = self._clocks[track] = _Clock(rate)
        raw = unit.pts
        now = unit.arrived
        if not clock.started:
            self._anchor(clock, raw, now)
        else:
            step = (raw - clock.raw + (_WRAP >> 1)) % _WRAP - (_WRAP >> 1)
            ahead = step / rate - (now - clock.arrived)
            late = now - (clock.pts + step) / rate
            if (ahead > JUMP and late < -JUMP) or step < -JUMP * rate or late > 30.0:
                self._anchor(clock, raw, now)
            else:
                if step < 0 and unit.codec.is_video:
                    clock.reordered = True
                if size := abs(step):  # with reordered pictures the least step is the interval
                    clock.interval = min(size, clock.interval + clock.interval // 64 + 1) if clock.interval else size
                clock.pts += step + self._drift(clock, step)
                clock.raw = raw
                clock.arrived = now
        self._watch(clock, now)
        unit.pts = clock.pts
        unit.dts = self._decode_time(clock)
        if not clock.reordered:
            unit.pts = unit.dts

    def sender_report(self, track: int, rtp_time: int, ntp: float, *, master: int) -> None:
        """A sender report of `track`; audio is drawn to `master`, the video track."""
        clock = self._clocks.get(track)
        if clock is None or not clock.started:
            return
        step = (rtp_time - clock.raw + (_WRAP >> 1)) % _WRAP - (_WRAP >> 1)
        clock.camera_lead = ntp - (clock.pts + step) / clock.rate
        leader = self._clocks.get(master)
        if track == master or leader is None or leader.camera_lead is None:
            return
        skew = clock.camera_lead - leader.camera_lead
        clock.correction = skew * clock.rate if abs(skew) < MAX_SKEW else 0.0

    def _anchor(self, clock: _Clock, raw: int, now: float) -> None:
        """Put a unit where it arrived, behind everything placed before."""
        clock.pts = round(now * clock.rate)
        if clock.dts is not None:
            clock.pts = max(clock.pts, clock.dts + max(1, clock.interval))
        clock.raw = raw
        clock.arrived = now
        clock.started = True
        clock.correction = 0.0
        clock.camera_lead = None
        clock.window_start = now
        clock.window_least = 1e9

    def _drift(self, clock: _Clock, step: int) -> int:
        """How far the offset moves with this step."""
        if not clock.correction or step <= 0:
            return 0
        most = max(1, int(step * SLEW))
        move = max(-most, min(most, round(clock.correction)))
        clock.correction -= move
        if abs(clock.correction) < 1:
            clock.correction = 0.0
        return move

    def _watch(self, clock: _Clock, now: float) -> None:
        """Once a window, see how late even the least late unit was and set the correction.

        A track that sender reports hold beside the video is left alone.
        """
        clock.window_least = min(clock.window_least, now - clock.pts / clock.rate)
        if now - clock.window_start < WINDOW:
            return
        late = clock.window_least
        clock.window_start = now
        clock.window_least = 1e9
        led = clock.camera_lead is not None and any(
            other is not clock and other.camera_lead is not None for other in self._clocks.values()
        )
        if late > LATE:  # after a stall the camera went on without us: jump forward, nothing was lost by it
            clock.pts += round(late * clock.rate)
            clock.correction = 0.0
        elif led and clock is not next(iter(self._leaders()), clock):
            return
        elif late > DEADBAND or late < -DEADBAND / 2:
            clock.correction = (late - DEADBAND / 2) * clock.rate
        else:
            clock.correction = 0.0

    def _leaders(self) -> list[_Clock]:
        """Clocks with sender reports, the video clock (90 kHz) first."""
        found = [clock for clock in self._clocks.values() if clock.camera_lead is not None]
        return sorted(found, key=lambda clock: clock.rate, reverse=True)

    @staticmethod
    def _decode_time(clock: _Clock) -> int:
        """A strictly increasing decode time; with reordered pictures it lags behind the presentation time."""
        last = clock.dts
        if last is None:
            clock.dts = clock.pts
        elif clock.reordered:
            clock.dts = _reordered_decode_time(clock, last)
        else:
            clock.dts = max(last + 1, clock.pts)
        return clock.dts


_REORDER_WINDOW = 16
"""Pictures after which the distance from decoding to presentation is corrected."""


def _reordered_decode_time(clock: _Clock, last: int) -> int:
    """One interval after the last, drawn to where no picture is decoded after it is to be shown."""
    half = clock.interval // 2
    move = max(-half, min(half, clock.slack))
    clock.slack -= move
    dts = max(last + 1, last + clock.interval + move)
    slack = clock.pts - dts
    clock.least_slack = min(clock.least_slack, slack)
    clock.since_slack += 1
    if slack < 0:
        clock.slack = min(clock.slack, slack)
    if clock.since_slack >= _REORDER_WINDOW:
        clock.slack = clock.least_slack - half
        clock.least_slack = 1 << 40
        clock.since_slack = 0
    return dts
