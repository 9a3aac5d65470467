"""RTP, RTCP and SDP: any bytes give a value or a `ProtocolError`; depacketizers never raise."""

import random
from contextlib import suppress
from itertools import pairwise

import pytest

from go2py.errors import ProtocolError
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.protocols import rtcp, sdp
from go2py.protocols.rtp import ReorderBuffer, depacketizer_for, packet, packetizer_for
from tests.captures.rtp import FOLDER, load, unframe
from tests.fuzz.mutate import mutations
from tests.unit.test_rtcp import PACKETS
from tests.unit.test_sdp import CAMERAS

NAMES = ["h264", "h264-b", "h265", "jpeg", "aac", "latm", "mp3", "opus", "l16"]


def test_rtp_headers() -> None:
    samples = [*unframe((FOLDER / "opus.rtp").read_bytes())][:5]
    samples.append(bytes((0xB1, 0x60)) + samples[0][2:12] + bytes(4) + b"\xbe\xde\0\1" + bytes(4) + b"abc\0\0\3")
    for data in mutations(samples, 10_000):
        with suppress(ProtocolError):
            assert len(packet.parse(data).payload) <= len(data)


@pytest.mark.parametrize("name", NAMES)
def test_depacketizers(name: str) -> None:
    capture = load(name)
    chance = random.Random(2)
    depacketizer = depacketizer_for(capture.codec)
    samples = [bytes(found.payload[:300]) for found in capture.packets]
    sequence = time = 0
    for payload in mutations(samples, 5000):
        sequence += chance.choice((1, 1, 1, 1, 0, 2, 5000))
        time += chance.choice((0, 0, 3000))
        marker = chance.random() < 0.4
        for unit in depacketizer.push(sequence & 0xFFFF, time & 0xFFFFFFFF, marker, memoryview(payload), 0.0):
            assert unit.units
            assert all(unit.units)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "latm"])
def test_packetizers(name: str) -> None:
    codec = load(name).codec
    packetizer = packetizer_for(codec, 150)
    for data in mutations([(FOLDER / "jpeg.raw").read_bytes()[:2000], bytes(3000), b"\x65\x88\1"], 1500):
        if len(data) > 2:
            made = packetizer.packetize(AccessUnit(codec, (data,), 0, arrived=0.0))
            assert name == "opus" or all(len(payload) <= 150 for payload in made.payloads)


@pytest.mark.parametrize("fmtp", ["", "sizelength=32;indexlength=0", "mode=x", "sizelength=1;indexdeltalength=32"])
def test_aac_with_any_parameters(fmtp: str) -> None:
    depacketizer = depacketizer_for(Codec("MPEG4-GENERIC", "audio", 1, fmtp=fmtp, config=b"\x17\x80\0\0\x10"))
    samples = [bytes(found.payload[:100]) for found in load("aac").packets]
    for number, payload in enumerate(mutations(samples, 3000)):
        depacketizer.push(number & 0xFFFF, number // 3, number % 2 == 0, payload, 0.0)


def test_rtcp() -> None:
    samples = [rtcp.build([found]) for found in PACKETS] + [rtcp.build(PACKETS)]
    for data in mutations(samples, 20_000):
        with suppress(ProtocolError):
            rtcp.parse(data)


def test_sdp() -> None:
    samples = [text.encode() for text, _ in CAMERAS.values()]
    for data in mutations(samples, 4000):
        with suppress(ProtocolError):
            for media in sdp.parse(data).medias:
                assert len(media.codecs) == len(media.payload_types)


def test_reorder_keeps_order() -> None:
    chance = random.Random(3)
    buffer: ReorderBuffer[int] = ReorderBuffer(hold=0.05, capacity=16)
    out: list[int] = []
    for number in range(100_000):
        arriving = number + chance.choice((0, 0, 0, 1, -1, 3))
        out += buffer.push(arriving & 0xFFFF, arriving, number / 1000)
        if buffer.deadline is not None and buffer.deadline <= number / 1000:
            out += buffer.expire(number / 1000)
    assert all(before < after for before, after in pairwise(out))
    assert len(out) > 70_000
