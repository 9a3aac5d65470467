"""What a talker costs, and how long its words take through the gateway to the camera.

Packets go in as they leave SRTP and come out at the backchannel; order, mixing desk, jitter buffer and codecs are
between.
"""

import asyncio
import math
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import override

from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.outputs.microphone import Microphone
from go2py.outputs.talker import Talker
from go2py.protocols.rtp.packet import build
from go2py.streams.negotiate import Plan
from go2py.streams.reader import Attachment, ReaderInfo
from go2py.streams.talk.backchannel import Backchannel
from go2py.streams.talk.talk import Talk
from go2py.streams.talk.voice import Voice
from go2py.transcode.audio import AudioTranscoder
from go2py.transcode.encoders import encoder_for
from go2py.transcode.formats import encoded

from ..measure import percentile
from ..row import Row, Run

TALKERS = 4
SECONDS = 7.0
BEAT = 0.25
"""Seconds from one word to the next."""
LOUD = 2000
_RATE = 16_000
_MICROPHONE = Codec(names.PCML, "audio", _RATE)
_PATHS = (
    (names.PCMA, names.PCMA),
    (names.OPUS, names.PCMA),
    (names.OPUS, names.L16),
    (names.OPUS, names.OPUS),
    (names.OPUS, names.AAC),
)


def talk(run: Run) -> Iterator[Row]:
    """Per talker, each to a camera of its own. The times are from the packet in which a word begins to the one to the
    camera in which it begins, without what waits in the jitter buffer then, which is told apart. The floor is what the
    codecs cost alone."""
    for source, target in _PATHS:
        said, heard = _codec(source), _codec(target)
        units = _words(said, run.seconds(SECONDS))
        alone = _alone(units, heard)
        busy, ears = asyncio.run(_talk(units, heard))
        late = [one for ear in ears for one in _late(units, ear)]
        beyond = [whole - waiting for whole, waiting in late]
        yield Row(
            f"{said.label()} to a camera with {heard.label()}, CPU per talker of {TALKERS}",
            busy * 100,
            "%",
            floor=alone * 100,
            detail={
                "p50_ms": percentile(beyond, 0.5) * 1e3,
                "p95_ms": percentile(beyond, 0.95) * 1e3,
                "buffer_p50_ms": percentile([waiting for _, waiting in late], 0.5) * 1e3,
                "buffer_p95_ms": percentile([waiting for _, waiting in late], 0.95) * 1e3,
            },
        )


@dataclass
class _Ear(Backchannel):
    """Remembers what it heard, and how much waited in the jitter buffer then."""

    codec: Codec
    heard: list[tuple[float, AccessUnit]] = field(default_factory=list)
    buffers: list[float] = field(default_factory=list)
    waiting: Callable[[], float] = lambda: 0.0
    said: list[float] = field(default_factory=list)
    """When each of the talker's packets came."""

    @override
    async def find(self) -> tuple[Codec, ...]:
        return (self.codec,)

    @override
    async def open(self, codec: Codec) -> None:
        """At once."""

    @override
    def send(self, units: Sequence[AccessUnit]) -> None:
        now = time.monotonic()
        self.heard += ((now, unit) for unit in units)
        self.buffers += [self.waiting()] * len(units)

    @override
    async def close(self) -> None:
        """At once."""


def _codec(name: str) -> Codec:
    codec = encoded(_MICROPHONE, name)
    assert codec is not None
    return codec


def _words(codec: Codec, seconds: float) -> list[AccessUnit]:
    """Short tones, one after the other, in the codec."""
    encoder = encoder_for(codec, 1)
    units: list[AccessUnit] = []
    for number in range(int(seconds * encoder.rate / encoder.frame_samples)):
        times = [(number * encoder.frame_samples + place) / encoder.rate for place in range(encoder.frame_samples)]
        wave = (math.sin(2 * math.pi * 1000 * at) if at % BEAT < 0.06 else 0.0 for at in times)
        samples = array("h", (round(12_000 * value) for value in wave for _ in range(encoder.channels)))
        units += [AccessUnit(codec, (one.data,), 0, arrived=0.0) for one in encoder.encode(samples.tobytes())]
    step = round(encoder.frame_samples / encoder.rate * codec.clock_rate)
    for number, unit in enumerate(units):
        unit.pts = unit.dts = number * step
    return units


