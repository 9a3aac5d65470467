"""A viewer of an ONVIF source sees the camera behind it, however awkwardly the device answers."""

from pathlib import Path
from urllib.parse import quote

import pytest

from go2py.errors import ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from go2py.sources.registry import dial, explore
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.streams.source import SourceUrl
from tests.fakes.onvif_device import Device, FakeProfile, Script
from tests.fakes.rtsp_camera import Camera
from tests.fakes.rtsp_camera import Script as CameraScript
from tests.fakes.running import Running, until
from tests.fakes.sink import watching

PASSWORD = "p@ss/word:1"


def profiles(camera: Camera, host: str = "") -> list[FakeProfile]:
    uri = f"rtsp://{host or camera.host}:{camera.port}/stream?channel=1&subtype=0"
    return [FakeProfile("Profile_1", uri), FakeProfile("Profile_2", uri, "sub stream", width=640, height=360)]


def source_url(device: Device, query: str = "", password: str = PASSWORD) -> SourceUrl:
    return SourceUrl(f"onvif://admin:{quote(password, safe='')}@{device.place}{query}")


@pytest.fixture
def camera_script() -> CameraScript:
    return CameraScript(user="admin", password=PASSWORD)


AWKWARD = {
    "good": {},
    "clock years behind": {"clock": -3e8},
    "clock told to users only": {"tells_clock": False},
    "HTTP Digest only": {"accepts": "digest"},
    "both proofs": {"accepts": "both"},
    "another address in its URLs": {"advertised": "0.0.0.0:8000"},
    "no GetServices": {"services": False},
    "no GetCapabilities": {"capabilities": False},
    "neither": {"services": False, "capabilities": False},
    "media2 beside media": {"media2": True},
    "media2 only": {"media2_only": True},
    "faults with 200": {"fault_status": 200},
    "SOAP 1.1": {"prefix": "soap11"},
    "undeclared namespaces": {"namespaces": False},
    "rubbish behind the envelope": {"trailing": "\r\n</html>\0<junk"},
}


@pytest.mark.parametrize("quirks", AWKWARD.values(), ids=AWKWARD.keys())
@pytest.mark.parametrize("query", ["", "?subtype=Profile_2", "?subtype=1"])
async def test_source_plays_what_the_profile_says(
    quirks: dict[str, object], query: str, camera_script: CameraScript
) -> None:
    async with Camera(camera_script) as camera:
        script = Script("admin", PASSWORD, profiles=profiles(camera))
        for name, value in quirks.items():
            setattr(script, name, value)
        async with Device(script) as device:
            async with watching(source_url(device, query).raw) as playing:
                assert [offer.kind for offer in playing.offers] == ["video", "audio"]
                await playing.more(0)
                assert PASSWORD not in str(playing.source.info)
            assert device.refused <= 1, "a good password is not refused more than its proof was of the wrong kind"


async def test_reconnect_asks_the_camera_only_and_the_device_again_when_that_fails() -> None:
    async with Camera() as camera, Camera() as moved, Device(Script(profiles=profiles(camera))) as device:
        spec = dial(SourceUrl(device.url))

        async def visit() -> None:
            source = spec.create()
            try:
                await source.open()
            finally:
                await source.close()

        await visit()
        asked = device.seen.total()
        await visit()
        assert (device.seen.total(), camera.seen.requests["DESCRIBE"]) == (asked, 2)
        await camera.stop()
        device.script.profiles = profiles(moved)
        await visit()
        assert device.seen.total() > asked
        assert moved.seen.requests["DESCRIBE"] == 1


async def test_wrong_password_is_tried_once_or_as_often_as_proofs_are_asked_for(camera_script: CameraScript) -> None:
    for accepts, attempts in (("token", 1), ("digest", 1), ("both", 2)):
        async with (
            Camera(camera_script) as camera,
            Device(Script("admin", PASSWORD, accepts, profiles=profiles(camera))) as device,
        ):
            source = dial(source_url(device, password="wrong")).create()
            with pytest.raises(Unauthorized, match="refused the user and password"):
                await source.open()
            await source.close()
            assert device.attempts == attempts
            assert not camera.seen.connections


