"""A camera's backchannel that records what it hears and refuses, dawdles and breaks off when told."""

import asyncio
from array import array
from collections.abc import Sequence
from typing import override

from go2py.errors import SourceError
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.talk.backchannel import Backchannel
from go2py.transcode.audio import AudioTranscoder

PCMA = Codec(names.PCMA, "audio", 8_000)


class Ear(Backchannel):
    """`calls` has (opened, closed) times; `heard` the units with the time at which they came."""

    def __init__(self, *takes: Codec) -> None:
        self.takes = takes or (PCMA,)
        self.delay = 0.05
        """Seconds that opening takes."""
        self.refusals: list[SourceError] = []
        """What the next openings are answered with."""
        self.find_error: SourceError | None = None
        self.finds = 0
        self.calls: list[list[float]] = []
        self.codec: Codec | None = None
        self.heard: list[tuple[float, AccessUnit]] = []
        self.is_open = False

    @override
    async def find(self) -> tuple[Codec, ...]:
        self.finds += 1
        await asyncio.sleep(self.delay)
        if self.find_error is not None:
            raise self.find_error
        return self.takes

    @override
    async def open(self, codec: Codec) -> None:
        assert codec in self.takes
        await asyncio.sleep(self.delay)
        if self.refusals:
            raise self.refusals.pop(0)
        self.codec, self.is_open = codec, True
        self.calls.append([asyncio.get_running_loop().time()])

    @override
    def send(self, units: Sequence[AccessUnit]) -> None:
        assert self.is_open
        now = asyncio.get_running_loop().time()
        self.heard += [(now, unit) for unit in units]

    @override
    async def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.calls[-1].append(asyncio.get_running_loop().time())

    def break_off(self, reason: str) -> None:
        """The camera ends it by itself."""
        self.is_open = False
        self.calls[-1].append(asyncio.get_running_loop().time())
        assert self.on_lost is not None
        self.on_lost(reason)

    def sound(self) -> array[int]:
        """Everything heard, as samples at the codec's rate."""
        assert self.codec is not None
        decoder = AudioTranscoder(self.codec, Codec(names.PCML, "audio", self.codec.rate))
        units = [*decoder.push(unit for _, unit in self.heard), *decoder.flush()]
        return array("h", b"".join(unit.units[0] for unit in units))