def _alone(units: Sequence[AccessUnit], target: Codec) -> float:
    """CPU time per second of sound in a hot loop."""
    transcoder = AudioTranscoder(units[0].codec, target)
    transcoder.push(units[:10])
    begin = time.process_time()
    for unit in units[10:]:
        transcoder.push([unit])
    return (time.process_time() - begin) / _span(units[10:])


async def _talk(units: Sequence[AccessUnit], target: Codec) -> tuple[float, list[_Ear]]:
    """CPU time per talker and second, less what the coming of packets alone costs; and what the cameras heard."""
    idle, _ = await _play(units, target, talks=False)
    busy, ears = await _play(units, target, talks=True)
    return (busy - idle) / TALKERS, ears


async def _play(units: Sequence[AccessUnit], target: Codec, *, talks: bool) -> tuple[float, list[_Ear]]:
    ears = [_Ear(target) for _ in range(TALKERS)]
    tables = [Talk(ear, "a camera", lambda: None) for ear in ears]
    microphones = [_microphone(table, ear, units[0].codec) for table, ear in zip(tables, ears, strict=True)]
    rate = units[0].codec.clock_rate
    begin, busy, measured = time.monotonic() + 0.5, 0.0, 0
    for number, unit in enumerate(units):
        packet = build(96, marker=False, sequence=number, timestamp=unit.pts, ssrc=7, payload=unit.units[0])
        for place, (microphone, ear) in enumerate(zip(microphones, ears, strict=True)):
            await asyncio.sleep(begin + unit.pts / rate + place * 0.0023 - time.monotonic())
            if talks:
                ear.said.append(time.monotonic())
                microphone.rtp(packet)
        if unit.pts / rate < 2.0:  # libraries are loaded, codecs and cameras open
            busy, measured = time.process_time(), number
    busy = (time.process_time() - busy) / _span(units[measured:])
    for microphone, table in zip(microphones, tables, strict=True):
        microphone.close()
        await table.close()
    return busy, ears


def _microphone(table: Talk, ear: _Ear, codec: Codec) -> Microphone:
    async def find() -> Talk:
        return table

    made = table.voice

    def voice(*arguments: object, **options: object) -> Voice:
        one = made(*arguments, **options)  # type: ignore[arg-type]
        ear.waiting = lambda: one.queued
        return one

    table.voice = voice  # type: ignore[method-assign]
    attachment = Attachment(ReaderInfo("webrtc"), [], Plan((), ()), [], [], [], lambda _: None)
    return Microphone({96: codec}, Talker(find, "a talker"), attachment)


def _late(units: Sequence[AccessUnit], ear: _Ear) -> list[tuple[float, float]]:
    """How long the words took, and how much of that they waited in the jitter buffer, in seconds."""
    before = [ear.said[number] for number in _begins(units)]
    found: list[tuple[float, float]] = []
    for number in _begins([unit for _, unit in ear.heard]):
        end = ear.heard[number][0]
        ahead = [end - start for start in before if 0 <= end - start < BEAT]
        found += [(min(ahead), ear.buffers[number])] if ahead else []
    return found


def _begins(units: Sequence[AccessUnit]) -> list[int]:
    """The numbers of the packets in which words begin."""
    transcoder = AudioTranscoder(units[0].codec, _MICROPHONE)
    found: list[int] = []
    quiet = _RATE
    for number, unit in enumerate(units):
        for made in transcoder.push([unit]):
            for sample in array("h", made.units[0]):
                if abs(sample) < LOUD:
                    quiet += 1
                    continue
                if quiet > 0.1 * _RATE:
                    found.append(number)
                quiet = 0
    return found


def _span(units: Sequence[AccessUnit]) -> float:
    return (units[-1].pts - units[0].pts) / units[0].codec.clock_rate
