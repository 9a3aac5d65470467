"""Programs nobody here wrote read our RTSP: ffmpeg and GStreamer, over TCP and UDP, every codec a camera has."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.observe.events import Bus
from go2py.outputs.rtsp import RtspServer
from go2py.protocols.http_auth import ServerAuth
from go2py.protocols.rtsp_server import Guard
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.source import Offer, SourceSpec, SourceUrl
from tests.fakes.loop import clip
from tests.peers.test_mse_chromium import TelephoneSource

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffmpeg on PATH; scripts/test installs it")
needs_gstreamer = pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="no GStreamer on PATH")


def dial(url: SourceUrl) -> SourceSpec:
    match url.url:
        case "loop:h265":
            return clip(50, codec="H265").dial(url)
        case "loop:long":
            return clip(250).dial(url)
        case "loop:telephone":
            made = replace(clip(50), offers=(clip(50).offers[0], Offer(clip(50).offers[2].codecs)))
            return SourceSpec(url.url, url, lambda: TelephoneSource(made))
    return clip(50).dial(url)


class Gateway:
    def __init__(self) -> None:
        self.registry = Registry(dial, ["loop"], StreamSettings(linger=1.0), Bus())
        names = ("h264", "h265", "long", "telephone")
        self.registry.apply([StreamConfig(name, (f"loop:{name}",)) for name in names])
        self.guard: Guard | None = None
        self.server = RtspServer(self.registry, authorize=lambda _: self.guard, udp=True)

    def url(self, name: str, user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.server.addresses[0][1]}/{name}"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    await gateway.server.start("127.0.0.1", 0)
    yield gateway
    await gateway.server.close()
    await gateway.registry.close()


async def run(*command: str) -> tuple[str, str]:
    """What a program prints on both channels; it must end well within half a minute."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(40):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    return out.decode(), err.decode()


async def probe(url: str, transport: str, *more: str) -> dict[str, Any]:
    out, _ = await run(
        "ffprobe", "-v", "error", "-rtsp_transport", transport, "-show_streams", "-of", "json", *more, url
    )
    found: dict[str, Any] = json.loads(out)
    return found


@needs_ffmpeg
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("name", "codecs"),
    [("h264", ["h264", "opus"]), ("h265", ["hevc", "opus"]), ("telephone", ["h264", "pcm_alaw"])],
)
async def test_ffprobe_knows_the_tracks(gateway: Gateway, transport: str, name: str, codecs: Sequence[str]) -> None:
    streams = (await probe(gateway.url(name), transport))["streams"]
    assert [stream["codec_name"] for stream in streams] == codecs
    assert (streams[0]["width"], streams[0]["height"]) == (640, 360)


@needs_ffmpeg
@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_ffmpeg_decodes_without_a_complaint(gateway: Gateway, transport: str) -> None:
    holder = await gateway.registry.require("long").attach(ReaderInfo("test"), wants_from_query(()))
    await asyncio.sleep(2)
    out, err = await run(
        "ffmpeg", "-nostdin", "-v", "warning", "-rtsp_transport", transport, "-i", gateway.url("long"),
        "-map", "0:v", "-map", "0:a", "-t", "4", "-f", "framecrc", "-",
    )  # fmt: skip
    holder.close()
    assert not err
    lines = [line.split(",") for line in out.splitlines() if not line.startswith("#")]
    video = [int(line[2]) for line in lines if line[0] == "0"]
    assert len(video) >= 95
    assert video == sorted(set(video))
    assert len({line[5] for line in lines if line[0] == "0"}) > 90, "pictures that differ"


@needs_ffmpeg
async def test_ffmpeg_with_filters_and_credentials(gateway: Gateway) -> None:
    gateway.guard = ServerAuth("admin", "secret")
    streams = (await probe(gateway.url("h264", "admin:secret@") + "?audio", "tcp"))["streams"]
    assert [stream["codec_name"] for stream in streams] == ["opus"]


@needs_gstreamer
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("name", "decode"),
    [
        ("h264", "application/x-rtp,media=video ! rtph264depay ! h264parse ! avdec_h264"),
        ("h265", "application/x-rtp,media=video ! rtph265depay ! h265parse ! avdec_h265"),
        ("h264", "application/x-rtp,media=audio ! rtpopusdepay ! opusdec"),
        ("telephone", "application/x-rtp,media=audio ! rtppcmadepay ! alawdec"),
    ],
)
async def test_gstreamer_plays(gateway: Gateway, transport: str, name: str, decode: str) -> None:
    kind = "video" if "media=video" in decode else "audio"
    pipeline = f"rtspsrc location={gateway.url(name)}?{kind} protocols={transport} latency=100 name=s s. ! {decode}"
    # The end of the stream comes after sixty decoded buffers. What rtspsrc says of its own shutdown behind it does not
    # count: its PAUSE may meet its own flushing of the connection, an error that no server causes.
    process = await asyncio.create_subprocess_exec(
        "gst-launch-1.0", *f"{pipeline} ! identity eos-after=60 ! fakesink sync=true".split(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(40):
        out, _ = await process.communicate()
    assert b"Got EOS from element" in out, out.decode()
