"""A fake doorbell, the streams that look at it, and somebody who speaks: for tests of the way to its loudspeaker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Self

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.sources.registry import SCHEMES, dial
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.session import Session
from go2py.streams.talk.backchannel import Backchannel
from go2py.streams.talk.talk import Talk
from go2py.streams.track import Track

from .doorbell import Doorbell
from .sound import coded, sine

VIEW = wants_from_query((), "video&audio")
TONE = 800.0
QUICK = StreamSettings(linger=0.3, wait=5.0, watchdog=3.0, retry_first=0.1, retry_max=0.3)


class Viewer:
    """Somebody who looks; `times` are those of its pictures on the stream's clock, in seconds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.ended: list[str] = []

    async def attach(self, registry: Registry) -> Self:
        self._attachment = await registry.require("door").attach(ReaderInfo("test"), VIEW)
        self._attachment.on_end = self.ended.append
        self._cancels = [track.subscribe(self._take) for track in self._attachment.tracks]
        return self

    def _take(self, track: Track, units: Sequence[AccessUnit]) -> None:
        if track.kind == "video":
            self.times += [unit.pts / unit.codec.clock_rate for unit in units]

    async def sees(self, more: int = 10) -> None:
        """Wait for so many more pictures."""
        target = len(self.times) + more
        await until(lambda: len(self.times) >= target)

    @property
    def longest(self) -> float:
        """The longest gap between two pictures, in seconds: 0.04, and what the machine adds."""
        return max((new - old for old, new in pairwise(self.times)), default=0.0)

    def close(self) -> None:
        for cancel in self._cancels:
            cancel()
        self._attachment.close()


class Doorstep:
    """The streams at a doorbell, with one named `door`."""

    def __init__(self, doorbell: Doorbell, registry: Registry) -> None:
        self.doorbell, self.registry = doorbell, registry

    @property
    def session(self) -> Session:
        session = self.registry.require("door").slots[0].session
        assert session is not None
        return session

    @property
    def talk(self) -> Talk:
        talk = self.session.talk
        assert talk is not None
        return talk

    @property
    def backchannel(self) -> Backchannel:
        return self.talk.backchannel

    @property
    def views(self) -> int:
        """How often the picture was set up."""
        return sum(one.method == "SETUP" and one.url.endswith("track0") for one in self.doorbell.seen.headers)

    async def viewer(self) -> Viewer:
        """Somebody who looks, and sees."""
        viewer = await Viewer().attach(self.registry)
        await viewer.sees()
        return viewer

    async def call(self, seconds: float = 0.3) -> None:
        """Find, open, speak, close."""
        codec = (await self.backchannel.find())[0]
        await self.backchannel.open(codec)
        try:
            await self.say(codec, seconds)
        finally:
            await self.backchannel.close()

    async def say(self, codec: Codec, seconds: float = 0.3) -> None:
        """Send a tone, in real time; back when some of it was heard."""
        before = len(self.doorbell.heard)
        for unit in tone(codec, seconds):
            self.backchannel.send([unit])
            await asyncio.sleep(0.02)
        await until(lambda: len(self.doorbell.heard) > before)


def tone(codec: Codec, seconds: float, hertz: float = TONE) -> list[AccessUnit]:
    """Frames of a tone, with `pts` from 0 on."""
    units = coded(codec, sine(hertz), seconds)
    first = units[0].pts
    return [AccessUnit(codec, unit.units, unit.pts - first, arrived=0.0) for unit in units]


@asynccontextmanager
async def doorstep(doorbell: Doorbell, fragment: str = "", url: str = "") -> AsyncIterator[Doorstep]:
    """The doorbell as stream `door`; `fragment` is what follows its URL."""
    registry = Registry(dial, SCHEMES, QUICK, Bus())
    registry.apply([StreamConfig("door", ((url or doorbell.url) + fragment,))])
    try:
        yield Doorstep(doorbell, registry)
    finally:
        await registry.close()


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Raises `TimeoutError` when it does not come true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
