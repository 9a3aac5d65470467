"""Still pictures of a stream as JPEG: the newest picture, or the newest key picture at once.

Parallel requests for the same picture share one decode and one encoding. Streams that are asked repeatedly are
decoded along (`rolling`), a bounded number of them.
"""

import asyncio
import importlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import ProtocolError, Unreachable
from ..media import codec as names
from ..media import jpeg
from ..media.unit import AccessUnit
from ..streams.stream import Stream
from .rolling import Rolling

if TYPE_CHECKING:
    from ..transcode.decode import Picture

TIMEOUT = 8.0
"""Home Assistant gives up after 10 s."""
IDLE = 15.0
"""Seconds without a request after which a stream is left alone; Home Assistant asks every 10 s."""
MAX_STREAMS = 4
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Still:
    """A JPEG of `width` x `height` pixels (0: unknown). `taken`: wall clock in seconds at which the picture arrived."""

    jpeg: bytes = field(repr=False)
    taken: float
    width: int
    height: int

    @property
    def age(self) -> float:
        """Seconds since the picture arrived."""
        return max(0.0, time.time() - self.taken)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is wanted: pixels (0: open) and clockwise degrees."""

    width: int
    height: int
    rotate: int
    poster: bool

    @property
    def is_plain(self) -> bool:
        return not (self.width or self.height or self.rotate)


class SnapshotService:
    """Takes stills; close it at the end."""

    def __init__(self, *, timeout: float = TIMEOUT, idle: float = IDLE, max_streams: int = MAX_STREAMS) -> None:
        self._timeout, self._idle, self._max_streams = timeout, idle, max_streams
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="go2py-snapshot")
        self._rolling: OrderedDict[Stream, Rolling] = OrderedDict()
        self._taking: dict[tuple[Stream, _Shape], asyncio.Task[Still]] = {}

    async def take(
        self, stream: Stream, *, width: int = 0, height: int = 0, rotate: int | None = None, poster: bool = False
    ) -> Still:
        """The newest picture, or with `poster` the newest key picture, which needs no decoding of what followed.

        It is scaled to `width` and `height` (0: open, by the other's proportion), then turned clockwise by `rotate`
        degrees (0, 90, 180, 270; None: as the stream is configured). A JPEG source's picture passes untouched unless
        either is asked for. Raises `SourceError` or `NegotiationError`; after the timeout `Unreachable`.
        """
        key = (stream, _Shape(width, height, stream.rotate if rotate is None else rotate, poster))
        task = self._taking.get(key)
        if task is None:
            task = self._taking[key] = asyncio.create_task(self._take(*key), name=f"still of {stream.name}")
            task.add_done_callback(lambda done: self._taken(key, done))
        return await asyncio.shield(task)

    async def follow(
        self, stream: Stream, *, width: int = 0, height: int = 0, rotate: int | None = None, fps: float
    ) -> AsyncGenerator[Still]:
        """Stills as the stream goes, each newer than the last, at most `fps` a second.

        Decoding is shared with whoever takes stills and ends with the last who wants any. Raises `SourceError` or
        `NegotiationError`, also when the stream is over.
        """
        shape = _Shape(width, height, stream.rotate if rotate is None else rotate, poster=False)
        loop = asyncio.get_running_loop()
        rolling = self._rolled(stream)
        last: Picture | None = None
        with rolling.followed():
            due = loop.time()
            while True:
                picture = await rolling.picture()
                if picture is last:
                    await rolling.newer()
                    continue
                last = picture
                yield await loop.run_in_executor(self._executor, _from_picture, picture, shape)
                due = max(due + 1 / fps, loop.time())
                await asyncio.sleep(due - loop.time())

    async def close(self) -> None:
        """Detach everywhere and end the threads."""
        tasks = list(self._taking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(rolling.close() for rolling in tuple(self._rolling.values())))
        await asyncio.to_thread(self._executor.shutdown)

    def _taken(self, key: tuple[Stream, _Shape], task: asyncio.Task[Still]) -> None:
        del self._taking[key]
        if not task.cancelled():
            task.exception()  # nobody may be waiting any more
        idle = [rolling for rolling in self._rolling.values() if not rolling.users]
        for rolling in idle[: max(0, len(self._rolling) - self._max_streams)]:
            rolling.end()

    async def _take(self, stream: Stream, shape: _Shape) -> Still:
        rolling = self._rolled(stream)
        with rolling.using():
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._still(rolling, shape)
            except TimeoutError:
                raise Unreachable(f"snapshot: {stream.name} gave no picture within {self._timeout:g} s") from None

    def _rolled(self, stream: Stream) -> Rolling:
        rolling = self._rolling.get(stream)
        if rolling is None:
            rolling = self._rolling[stream] = Rolling(stream, self._executor, self._idle, self._ended)
        self._rolling.move_to_end(stream)
        return rolling

    def _ended(self, rolling: Rolling) -> None:
        self._rolling.pop(rolling.stream, None)

    async def _still(self, rolling: Rolling, shape: _Shape) -> Still:
        loop = asyncio.get_running_loop()
        is_jpeg = (await rolling.track()).codec.name == names.JPEG
        if shape.poster or (is_jpeg and shape.is_plain):
            unit = await rolling.key_unit()
            if is_jpeg and shape.is_plain:
                return _untouched(unit)
            return await loop.run_in_executor(self._executor, _from_unit, unit, shape)
        picture = await rolling.picture()
        return await loop.run_in_executor(self._executor, _from_picture, picture, shape)


def _untouched(unit: AccessUnit) -> Still:
    data = unit.units[0]
    try:
        width, height = jpeg.size(data)
    except ProtocolError:  # progressive and other kinds that a browser shows all the same
        width, height = unit.codec.width, unit.codec.height
    return Still(data, _wall(unit.arrived), width, height)


def still_of(unit: AccessUnit, *, max_width: int) -> Still:
    """A key picture as it is, or scaled down to this width; for a thread. Raises `SourceError` if it is broken."""
    width = max_width if not unit.codec.width or unit.codec.width > max_width else 0
    return _from_unit(unit, _Shape(width, 0, 0, poster=True))


def _from_unit(unit: AccessUnit, shape: _Shape) -> Still:
    picture: Picture = importlib.import_module("..transcode.decode", __package__).decode_one(unit)
    return _from_picture(picture, shape)


def _from_picture(picture: Picture, shape: _Shape) -> Still:
    encode = importlib.import_module("..transcode.jpeg", __package__)
    made = encode.encode_jpeg(picture.frame, encode.Shape(shape.width, shape.height, shape.rotate))
    return Still(made.data, _wall(picture.arrived), made.width, made.height)


def _wall(monotonic: float) -> float:
    return time.time() - time.monotonic() + monotonic
