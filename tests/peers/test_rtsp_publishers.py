"""Programs nobody here wrote speak to a camera over RTSP: ffmpeg announces sound, GStreamer has the backchannel."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.observe.events import Bus
from go2py.outputs.rtsp import RtspServer
from go2py.protocols.http_auth import ServerAuth
from go2py.protocols.rtsp_server import Guard
from go2py.streams.registry import Registry
from tests.fakes.ear import Ear
from tests.fakes.loop import clip
from tests.fakes.running import until
from tests.fakes.tones import loudest_tone

HERE = Path(__file__).parent
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg on PATH; scripts/test installs it")
needs_gstreamer = pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="no GStreamer on PATH")
TONE = "sine=frequency=640:sample_rate=48000"
CODECS = {
    "pcm_alaw": ("-ar", "8000", "-ac", "1"),
    "pcm_mulaw": ("-ar", "8000", "-ac", "1"),
    "libopus": ("-b:a", "48k"),
    "aac": ("-ar", "16000", "-ac", "1"),
    "g722": ("-ar", "16000", "-ac", "1"),
    "pcm_s16be": ("-ar", "16000", "-ac", "1"),
}


class Gateway:
    def __init__(self) -> None:
        self.ear = Ear()
        self.guard: Guard | None = None
        self.registry = Registry(replace(clip(), ear=self.ear).dial, ["loop"], StreamSettings(linger=0.1), Bus())
        self.registry.apply([StreamConfig("door", ("loop:1",))])
        self.server = RtspServer(self.registry, authorize=lambda _: self.guard, udp=True)

    def url(self, user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.server.addresses[0][1]}/door"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    await gateway.server.start("127.0.0.1", 0)
    yield gateway
    await gateway.server.close()
    await gateway.registry.close()


@contextlib.asynccontextmanager
async def running(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program, ended at the end; it must not have failed before."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
        if process.returncode not in (None, 0):
            assert process.stderr is not None
            pytest.fail((await process.stderr.read()).decode())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def publish(url: str, codec: str, transport: str = "tcp") -> tuple[str, ...]:
    sound = ("-re", "-f", "lavfi", "-i", TONE, "-t", "20", "-c:a", codec, *CODECS[codec])
    return ("ffmpeg", "-v", "error", "-nostdin", *sound, "-f", "rtsp", "-rtsp_transport", transport, url)


async def hears(gateway: Gateway, hertz: float, seconds: float = 1.5) -> None:
    await until(lambda: len(gateway.ear.heard) > seconds * 50)
    assert loudest_tone(gateway.ear.heard) == pytest.approx(hertz, abs=15)


@needs_ffmpeg
@pytest.mark.parametrize("codec", CODECS)
async def test_ffmpeg_speaks(gateway: Gateway, codec: str) -> None:
    async with running(*publish(gateway.url(), codec)):
        await hears(gateway, 640)
        (attachment,) = gateway.registry.require("door").attachments.values()
        assert attachment.receiver is not None
        assert attachment.info.user_agent.startswith("Lavf")
    await until(lambda: not gateway.ear.is_open)
    assert not gateway.registry.require("door").attachments


@needs_ffmpeg
async def test_ffmpeg_speaks_over_udp(gateway: Gateway) -> None:
    async with running(*publish(gateway.url(), "pcm_alaw", "udp")):
        await hears(gateway, 640)
        (attachment,) = gateway.registry.require("door").attachments.values()
        assert attachment.info.protocol == "rtsp+udp"


@needs_ffmpeg
async def test_ffmpeg_needs_credentials(gateway: Gateway) -> None:
    gateway.guard = ServerAuth("admin", "secret")
    process = await asyncio.create_subprocess_exec(
        *publish(gateway.url("admin:wrong@"), "pcm_alaw"), stderr=asyncio.subprocess.PIPE
    )
    assert b"401" in (await process.communicate())[1]
    async with running(*publish(gateway.url("admin:secret@"), "pcm_alaw")):
        await hears(gateway, 640, 0.5)


@needs_gstreamer
@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_gstreamer_talks_while_it_watches(gateway: Gateway, transport: str) -> None:
    script = str(HERE / "gst_talker.py")
    async with running("/usr/bin/python3", script, gateway.url(), transport, "830") as process:
        await hears(gateway, 830)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert (await process.stdout.readline()) == b"picture\n"
