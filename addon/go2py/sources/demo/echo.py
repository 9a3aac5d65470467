"""What is said to the demo camera comes back out of its microphone as soon as the speaker has ended. Loads av."""

import time
from array import array
from collections import deque

from ...errors import Go2pyError
from ...media import codec as names
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...transcode.audio import AudioTranscoder

PAUSE = 0.5
"""Seconds without a unit after which the speaker has ended."""
MAX_UNITS = 3000
"""A minute of 20 ms units; of a longer speech the end comes back."""


class Echo:
    """`hear` may be called from any thread, `take` from the one that makes the sound."""

    def __init__(self) -> None:
        self._heard: deque[AccessUnit] = deque(maxlen=MAX_UNITS)
        self._last = 0.0
        self._samples = array("h")

    def hear(self, unit: AccessUnit) -> None:
        self._heard.append(unit)
        self._last = time.monotonic()

    def take(self, count: int, rate: int) -> array[int] | None:
        """The next samples, signed 16 bit, mono; None while nothing comes back."""
        if self._heard and time.monotonic() - self._last > PAUSE:
            self._decode(rate)
        if not self._samples:
            return None
        piece = self._samples[:count]
        del self._samples[:count]
        piece.extend([0] * (count - len(piece)))
        return piece

    def _decode(self, rate: int) -> None:
        units = [self._heard.popleft() for _ in range(len(self._heard))]
        try:
            decoder = AudioTranscoder(units[0].codec, Codec(names.PCML, "audio", rate))
            made = [*decoder.push(units), *decoder.flush()]
        except Go2pyError:
            return  # nobody could have understood it either
        self._samples = array("h", b"".join(unit.units[0] for unit in made))
