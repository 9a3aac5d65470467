"""The camera inside keeps what `demo:` promises: whole pictures with the right time, sound, a steady pace."""

import asyncio
import time
from array import array
from collections.abc import Sequence
from itertools import pairwise

import av
import pytest

from go2py.errors import Unreachable
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.sources.demo import clockcode, spec
from go2py.sources.demo.source import HEARD_BYTES, DemoSource
from go2py.streams.source import Offer, SourceUrl
from tests.fakes.sink import RecordingSink, watching

SMALL = "size=320x240&fps=20&gop=10"


def camera(query: str) -> DemoSource:
    source = spec(SourceUrl(f"demo:?{query}")).create()
    assert isinstance(source, DemoSource)
    return source


async def record(query: str, count: int) -> tuple[Sequence[Offer], RecordingSink]:
    """What the camera delivers until each of its tracks has `count` units."""
    async with watching(f"demo:?{query}") as playing:
        tracks = range(len(playing.offers) - 1)
        await playing.sink.until(lambda: all(len(playing.sink.units[track]) >= count for track in tracks))
        return playing.offers, playing.sink


def pictures(codec: Codec, units: Sequence[AccessUnit]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.annexb()))]
    return frames + decoder.decode(None)


def read_clock(frame: av.VideoFrame) -> int:
    luma = frame.planes[0]
    return clockcode.decode(memoryview(luma), frame.width, frame.height, stride=luma.line_size)


async def test_every_picture_shows_the_wall_clock() -> None:
    (video, *_), sink = await record(f"{SMALL}&audio=none", 25)
    units = sink.units[0]
    frames = pictures(video.codecs[0], units)
    assert [(frame.width, frame.height) for frame in frames] == [(320, 240)] * len(units)
    offset = time.time() - time.monotonic()
    for frame, unit in zip(frames, units, strict=True):
        made = unit.arrived + offset - read_clock(frame) / 1000
        assert -0.1 < made < 10  # a busy machine is late, never early
    assert [unit.key for unit in units[:21]] == [number % 10 == 0 for number in range(21)]


async def test_the_picture_survives_a_small_bitrate() -> None:
    (video, *_), sink = await record("size=640x480&fps=30&audio=none&bitrate=200k", 30)
    times = [read_clock(frame) for frame in pictures(video.codecs[0], sink.units[0])]
    assert times == sorted(times)


async def test_offers_tell_what_comes() -> None:
    offers, sink = await record(SMALL, 3)
    assert [offer.label() for offer in offers] == [
        "video, recvonly, H264",
        "audio, recvonly, OPUS/48000/2",
        "audio, sendonly, PCMA/8000, OPUS/48000/2",
    ]
    codec = offers[0].codecs[0]
    assert (codec.width, codec.height) == (320, 240)
    assert [nal[0] & 31 for nal in codec.parameter_sets] == [7, 8]
    assert [nal[0] & 31 for nal in sink.units[0][0].units] == [7, 8, 5]
    assert sink.bytes == sum(unit.size for units in sink.units.values() for unit in units)


async def test_timestamps_advance_by_the_frame_rate_although_delivery_jitters() -> None:
    _, sink = await record("size=320x240&fps=25&clock=stream", 20)
    for units, step in ((sink.units[0], 3600), (sink.units[1], 960)):
        assert {(b.pts - a.pts) % 2**32 for a, b in pairwise(units)} == {step}


async def test_reports_tie_sound_and_picture_together() -> None:
    offers, sink = await record(SMALL, 5)
    reports = {offer: (rtp, ntp) for offer, rtp, ntp in sink.reports}
    assert reports.keys() == {0, 1}
    for offer, (rtp, ntp) in reports.items():
        assert abs(ntp - time.time()) < 30
        first = sink.units[offer][0]
        ahead = ((first.pts - rtp + 2**31) % 2**32 - 2**31) / offers[offer].codecs[0].clock_rate
        assert abs(ahead) < 0.1


async def test_stream_clock_and_seed_make_every_run_the_same() -> None:
    runs = [(await record(f"{SMALL}&clock=stream&seed=5", 30))[1] for _ in range(2)]
    first, second = ([[(u.units, u.pts) for u in run.units[i][:30]] for i in (0, 1)] for run in runs)
    assert first == second


async def test_another_seed_is_another_camera() -> None:
    one, other = [(await record(f"{SMALL}&clock=stream&seed={seed}", 1))[1].units[0][0] for seed in (1, 2)]
    assert one.units[2] != other.units[2]
    assert one.pts != other.pts


@pytest.mark.parametrize(
    ("audio", "decoder", "name"), [("opus", "libopus", names.OPUS), ("aac", "aac", names.AAC), ("pcma", "", names.PCMA)]
)
async def test_sound_can_be_heard(audio: str, decoder: str, name: str) -> None:
    (offer, *_), sink = await record(f"video=none&audio={audio}&clock=stream", 20)
    codec = offer.codecs[0]
    assert codec.name == name
    context = av.CodecContext.create(decoder or "pcm_alaw", "r")
    assert isinstance(context, av.AudioCodecContext)
    context.extradata = codec.config or None
    context.rate, context.layout = codec.rate, "mono"
    resampler = av.AudioResampler("s16", "mono", 8000)
    heard = array("h")
    for unit in sink.units[0]:
        for frame in context.decode(av.Packet(unit.units[0])):
            for part in resampler.resample(frame):
                heard.frombytes(bytes(part.planes[0])[: 2 * part.samples])
    beep, rest = heard[160:640], heard[1200:2000]
    assert max(map(abs, beep)) > 4000  # the clock starts on a full second
    assert 100 < max(map(abs, rest)) < 2000


async def test_the_camera_plays_again_with_more_tracks() -> None:
    source = camera(f"{SMALL}&clock=stream&seed=1")
    await source.open()
    first = await play(source, frozenset({1}))
    again = await play(source, frozenset({0, 1}))
    assert again.units[0][0].key
    assert again.units[1][0].pts - first.units[1][-1].pts in range(960, 960 * 500, 960)
    await source.close()


async def play(source: DemoSource, offers: frozenset[int]) -> RecordingSink:
    sink = RecordingSink()
    playing = asyncio.create_task(source.play(offers, sink))
    await sink.until(lambda: all(len(sink.units[offer]) >= 3 for offer in offers))
    playing.cancel()
    await asyncio.wait([playing])
    return sink


async def test_the_backchannel_keeps_the_newest_it_hears() -> None:
    source = camera("video=none")
    offers = await source.open()
    back = len(offers) - 1
    codec = offers[back].codecs[0]
    units = [AccessUnit(codec, (bytes([i]) * 100_000,), i, arrived=0.0) for i in range(20)]
    source.talk(back, units)
    assert source.heard[-1] is units[-1]
    assert sum(unit.size for unit in source.heard) <= HEARD_BYTES
    with pytest.raises(Unreachable):
        source.talk(0, units)
    await source.close()


async def test_closing_ends_it() -> None:
    source = camera(SMALL)
    await source.open()
    sink = RecordingSink()
    playing = asyncio.create_task(source.play(frozenset({0}), sink))
    await sink.more(0, 1)
    await source.close()
    await source.close()
    await asyncio.wait([playing])
    with pytest.raises(Unreachable):
        await source.open()
    with pytest.raises(Unreachable):
        await source.play(frozenset({0}), sink)
