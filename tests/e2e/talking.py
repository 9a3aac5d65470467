"""What is said in these tests, and how it is found in what cameras and people hear."""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Locator

from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from tests.e2e.frontend import VIDEOS
from tests.fakes.doorbell import Doorbell
from tests.fakes.running import Process, until
from tests.fakes.sound import heard as decoded
from tests.fakes.tones import RATE, power

TONE: Final = 1300
PLAYED: Final = 2100
"""Hertz of what is said and of what is played: the demo camera's own sound has nothing there."""
_PCMU: Final = Codec("PCMU", "audio", 8_000)
_HEARS: Final = f"""(node, [tone]) => {{ {VIDEOS} const video = found(node)[0];
  const ear = window.go2pyEar ??= (() => {{
    const context = new AudioContext(), analyser = context.createAnalyser();
    context.createMediaStreamSource(video.srcObject).connect(analyser);
    return {{ context, analyser, levels: new Float32Array(analyser.frequencyBinCount) }};
  }})();
  ear.analyser.getFloatFrequencyData(ear.levels);
  return ear.levels[Math.round(tone * ear.analyser.fftSize / ear.context.sampleRate)]; }}"""


def syllables(seconds: float, tone: int = TONE) -> float:
    """Of the tone, with pauses: whatever sounds evenly is noise for a browser, and taken out."""
    place = seconds % 0.5
    swell = min(1.0, place / 0.01, (0.3 - place) / 0.01)
    return max(0.0, swell) * math.sin(2 * math.pi * tone * seconds)


async def loudness(card: Locator) -> float:
    """Of the tone, now, in what the camera in a card sends to the browser, in dB."""
    return float(await card.evaluate(_HEARS, [TONE]))


@asynccontextmanager
async def listening(gateway: Process, stream: str) -> AsyncIterator[array[int]]:
    """What the camera's microphone hears, from now on, as somebody with ffmpeg gets it."""
    sound: array[int] = array("h")
    process = await asyncio.create_subprocess_exec(
        "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp",
        "-i", f"rtsp://127.0.0.1:{gateway.rtsp_port}/{stream}?audio",
        "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-flush_packets", "1", "-",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    stdout = process.stdout

    async def read() -> None:
        while piece := await stdout.read(RATE // 5):
            sound.frombytes(piece + await stdout.read(len(piece) % 2))

    reading = asyncio.create_task(read())
    try:
        await until(lambda: sound)
        yield sound
    finally:
        process.terminate()
        await process.wait()
        await reading


def seconds_of_tone(sound: array[int], tone: int) -> float:
    """How long the tone is in it, its short pauses not counted."""
    window = RATE // 20
    return sum(power(sound[at : at + window], tone) > 0.05 for at in range(0, len(sound) - window, window)) / 20


async def repeated(sound: array[int], tone: int) -> None:
    """Wait until a second of it, pauses included, was in what the demo camera's microphone hears."""
    async with asyncio.timeout(40):
        while seconds_of_tone(sound, tone) < 0.6:
            await asyncio.sleep(0.25)  # looking through all of it takes long


def first_word(doorbell: Doorbell) -> float:
    """When the first of the tone came, on the monotonic clock; 0 if it did not."""
    for one in doorbell.heard:
        unit = AccessUnit(_PCMU, (one.payload,), 0, arrived=one.at)
        if max(map(abs, decoded([unit], 8_000)[1])) > 2_000:
            return one.at
    return 0.0


def understands(doorbell: Doorbell, tone: int) -> bool:
    """Whether it heard a second of it, pauses included."""
    units = [AccessUnit(_PCMU, (one.payload,), one.timestamp, arrived=one.at) for one in doorbell.heard]
    return bool(units) and seconds_of_tone(decoded(units, RATE)[1], tone) > 0.6
