"""gst-rtsp-server's ONVIF backchannel hears us: a tone goes in, and what its pipeline wrote is that tone."""

import asyncio
import math
from array import array
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from go2py.errors import Unauthorized
from tests.fakes.doorbell import Doorbell
from tests.fakes.doorstep import TONE, Doorstep, doorstep, tone, until
from tests.fakes.sound import LEVEL
from tests.fakes.tones import RATE, power
from tests.peers.test_rtsp_client_gstreamer import TEST_AUDIO, TEST_VIDEO, _gstreamer, serving

__all__ = ["_gstreamer"]
TOLERANT = "errorignore ignore-notlinked=true convert-to=ok"
"""This server's sources fail, sometimes, when a session leaves their track alone; a camera's do not."""
BOTH = (
    f"{TEST_VIDEO} ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! {TOLERANT} ! "
    f"rtph264pay name=pay0 pt=96 {TEST_AUDIO} ! alawenc ! {TOLERANT} ! rtppcmapay name=pay1 pt=8"
)
SECONDS = 1.5


@dataclass(frozen=True)
class Loudspeaker:
    """A pipeline that writes what it hears, 16 bit samples at `rate`. Resampling is left out: GStreamer's begins anew
    wherever timestamps are corrected, which is heard as a click."""

    caps: str
    decoder: str
    rate: int = 8000

    def pipeline(self, file: Path) -> str:
        caps = f"application/x-rtp,media=audio,{self.caps}"
        return (
            f'capsfilter caps="{caps}" name=depay_backchannel ! {self.decoder} ! audioconvert ! '
            f"audio/x-raw,format=S16LE,rate={self.rate},channels=1 ! "
            f"filesink buffer-mode=unbuffered sync=false async=false location={file}"
        )


PCMA = Loudspeaker("payload=8,clock-rate=8000,encoding-name=PCMA", "rtppcmadepay ! alawdec")
AAC = (
    "streamtype=(string)5,mode=AAC-hbr,config=(string)1408,sizelength=(string)13,indexlength=(string)3,"
    "indexdeltalength=(string)3,encoding-params=(string)1"
)
OTHERS = {
    "pcmu": Loudspeaker("payload=0,clock-rate=8000,encoding-name=PCMU", "rtppcmudepay ! mulawdec"),
    "g722": Loudspeaker("payload=9,clock-rate=8000,encoding-name=G722", "rtpg722depay ! avdec_g722", 16_000),
    "l16": Loudspeaker(
        "payload=97,clock-rate=16000,encoding-name=L16,channels=1,encoding-params=(string)1", "rtpL16depay", 16_000
    ),
    "opus": Loudspeaker("payload=98,clock-rate=48000,encoding-name=OPUS", "rtpopusdepay ! opusdec", 48_000),
    "aac": Loudspeaker(
        f"payload=99,clock-rate=16000,encoding-name=MPEG4-GENERIC,{AAC}", "rtpmp4gdepay ! avdec_aac", 16_000
    ),
    "g726": Loudspeaker(
        "payload=100,clock-rate=8000,encoding-name=G726-32", "rtpg726depay force-aal2=false ! avdec_g726"
    ),
}


def written(file: Path) -> array[int]:
    data = file.read_bytes() if file.exists() else b""
    return array("h", data[: len(data) & ~1])


async def assert_hears(door: Doorstep, file: Path, rate: int = 8000) -> None:
    """Send the tone in real time; what the server's pipeline wrote is that: one frequency, as loud as it was sent,
    without clicks."""
    await asyncio.to_thread(file.unlink, missing_ok=True)
    codec = (await door.backchannel.find())[0]
    await door.backchannel.open(codec)
    start = asyncio.get_running_loop().time()
    for unit in tone(codec, SECONDS):
        door.backchannel.send([unit])
        await asyncio.sleep(max(0.0, start + unit.pts / codec.clock_rate - asyncio.get_running_loop().time()))
    await until(lambda: len(written(file)) > rate * (SECONDS - 0.3))
    await door.backchannel.close()
    sound = written(file)[rate // 5 :][:rate]
    assert len(sound) == rate
    scale = RATE / rate  # `power` thinks in its own rate
    loud = power(sound, TONE * scale)
    assert 0.8 < loud / (LEVEL / 32768) < 1.2
    others = (300, 500, 650, 1000, 1300, 1600, 2400, 3000)
    assert all(power(sound, hertz * scale) < loud / 30 for hertz in others)
    steepest = max(abs(after - one) for one, after in pairwise(sound))
    assert steepest < 1.3 * LEVEL * 2 * math.sin(math.pi * TONE / rate), "a click"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("watched", [True, False])
async def test_what_is_said_is_heard(tmp_path: Path, transport: str, watched: bool) -> None:
    file = tmp_path / "heard"
    async with (
        serving(BOTH, "--backchannel", PCMA.pipeline(file)) as port,
        doorstep(Doorbell(), url=f"rtsp://127.0.0.1:{port}/stream#transport={transport}") as door,
    ):
        viewer = await door.viewer() if watched else None
        await assert_hears(door, file)
        if viewer is not None:
            await viewer.sees()
            assert viewer.longest < 0.6
            assert door.session.restarts == 0


@pytest.mark.parametrize("codec", OTHERS)
async def test_each_codec(tmp_path: Path, codec: str) -> None:
    file = tmp_path / "heard"
    async with (
        serving(BOTH, "--backchannel", OTHERS[codec].pipeline(file)) as port,
        doorstep(Doorbell(), url=f"rtsp://127.0.0.1:{port}/stream") as door,
    ):
        await assert_hears(door, file, OTHERS[codec].rate)


async def test_with_credentials_and_again_and_again(tmp_path: Path) -> None:
    file = tmp_path / "heard"
    pipeline = PCMA.pipeline(file)
    async with serving(BOTH, "--backchannel", pipeline, "--auth", "digest") as port:
        async with doorstep(Doorbell(), url=f"rtsp://admin:wrong@127.0.0.1:{port}/stream") as door:
            with pytest.raises(Unauthorized):
                await door.backchannel.find()
        async with doorstep(Doorbell(), url=f"rtsp://admin:s3cret@127.0.0.1:{port}/stream") as door:
            for _ in range(2):
                await assert_hears(door, file)


async def test_in_the_viewing_session(tmp_path: Path) -> None:
    """The server does not listen to what is set up while it plays: the session is opened anew with the backchannel."""
    file = tmp_path / "heard"
    async with (
        serving(BOTH, "--backchannel", PCMA.pipeline(file)) as port,
        doorstep(Doorbell(), url=f"rtsp://127.0.0.1:{port}/stream#backchannel=1") as door,
    ):
        viewer = await door.viewer()
        await assert_hears(door, file)
        await viewer.sees()
        assert not viewer.ended


async def test_a_server_without_a_backchannel_has_none() -> None:
    async with (
        serving(BOTH) as port,
        doorstep(Doorbell(), url=f"rtsp://127.0.0.1:{port}/stream") as door,
    ):
        assert await door.backchannel.find() == ()
