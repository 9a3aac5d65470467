"""What is behind the text of a source is found out by one connection, which is always closed."""

import asyncio
import base64
import io
import json
from typing import Any

import av
import pytest
from aiohttp import ClientSession

from go2py.streams import trial
from tests.fakes.gateway import Gateway
from tests.fakes.rtsp_camera import Camera, Script

PASSWORD = "correct-horse"


async def probe(http: ClientSession, src: str, **options: Any) -> dict[str, Any]:
    async with http.post("/api/discovery/probe", json={"src": src, **options}) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        assert PASSWORD not in text
        found: dict[str, Any] = json.loads(text)
        return found


async def closed(camera: Camera) -> None:
    async with asyncio.timeout(10):
        while camera.seen.playing:
            await asyncio.sleep(0.02)


async def test_a_camera_is_described_with_a_picture_and_let_go(gateway: Gateway, http: ClientSession) -> None:
    script = Script(user="admin", password=PASSWORD, backchannel=True, parameter_sets="band")
    async with Camera(script) as camera:
        src = f"rtsp://admin:{PASSWORD}@127.0.0.1:{camera.port}/any"
        found = await probe(http, src, preview=True)
        await closed(camera)
        assert camera.seen.most_playing == 1
        assert camera.seen.requests["TEARDOWN"] == 1
    assert found["address"] == "127.0.0.1"
    assert found["source"] == f"rtsp://***@127.0.0.1:{camera.port}/any"
    assert found["problems"] == []
    assert found["talk"] is True
    assert found["medias"][0] == "video, recvonly, H264"
    assert found["video"] | {"fps": 0} == {
        "codec": "H264",
        "profile": "Baseline",
        "width": 160,
        "height": 120,
        "fps": 0,
    }
    assert found["video"]["fps"] == pytest.approx(25, rel=0.3)
    assert found["audio"]["codec"] == "PCMA"
    (stream,) = found["streams"]
    assert (stream["video"], stream["width"], stream["height"], stream["checked"]) == ("H264", 160, 120, True)
    with av.open(io.BytesIO(base64.b64decode(found["preview"]))) as image:
        assert image.streams.video[0].width == 160
    assert len(gateway.context.registry) == 1, "no stream was made"


async def test_what_goes_wrong_has_a_code_and_a_sentence(
    gateway: Gateway, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "PICTURE_SECONDS", 0.5)
    async with Camera(Script(user="admin", password=PASSWORD)) as camera:
        found = await probe(http, f"rtsp://admin:wrong@127.0.0.1:{camera.port}/any", preview=True)
        assert [problem["code"] for problem in found["problems"]] == ["unauthorized"]
        assert (found["medias"], found["streams"]) == ([], [])
        camera.script.max_sessions = 0
        src = f"rtsp://admin:{PASSWORD}@127.0.0.1:{camera.port}/any"
        found = await probe(http, src)
        assert [problem["code"] for problem in found["problems"]] == ["busy"]
        assert found["video"]["codec"] == "H264", "it was described before it refused"
        camera.script.max_sessions, camera.script.mute_video = 100, True
        found = await probe(http, src, preview=True)
        assert [problem["code"] for problem in found["problems"]] == ["unreachable"]
        assert "no picture within" in found["problems"][0]["message"]
        assert found["preview"] == ""
        await closed(camera)
    found = await probe(http, src)
    assert [problem["code"] for problem in found["problems"]] == ["unreachable"]
    found = await probe(http, "ffmpeg:nothing")
    assert [problem["code"] for problem in found["problems"]] == ["unsupported"]


async def test_sound_alone_is_a_source(http: ClientSession) -> None:
    async with Camera(Script(audio_only=True)) as camera:
        found = await probe(http, f"rtsp://127.0.0.1:{camera.port}/any")
    assert found["problems"] == []
    assert "video" not in found
    assert found["streams"][0]["audio"] == "PCMA"


@pytest.mark.parametrize("src", ["exec:id", "rtsp://a b", "gopher://x", "", 7, None, ["rtsp://x"]])
async def test_texts_that_must_not_come_from_outside(http: ClientSession, src: object) -> None:
    async with http.post("/api/discovery/probe", json={"src": src}) as answer:
        assert answer.status == 400


async def test_a_paused_camera_is_not_opened_by_looking(gateway: Gateway, http: ClientSession) -> None:
    async with Camera() as camera:
        src = f"rtsp://127.0.0.1:{camera.port}/any"
        from go2py.sources.registry import dial

        gateway.context.registry._dial = dial
        gateway.context.registry.put("real", [src])
        await gateway.context.registry.pause("real")
        found = await probe(http, src)
        assert [problem["code"] for problem in found["problems"]] == ["paused"]
        assert found["known"] == ["real"]
        assert camera.seen.connections == 0


async def test_one_camera_is_looked_at_once_at_a_time(http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "PICTURE_SECONDS", 1.0)
    async with Camera(Script(mute_video=True)) as camera:
        src = f"rtsp://127.0.0.1:{camera.port}/any"
        first = asyncio.ensure_future(probe(http, src))
        async with asyncio.timeout(10):
            while not camera.seen.playing:
                await asyncio.sleep(0.01)
        async with http.post("/api/discovery/probe", json={"src": src}) as answer:
            assert answer.status == 409
            assert "being looked at" in await answer.text()
        await first
