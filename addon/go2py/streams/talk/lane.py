"""One voice on its way to the camera: an adaptive jitter buffer of samples, with a gate in front of it."""

from array import array

from .samples import SILENCE_DB, crossfade, decibels, fade_in, fade_out, silence

PRE_ROLL = 0.3
"""Seconds before the first loud frame that are kept and sent."""
HANGOVER = 0.25
"""Seconds for which speech goes on after the last loud frame: the ends of words are soft."""
DELAY, MAX_DELAY, GROWTH = 0.04, 0.24, 0.02
"""Of the jitter buffer, seconds: at first, at most, and by how much it grows each time it ran empty …"""
CALM = 10.0
"""… and so many seconds without that bring it down again."""
SLACK = 0.06
"""What may wait beyond the delay before pauses are shortened."""
CUT = 0.4
"""What may wait beyond it before speech is cut: the line stalled and all came at once."""
CAPACITY = 3.0
"""Seconds kept of a live voice, 60 of one that is played: the rest of what comes is dropped."""
PLAYED_CAPACITY = 60.0


class Lane:
    """Samples of one voice at `rate`, given out in frames of `frame` samples. Live ones are gated by `threshold` (dB)
    and kept short; what is not `live`, a file, is played whole, pauses included.

    `dropped` counts samples that came too fast to be played.
    """

    def __init__(self, rate: int, frame: int, *, live: bool, threshold: float) -> None:
        self.live = live
        self.loudness = SILENCE_DB
        """Of the newest sound that came in, dB."""
        self.dropped = 0
        self.delay = DELAY if live else 0.0
        self._rate = rate
        self._frame = frame
        self._threshold = threshold
        self._data = array("h")
        self._heard = float("-inf")
        self._playing = False
        self._last = silence(frame)
        self._underrun = 0.0
        self._began = 0.0
        """When it began to be played: what was said just before is not a pause."""
        self._backlog = 0.0
        """What is left of what waited while the camera was being opened: it is not cut."""

    @property
    def queued(self) -> float:
        """Seconds that wait."""
        return len(self._data) / self._rate

    def push(self, samples: array[int], now: float) -> None:
        """Sound that came in."""
        self._data.extend(samples)
        self.loudness = decibels(samples)
        if self.loudness >= self._threshold:
            self._heard = now
        limit = round((CAPACITY if self.live else PLAYED_CAPACITY) * self._rate)
        if len(self._data) > limit:
            self.dropped += len(self._data) - limit
            if self.live:
                del self._data[: len(self._data) - limit]  # the newest counts
            else:
                del self._data[limit:]

    def speaks(self, now: float) -> bool:
        """Whether there is something to be said in this moment."""
        if not self.live:
            return bool(self._data)
        return now - self._heard < HANGOVER

    def open(self) -> None:
        """The camera listens from now on: what waits was said to it."""
        self._backlog = self.queued

    def idle(self) -> None:
        """Not heard now: keep what came just before, in case somebody begins."""
        keep = round(PRE_ROLL * self._rate)
        if self.live and len(self._data) > keep:
            del self._data[: len(self._data) - keep]
        self._settle()

    def clear(self) -> None:
        """Forget what waits."""
        self._data = array("h")
        self._heard = float("-inf")

    def take(self, now: float) -> array[int]:
        """The next frame; silence, faded into, where nothing is there in time."""
        self._adapt(now)
        if self._playing and len(self._data) < self._frame:
            self._starve(now)
        elif not self._playing and self._begins():
            self._playing, self._began = True, now
            return self._remember(fade_in(self._next()))
        if not self._playing:
            return self._fade()
        if self.live:
            self._catch_up(now)
        return self._remember(self._next())

    def _begins(self) -> bool:
        """Of what is played nobody knows whether more comes: it waits for nothing."""
        return self.queued >= max(self.delay, self._frame / self._rate) if self.live else bool(self._data)

    def _next(self) -> array[int]:
        frame = self._data[: self._frame]
        del self._data[: self._frame]
        frame.extend(silence(self._frame - len(frame)))  # the rest of a file
        return frame

    def _remember(self, frame: array[int]) -> array[int]:
        self._last = frame
        return frame

    def _settle(self) -> None:
        self._playing = False
        self._last = silence(self._frame)

    def _fade(self) -> array[int]:
        """After the last frame nothing came: its echo backwards, softer and softer, then silence."""
        last, self._last = self._last, silence(self._frame)
        return fade_out(last[::-1]) if any(last) else last

    def _starve(self, now: float) -> None:
        """Ran empty. In the middle of speech the line jitters: wait for more the next time."""
        self._playing = False
        if self.live and now - self._heard < HANGOVER:
            self._underrun = now
            self.delay = min(self.delay + GROWTH, MAX_DELAY)
        elif not self.live:
            self._playing = bool(self._data)

    def _adapt(self, now: float) -> None:
        if self.live and self.delay > DELAY and now - self._underrun > CALM:
            self._underrun = now
            self.delay = max(DELAY, self.delay - GROWTH)

    def _catch_up(self, now: float) -> None:
        """Shorten pauses, at worst speech, until no more than the delay waits."""
        frame = self._frame
        excess = self.queued - self.delay
        self._backlog = max(0.0, min(self._backlog, excess))
        if excess > self._backlog + CUT:
            spare = len(self._data) - round(self.delay * self._rate) - frame
            joint = crossfade(self._data[:frame], self._data[spare : spare + frame])
            self._data = joint + self._data[spare + frame :]
            return
        if excess > SLACK and now - self._began > PRE_ROLL and decibels(self._data[: 2 * frame]) < self._threshold:
            self._data = crossfade(self._data[:frame], self._data[frame : 2 * frame]) + self._data[2 * frame :]
