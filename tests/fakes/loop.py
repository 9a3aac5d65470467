"""A camera whose picture is really coded: a short clip, encoded once by libav, that repeats in real time."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import override

import av
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from go2py.errors import Unreachable
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.source import Offer, Sink, Source, SourceInfo, SourceSpec, SourceUrl
from tests.fakes.ear import Ear

FPS = 25
OPUS = Codec("OPUS", "audio", 48_000, 2)
OPUS_TICKS = 960


@dataclass
class Clip:
    """A moving picture and a tone. `gop` in pictures; `offers` lists what the camera says it has, `ear` hears."""

    size: tuple[int, int] = (640, 360)
    gop: int = 50
    bitrate: int = 1_000_000
    codec: str = "H264"
    offers: tuple[Offer, ...] = ()
    pictures: list[tuple[tuple[bytes, ...], bool]] = field(default_factory=list)
    tone: list[bytes] = field(default_factory=list)
    ear: Ear | None = None

    def dial(self, url: SourceUrl) -> SourceSpec:
        ear = self.ear
        return SourceSpec(url.url, url, lambda: LoopSource(self), None if ear is None else lambda _link: ear)


@cache
def clip(gop: int = 50, size: tuple[int, int] = (640, 360), bitrate: int = 1_000_000, codec: str = "H264") -> Clip:
    """Encode one group of pictures and a second of tone."""
    made = Clip(size, gop, bitrate, codec)
    made.pictures = list(_encode_video(made))
    made.tone = _encode_tone()
    made.offers = (Offer((Codec(codec, "video", 90_000),)), Offer((OPUS,)), Offer((Codec("PCMA", "audio", 8000, 1),)))
    return made


def _encode_video(made: Clip) -> Sequence[tuple[tuple[bytes, ...], bool]]:
    width, height = made.size
    encoder = av.CodecContext.create({"H264": "libx264", "H265": "libx265"}[made.codec], "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.bit_rate, encoder.gop_size = made.bitrate, made.gop
    quiet = {"x265-params": "log-level=none:bframes=0:repeat-headers=1:keyint=" + str(made.gop)}
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"} | (quiet if made.codec == "H265" else {"bf": "0"})
    packets = []
    for number in range(made.gop):
        frame = av.VideoFrame(width, height, "yuv420p")
        luma = bytes((x + number * 7) & 0xFF for x in range(width))
        stride = frame.planes[0].line_size
        frame.planes[0].update(
            b"".join((luma[(y & 15) :] + luma[: (y & 15)]).ljust(stride, b"\0") for y in range(height))
        )
        for plane in frame.planes[1:]:
            plane.update(bytes([(64 + number * 3) & 0xFF]) * plane.buffer_size)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return [(_split(bytes(packet)), packet.is_keyframe) for packet in packets]


def _split(data: bytes) -> tuple[bytes, ...]:
    return tuple(part.rstrip(b"\0") for part in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if part)


def _encode_tone() -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = 48_000, "s16", "stereo"
    packets = []
    for number in range(50):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=OPUS_TICKS)
        start = number * OPUS_TICKS
        wave = (int(9000 * math.sin((start + i) * 2 * math.pi * 440 / 48_000)) for i in range(OPUS_TICKS))
        frame.planes[0].update(b"".join(value.to_bytes(2, "little", signed=True) * 2 for value in wave))
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in packets]


class LoopSource(Source):
    """Plays a clip for ever."""

    def __init__(self, made: Clip) -> None:
        self._clip = made
        self.info = SourceInfo("loop", "tcp", "192.0.2.7:554")

    @override
    async def open(self) -> Sequence[Offer]:
        return self._clip.offers

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        async with asyncio.TaskGroup() as group:
            if 0 in wanted:
                group.create_task(self._video(sink))
            if 1 in wanted:
                group.create_task(self._audio(sink))
        raise Unreachable("nothing was wanted")

    async def _video(self, sink: Sink) -> None:
        codec, pictures = self._clip.offers[0].codecs[0], self._clip.pictures
        begin, number = time.monotonic(), 0
        while True:
            units, key = pictures[number % len(pictures)]
            pts = number * 90_000 // FPS
            sink.deliver(0, [AccessUnit(codec, units, pts, arrived=time.monotonic(), key=key)])
            number += 1
            await asyncio.sleep(begin + number / FPS - time.monotonic())

    async def _audio(self, sink: Sink) -> None:
        begin, number = time.monotonic(), 0
        while True:
            frame = self._clip.tone[number % len(self._clip.tone)]
            sink.deliver(1, [AccessUnit(OPUS, (frame,), number * OPUS_TICKS, arrived=time.monotonic())])
            number += 1
            await asyncio.sleep(begin + number * 0.02 - time.monotonic())

    @override
    async def close(self) -> None:
        pass
