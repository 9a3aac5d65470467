"""Viewers of a whole gateway, over every output at once, while their camera misbehaves."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from go2py.protocols.rtsp_client import RtspClient
from tests.fakes.clip import LARGE, SMALL
from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.running import Running, until
from tests.fakes.still_camera import decode_jpeg
from tests.fakes.viewers import OUTPUTS, MseViewer, Viewer, still, watch

IMPATIENT = "#timeout=1"


async def see(viewers: tuple[Viewer, ...], more: int = 10) -> None:
    """All see on, nothing but whole pictures, and nobody was sent back in time or away."""
    await asyncio.gather(*(viewer.sees(more) for viewer in viewers))
    for viewer in viewers:
        assert viewer.intact, type(viewer)
        assert viewer.rising, type(viewer)
        assert not viewer.ended.is_set(), type(viewer)


async def test_a_rebooting_camera_comes_back_to_everybody(tmp_path: Path) -> None:
    async with Camera() as camera, Running(tmp_path, {"door": camera.url}) as gateway, watch(gateway) as viewers:
        for _ in range(2):
            await camera.reboot(0.5)
            await see(viewers, 40)
        assert (await gateway.info())["producers"][0]["restarts"] >= 2
        assert gateway.readers() == len(viewers)


async def test_a_pulled_cable_is_noticed_and_survived(tmp_path: Path) -> None:
    async with (
        Camera() as camera,
        Running(tmp_path, {"door": camera.url + IMPATIENT}) as gateway,
        watch(gateway) as viewers,
    ):
        camera.pull_cable()
        await until(lambda: gateway.session().state != "live")
        camera.plug_in()
        await see(viewers)


@pytest.mark.parametrize("transport", ["", "#transport=udp"])
async def test_a_muted_picture_is_reopened_although_sound_goes_on(tmp_path: Path, transport: str) -> None:
    async with (
        Camera() as camera,
        Running(tmp_path, {"door": camera.url + transport}) as gateway,
        watch(gateway) as viewers,
    ):
        camera.script.mute_video = True
        await until(lambda: camera.seen.sessions > 1)
        camera.script.mute_video = False
        await see(viewers)


@pytest.mark.parametrize("hours", [3, -3])
async def test_the_cameras_clock_jumps(tmp_path: Path, hours: int) -> None:
    async with Camera() as camera, Running(tmp_path, {"door": camera.url}) as gateway, watch(gateway) as viewers:
        before = [(viewer.pictures[-1].time, viewer.pictures[-1].arrived) for viewer in viewers]
        camera.jump_clock(hours * 3600)
        await see(viewers, 30)
        for viewer, (ticks, arrived) in zip(viewers, before, strict=True):
            newest = viewer.pictures[-1]
            shown, passed = (newest.time - ticks) / 90_000, newest.arrived - arrived
            assert abs(shown - passed) < 2, "viewers' time goes on as if nothing had happened"
        assert camera.seen.sessions == 1


@pytest.mark.parametrize("event", [Camera.restart_sequence, Camera.change_ssrc])
@pytest.mark.parametrize("transport", ["", "#transport=udp"])
async def test_rtp_starts_anew_in_mid_stream(tmp_path: Path, event: Callable[[Camera], None], transport: str) -> None:
    async with (
        Camera(Script(gop=10)) as camera,
        Running(tmp_path, {"door": camera.url + transport}) as gateway,
        watch(gateway) as viewers,
    ):
        event(camera)
        await see(viewers, 30)
        assert camera.seen.sessions == 1


async def test_another_resolution_in_mid_stream(tmp_path: Path) -> None:
    async with Camera() as camera, Running(tmp_path, {"door": camera.url}) as gateway, watch(gateway) as viewers:
        mse = viewers[0]
        assert isinstance(mse, MseViewer)
        assert decode_jpeg(await still(gateway.http)).width == 160
        camera.change_resolution()
        await asyncio.gather(*(viewer.sees_size(LARGE) for viewer in viewers))
        await see(viewers)
        assert mse.inits == [SMALL, LARGE], "a new initialization segment, once"
        frame = decode_jpeg(await still(gateway.http))
        assert (frame.width, frame.height) == (240, 160)
        (producer,) = (await gateway.info())["producers"]
        assert producer["receivers"][0]["codec"]["width"] == 240
        assert camera.seen.sessions == 1


@pytest.mark.parametrize("where", ["band", "sdp"])
async def test_parameter_sets_in_one_place_only(tmp_path: Path, where: str) -> None:
    async with (
        Camera(Script(parameter_sets=where)) as camera,
        Running(tmp_path, {"door": camera.url}) as gateway,
        watch(gateway) as viewers,
    ):
        await see(viewers)
        mse = viewers[0]
        assert isinstance(mse, MseViewer)
        assert mse.inits == [SMALL]
        assert decode_jpeg(await still(gateway.http)).width == 160


async def test_a_stale_nonce_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RtspClient, "keepalive_interval", 0.1)
    async with (
        Camera(Script(user="admin", password="x")) as camera,
        Running(tmp_path, {"door": camera.url}) as gateway,
        watch(gateway) as viewers,
    ):
        camera.expire_nonces()
        asked = camera.seen.requests["GET_PARAMETER"]
        await until(lambda: camera.seen.requests["GET_PARAMETER"] > asked + 3)
        await see(viewers)
        assert camera.seen.sessions == 1


@pytest.mark.parametrize("keepalive", ["refuse", "ignore"])
async def test_a_refused_keepalive_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keepalive: str
) -> None:
    monkeypatch.setattr(RtspClient, "keepalive_interval", 0.1)
    async with (
        Camera(Script(keepalive=keepalive)) as camera,
        Running(tmp_path, {"door": camera.url + IMPATIENT}) as gateway,
        watch(gateway) as viewers,
    ):
        await until(lambda: camera.seen.requests["OPTIONS"] >= 3)
        await see(viewers)
        assert camera.seen.sessions == 1


async def test_a_camera_with_one_session_serves_all_names_and_outputs(tmp_path: Path) -> None:
    async with Camera(Script(max_sessions=1)) as camera:
        names = {"door": camera.url, "gate": camera.url + "#media=video", "yard": camera.url + "#timeout=7"}
        async with (
            Running(tmp_path, names) as gateway,
            watch(gateway) as first,
            watch(gateway, "gate") as second,
            watch(gateway, "yard") as third,
        ):
            await still(gateway.http, "gate")
            await see((*first, *second, *third))
            assert camera.seen.most_playing == 1


async def test_a_taken_camera_is_had_when_it_is_free(tmp_path: Path) -> None:
    async with (
        Camera(Script(max_sessions=0)) as camera,
        Running(tmp_path, {"door": camera.url}, {"wait": 20}) as gateway,
    ):
        viewer = await MseViewer.open(gateway, "door")
        await until(lambda: camera.seen.setups >= 2)
        camera.script.max_sessions = 1
        await see((viewer,))
        await viewer.close()


async def test_garbage_between_frames_is_not_shown(tmp_path: Path) -> None:
    async with (
        Camera(Script(garbage=0.1)) as camera,
        Running(tmp_path, {"door": camera.url}) as gateway,
        watch(gateway) as viewers,
    ):
        await see(viewers, 50)
        assert camera.seen.sessions == 1


async def test_lost_and_swapped_datagrams(tmp_path: Path) -> None:
    async with (
        Camera(Script(loss=0.02, reorder=0.1)) as camera,
        Running(tmp_path, {"door": camera.url + "#transport=udp"}) as gateway,
        watch(gateway) as viewers,
    ):
        await see(viewers, 100)
        (producer,) = (await gateway.info())["producers"]
        assert producer["protocol"] == "rtsp+udp"
        assert producer["receivers"][0]["lost"] > 0
        assert camera.seen.sessions == 1


async def test_a_camera_that_boots_while_the_first_viewer_waits(tmp_path: Path) -> None:
    async with Camera() as camera, Running(tmp_path, {"door": camera.url}, {"wait": 10}) as gateway:
        await camera.stop()
        starting = asyncio.gather(*(output.open(gateway, "door") for output in OUTPUTS))
        await until(lambda: gateway.session().restarts >= 2)
        await camera.start()
        viewers = tuple(await starting)
        await see(viewers)
        await asyncio.gather(*(viewer.close() for viewer in viewers))


async def test_a_dead_camera_is_a_sentence_on_every_output(tmp_path: Path) -> None:
    async with Camera() as camera, Running(tmp_path, {"door": camera.url}, {"wait": 0.5}) as gateway:
        await camera.stop()
        sentence = f"streams: 127.0.0.1:{camera.port} refuses connections"
        mse = await MseViewer.open(gateway, "door")
        await until(lambda: mse.texts)
        assert mse.texts[0]["value"].startswith(f"mse: {sentence}")
        await mse.close()
        async with gateway.http.get("/api/frame.jpeg?src=door") as answer:
            assert answer.status >= 500
            assert sentence in await answer.text()


async def test_no_key_picture_for_very_long(tmp_path: Path) -> None:
    """A viewer that comes sees the picture at once, from the cache, and the watchdog is content."""
    async with (
        Camera(Script(fps=50, gop=100_000)) as camera,
        Running(tmp_path, {"door": camera.url}, {"watchdog": 0.5, "first_picture": 0.5}) as gateway,
        watch(gateway) as first,
    ):
        await see(first, 100)
        async with watch(gateway) as second:
            await see((*first, *second))
            assert all(viewer.pictures[0].key for viewer in second)
        assert decode_jpeg(await still(gateway.http)).width == 160
        assert camera.seen.sessions == 1


async def test_a_gop_beyond_the_cache_is_cut_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who comes late sees its beginning, and goes on with the next key picture."""
    async with (
        Camera(Script(gop=100, weight=1000)) as camera,
        Running(tmp_path, {"door": camera.url}, {"gop_bytes": 30_000}) as gateway,
        watch(gateway) as first,
    ):
        track = gateway.session().tracks[0]
        await until(lambda: track.gop.cut)
        late = [await output.open(gateway, "door") for output in OUTPUTS]
        assert (await gateway.info())["producers"][0]["receivers"][0]["gop_cut"]
        assert "was cut in the cache" in caplog.text
        await until(lambda: all(sum(picture.key for picture in viewer.pictures) >= 2 for viewer in late))
        await see((*first, *late))
        for viewer in (*first, *late):
            assert viewer.unbroken, type(viewer)
        await asyncio.gather(*(viewer.close() for viewer in late))


async def test_a_camera_that_begins_without_a_key_picture(tmp_path: Path) -> None:
    """It delivers, so it is not broken: nobody reconnects, and everybody starts with the first key picture."""
    async with (
        Camera(Script(first=10, gop=100)) as camera,
        Running(tmp_path, {"door": camera.url}, {"watchdog": 0.5, "first_picture": 0.5}) as gateway,
        watch(gateway) as viewers,
    ):
        await see(viewers)
        assert camera.seen.sessions == 1


@pytest.mark.parametrize("base", ["", "rtsp://192.0.2.1/other/", "rtsp://{at}/stream"])
async def test_a_wrong_content_base(tmp_path: Path, base: str) -> None:
    async with Camera() as camera:
        camera.script.content_base = base.format(at=f"127.0.0.1:{camera.port}")
        async with Running(tmp_path, {"door": camera.url}) as gateway, watch(gateway) as viewers:
            await see(viewers)
