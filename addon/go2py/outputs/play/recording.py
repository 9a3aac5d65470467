"""A sound with a beginning, read from a file, an address or bytes and played whole, into several cameras in step."""

import asyncio
import importlib
from array import array
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, override

from ...errors import Busy, Unreachable
from ...media import codec as names
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...streams.talk.talk import Talk
from ...streams.talk.voice import Voice
from .material import Material
from .playback import Playback

if TYPE_CHECKING:
    from .reading import Reading

RATE = 48_000
_PCM = Codec(names.PCML, "audio", RATE)
AHEAD = 0.5
"""Seconds that are read before they are due."""
_LOOK = 0.05
OPENING = 9.0
"""Seconds that the cameras get to listen, all of them before the first is spoken to."""


class Recording(Playback):
    """A material with a beginning, played whole."""

    def __init__(
        self,
        talks: Mapping[str, Talk],
        title: str,
        material: Callable[[], Awaitable[Material]],
        *,
        volume: float = 1.0,
        priority: int = 0,
        fade: float = 0.0,
    ) -> None:
        """`material` is asked for when it is its turn; `fade` in seconds, at the beginning and when it is stopped."""
        super().__init__(talks, title, volume=volume, priority=priority)
        self._material = material
        self._fade = fade
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="go2py-play")
        self._reading: Reading | None = None
        self._chunks: Iterator[array[int]] = iter(())
        self._played = 0
        """Samples handed to the cameras."""
        self._ends: int | None = None
        """The sample at which the sound has been faded out."""

    @property
    @override
    def position(self) -> float:
        waiting = max((voice.queued for voice in self.voices.values()), default=0.0)
        return max(0.0, self._played / RATE - waiting)

    def fade_out(self) -> bool:
        """End after the fade; false where there is none."""
        if self._fade and self.state == "playing" and self._ends is None:
            self._ends = self._played + round(self._fade * RATE)
        return self._ends is not None

    @override
    async def begin(self) -> None:
        material = await self._material()
        self._reading = await self._in_worker(lambda: _read(material))
        self.duration = self._reading.duration
        self._chunks = self._reading.chunks()
        first = array("h", bytes(2 * RATE // 10))
        for name, talk in self.talks.items():
            voice = self.voices[name] = talk.voice(f"player: {self.title}", priority=self._priority, live=False)
            self._push(voice, first)
        self._played += len(first)
        await self._listening()
        self.tell("playing")

    async def _listening(self) -> None:
        """Until all cameras listen, so that they are in step; those that do not are left out."""
        loop = asyncio.get_running_loop()
        until = loop.time() + OPENING
        while waiting := [n for n, voice in self.voices.items() if not _settled(voice)]:
            if loop.time() > until:
                for name in waiting:
                    self._give_up(name, "the camera does not answer")
                break
            await asyncio.sleep(_LOOK / 2)
        for name, voice in tuple(self.voices.items()):
            if voice.status.state == "refused" or (voice.status.state == "busy" and not voice.status.by):
                self._give_up(name, voice.status.reason)

    def _give_up(self, name: str, reason: str) -> None:
        """Without this camera; raises when it was the last."""
        busy = self.voices[name].status.state == "busy"
        self.leave(name)
        if not self.voices:
            raise Busy(reason) if busy else Unreachable(reason)

    @override
    async def run(self) -> None:
        while self.voices:
            if max(voice.queued for voice in self.voices.values()) > AHEAD:
                await asyncio.sleep(_LOOK)
            elif (chunk := await self._in_worker(lambda: next(self._chunks, None))) is None:
                break
            else:
                self._hand_on(chunk)
                if self._ends is not None and self._played >= self._ends:
                    break
                await asyncio.sleep(0)
        await self._drained()

    def _hand_on(self, chunk: array[int]) -> None:
        level = self._level()
        self._played += len(chunk)
        end = self._level()
        if (level, end) != (1.0, 1.0):
            step = (end - level) / len(chunk)
            chunk = array("h", (max(-32_768, min(32_767, int(s * (level + step * i)))) for i, s in enumerate(chunk)))
        for name, voice in tuple(self.voices.items()):
            if voice.closed or voice.status.state == "refused":
                self._give_up(name, voice.status.reason or "stopped")
            else:
                self._push(voice, chunk)

    def _level(self) -> float:
        """The factor that holds at this sample."""
        level = self.volume
        fade = self._fade * RATE
        if fade:
            level *= min(1.0, self._played / fade)
            if self._ends is not None:
                level *= max(0.0, (self._ends - self._played) / fade)
        return level

    def _push(self, voice: Voice, chunk: array[int]) -> None:
        voice.push([AccessUnit(_PCM, (chunk.tobytes(),), self._played, arrived=asyncio.get_running_loop().time())])
        voice.queued += len(chunk) / RATE  # until the desk has counted it

    async def _drained(self) -> None:
        """What was handed on is said, or the camera does not listen any more."""
        while any(not voice.closed and voice.queued > 0 for voice in self.voices.values()):
            if all(voice.status.state in ("refused", "idle") for voice in self.voices.values()):
                break
            await asyncio.sleep(_LOOK)

    async def _in_worker[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    @override
    def close(self) -> None:
        super().close()
        reading, self._reading = self._reading, None
        if reading is not None:
            self._worker.submit(reading.close)
        self._worker.shutdown(wait=False)


def _read(material: Material) -> Reading:
    """In the thread, since it waits and loads av."""
    reading: Reading = importlib.import_module(".reading", __package__).Reading(material)
    return reading


def _settled(voice: Voice) -> bool:
    """Whether it is known how the camera takes it."""
    state = voice.status.state
    return voice.closed or state in ("talking", "refused") or state == "busy"
