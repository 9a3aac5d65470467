"""A source in memory that does what the test says: for the promises of streams, without any protocol."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import override

from go2py.errors import SourceError, Unreachable, Unsupported
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.source import Offer, Sink, Source, SourceInfo, SourceSpec, SourceUrl
from tests.fakes.ear import Ear

# A Constrained Baseline picture of 320x240 is enough for parsers of parameter sets.
SPS = bytes.fromhex("6742c01ed9014050fb0110000003001000000303c0f162e480")
PPS = bytes.fromhex("68cb83cb20")
H264 = Codec("H264", "video", 90_000, parameter_sets=(SPS, PPS))
PCMA = Codec("PCMA", "audio", 8_000, 1)
OPUS = Codec("OPUS", "audio", 48_000, 2)


@dataclass
class FakeCamera:
    """The camera behind `fake:` sources: what it offers, whether it answers, what was done to it."""

    offers: tuple[Offer, ...] = (Offer((H264,)), Offer((PCMA,)))
    error: SourceError | None = None
    fps: float = 50.0
    gop: int = 10
    mute_video: bool = False
    answers: asyncio.Event | None = None
    """Until it is set, connecting takes for ever."""
    ear: Ear | None = None
    """Its backchannel, for sources that are dialled from then on."""
    opened: int = 0
    closed: int = 0
    playing: list[FakeSource] = field(default_factory=list)
    wanted: list[frozenset[int]] = field(default_factory=list)

    def dial(self, url: SourceUrl) -> SourceSpec:
        if url.scheme != "fake":
            raise Unsupported(f"{url.scheme}: is not spoken by go2py yet")
        ear = self.ear
        return SourceSpec(url.url, url, lambda: FakeSource(self), None if ear is None else lambda _link: ear)

    def drop(self) -> None:
        """Every connection breaks."""
        for source in self.playing:
            source.broken.set()


class FakeSource(Source):
    def __init__(self, camera: FakeCamera) -> None:
        self.camera = camera
        self.info = SourceInfo("fake", "tcp", "192.0.2.7:554")
        self.broken = asyncio.Event()
        self._closed = False

    @override
    async def open(self) -> Sequence[Offer]:
        self.camera.opened += 1
        await asyncio.sleep(0)
        if self.camera.answers is not None:
            await self.camera.answers.wait()
        if self.camera.error is not None:
            raise self.camera.error
        return self.camera.offers

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        self.camera.wanted.append(wanted)
        self.camera.playing.append(self)
        try:
            await self._deliver(wanted, sink)
        finally:
            self.camera.playing.remove(self)
        raise Unreachable("the cable was pulled")

    async def _deliver(self, wanted: frozenset[int], sink: Sink) -> None:
        for number in itertools.count():
            for index in wanted:
                codec = self.camera.offers[index].codecs[0]
                if codec.is_video and self.camera.mute_video:
                    continue
                sink.deliver(index, [picture(codec, number, self.camera)])
            sink.alive(100)
            try:
                await asyncio.wait_for(self.broken.wait(), 1 / self.camera.fps)
            except TimeoutError:
                continue
            return

    @override
    async def close(self) -> None:
        self.camera.closed += not self._closed
        self._closed = True


def picture(codec: Codec, number: int, camera: FakeCamera) -> AccessUnit:
    """The unit with this number; video starts a GOP every `gop` pictures."""
    timestamp = round(number * codec.clock_rate / camera.fps)
    now = time.monotonic()
    if not codec.is_video:
        return AccessUnit(codec, (bytes(160),), timestamp, arrived=now)
    key = number % camera.gop == 0
    slice_nal = bytes([0x65 if key else 0x41, 0x88]) + number.to_bytes(4) + b"\x55" * 100
    return AccessUnit(codec, (slice_nal,), timestamp, arrived=now, key=key)
