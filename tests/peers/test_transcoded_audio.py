"""Sound in a codec that the camera does not send: heard by Chromium over WebRTC, read by ffprobe over RTSP."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.observe.events import Bus
from go2py.outputs.rtsp import RtspServer
from go2py.outputs.webrtc.port import WebRtcPort
from go2py.outputs.webrtc.session import WebRtcService
from go2py.sources.registry import SCHEMES, dial
from go2py.streams.derived import derived
from go2py.streams.registry import Registry
from tests.fakes.webrtc import LOOPBACK
from tests.peers.test_webrtc_chromium import browser, only, until

CAMERA = "demo:?size=320x240&audio=aac"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    registry = Registry(dial, SCHEMES, StreamSettings(linger=0.0), Bus())
    registry.apply(
        [
            StreamConfig("door", (CAMERA,)),
            StreamConfig("assistant", (CAMERA, "ffmpeg:assistant#audio=opus#query=log_level=debug")),
        ]
    )
    yield registry
    await registry.close()


async def test_chromium_hears_a_camera_that_only_has_aac(chromium: Path, registry: Registry) -> None:
    service = WebRtcService(WebRtcPort(LOOPBACK))
    await service.start()
    try:
        async with browser(chromium, registry, service) as page:
            await page.evaluate("start()")
            audible = await until(page, lambda found: found.get("audio", {}).get("totalAudioEnergy", 0) > 1e-4)
            assert audible["video"]["framesDecoded"] > 0
            match = next(match for match in only(service).attachment.plan.matches if match.codec.kind == "audio")
            assert (match.action, match.codec.label()) == ("transcode", "OPUS/48000/2")
            await clean_seconds(page, 2)
    finally:
        await service.close()


async def clean_seconds(page: Page, count: int) -> None:
    """Wait for so many seconds in a row of which hardly anything had to be made up: the packets come in step."""
    clean, before = 0, (await until(page, lambda _: True))["audio"]
    async with asyncio.timeout(40):
        while clean < count:
            await page.wait_for_timeout(1_000)
            after = (await until(page, lambda _: True))["audio"]
            received = after["totalSamplesReceived"] - before["totalSamplesReceived"]
            concealed = after["concealedSamples"] - before["concealedSamples"]
            clean = clean + 1 if 0 <= concealed < received / 50 else 0
            before = after


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("door?audio=opus", "opus,48000,2"),
        ("door?audio=pcma", "pcm_alaw,8000,1"),
        ("door?audio=g722", "adpcm_g722,16000,1"),
        ("door?audio=l16", "pcm_s16be,48000,1"),
        ("assistant?audio=opus", "opus,48000,2"),
    ],
)
async def test_ffprobe_reads_what_it_asks_for(registry: Registry, path: str, expected: str) -> None:
    if not (ffprobe := shutil.which("ffprobe")):
        pytest.skip("no ffprobe on PATH")
    server = RtspServer(registry, authorize=lambda _: None)
    await server.start("127.0.0.1", 0)
    port = server.addresses[0][1]
    try:
        process = await asyncio.create_subprocess_exec(
            *(
                ffprobe,
                "-v",
                "error",
                "-rtsp_transport",
                "tcp",
                "-show_entries",
                "stream=codec_name,sample_rate,channels",
            ),
            *("-of", "csv=p=0", f"rtsp://127.0.0.1:{port}/{path}"),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert output.decode().split() == [expected]
    finally:
        await server.close()
    stream = registry.require(path.partition("?")[0])
    session = stream.slots[0].session
    assert session is not None
    assert not [one for track in session.tracks.values() for one in derived(track)], "nothing is left after the last"
