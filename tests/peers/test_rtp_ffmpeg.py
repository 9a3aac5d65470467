"""ffmpeg plays what our packetizers make, over plain RTP."""

import asyncio
import shutil
import socket
from pathlib import Path

import pytest

from go2py.media.unit import AccessUnit
from go2py.media.video import VideoNormalizer
from go2py.protocols import sdp
from go2py.protocols.rtp import depacketizer_for, packet, packetizer_for
from tests.captures.rtp import load, play

FRAMES = 6
pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg on PATH; scripts/test says how to get it")


def pictures(name: str) -> list[AccessUnit]:
    capture = load(name)
    units = play(depacketizer_for(capture.codec), capture.packets)
    if not capture.codec.is_video or name == "jpeg":
        return units
    normalizer = VideoNormalizer(capture.codec)
    return [unit for raw in units if (unit := normalizer.feed(raw))]


async def send(units: list[AccessUnit], address: tuple[str, int]) -> None:
    """Over and over, with running numbers and times."""
    packetizer = packetizer_for(units[0].codec, 1200)
    length = (units[-1].pts - units[0].pts & 0xFFFFFFFF) + (units[1].pts - units[0].pts & 0xFFFFFFFF)
    sequence = shift = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while True:
            for unit in units:
                made = packetizer.packetize(unit)
                for index, payload in enumerate(made.payloads):
                    marker = made.marker and index == len(made.payloads) - 1
                    time = made.pts + index * made.step + shift
                    sender.sendto(packet.build(96, marker, sequence, time, 7, payload), address)
                    sequence += 1
                await asyncio.sleep(0.005)
            shift += length


@pytest.mark.parametrize("name", ["h264", "h264-b", "h265", "jpeg", "aac", "mp3", "opus", "g722", "l16", "pcma"])
async def test_ffmpeg_decodes(name: str, tmp_path: Path) -> None:
    units = pictures(name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    text = sdp.build("test", [sdp.Announced(units[0].codec, 96, "x")])
    text = text.replace(" 0 RTP/AVP", f" {address[1]} RTP/AVP").replace("c=IN IP4 0.0.0.0", "c=IN IP4 127.0.0.1")
    description = tmp_path / "x.sdp"
    description.write_text(text)
    kind = "v" if units[0].codec.is_video else "a"
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-protocol_whitelist", "file,udp,rtp", "-fflags", "nobuffer"),
        *("-analyzeduration", "500000", "-i", str(description), f"-frames:{kind}", str(FRAMES), "-f", "framemd5", "-"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    sending = asyncio.create_task(send(units, address))
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 45)
    finally:
        sending.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    frames = [line for line in out.decode().splitlines() if not line.startswith("#")]
    assert len(frames) >= FRAMES - 1, errors.decode()
    assert len({line.split(",")[-1] for line in frames}) > 1
