"""Arithmetic on samples: signed 16 bit, mono, the machine's byte order."""

import math
from array import array
from collections.abc import Sequence
from operator import add, mul

FULL = 32_767
SILENCE_DB = -96.0
RANGE_DB = 60.0
"""What a level meter shows."""
_RELEASE = 0.02
"""By how much of the way per frame the limiter lets go."""


def decibels(samples: array[int]) -> float:
    """Loudness (RMS) relative to full scale; `SILENCE_DB` for silence."""
    if not samples:
        return SILENCE_DB
    mean = sum(map(mul, samples, samples, strict=True)) / len(samples)
    return max(SILENCE_DB, 10 * math.log10(mean / FULL**2)) if mean else SILENCE_DB


def meter(loudness: float) -> float:
    """Decibels as 0 to 1."""
    return min(1.0, max(0.0, 1 + loudness / RANGE_DB))


class Limiter:
    """Sums frames and turns the sum down before it clips; lets go slowly, so that nothing pumps."""

    def __init__(self) -> None:
        self._gain = 1.0

    def mix(self, frames: Sequence[array[int]], size: int) -> array[int]:
        """The sum of frames of `size` samples; silence if there are none."""
        if not frames:
            return silence(size)
        if len(frames) == 1 and self._gain == 1.0:
            return frames[0]
        total = list(frames[0])
        for frame in frames[1:]:
            total = list(map(add, total, frame, strict=True))
        before = self._gain
        peak = max(map(abs, total))
        allowed = min(1.0, FULL / peak) if peak else 1.0
        self._gain = min(allowed, before + (1.0 - before) * _RELEASE)
        if self._gain > 0.999:
            self._gain = 1.0
        # Down at once, since the frame would clip; up in a ramp.
        start = min(before, self._gain)
        step = (self._gain - start) / size
        return array("h", [int(sample * (start + step * i)) for i, sample in enumerate(total)])


def silence(size: int) -> array[int]:
    return array("h", bytes(2 * size))


def crossfade(old: array[int], new: array[int]) -> array[int]:
    """From one to the other over their length."""
    size = min(len(old), len(new))
    return array("h", [(old[i] * (size - i) + new[i] * i) // size for i in range(size)])


def fade_out(samples: array[int]) -> array[int]:
    return crossfade(samples, silence(len(samples)))


def fade_in(samples: array[int]) -> array[int]:
    return crossfade(silence(len(samples)), samples)
