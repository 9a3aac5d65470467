"""The demo camera's sound: a soft chord, a tick twice a second and a beep on every full second of its clock."""

import math
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_CHORD = ((220, 0.006), (277, 0.005), (330, 0.005))
"""Whole hertz, so that one second of it can be repeated without a seam."""
_BEEP_HZ, _BEEP_SECONDS, _BEEP_LEVEL = 880, 0.1, 0.25
_TICK_HZ, _TICK_SECONDS, _TICK_LEVEL = 1760, 0.02, 0.03
_FADE_SECONDS = 0.004
_FULL = 32767


@dataclass(frozen=True, slots=True)
class SecondOfSound:
    """One second, mono, `width` bytes a sample; `frame` cuts pieces out of its endless repetition, `coded` puts other
    sound, signed 16 bit samples, into the same form."""

    rate: int
    width: int
    data: bytes
    coded: Callable[[array[int]], bytes]

    def frame(self, start: int, samples: int) -> bytes:
        """`samples` (at most a second of them) from sample `start`, counted from any full second of the clock."""
        first = start % self.rate
        piece = self.data[first * self.width : (first + samples) * self.width]
        missing = samples * self.width - len(piece)
        return piece + self.data[:missing] if missing else piece


def pcm16(rate: int) -> SecondOfSound:
    """Signed 16 bit, the machine's byte order."""
    return SecondOfSound(rate, 2, array("h", _integers(rate)).tobytes(), lambda samples: samples.tobytes())


def pcm_float(rate: int) -> SecondOfSound:
    """32 bit float, the machine's byte order."""
    return SecondOfSound(rate, 4, array("f", _second(rate)).tobytes(), _floats)


def pcma(rate: int = 8000) -> SecondOfSound:
    """G.711 A-law."""
    return SecondOfSound(rate, 1, bytes(map(_alaw, _integers(rate))), lambda samples: bytes(map(_alaw, samples)))


def _second(rate: int) -> list[float]:
    turn = 2 * math.pi / rate
    samples = [sum(level * math.sin(turn * hertz * i) for hertz, level in _CHORD) for i in range(rate)]
    _add_burst(samples, rate, 0.0, _BEEP_HZ, _BEEP_SECONDS, _BEEP_LEVEL)
    _add_burst(samples, rate, 0.5, _TICK_HZ, _TICK_SECONDS, _TICK_LEVEL)
    return samples


def _integers(rate: int) -> Iterator[int]:
    return (round(_FULL * sample) for sample in _second(rate))


def _floats(samples: array[int]) -> bytes:
    return array("f", (sample / (_FULL + 1) for sample in samples)).tobytes()


def _add_burst(samples: list[float], rate: int, at: float, hertz: int, seconds: float, level: float) -> None:
    first, count, fade = round(at * rate), round(seconds * rate), _FADE_SECONDS * rate
    for i in range(count):
        envelope = min(1.0, i / fade, (count - i) / fade)
        samples[first + i] += level * envelope * math.sin(2 * math.pi * hertz * i / rate)


def _alaw(sample: int) -> int:
    """ITU-T G.711 table 1a: sign, 3 bit segment, 4 bit mantissa, even bits inverted."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = (sample if sample >= 0 else ~sample) >> 3
    if magnitude < 32:
        code = magnitude >> 1
    else:
        segment = magnitude.bit_length() - 5
        code = segment << 4 | (magnitude >> segment & 0x0F)
    return (code | sign) ^ 0x55
