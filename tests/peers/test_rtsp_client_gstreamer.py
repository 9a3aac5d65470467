"""Our RTSP client reads gst-rtsp-server: transports, authentication, and media that ffmpeg and GStreamer coded.

What arrives is decoded by libav, so that a unit with a bit missing does not pass.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import av
import pytest
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from go2py.errors import Unauthorized
from go2py.media.unit import AccessUnit
from go2py.sources.registry import dial
from go2py.streams.source import SourceUrl
from tests.fakes.sink import watching

SERVER = Path(__file__).with_name("gst_rtsp_server.py")
SYSTEM_PYTHON = Path("/usr/bin/python3")

TEST_VIDEO = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=25/1"
TEST_AUDIO = "audiotestsrc is-live=true"
H264 = f"{TEST_VIDEO} ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96"
BOTH = f"{H264} {TEST_AUDIO} ! alawenc ! rtppcmapay name=pay1 pt=8"

# Encoded by ffmpeg into a file that the server plays.
FILES = {
    "h264": ("-c:v libx264 -preset ultrafast -g 10 -bf 2", "h264parse ! rtph264pay", "H264"),
    "h264 stap-a": ("-c:v libx264 -preset ultrafast -g 10", "h264parse ! rtph264pay aggregate-mode=max-stap", "H264"),
    "h265": ("-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=10", "h265parse ! rtph265pay", "H265"),
    "h265 ap": (
        "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=10",
        "h265parse ! rtph265pay aggregate-mode=max",
        "H265",
    ),
    "mjpeg": ("-c:v mjpeg -pix_fmt yuvj420p -q:v 5", "jpegparse ! rtpjpegpay", "JPEG"),
    "aac": ("-c:a aac -ar 44100 -ac 2", "aacparse ! rtpmp4gpay", "MPEG4-GENERIC"),
    "aac latm": ("-c:a aac -ar 44100 -ac 2", "aacparse ! rtpmp4apay", "MP4A-LATM"),
    "opus": ("-c:a libopus -ar 48000 -ac 2", "opusparse ! rtpopuspay", "OPUS"),
    "mp3": ("-c:a libmp3lame -ar 44100 -ac 2", "mpegaudioparse ! rtpmpapay", "MPA"),
}
# Encoded by GStreamer as it goes.
LIVE = {
    "pcma": (f"{TEST_AUDIO} ! audio/x-raw,rate=8000 ! alawenc ! rtppcmapay", "PCMA"),
    "pcmu": (f"{TEST_AUDIO} ! audio/x-raw,rate=8000 ! mulawenc ! rtppcmupay", "PCMU"),
    "g722": (f"{TEST_AUDIO} ! audio/x-raw,rate=16000,channels=1 ! avenc_g722 ! rtpg722pay", "G722"),
    "l16": (f"{TEST_AUDIO} ! audio/x-raw,rate=16000,channels=1 ! audioconvert ! rtpL16pay", "L16"),
}
DECODERS = {
    "H264": "h264",
    "H265": "hevc",
    "JPEG": "mjpeg",
    "MPEG4-GENERIC": "aac",
    "OPUS": "libopus",
    "MPA": "mp3float",
}
DECODERS |= {"PCMA": "pcm_alaw", "PCMU": "pcm_mulaw", "G722": "g722", "L16": "pcm_s16be"}


@pytest.fixture(scope="module", autouse=True)
def _gstreamer() -> None:
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if (
        not SYSTEM_PYTHON.exists()
        or subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, check=False).returncode
    ):
        pytest.skip("no gst-rtsp-server with PyGObject here; scripts/test says how to get it")


@asynccontextmanager
async def serving(pipeline: str, *options: str) -> AsyncIterator[int]:
    """The server's port."""
    process = await asyncio.create_subprocess_exec(
        SYSTEM_PYTHON, SERVER, pipeline, *options, stdout=asyncio.subprocess.PIPE, stderr=sys.stderr
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


def decoded(units: Sequence[AccessUnit]) -> int:
    """How many frames libav makes of the units; raises where one is broken."""
    codec = units[-1].codec
    context = av.CodecContext.create(DECODERS[codec.name], "r")
    if codec.config:
        context.extradata = codec.config
    assert isinstance(context, VideoCodecContext | AudioCodecContext)
    if isinstance(context, AudioCodecContext) and not codec.config:
        context.sample_rate = codec.rate
        context.layout = "stereo" if codec.channels == 2 else "mono"
    frames = 0
    for unit in units:
        data = unit.annexb() if codec.name in ("H264", "H265") else unit.units[0]
        if unit is units[0] and codec.parameter_sets:
            data = b"".join(b"\0\0\0\1" + one for one in codec.parameter_sets) + data
        frames += len(context.decode(av.Packet(data)))
    return frames + len(context.decode(None))


def from_key(units: Sequence[AccessUnit]) -> Sequence[AccessUnit]:
    """Video from the first picture on that can be decoded by itself."""
    if units[0].codec.name not in ("H264", "H265"):
        return units
    keys = {5} if units[0].codec.name == "H264" else set(range(16, 22))
    for start, unit in enumerate(units):
        if any((nal[0] & 31 if keys == {5} else nal[0] >> 1 & 63) in keys for nal in unit.units):
            return units[start:]
    raise AssertionError("no key picture came")


@pytest.mark.parametrize("auth", [(), ("--auth", "basic"), ("--auth", "digest")])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_transports_and_authentication(auth: tuple[str, ...], transport: str) -> None:
    async with serving(BOTH, *auth) as port:
        async with watching(f"rtsp://admin:s3cret@127.0.0.1:{port}/stream#transport={transport}") as playing:
            pictures = await playing.more(0, 40)
            sound = await playing.more(1, 20)
            await playing.sink.until(lambda: {report[0] for report in playing.sink.reports} == {0, 1})
            assert playing.source.info.protocol == f"rtsp+{transport}"
            assert not playing.sink.losses
        seen = from_key(pictures)
        assert decoded(seen) == len(seen) >= 30
        assert decoded(sound) >= 20


@pytest.mark.parametrize("auth", ["basic", "digest"])
async def test_wrong_password(auth: str) -> None:
    async with serving(BOTH, "--auth", auth) as port:
        source = dial(SourceUrl(f"rtsp://admin:wrong@127.0.0.1:{port}/stream")).create()
        try:
            with pytest.raises(Unauthorized):
                await source.open()
        finally:
            await source.close()


@pytest.mark.parametrize(("asked", "served"), [("udp", "tcp"), ("tcp", "udp")])
async def test_transport_that_the_server_lacks(asked: str, served: str) -> None:
    async with (
        serving(H264, "--protocol", served) as port,
        watching(f"rtsp://127.0.0.1:{port}/stream#transport={asked}") as playing,
    ):
        await playing.more(0, 20)
        assert playing.source.info.protocol == f"rtsp+{served}"


async def test_tunnel_over_http() -> None:
    async with serving(H264) as port, watching(f"rtsp://127.0.0.1:{port}/stream#transport=http") as playing:
        pictures = from_key(await playing.more(0, 30))
        assert decoded(pictures) == len(pictures)


@pytest.mark.parametrize("name", FILES)
async def test_media_made_by_ffmpeg(name: str, tmp_path: Path) -> None:
    options, payloader, codec = FILES[name]
    file = tmp_path / "media.mkv"
    source = "testsrc2=s=320x240:r=25" if "-c:v" in options else "sine=frequency=440"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-t", "12", *options.split(), str(file)]
    await asyncio.to_thread(subprocess.run, command, check=True)
    pipeline = f"filesrc location={file} ! matroskademux ! {payloader} name=pay0 pt=96"
    async with serving(pipeline) as port, watching(f"rtsp://127.0.0.1:{port}/stream") as playing:
        assert playing.offers[0].codecs[0].name == codec
        units = from_key(await playing.more(0, 40))
        assert not playing.sink.losses
        frames = decoded(units)
        if playing.offers[0].kind == "video":
            assert frames == len(units) >= 20
        else:
            assert frames >= 20


@pytest.mark.parametrize("name", LIVE)
async def test_sound_made_by_gstreamer(name: str) -> None:
    pipeline, codec = LIVE[name]
    async with serving(f"{pipeline} name=pay0") as port, watching(f"rtsp://127.0.0.1:{port}/stream") as playing:
        assert playing.offers[0].codecs[0].name == codec
        assert decoded(await playing.more(0, 20)) >= 20
