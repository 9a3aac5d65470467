"""Stills show the newest picture, cost one decode however many ask, and leave nothing behind."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.errors import NegotiationError, SourceError, Unreachable
from go2py.media import codec as names
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.outputs import rolling
from go2py.outputs.snapshot import SnapshotService
from go2py.sources.registry import dial
from go2py.streams.registry import Registry
from go2py.streams.source import Dialer, Offer
from go2py.streams.stream import Stream
from go2py.transcode.decode import VideoDecoder
from tests.fakes.source import PCMA, FakeCamera
from tests.fakes.still_camera import StillCamera, read_jpeg

FAST = StreamSettings(linger=0.1, wait=1.0, retry_first=0.05, watchdog=60, first_picture=60)


@asynccontextmanager
async def stream_of(dialer: Dialer, url: str = "fake:", *, rotate: int = 0) -> AsyncIterator[Stream]:
    registry = Registry(dialer, ["fake", "demo"], FAST, Bus())
    registry.apply([StreamConfig("door", (url,), rotate=rotate)])
    yield registry.require("door")
    await registry.close()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    yield
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@asynccontextmanager
async def service(*, timeout: float = 20.0, idle: float = 15.0, max_streams: int = 4) -> AsyncIterator[SnapshotService]:
    service = SnapshotService(timeout=timeout, idle=idle, max_streams=max_streams)
    yield service
    await service.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets the number of units of every portion that is decoded."""
    decoded: list[int] = []
    decode = rolling._decode

    def counting(decoder: VideoDecoder | None, units: Sequence[AccessUnit], threads: int) -> VideoDecoder:
        decoded.append(len(units))
        return decode(decoder, units, threads)

    monkeypatch.setattr(rolling, "_decode", counting)
    return decoded


async def test_the_newest_picture_is_shown_not_the_key_picture() -> None:
    camera = StillCamera()
    async with stream_of(camera.dial) as stream, service() as snapshots:
        still = await snapshots.take(stream)
        assert read_jpeg(still.jpeg) in {camera.milliseconds, camera.milliseconds - 50}
        assert (still.width, still.height) == (320, 240)
        assert 0 <= still.age < 20
        assert abs(still.taken - time.time()) < 20


async def test_repeated_stills_follow_the_stream() -> None:
    camera = StillCamera()
    async with stream_of(camera.dial) as stream, service() as snapshots:
        for count in (1, 5, 40, 0):
            still = await snapshots.take(stream)
            assert read_jpeg(still.jpeg) in {camera.milliseconds, camera.milliseconds - 50}
            camera.show(count)


async def test_what_comes_meanwhile_is_decoded_along(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = count_decoded(monkeypatch)
    monkeypatch.setattr(rolling, "_BACKLOG_SECONDS", 0.0)
    camera = StillCamera()
    async with stream_of(camera.dial) as stream, service() as snapshots:
        await snapshots.take(stream)
        camera.show(25)
        await until(lambda: sum(decoded) == 30 + 25)


async def test_requests_at_the_same_time_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = count_decoded(monkeypatch)
    camera = StillCamera()
    async with stream_of(camera.dial) as stream, service() as snapshots:
        plain = [snapshots.take(stream) for _ in range(5)]
        scaled = [snapshots.take(stream, width=160) for _ in range(5)]
        stills = await asyncio.gather(*plain, *scaled)
        assert len({id(still.jpeg) for still in stills}) == 2
        assert {still.width for still in stills} == {320, 160}
        assert sum(decoded) == 30
        assert camera.opened == 1


async def test_a_caller_who_gives_up_leaves_the_others_alone() -> None:
    camera = StillCamera()
    async with stream_of(camera.dial) as stream, service() as snapshots:
        first = asyncio.create_task(snapshots.take(stream))
        second = asyncio.create_task(snapshots.take(stream))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).jpeg


async def test_a_poster_is_the_key_picture() -> None:
    camera = StillCamera()
    async with stream_of(camera.dial) as stream, service() as snapshots:
        assert read_jpeg((await snapshots.take(stream, poster=True)).jpeg) == 0


