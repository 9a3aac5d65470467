"""RTSP cameras that misbehave: what can be tolerated is, the rest ends with a clear sentence."""

import asyncio
from pathlib import Path

import pytest

from go2py.errors import Busy, ProtocolError, SourceError, Unauthorized, Unreachable
from go2py.protocols.rtsp_client import RtspClient
from tests.fakes.clip import LARGE, clip
from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.sink import watching

PASSWORD = "s3cret-pass"


@pytest.mark.parametrize("auth", ["basic", "MD5", "SHA-256", "SHA-512-256"])
async def test_credentials(auth: str) -> None:
    script = Script(user="admin", password=PASSWORD, auth=auth)
    async with Camera(script) as camera, watching(camera.url) as playing:
        await playing.more(0)
        assert camera.seen.requests["DESCRIBE"] == 2, "one challenge is enough for the whole session"
        assert camera.seen.setups == 2
        assert all("@" not in request.url for request in camera.seen.headers)


@pytest.mark.parametrize("auth", ["basic", "MD5"])
async def test_wrong_password_is_said_once_and_without_it(auth: str) -> None:
    async with Camera(Script(user="admin", password="other", auth=auth)) as camera:
        with pytest.raises(Unauthorized, match="refused the user and password") as caught:
            async with watching(camera.url.replace("other", PASSWORD)):
                pass
        assert PASSWORD not in str(caught.value)
        assert camera.seen.requests["DESCRIBE"] == 2


async def test_missing_credentials_are_asked_for() -> None:
    async with Camera(Script(user="admin", password="x")) as camera:
        with pytest.raises(Unauthorized, match="wants a user and password"):
            async with watching(f"rtsp://127.0.0.1:{camera.port}/stream"):
                pass


async def test_camera_that_closes_behind_a_challenge() -> None:
    script = Script(user="admin", password=PASSWORD, close_on_401=True)
    async with Camera(script) as camera, watching(camera.url) as playing:
        await playing.more(0)
        assert camera.seen.connections == 2


async def test_stale_nonce_in_mid_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RtspClient, "keepalive_interval", 0.1)
    async with Camera(Script(user="admin", password=PASSWORD)) as camera, watching(camera.url) as playing:
        await playing.more(0)
        await playing.sink.until(lambda: camera.seen.requests["OPTIONS"] > 0)
        before = camera.seen.requests["GET_PARAMETER"]
        camera.expire_nonces()
        await playing.sink.until(lambda: camera.seen.requests["GET_PARAMETER"] > before + 3)
        await playing.more(0)


async def test_second_session_gets_busy() -> None:
    async with Camera(Script(max_sessions=1)) as camera, watching(camera.url) as first:
        await first.more(0)
        async with watching(camera.url) as second:
            assert isinstance(await second.ended(), Busy)
        await first.more(0)


@pytest.mark.parametrize(
    "base", ["", "rtsp://rtsp://{at}/stream/", "{at}/stream/", "rtsp://{at}/stream", "rtsp://::ffff:127.0.0.1:/stream/"]
)
async def test_wrong_content_base(base: str) -> None:
    async with Camera() as camera:
        camera.script.content_base = base.format(at=f"127.0.0.1:{camera.port}")
        async with watching(camera.url) as playing:
            await playing.more(0)
            await playing.more(1)


async def test_other_channels_than_asked_for() -> None:
    async with Camera(Script(tweak_channels=4)) as camera, watching(camera.url) as playing:
        await playing.more(0)
        await playing.more(1)


async def test_garbage_between_frames() -> None:
    async with Camera(Script(garbage=0.1)) as camera, watching(camera.url) as playing:
        pictures = await playing.more(0, 40)
        assert {unit.units[-1] for unit in pictures} <= set(clip("160x120").pictures)


async def test_questions_of_the_camera_are_answered() -> None:
    async with Camera(Script(ask=True)) as camera, watching(camera.url) as playing:
        await playing.sink.until(lambda: camera.seen.answers_from_client >= 3)
        await playing.more(0)
        assert not playing.sink.losses


@pytest.mark.parametrize("parameter_sets", ["band", "sdp"])
async def test_parameter_sets_in_one_place_only(parameter_sets: str) -> None:
    script = Script(parameter_sets=parameter_sets)
    async with Camera(script) as camera, watching(camera.url) as playing:
        pictures = await playing.more(0, 30)
        in_band = any(nal[0] & 31 == 7 for unit in pictures for nal in unit.units)
        announced = bool(playing.offers[0].codecs[0].parameter_sets)
        assert (in_band, announced) == (parameter_sets == "band", parameter_sets == "sdp")