async def test_errors_are_sentences_without_secrets(camera_script: CameraScript) -> None:
    async with Camera(camera_script) as camera, Device(Script("admin", PASSWORD, profiles=profiles(camera))) as device:
        cases: list[tuple[SourceUrl, type[Exception], str]] = [
            (SourceUrl(f"onvif://{device.place}"), Unauthorized, "wants a user and password"),
            (source_url(device, "?subtype=nothing"), Unsupported, "gives no stream URI|refuses GetStreamUri"),
            (source_url(device, "?subtype=7"), Unsupported, "no ONVIF profile 7"),
            (SourceUrl("onvif://admin:secretsecret@127.0.0.1:63990"), Unreachable, "cannot be reached"),
            (SourceUrl(camera.url.replace("rtsp://", "onvif://")), SourceError, "ONVIF"),
        ]
        for url, kind, words in cases:
            source = dial(url).create()
            with pytest.raises((kind, SourceError), match=words) as caught:
                await source.open()
            await source.close()
            assert PASSWORD not in str(caught.value)
            assert "secretsecret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["exec:rm -rf /", "file:///etc/passwd", "", "rtsp://", "http://x y/", "rtsp://a#b"])
async def test_camera_cannot_make_us_open_what_is_no_stream(uri: str) -> None:
    async with Device(Script(profiles=[FakeProfile("p", uri)])) as device:
        source = dial(SourceUrl(device.url)).create()
        with pytest.raises((SourceError, ProtocolError)):
            await source.open()
        await source.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"<html>Not found</html>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<a>" * 100,
        b"\xff\xfe<",
        b"<a/>" * 500000,
    ],
)
async def test_rubbish_is_an_error_not_a_crash(garbage: bytes) -> None:
    async with Device(Script(garbage=garbage or b" ")) as device:
        source = dial(SourceUrl(device.url)).create()
        with pytest.raises((SourceError, ProtocolError)):
            await source.open()
        await source.close()


async def test_streams_of_one_profile_share_a_connection() -> None:
    one, other, second = (dial(SourceUrl(f"onvif://a:b@cam{query}")).key for query in ("", "?subtype=0", "?subtype=1"))
    assert one == other != second
    assert "b@" not in str(dial(SourceUrl("onvif://a:bbbbbb@cam")))


async def test_explore_lists_everything_and_survives_what_is_missing(camera_script: CameraScript) -> None:
    async with Camera(camera_script) as camera:
        script = Script("admin", PASSWORD, profiles=profiles(camera), snapshot="http://0.0.0.0/snap.jpg")
        async with Device(script) as device:
            found = await explore(source_url(device))
            assert (found.maker, found.model, found.serial) == ("ACME", "Cam & Co 1", "S1")
            assert [(s.name, s.video, s.size, s.fps, s.audio) for s in found.streams] == [
                ("main stream", "H264", (1920, 1080), 25, "G711"),
                ("sub stream", "H264", (640, 360), 25, "G711"),
            ]
            assert found.snapshot.endswith("?subtype=Profile_1&snapshot")
            assert "p%40ss%2Fword%3A1" in found.streams[0].direct[0]
            assert PASSWORD not in repr(found)
            script.snapshot = ""
            assert not (await explore(source_url(device))).snapshot


async def test_viewers_of_a_whole_gateway_see_it(camera_script: CameraScript, tmp_path: Path) -> None:
    """Added as text, found in no listing with its password, and followed when the stream moves to another port."""
    async with (
        Camera(camera_script) as camera,
        Camera(camera_script) as moved,
        Device(Script("admin", PASSWORD, profiles=profiles(camera))) as device,
        Running(tmp_path, {"door": source_url(device).raw}) as gateway,
    ):
        stream = gateway.registry.require("door")
        attachment = await stream.attach(ReaderInfo("test"), wants_from_query(()))
        track = attachment.tracks[0]
        await until(lambda: track.units > 5)
        text = str(await gateway.info())
        assert f"onvif://***@{device.place}" in text
        assert "p%40ss" not in text
        device.script.profiles = profiles(moved)
        before = track.units
        await camera.stop()
        await until(lambda: track.units > before + 5)
        assert moved.seen.playing == 1
        attachment.close()
