"""A camera whose pictures a test chooses: each shows its number as the demo's clock code, in ms at 20 a second."""

import asyncio
from collections.abc import Sequence
from typing import override

import av

from go2py.media import codec as names
from go2py.media.codec import VIDEO_CLOCK, Codec
from go2py.media.unit import AccessUnit
from go2py.sources.demo import clockcode
from go2py.sources.demo.clock import Clock
from go2py.sources.demo.encode import VideoTrack
from go2py.sources.demo.settings import parse
from go2py.streams.source import Offer, Sink, Source, SourceInfo, SourceSpec, SourceUrl
from go2py.transcode.decode import decode_one
from go2py.transcode.jpeg import Shape, encode_jpeg


class StillCamera:
    """`fake:` in H.264, or `codec` JPEG. `show(n)` delivers the next n pictures to whoever plays, at once."""

    def __init__(self, *, size: str = "320x240", gop: int = 1000, codec: str = names.H264, first: int = 30) -> None:
        self._track = VideoTrack(parse(f"size={size}&fps=20&gop={gop}"), Clock("stream"), 0)
        self.codec = self._track.codec if codec == names.H264 else Codec(codec, "video", VIDEO_CLOCK)
        self.opened = 0
        self.sink: Sink | None = None
        self.number = -1
        """Of the newest picture."""
        self._first = first

    def dial(self, url: SourceUrl) -> SourceSpec:
        return SourceSpec(url.url, url, lambda: _StillSource(self, self._first))

    @property
    def milliseconds(self) -> int:
        """What the newest picture shows."""
        return self.number * 50

    def show(self, count: int) -> None:
        if self.sink is not None and count:
            self.sink.deliver(0, [self._next() for _ in range(count)])

    def _next(self) -> AccessUnit:
        self.number += 1
        unit = self._track.make(self.number, fresh=self.codec.name == names.JPEG)
        assert unit is not None
        if self.codec.name != names.JPEG:
            return unit
        data = encode_jpeg(decode_one(unit).frame, Shape()).data
        return AccessUnit(self.codec, (data,), unit.pts, arrived=unit.arrived)


class _StillSource(Source):
    def __init__(self, camera: StillCamera, first: int) -> None:
        self.info = SourceInfo("fake")
        self._camera, self._first = camera, first

    @override
    async def open(self) -> Sequence[Offer]:
        self._camera.opened += 1
        return (Offer((self._camera.codec,)),)

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        self._camera.sink = sink
        self._camera.show(self._first)
        await asyncio.get_running_loop().create_future()

    @override
    async def close(self) -> None:
        self._camera.sink = None


def decode_jpeg(data: bytes) -> av.VideoFrame:
    decoder = av.CodecContext.create("mjpeg", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    (frame,) = decoder.decode(av.Packet(data))
    return frame


def read_jpeg(data: bytes) -> int:
    """The time that a JPEG shows."""
    frame = decode_jpeg(data)
    luma = frame.planes[0]
    return clockcode.decode(memoryview(luma), frame.width, frame.height, stride=luma.line_size)
