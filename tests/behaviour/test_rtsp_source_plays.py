"""Well-behaved RTSP cameras play, over every transport."""

import asyncio

import pytest

from go2py.errors import Unreachable, Unsupported
from go2py.sources.registry import dial
from go2py.streams.source import SourceUrl
from tests.fakes.clip import clip, is_key
from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.sink import watching


@pytest.mark.parametrize("transport", ["", "#transport=tcp", "#transport=udp"])
async def test_picture_and_sound_arrive_whole(transport: str) -> None:
    async with Camera() as camera, watching(camera.url + transport) as playing:
        pictures = await playing.more(0, 30)
        await playing.more(1, 5)
        assert [offer.label() for offer in playing.offers] == ["video, recvonly, H264", "audio, recvonly, PCMA/8000"]
        slices = {unit.units[-1] for unit in pictures}
        assert slices <= set(clip("160x120").pictures)
        assert any(is_key(unit.units[-1]) for unit in pictures)
        assert len({unit.pts for unit in pictures}) == len(pictures)
        await playing.sink.until(lambda: len(playing.sink.reports) >= 2)
        assert not playing.sink.losses
        assert playing.sink.bytes > 0
        assert playing.source.info.protocol == ("rtsp+udp" if "udp" in transport else "rtsp+tcp")
    assert camera.seen.teardowns == 1
    assert camera.seen.playing == 0


async def test_only_what_is_wanted_is_set_up() -> None:
    async with Camera() as camera, watching(camera.url, frozenset({1})) as playing:
        await playing.more(1)
        assert camera.seen.setups == 1
        assert not playing.sink.units[0]


@pytest.mark.parametrize("track", ["track0", "track1"])
async def test_one_track_that_is_refused_does_not_take_the_other_with_it(track: str) -> None:
    async with Camera(Script(refuse_track=track)) as camera, watching(camera.url) as playing:
        await playing.more(1 if track == "track0" else 0)


async def test_unknown_codecs_and_medias_are_listed_not_fatal() -> None:
    extra = "m=video 0 RTP/AVP 99\r\na=rtpmap:99 FANCY/90000\r\na=control:track2\r\nm=vana 0 RTP/AVP 108\r\n"
    async with Camera(Script(extra_sdp=extra)) as camera, watching(camera.url) as playing:
        assert [offer.label() for offer in playing.offers][2:] == ["video, recvonly, FANCY"]
        await playing.more(0)
        assert camera.seen.setups == 2


async def test_audio_only_camera_plays() -> None:
    async with Camera(Script(audio_only=True)) as camera, watching(camera.url) as playing:
        await playing.more(0)


@pytest.mark.parametrize(("refused", "asked", "got"), [("udp", "udp", "tcp"), ("tcp", "tcp", "udp")])
async def test_461_falls_back_to_the_other_transport(refused: str, asked: str, got: str) -> None:
    script = Script(refuse_transport=refused)
    async with Camera(script) as camera, watching(f"{camera.url}#transport={asked}") as playing:
        await playing.more(0)
        await playing.more(1)
        assert playing.source.info.protocol == f"rtsp+{got}"
        assert camera.seen.setups == 3


async def test_udp_reorders_punches_and_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("go2py.sources.rtsp.udp.REPORT_INTERVAL", 0.2)
    async with Camera(Script(reorder=0.2)) as camera, watching(f"{camera.url}#transport=udp") as playing:
        pictures = await playing.more(0, 40)
        assert {unit.units[-1] for unit in pictures} <= set(clip("160x120").pictures)
        assert not playing.sink.losses
        assert camera.seen.punches == 4
        await playing.sink.until(lambda: camera.seen.receiver_reports >= 2)


async def test_udp_counts_loss_and_hands_on_no_broken_picture() -> None:
    async with Camera(Script(loss=0.05)) as camera, watching(f"{camera.url}#transport=udp") as playing:
        await playing.sink.until(lambda: playing.sink.losses[0] > 5)
        slices = {unit.units[-1] for unit in playing.sink.units[0]}
        assert slices <= set(clip("160x120").pictures)


async def test_redirect_is_followed_with_credentials() -> None:
    good = Script(user="admin", password="secret")
    async with Camera(good) as target, Camera(Script(user="admin", password="secret")) as first:
        first.script.redirect = f"rtsp://127.0.0.1:{target.port}/stream"
        async with watching(first.url) as playing:
            await playing.more(0)
            assert target.seen.sessions == 1
            assert playing.source.info.url == f"rtsp://127.0.0.1:{target.port}/stream"


async def test_redirect_loop_ends() -> None:
    async with Camera() as camera:
        camera.script.redirect = camera.url
        with pytest.raises(Unreachable, match="redirects again and again"):
            async with watching(camera.url):
                pass


async def test_backchannel_is_listed_but_never_opened_by_viewing() -> None:
    async with Camera(Script(backchannel=True)) as camera, watching(camera.url) as playing:
        assert [offer.direction for offer in playing.offers] == ["recvonly", "recvonly", "sendonly"]
        await playing.more(0)
        assert camera.seen.setups == 2
        assert not any("Require" in request.headers for request in camera.seen.headers)


async def test_backchannel_that_breaks_describe_is_given_up() -> None:
    script = Script(refuse_backchannel=True)
    async with Camera(script) as camera, watching(camera.url + "#backchannel=1") as playing:
        await playing.more(0)
        asked = [request for request in camera.seen.headers if request.method == "DESCRIBE"]
        assert ["Require" in request.headers for request in asked] == [True, False]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_host_names_and_addresses(host: str) -> None:
    async with Camera() as camera, watching(f"rtsp://{host}:{camera.port}/stream") as playing:
        await playing.more(0)


async def test_one_key_for_one_camera_connection() -> None:
    def key(text: str) -> str:
        return dial(SourceUrl(text)).key

    one = key("rtsp://u:p@CAM.local/a?b=1")
    assert one == key("rtsp://u:p@cam.local:554/a?b=1#timeout=9") == key("rtsp://u:p@cam.local/a?b=1#transport=tcp")
    assert one == key("rtsp://u:p@cam.local/a?b=1#media=video")
    others = {
        key("rtsp://v:p@cam.local/a?b=1"),
        key("rtsp://u:p@cam.local/a?b=2"),
        key("rtsps://u:p@cam.local/a?b=1"),
        key("rtsp://u:p@cam.local/a?b=1#transport=udp"),
        key("rtsp://u:corrected@cam.local/a?b=1"),
    }
    assert len(others | {one}) == 6


@pytest.mark.parametrize("text", ["rtsp:nothing", "rtsp://", "rtsp://h/#transport=pigeon", "rtsp://h/#timeout=soon"])
def test_a_bad_url_is_told_at_dial(text: str) -> None:
    with pytest.raises(Unsupported):
        dial(SourceUrl(text))


async def test_close_without_open_and_twice() -> None:
    source = dial(SourceUrl("rtsp://127.0.0.1:9/x")).create()
    await source.close()
    async with Camera() as camera:
        source = dial(SourceUrl(camera.url)).create()
        await source.open()
        await asyncio.gather(source.close(), source.close())
    assert not camera.seen.teardowns, "there was no session to tear down"