async def test_size_and_rotation() -> None:
    camera = StillCamera()
    async with stream_of(camera.dial, rotate=90) as stream, service() as snapshots:
        as_configured = await snapshots.take(stream, height=120)
        upright = await snapshots.take(stream, width=160, rotate=0)
        assert (as_configured.width, as_configured.height) == (120, 160)
        assert (upright.width, upright.height) == (160, 120)


async def test_a_jpeg_camera_passes_untouched_unless_a_size_is_asked_for() -> None:
    camera = StillCamera(codec=names.JPEG, first=3)
    async with stream_of(camera.dial) as stream, service() as snapshots:
        still = await snapshots.take(stream)
        key = stream.slots[0].session.tracks[0].gop.key if stream.slots[0].session else None
        assert key is not None
        assert still.jpeg is key.units[0]
        assert (still.width, still.height) == (320, 240)
        scaled = await snapshots.take(stream, width=640)
        assert (scaled.width, scaled.height) == (640, 480)
        assert read_jpeg(scaled.jpeg) == camera.milliseconds


async def test_the_reader_is_listed_and_leaves_when_nobody_asks() -> None:
    camera = StillCamera()
    async with stream_of(camera.dial) as stream, service(idle=0.3) as snapshots:
        await snapshots.take(stream)
        (attachment,) = stream.attachments.values()
        assert attachment.info.format_name == "image"
        assert next(iter(attachment.senders.values())).units == 1
        await until(lambda: not stream.attachments)
        assert read_jpeg((await snapshots.take(stream)).jpeg) >= 0


async def test_a_bounded_number_of_streams_is_watched() -> None:
    cameras = [StillCamera(first=3) for _ in range(3)]
    async with (
        stream_of(cameras[0].dial) as one,
        stream_of(cameras[1].dial) as two,
        stream_of(cameras[2].dial) as three,
        service(max_streams=2) as snapshots,
    ):
        await asyncio.gather(*(snapshots.take(stream) for stream in (one, two, three)))
        assert sum(len(stream.attachments) for stream in (one, two, three)) == 2
        await snapshots.take(one)
        await snapshots.take(two)
        assert (len(one.attachments), len(two.attachments), len(three.attachments)) == (1, 1, 0)


async def test_a_camera_without_a_picture_times_out() -> None:
    camera = StillCamera(first=0)
    async with stream_of(camera.dial) as stream, service(timeout=0.3) as snapshots:
        with pytest.raises(Unreachable, match="door gave no picture within"):
            await snapshots.take(stream)


async def test_the_first_picture_is_waited_for() -> None:
    camera = StillCamera(first=0)
    async with stream_of(camera.dial) as stream, service() as snapshots:
        still = asyncio.create_task(snapshots.take(stream))
        await until(lambda: camera.sink is not None)
        camera.show(1)
        assert read_jpeg((await still).jpeg) == 0


async def test_an_error_of_the_camera_passes_on() -> None:
    camera = FakeCamera(error=Unreachable("no route"))
    async with stream_of(camera.dial) as stream, service() as snapshots:
        with pytest.raises(SourceError, match="no route"):
            await snapshots.take(stream)
        camera.error = None
        assert not stream.attachments


async def test_a_camera_with_sound_only_is_refused() -> None:
    async with stream_of(FakeCamera(offers=(Offer((PCMA,)),)).dial) as stream, service() as snapshots:
        with pytest.raises(NegotiationError):
            await snapshots.take(stream)


async def test_a_stream_that_ends_tells_who_waits() -> None:
    camera = StillCamera(first=0)
    async with stream_of(camera.dial) as stream, service() as snapshots:
        waiting: Awaitable[object] = asyncio.create_task(snapshots.take(stream))
        await until(lambda: camera.sink is not None and bool(stream.attachments))
        stream.end("the stream was removed")
        with pytest.raises(SourceError, match="the stream was removed"):
            await waiting


async def test_the_demo_camera_has_a_still() -> None:
    async with stream_of(dial, "demo:?size=320x240&gop=50") as stream, service() as snapshots:
        still = await snapshots.take(stream)
        assert -1 < time.time() - read_jpeg(still.jpeg) / 1000 < 30
