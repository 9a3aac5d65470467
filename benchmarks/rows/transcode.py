"""Sound made into another codec in process: what it costs beside what the codecs alone cost, and how late it is."""

import asyncio
import math
import time
from array import array
from collections.abc import Iterator

from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.derived import derive
from go2py.streams.track import Track
from go2py.transcode.audio import AudioTranscoder
from go2py.transcode.encoders import encoder_for
from go2py.transcode.formats import encoded

from ..measure import percentile
from ..row import Row, Run

STREAMS = 8
SECONDS = 6.0
_MICROPHONE = Codec(names.PCML, "audio", 16_000)
_PAIRS = (
    (names.AAC, names.OPUS),
    (names.PCMA, names.OPUS),
    (names.PCMA, names.AAC),
    (names.OPUS, names.PCMA),
    (names.AAC, names.AAC),
)


def transcode(run: Run) -> Iterator[Row]:
    """Per stream, with as many as a house has, each in its thread and in step with its camera."""
    for source, target in _PAIRS:
        origin, made = _codec(source), _codec(target)
        if source == target:
            made = _codec(target, 48_000)
        units = _units(origin, run.seconds(SECONDS))
        alone = _alone(units, made)
        busy, late = asyncio.run(_in_step(units, made))
        yield Row(
            f"{origin.label()} to {made.label()}, CPU per stream of {STREAMS}",
            busy * 100,
            "%",
            floor=alone * 100,
            detail={"late_p50_ms": percentile(late, 0.5) * 1e3, "late_p99_ms": percentile(late, 0.99) * 1e3},
        )


def _codec(name: str, rate: int = 0) -> Codec:
    codec = encoded(_MICROPHONE, name, rate)
    assert codec is not None
    return codec


def _units(codec: Codec, seconds: float) -> list[AccessUnit]:
    """A tone that comes and goes, in the codec."""
    encoder = encoder_for(codec, 1)
    units: list[AccessUnit] = []
    for number in range(int(seconds * encoder.rate / encoder.frame_samples)):
        times = (number * encoder.frame_samples + place for place in range(encoder.frame_samples))
        wave = (math.sin(at * 2765 / encoder.rate) * math.sin(at * 9 / encoder.rate) for at in times)
        samples = array("h", (round(12_000 * value) for value in wave)).tobytes()
        for one in encoder.encode(samples):
            at = 1_000 + one.start / encoder.rate
            units.append(AccessUnit(codec, (one.data,), round(at * codec.clock_rate), arrived=0.0))
    return units


def _alone(units: list[AccessUnit], target: Codec) -> float:
    """CPU time per second of sound in a hot loop."""
    transcoder = AudioTranscoder(units[0].codec, target)
    transcoder.push(units[:10])
    begin = time.process_time()
    for unit in units[10:]:
        transcoder.push([unit])
    return (time.process_time() - begin) / _span(units[10:])


async def _in_step(units: list[AccessUnit], target: Codec) -> tuple[float, list[float]]:
    """CPU time per stream and second when every unit comes at its time, less what the coming alone costs; and how many
    seconds after its last unit each batch was there."""
    idle = await _play(units, None, [])
    late: list[float] = []
    return (await _play(units, target, late) - idle) / STREAMS, late


async def _play(units: list[AccessUnit], target: Codec | None, late: list[float]) -> float:
    tracks = [Track(units[0].codec, 0) for _ in range(STREAMS)]
    derivations = [derive(track, target) for track in tracks] if target else []
    for derivation in derivations:
        derivation.track.subscribe(lambda _, made: late.append(time.monotonic() - made[-1].arrived))
    rate, first = units[0].codec.clock_rate, units[0].pts
    begin, busy = time.monotonic() + 0.5, 0.0
    for number, unit in enumerate(units):
        for place, track in enumerate(tracks):
            due = begin + (unit.pts - first) / rate + place * 0.0023
            await asyncio.sleep(due - time.monotonic())
            track.publish([AccessUnit(unit.codec, unit.units, unit.pts, arrived=time.monotonic())])
        if number == 9:  # libraries are loaded and codecs open
            busy = time.process_time()
    busy = time.process_time() - busy
    for derivation in derivations:
        derivation.release()
    return busy / _span(units[10:])


def _span(units: list[AccessUnit]) -> float:
    return (units[-1].pts - units[0].pts) / units[0].codec.clock_rate