async def test_ssrc_sequence_clock_and_size_change_in_mid_stream() -> None:
    async with Camera() as camera, watching(camera.url) as playing:
        await playing.more(0)
        for event in (camera.change_ssrc, camera.restart_sequence, lambda: camera.jump_clock(7200)):
            event()
            await playing.more(0, 10)
        camera.change_resolution()
        await playing.sink.until(lambda: clip(LARGE).pictures[0] in playing.sink.units[0][-1].units)


@pytest.mark.parametrize("keepalive", ["refuse", "ignore"])
async def test_refused_keepalive_is_not_fatal(keepalive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RtspClient, "keepalive_interval", 0.1)
    async with Camera(Script(keepalive=keepalive)) as camera, watching(camera.url + "#timeout=1") as playing:
        await playing.sink.until(lambda: camera.seen.requests["OPTIONS"] >= 3)
        await playing.more(0)


async def test_keepalive_by_what_the_server_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RtspClient, "keepalive_interval", 0.1)
    async with Camera(Script(get_parameter=False)) as camera, watching(camera.url) as playing:
        await playing.sink.until(lambda: camera.seen.requests["OPTIONS"] >= 3)
        assert not camera.seen.requests["GET_PARAMETER"]


async def test_pulled_cable_is_noticed() -> None:
    async with Camera() as camera, watching(camera.url + "#timeout=0.5") as playing:
        await playing.more(0)
        camera.pull_cable()
        error = await playing.ended()
        assert isinstance(error, Unreachable)
        assert "stopped answering" in str(error)


async def test_rare_pictures_are_no_reason_to_end() -> None:
    script = Script(fps=0.5, audio=False, rtcp=False)
    async with Camera(script) as camera, watching(camera.url + "#timeout=1") as playing:
        await playing.more(0, 4)
        assert camera.seen.requests["OPTIONS"] + camera.seen.requests["GET_PARAMETER"] >= 2, "asked whether it is there"
        assert camera.seen.connections == 1


async def test_missing_answer_to_play() -> None:
    async with Camera(Script(answer_play=False)) as camera, watching(camera.url + "#timeout=1") as playing:
        await playing.more(0, 30)


async def test_camera_that_goes_away() -> None:
    async with Camera() as camera, watching(camera.url) as playing:
        await playing.more(0)
        await camera.stop()
        assert isinstance(await playing.ended(), Unreachable)
        with pytest.raises(Unreachable, match="refuses connections"):
            async with watching(camera.url):
                pass
        await camera.start()
        async with watching(camera.url) as again:
            await again.more(0)


@pytest.mark.parametrize("suffix", ["", "#transport=udp"])
async def test_nothing_is_left_behind(suffix: str) -> None:
    def left() -> tuple[int, int]:
        return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))

    async with Camera() as camera:
        before = left()
        for wanted in (None, frozenset({1})):
            async with watching(camera.url + suffix, wanted) as playing:
                await playing.more(1)
        camera.script.max_sessions = 0
        async with watching(camera.url + suffix) as playing:
            assert isinstance(await playing.ended(), Busy)
        camera.script = Script(user="a", password="b")
        with pytest.raises(Unauthorized):
            async with watching(f"rtsp://127.0.0.1:{camera.port}/stream"):
                pass
        camera.script = Script()
        camera.pull_cable()
        with pytest.raises(Unreachable):
            async with watching(camera.url + "#timeout=0.2"):
                pass
        camera.plug_in()
        while camera.seen.playing or left() != before:
            await asyncio.sleep(0.02)


async def test_server_that_never_answers() -> None:
    async with Camera() as camera:
        camera.pull_cable()
        with pytest.raises(Unreachable, match="no answer to DESCRIBE"):
            async with watching(camera.url + "#timeout=0.3"):
                pass


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.0 400 Bad\r\n\r\n", b"\0" * 70000, b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n", b"RTSP/1.0 abc\r\n\r\n"],
)
async def test_nonsense_ends_with_an_error_of_ours(answer: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises((SourceError, ProtocolError)) as caught:
            async with watching(f"rtsp://127.0.0.1:{port}/x#timeout=1"):
                pass
        assert f"127.0.0.1:{port}" in str(caught.value)
