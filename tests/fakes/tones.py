"""What a camera heard, looked at: which tone, how loud, from when on."""

import cmath
import math
from array import array
from collections.abc import Sequence

from go2py.media.unit import AccessUnit
from tests.fakes.sound import heard as decoded

RATE = 16_000


def listened(heard: Sequence[tuple[float, AccessUnit]]) -> array[int]:
    """Samples at `RATE`."""
    return decoded([unit for _, unit in heard], RATE)[1]


def power(sound: Sequence[int], hertz: float) -> float:
    """How much of the tone is in the sound, 0 to 1 of full scale (Goertzel's sum, by a complex rotation)."""
    turn = cmath.exp(-2j * math.pi * hertz / RATE)
    total, place = 0j, 1 + 0j
    for sample in sound:
        total += sample * place
        place *= turn
    return 2 * abs(total) / max(len(sound), 1) / 32768


def spectrum(sound: Sequence[int], low: int = 200, high: int = 3500, step: int = 10) -> dict[int, float]:
    """The tones between two frequencies, in a tenth of a second or so."""
    return {hertz: power(sound, hertz) for hertz in range(low, high, step)}


def loudest_tone(heard: Sequence[tuple[float, AccessUnit]]) -> float:
    """The tone that the camera hears at the end, in hertz."""
    found = spectrum(listened(heard)[-RATE // 4 :])
    return max(found, key=lambda hertz: found[hertz])


def onsets(sound: Sequence[int], threshold: int = 2000, quiet: float = 0.1) -> list[float]:
    """When something begins after silence, in seconds."""
    found: list[float] = []
    last = -RATE
    for number, sample in enumerate(sound):
        if abs(sample) > threshold:
            if number - last > quiet * RATE:
                found.append(number / RATE)
            last = number
    return found
