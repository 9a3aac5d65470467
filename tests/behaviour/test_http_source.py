"""Pictures over HTTP: MJPEG and stills of cameras that keep to the rules and of those that do not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import av
import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.errors import ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.sources.http import source as http_source
from go2py.sources.registry import dial
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.source import SourceUrl
from go2py.transcode.jpeg import Shape, encode_jpeg
from tests.fakes.http_camera import HttpCamera, Script

PASSWORD = "correct horse"


@cache
def picture(shade: int, width: int = 160) -> bytes:
    frame = av.VideoFrame(width, 120, "gray")
    frame.planes[0].update(bytes([shade]) * frame.planes[0].buffer_size)
    return encode_jpeg(frame, Shape()).data


PICTURES = tuple(picture(shade) for shade in (10, 60, 110, 160, 210))


class Sink:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.bytes = 0

    def deliver(self, _offer: int, units: Any) -> None:
        self.units += units

    def alive(self, size: int) -> None:
        self.bytes += size

    def sender_report(self, offer: int, rtp_time: int, ntp: float) -> None: ...
    def lost(self, offer: int, packets: int) -> None: ...


async def watch(url: str, count: int, *, seconds: float = 20.0) -> list[AccessUnit]:
    """The first units; raises what the source raises."""
    source = dial(SourceUrl(url)).create()
    sink = Sink()
    try:
        (offer,) = await source.open()
        assert offer.label() == "video, recvonly, JPEG"
        playing = asyncio.ensure_future(source.play(frozenset({0}), sink))
        try:
            async with asyncio.timeout(seconds):
                while len(sink.units) < count:
                    await asyncio.wait({playing}, timeout=0.02)
                    if playing.done():
                        playing.result()
                        return sink.units
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        return sink.units
    finally:
        await source.close()
        await source.close()


@asynccontextmanager
async def camera(**script: Any) -> AsyncIterator[HttpCamera]:
    async with HttpCamera(Script(**{"pictures": PICTURES, **script})) as camera:
        yield camera


@pytest.mark.parametrize(
    "quirk",
    [
        {"boundary": "--frame"},
        {"boundary": "--frame", "announced": '"--frame"'},
        {"boundary": "--frame", "length": False},
        {"boundary": "--frame", "newline": "\n"},
        {"boundary": "--frame", "newline": "\n", "length": False},
        {"boundary": "frame", "announced": "frame"},
        {"boundary": "frame", "announced": "--frame", "length": False},
        {"boundary": "--myboundary", "announced": "something else"},
        {"boundary": "--my", "content_type": "multipart/x-mixed-replace"},
    ],
    ids=str,
)
async def test_mjpeg_of_every_handwriting(quirk: dict[str, Any]) -> None:
    async with camera(**quirk) as fake:
        units = await watch(fake.url(), 6)
    shown = [unit.units[0] for unit in units[:6]]
    assert shown == [PICTURES[n % 5] for n in range(6)]
    assert all(unit.key for unit in units)
    assert (units[-1].codec.width, units[-1].codec.height) == (160, 120)
    assert [unit.pts for unit in units] == sorted(unit.pts for unit in units)


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5"), ()], ids=["md5", "sha", "basic"])
async def test_password(algorithms: tuple[str, ...]) -> None:
    async with camera(boundary="--frame", user="admin", password=PASSWORD, algorithms=algorithms) as fake:
        await watch(fake.url("/video?a=1", user="admin", password="correct%20horse"), 2)
        assert len(fake.requests) == 2, "asked, then with the password"
        with pytest.raises(Unauthorized):
            await watch(fake.url(user="admin", password="wrong"), 1)
        assert len(fake.requests) == 4, "a refused password is not tried again"
        with pytest.raises(Unauthorized):
            await watch(fake.url(), 1)


async def test_a_still_is_asked_for_while_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_source, "STILL_SECONDS", 0.1)
    async with camera(still=True, user="admin", password=PASSWORD) as fake:
        registry = Registry(dial, ["http"], StreamSettings(linger=0.1), Bus())
        registry.apply([StreamConfig("door", (fake.url("/still.jpg", user="admin", password="correct%20horse"),))])
        wants = wants_from_query((), "video")
        attachment = await registry.require("door").attach(ReaderInfo("test"), wants)
        (track,) = attachment.tracks
        async with asyncio.timeout(20):
            while track.units < 4:
                await asyncio.sleep(0.02)
        assert (track.codec.width, track.codec.height) == (160, 120)
        attachment.close()
        async with asyncio.timeout(10):
            while registry.require("door").slots[0].session.state != "idle":  # type: ignore[union-attr]
                await asyncio.sleep(0.02)
        asked = len(fake.requests)
        assert asked >= 5
        assert sum("authorization" not in headers for headers in fake.headers) == 1, "then with every request"
        await asyncio.sleep(0.3)
        assert len(fake.requests) == asked, "nobody looks, nobody asks"
        await registry.close()
        assert fake.open == 0


async def test_a_still_without_length_and_of_another_size_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_source, "STILL_SECONDS", 0.02)
    async with camera(still=True, length=False, pictures=(picture(9), picture(9, 320))) as fake:
        units = await watch(fake.url(), 4)
    assert {unit.codec.width for unit in units} == {160, 320}


async def test_redirects_are_followed_but_not_for_ever_and_never_with_the_password() -> None:
    async with camera(boundary="--frame") as other, camera(redirects=("/a", f"{other.url()}/moved")) as fake:
        await watch(fake.url(user="admin", password=PASSWORD), 1)
        assert fake.requests == ["/video", "/a"]
        assert other.requests == ["/video/moved"]
    async with camera(redirects=("/a",) * 99) as fake:
        with pytest.raises(SourceError, match="redirects to no end"):
            await watch(fake.url(), 1)
        assert len(fake.requests) == 6
    async with camera(redirects=("file:///etc/passwd",)) as fake:
        with pytest.raises(SourceError, match="redirects"):
            await watch(fake.url(), 1)


@pytest.mark.parametrize(
    ("script", "error", "sentence"),
    [
        ({"content_type": "text/html"}, Unsupported, "text/html"),
        ({"content_type": "video/mp2t"}, Unsupported, "video/mp2t"),
        ({"status": "404 Not Found"}, SourceError, "404 Not Found"),
        ({"status": "503 Busy"}, Unreachable, "503 Busy"),
        ({"raw": b"nonsense\r\n\r\n"}, Unreachable, "no proper HTTP"),
        ({"raw": b"\r\n"}, Unreachable, "no proper HTTP"),
        ({"raw": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000}, Unreachable, "no proper HTTP"),
        ({"still": True, "pictures": (b"<html>",)}, ProtocolError, "no JPEG"),
        ({"still": True, "pictures": (b"",), "length": False}, ProtocolError, "no JPEG"),
        ({"endless": b"a" * 1000}, ProtocolError, "no pictures"),
        ({"endless": b"--frame\r\nX: y\r\n"}, ProtocolError, "header"),
        ({"endless": b"--frame\r\nContent-Length: 99999999999\r\n\r\n"}, ProtocolError, "too large"),
        ({"endless": b"--frame\r\nContent-Length: 99999999\r\n\r\n"}, ProtocolError, "too large"),
    ],
)
async def test_what_is_none_is_named(script: dict[str, Any], error: type[Exception], sentence: str) -> None:
    async with camera(**script) as fake:
        with pytest.raises(error, match=sentence):
            await watch(fake.url(), 1)


async def test_a_camera_that_hangs_up_or_is_not_there() -> None:
    async with camera(boundary="--frame", close_after=3, length=True) as fake:
        assert len(await watch(fake.url(), 99)) == 3
        url = fake.url()
    with pytest.raises(Unreachable, match="cannot be reached"):
        await watch(url, 1)
    with pytest.raises(Unsupported):
        dial(SourceUrl("http://"))
    with pytest.raises(Unsupported, match="Name: value"):
        dial(SourceUrl("http://127.0.0.1/#header=nothing"))


async def test_own_headers() -> None:
    async with camera(boundary="--frame") as fake:
        await watch(f"{fake.url()}#header=X-Token: abc", 1)
        assert fake.headers[0]["x-token"] == "abc"
