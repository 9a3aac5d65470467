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
from .material import Material
from .playback import Playback

if TYPE_CHECKING:
    from .reading import Reading

RATE = 48_000
_PCM = Codec(names.PCML, "audio", RATE)
AHEAD = 0.5
"""Seconds that are read before they are due."""
LEAD = 0.1
"""Seconds of silence that open a camera, and keep it open until the others listen too."""
TAIL = 0.05
"""Seconds of silence behind the sound, which carry the last of it through decoders and filters."""
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
        self._begun = False
        self._pushed: dict[str, int] = {}
        """Samples handed to each camera, silence included."""
        self._played = 0
        """Samples of the sound handed to the cameras."""
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
        self._begun = True
        await self._in_worker(lambda: self._open(material))
        for name, talk in self.talks.items():
            self.voices[name] = talk.voice(f"player: {self.title}", priority=self._priority, live=False)
        await self._listening()
        self.tell("playing")

    def _open(self, material: Material) -> None:
        """In the thread, since it waits and loads av."""
        reading: Reading = importlib.import_module(".reading", __package__).Reading(material)
        self._reading, self.duration, self._chunks = reading, reading.duration, reading.chunks()

    async def _listening(self) -> None:
        """Until all cameras listen, so that they are in step; those that do not are left out."""
        loop = asyncio.get_running_loop()
        until = loop.time() + OPENING
        listening: set[str] = set()
        while listening != self.voices.keys():
            for name, voice in tuple(self.voices.items()):
                if voice.queued < LEAD / 2:
                    self._push(name, LEAD)
                if voice.status.state in ("talking", "busy"):
                    listening.add(name)
                elif loop.time() > until and name not in listening:
                    self._give_up(name, "the camera does not answer")
            self._part()
            if not self.voices:
                raise Unreachable("it was stopped")
            listening &= self.voices.keys()
            await asyncio.sleep(_LOOK / 2)
        longest = max(voice.queued for voice in self.voices.values())
        for name, voice in self.voices.items():
            self._push(name, longest - voice.queued)

    def _part(self) -> None:
        """From cameras that do not listen any more; raises when the last one refused."""
        for name, voice in tuple(self.voices.items()):
            status = voice.status
            if voice.closed:
                self.leave(name)
            elif status.state == "refused" or (status.state == "busy" and not status.by):
                self._give_up(name, status.reason)

    def _give_up(self, name: str, reason: str) -> None:
        """Without this camera; raises when it was the last."""
        if len(self.voices) == 1:
            raise Busy(reason) if self.voices[name].status.state == "busy" else Unreachable(reason)
        self.leave(name)

    @override
    async def run(self) -> None:
        while self.voices and (self._ends is None or self._played < self._ends):
            if min(voice.queued for voice in self.voices.values()) > AHEAD:
                await asyncio.sleep(_LOOK)
            elif (chunk := await self._in_worker(self._next)) is None:
                break
            else:
                self._played += len(chunk)
                for name, voice in self.voices.items():
                    if voice.queued <= 2 * AHEAD:  # else somebody is speaking there, for whom the others do not wait
                        self._push(name, chunk)
                await asyncio.sleep(0)
            self._part()
        for name in self.voices:
            self._push(name, TAIL)
        await self._drained()

    def _next(self) -> array[int] | None:
        """The next chunk as loud as it is to be; None at the end. Blocks."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return None
        begin, end = self._level(self._played), self._level(self._played + len(chunk))
        if (begin, end) == (1.0, 1.0):
            return chunk
        step = (end - begin) / len(chunk)
        return array("h", (max(-32_768, min(32_767, int(s * (begin + step * i)))) for i, s in enumerate(chunk)))

    def _level(self, sample: int) -> float:
        """The factor that holds at this sample."""
        level = self.volume
        fade = self._fade * RATE
        if fade:
            level *= min(1.0, sample / fade)
            if self._ends is not None:
                level *= max(0.0, (self._ends - sample) / fade)
        return level

    def _push(self, name: str, sound: array[int] | float) -> None:
        """Sound, or so many seconds of silence."""
        samples = array("h", bytes(2 * round(sound * RATE))) if isinstance(sound, float) else sound
        if not samples:
            return
        at = self._pushed.get(name, 0)
        self._pushed[name] = at + len(samples)
        voice = self.voices[name]
        voice.push([AccessUnit(_PCM, (samples.tobytes(),), at, arrived=asyncio.get_running_loop().time())])
        voice.queued += len(samples) / RATE  # until the desk has counted it

    async def _drained(self) -> None:
        """What was handed on is said, or the cameras do not listen any more."""
        while any(voice.queued > 0 or voice.waiting for voice in self.voices.values()):
            await asyncio.sleep(_LOOK)
            self._part()

    async def _in_worker[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    @override
    def close(self) -> None:
        super().close()
        if self._begun:
            self._begun = False
            self._worker.submit(self._shut)  # behind what blocks there
        self._worker.shutdown(wait=False)

    def _shut(self) -> None:
        if self._reading is not None:
            self._reading.close()
