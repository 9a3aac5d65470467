"""One stream watched for stills: attached as a reader, decoded along while pictures are being asked for."""

import asyncio
import importlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import Go2pyError, SourceError
from ..media import codec as names
from ..media.unit import AccessUnit
from ..observe.log import get_logger
from ..streams.negotiate import CodecWish, Want
from ..streams.reader import Attachment, ReaderInfo
from ..streams.signal import Signal
from ..streams.stream import Stream
from ..streams.track import Track

if TYPE_CHECKING:
    from ..transcode.decode import Picture, VideoDecoder

_log = get_logger("snapshot")

WANTS = (Want("video", tuple(CodecWish(name) for name in (names.JPEG, names.H264, names.H265))),)

_TICK_SECONDS = 0.2
_BACKLOG_SECONDS = 0.06
"""Decoding that may be left for the next request; a key picture that comes before makes it needless."""
_FIRST_GUESS_SECONDS = 0.005
_FAST_SECONDS = 0.1
"""With pictures at most so far apart two threads decode; the newest then comes out one picture late."""
_MAX_PENDING = 4096


class Rolling:
    """The newest picture of a stream.

    The first request decodes the whole GOP; from then on new units are decoded in portions that are small enough
    for the next request to be quick, until nobody asked for `idle` seconds. `on_end` is called once, at the end.
    """

    def __init__(self, stream: Stream, executor: Executor, idle: float, on_end: Callable[[Rolling], None]) -> None:
        self.stream = stream
        self.users = 0
        self._asked = float("-inf")
        self._executor, self._idle, self._on_end = executor, idle, on_end
        self._attachment: Attachment | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._pending: deque[AccessUnit] = deque()
        self._synced = False
        self._newest: AccessUnit | None = None
        self._decoder: VideoDecoder | None = None
        self._cost = _FIRST_GUESS_SECONDS
        self._reason = ""
        self._arrival, self._busy = Signal(), asyncio.Lock()
        self._opening: asyncio.Task[Track] | None = None
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def using(self) -> Iterator[None]:
        """While inside, somebody waits for a picture."""
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1
            self._asked = time.monotonic()

    @contextmanager
    def followed(self) -> Iterator[None]:
        """While inside, every picture is wanted; at the end of it decoding stops, unless stills are asked for."""
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1
            if not self._is_wanted():
                self.end()

    def _is_wanted(self) -> bool:
        return bool(self.users) or time.monotonic() - self._asked < self._idle

    async def track(self) -> Track:
        """The track, attached once for all who ask; raises what `Stream.attach` raises."""
        if self._reason:
            raise SourceError(f"snapshot: {self._reason}")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name=f"snapshot of {self.stream.name}")
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening)

    async def key_unit(self) -> AccessUnit:
        """The newest key picture as it came; waits for the first."""
        while (key := (await self.track()).gop.key) is None:
            await self._arrival.wait()
        self._count(key)
        return key

    async def picture(self) -> Picture:
        """The newest picture, decoded; waits for the first. Raises `SourceError`, also when the stream ends."""
        while True:
            await self.track()
            async with self._busy:
                await self._decode()
                picture = self._decoder.newest if self._decoder else None
            if picture and self._newest:
                self._count(self._newest)
                return picture
            if not self._pending:
                await self._arrival.wait()

    async def newer(self) -> None:
        """Wait until something arrives, or for the end."""
        await self._arrival.wait()

    def end(self, reason: str = "it is no longer watched") -> None:
        """Detach and stop; who still waits gets a `SourceError` with the reason."""
        if self._reason:
            return
        self._reason = reason
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._attachment is not None:
            self._attachment.close()
        if self._task is not None:
            self._task.cancel()
        self._pending.clear()
        self._decoder = None
        self._arrival.notify()
        self._on_end(self)

    async def close(self) -> None:
        """End, and leave no task behind."""
        self.end()
        tasks = [task for task in (self._opening, self._task) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self) -> Track:
        try:
            attachment = await self.stream.attach(ReaderInfo("image", protocol="http"), WANTS)
        except Go2pyError as error:
            self.end(str(error))
            raise
        if self._reason:
            attachment.close()
            raise SourceError(f"snapshot: {self._reason}")
        self._attachment = attachment
        attachment.on_end = self.end
        (track,) = attachment.tracks
        self._unsubscribe = track.subscribe(self._receive)
        self._receive(track, track.gop.units())
        self._task = asyncio.create_task(self._roll(), name=f"stills of {self.stream.name}")
        return track

    def _receive(self, track: Track, units: Sequence[AccessUnit]) -> None:
        for unit in units:
            if unit.key or len(self._pending) >= _MAX_PENDING:
                self._synced = unit.key
                self._pending.clear()
            if self._synced:
                self._pending.append(unit)
        if units:
            self._newest = units[-1]
            self._arrival.notify()

    async def _roll(self) -> None:
        """Decode along while somebody asks."""
        while self._is_wanted():
            await asyncio.sleep(_TICK_SECONDS)
            if self._decoder and len(self._pending) * self._cost > _BACKLOG_SECONDS:
                async with self._busy:
                    try:
                        await self._decode()
                    except SourceError as error:
                        _log.warning("%s: %s", self.stream.name, error)
                        self.end(str(error))
        self.end()

    async def _decode(self) -> None:
        """Decode what is pending; for who has `_busy`."""
        if not self._pending:
            return
        units = tuple(self._pending)
        self._pending.clear()
        track = await self.track()
        fast = 0 < track.interval <= _FAST_SECONDS and (os.process_cpu_count() or 1) > 1
        loop = asyncio.get_running_loop()
        started = loop.time()
        decoder = await loop.run_in_executor(self._executor, _decode, self._decoder, units, 2 if fast else 1)
        self._cost += ((loop.time() - started) / len(units) - self._cost) / 4
        if not self._reason:
            self._decoder = decoder

    def _count(self, unit: AccessUnit) -> None:
        if self._attachment is not None:
            self._attachment.sent(self._attachment.tracks[0], unit.size)


def _decode(decoder: VideoDecoder | None, units: Sequence[AccessUnit], threads: int) -> VideoDecoder:
    """In a worker thread. A codec of another name takes a new decoder."""
    if decoder is None or decoder.name != units[0].codec.name:
        decoder = importlib.import_module("..transcode.decode", __package__).VideoDecoder(
            units[0].codec, threads=1 if units[0].codec.name == names.JPEG else threads
        )
    decoder.feed(units)
    return decoder
