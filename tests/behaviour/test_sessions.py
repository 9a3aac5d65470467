"""Promises of supervision: when a camera is dialled, kept, watched and let go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.errors import NegotiationError, SourceError, Unauthorized, Unreachable
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.streams.negotiate import CodecWish, Want, wants_from_query
from go2py.streams.reader import Attachment, ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.source import Offer
from go2py.streams.track import Track
from tests.fakes.ear import Ear
from tests.fakes.source import PCMA, FakeCamera

FAST = StreamSettings(
    linger=0.3, wait=1.0, watchdog=0.4, first_picture=0.6, retry_first=0.05, retry_max=0.1, retry_unauthorized=30
)
VIEW = wants_from_query((), "video&audio")


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera()


@pytest.fixture
async def registry(camera: FakeCamera) -> AsyncIterator[Registry]:
    registry = Registry(camera.dial, ["fake", "ffmpeg"], FAST, Bus())
    registry.apply([StreamConfig("door", ("fake://camera/1",))])
    yield registry
    await registry.close()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def attach(registry: Registry, name: str = "door") -> Attachment:
    return await registry.require(name).attach(ReaderInfo("test"), VIEW)


class Viewer:
    """Collects what a reader gets."""

    def __init__(self, attachment: Attachment) -> None:
        self.attachment = attachment
        self.units: dict[str, list[AccessUnit]] = {"video": [], "audio": []}
        self.ended: list[str] = []
        attachment.on_end = self.ended.append
        self._cancels = [track.subscribe(self._take) for track in attachment.tracks]
        self.replayed = [unit for track in attachment.tracks for unit in track.gop.units()]

    def _take(self, track: Track, units: object) -> None:
        assert isinstance(units, list)
        self.units[track.kind] += units

    async def sees(self, more: int = 5, kind: str = "video") -> None:
        """Wait for so many more units."""
        target = len(self.units[kind]) + more
        async with asyncio.timeout(10):
            while len(self.units[kind]) < target:
                await asyncio.sleep(0.01)

    def close(self) -> None:
        for cancel in self._cancels:
            cancel()
        self.attachment.close()


async def until(condition: object, seconds: float = 5) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_nothing_is_dialled_before_the_first_reader(registry: Registry, camera: FakeCamera) -> None:
    await asyncio.sleep(0.1)
    assert camera.opened == 0
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    assert camera.opened == 1
    viewer.close()


async def test_source_lingers_and_a_returning_reader_starts_with_a_picture(
    registry: Registry, camera: FakeCamera
) -> None:
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    viewer.close()
    await asyncio.sleep(0.1)
    again = Viewer(await attach(registry))
    assert again.replayed
    assert again.replayed[0].key
    assert camera.opened == 1
    again.close()
    await until(lambda: camera.closed == 1)
    assert not camera.playing


async def test_many_names_and_readers_share_one_connection(registry: Registry, camera: FakeCamera) -> None:
    registry.apply([StreamConfig(name, ("fake://camera/1#x=" + name,)) for name in ("door", "gate", "yard")])
    viewers = [Viewer(await attach(registry, name)) for name in ("door", "gate", "yard") for _ in range(3)]
    await viewers[-1].sees()
    assert camera.opened == 1
    for viewer in viewers:
        viewer.close()


async def test_viewer_survives_a_reboot_and_decode_times_go_on(registry: Registry, camera: FakeCamera) -> None:
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    camera.error = Unreachable("no answer")
    camera.drop()
    await until(lambda: not camera.playing and camera.opened >= 3)
    camera.error = None
    await viewer.sees(10)
    times = [unit.dts for unit in viewer.units["video"]]
    assert times == sorted(set(times))
    assert not viewer.ended
    viewer.close()


async def test_first_unit_after_a_reboot_is_a_key_picture(registry: Registry, camera: FakeCamera) -> None:
    viewer = Viewer(await attach(registry))
    await viewer.sees(7)
    seen = len(viewer.units["video"])
    camera.drop()
    await until(lambda: not camera.playing)
    seen = len(viewer.units["video"])
    await viewer.sees()
    assert viewer.units["video"][seen].key
    viewer.close()


async def test_failed_first_start_is_retried_while_a_reader_waits(registry: Registry, camera: FakeCamera) -> None:
    camera.error = Unreachable("refused")
    waiting = asyncio.create_task(attach(registry))
    await until(lambda: camera.opened >= 2)
    camera.error = None
    viewer = Viewer(await waiting)
    await viewer.sees()
    viewer.close()


async def test_reader_of_a_dead_camera_gets_the_error_after_the_wait(registry: Registry, camera: FakeCamera) -> None:
    camera.error = Unreachable("fake://camera: connection refused")
    with pytest.raises(SourceError, match=r"^streams: fake://camera: connection refused$"):
        await attach(registry)
    await until(lambda: registry.require("door").slots[0].session.state == "idle")  # type: ignore[union-attr]


async def test_wrong_password_is_told_at_once_and_not_repeated(registry: Registry, camera: FakeCamera) -> None:
    camera.error = Unauthorized("the camera refused the user and password")
    for _ in range(3):
        with pytest.raises(SourceError, match="refused the user"):
            await attach(registry)
    assert camera.opened <= 3


async def test_reader_of_a_known_camera_joins_when_it_returns(registry: Registry, camera: FakeCamera) -> None:
    Viewer(await attach(registry)).close()
    await until(lambda: registry.require("door").slots[0].session.state == "idle")  # type: ignore[union-attr]
    camera.error = Unreachable("down")
    viewer = Viewer(await asyncio.wait_for(attach(registry), 0.5))
    await until(lambda: camera.opened >= 3)
    camera.error = None
    await viewer.sees()
    viewer.close()


async def test_mute_video_is_reopened_while_audio_goes_on(registry: Registry, camera: FakeCamera) -> None:
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    camera.mute_video = True
    await until(lambda: camera.opened >= 2)
    camera.mute_video = False
    await viewer.sees()
    assert not viewer.ended
    viewer.close()


async def test_slow_pictures_are_not_a_fault(registry: Registry, camera: FakeCamera) -> None:
    camera.fps, camera.gop = 2.5, 1
    viewer = Viewer(await attach(registry))
    await viewer.sees(6)
    assert camera.opened == 1
    viewer.close()


async def test_audio_only_camera_has_no_watchdog(registry: Registry, camera: FakeCamera) -> None:
    camera.offers = (Offer((PCMA,)),)
    viewer = Viewer(await attach(registry))
    await asyncio.sleep(1.0)
    assert camera.opened == 1
    assert viewer.units["audio"]
    viewer.close()


async def test_reader_is_told_when_its_codec_is_gone(registry: Registry, camera: FakeCamera) -> None:
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    camera.offers = (Offer((Codec("H265", "video", 90_000),)), Offer((PCMA,)))
    camera.drop()
    await until(lambda: viewer.ended)
    assert "no longer sends H264" in viewer.ended[0]
    viewer.close()


async def test_a_microphone_alone_keeps_no_camera_running(registry: Registry, camera: FakeCamera) -> None:
    camera.offers = (*camera.offers, Offer((PCMA,), "sendonly"))
    camera.ear = Ear(PCMA)
    registry.put("gate", ["fake://camera/2"])
    talk = (Want("audio", (CodecWish("PCMA"),), "sendonly"),)
    attachment = await registry.require("gate").attach(ReaderInfo("test"), talk)
    assert attachment.by_want == (None,)
    assert not camera.playing
    assert not camera.ear.calls
    viewer = Viewer(await attach(registry, "gate"))
    await viewer.sees()
    assert camera.wanted == [frozenset({0, 1})]
    viewer.close()
    registry.delete("gate")
    assert attachment.ended == "the stream was removed"


async def test_a_microphone_alone_is_refused_where_nobody_listens(registry: Registry) -> None:
    talk = (Want("audio", (CodecWish("PCMA"),), "sendonly"),)
    with pytest.raises(NegotiationError, match="no backchannel"):
        await registry.require("door").attach(ReaderInfo("test"), talk)


async def test_nothing_fits_names_both_sides(registry: Registry) -> None:
    wants = (Want("video", (CodecWish("H265"),)),)
    with pytest.raises(NegotiationError, match=r"streams: codecs not matched: video:H264, audio:PCMA => video:H265"):
        await registry.require("door").attach(ReaderInfo("test"), wants)


async def test_video_and_audio_of_two_sources_are_merged(registry: Registry, camera: FakeCamera) -> None:
    registry.apply([StreamConfig("door", ("fake://camera/1#media=video", "fake://camera/2#media=audio"))])
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    await viewer.sees(kind="audio")
    assert camera.opened == 2
    viewer.close()


async def test_source_that_is_not_built_yet_leaves_the_others_serving(registry: Registry) -> None:
    registry.apply([StreamConfig("door", ("fake://camera/1", "ffmpeg:door#audio=opus"))])
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    viewer.close()


async def test_reload_touches_only_what_changed(registry: Registry, camera: FakeCamera) -> None:
    registry.apply([StreamConfig("door", ("fake://camera/1",)), StreamConfig("gate", ("fake://camera/2",))])
    door, gate = Viewer(await attach(registry)), Viewer(await attach(registry, "gate"))
    registry.apply([StreamConfig("door", ("fake://camera/1",)), StreamConfig("gate", ("fake://camera/3",))])
    await door.sees()
    assert not door.ended
    assert gate.ended == ["the stream was changed"]
    assert camera.opened == 2
    door.close()
    gate.close()


async def test_equal_put_changes_nothing(registry: Registry, camera: FakeCamera) -> None:
    viewer = Viewer(await attach(registry))
    stream = registry.require("door")
    assert not registry.put("door", ["fake://camera/1"])
    assert registry.require("door") is stream
    assert registry.put("door", ["fake://camera/1", "ffmpeg:door#audio=opus"])
    again = Viewer(await attach(registry))
    await again.sees()
    assert camera.opened == 1
    viewer.close()
    again.close()


async def test_preload_keeps_a_camera_running_over_failures(registry: Registry, camera: FakeCamera) -> None:
    registry.preload("door", "")
    await until(lambda: camera.playing)
    camera.drop()
    await until(lambda: camera.opened == 2 and camera.playing)
    registry.unload("door")
    await until(lambda: not camera.playing)


async def test_keep_runs_without_readers(registry: Registry, camera: FakeCamera) -> None:
    config = StreamConfig("door", ("fake://camera/1",), keep=True)
    registry.apply([config])
    await until(lambda: camera.playing)
    registry.apply([replace(config, keep=False)])
    await until(lambda: not camera.playing)


async def test_retries_are_never_faster_than_the_back_off(registry: Registry, camera: FakeCamera) -> None:
    camera.error = Unreachable("down")
    readers = [asyncio.create_task(attach(registry)) for _ in range(20)]
    await asyncio.gather(*readers, return_exceptions=True)
    assert camera.opened <= 30  # 1 s of waiting, pauses of 50 to 100 ms less jitter


async def test_media_parameter_hides_and_is_not_asked_for(registry: Registry, camera: FakeCamera) -> None:
    registry.apply([StreamConfig("door", ("fake://camera/1#media=video",))])
    viewer = Viewer(await attach(registry))
    await viewer.sees()
    assert [track.kind for track in viewer.attachment.tracks] == ["video"]
    registry.apply([StreamConfig("door", ("fake://camera/1#media=video",)), StreamConfig("ear", ("fake://camera/1",))])
    await viewer.sees()
    assert camera.wanted == [frozenset({0})]
    listener = Viewer(await attach(registry, "ear"))
    await listener.sees(kind="audio")
    await viewer.sees()
    assert camera.wanted == [frozenset({0}), frozenset({0, 1})]
    assert not viewer.ended
    viewer.close()
    listener.close()
