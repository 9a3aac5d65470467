"""What ffmpeg sends comes out as ffmpeg's own elementary stream, and again after our packetizers."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from go2py.media import aac, h264, mp3
from go2py.media.jpeg import parse as parse_jpeg
from go2py.media.nal import split_annexb
from go2py.media.unit import AccessUnit
from go2py.media.video import VideoNormalizer
from go2py.protocols.rtp import depacketizer_for, packetizer_for
from go2py.protocols.rtp.packet import RtpPacket
from tests.captures.rtp import Capture, load, play

VIDEO = ["h264", "h264-b", "h265"]
ALL = [*VIDEO, "jpeg", "aac", "latm", "mp3", "opus", "g722", "l16", "pcma"]


def frames(name: str, raw: bytes) -> list[bytes]:
    """The elementary stream, cut into frames."""
    if name in VIDEO:
        return split_annexb(raw)
    if name in ("aac", "latm"):
        return cut(raw, lambda data: aac.parse_adts(data).frame_size, aac.ADTS_HEADER)
    if name == "mp3":
        return cut(raw, lambda data: mp3.parse(data).size, 0)
    if name == "jpeg":
        return [b"\xff\xd8\xff" + part for part in raw.split(b"\xff\xd8\xff")[1:]]
    return [raw]


def cut(raw: bytes, size: Callable[[bytes], int], skip: int) -> list[bytes]:
    found = []
    while raw:
        length = size(raw)
        found.append(raw[skip:length])
        raw = raw[length:]
    return found


def units_of(capture: Capture) -> list[AccessUnit]:
    depacketizer = depacketizer_for(capture.codec)
    units = play(depacketizer, capture.packets)
    assert (depacketizer.lost, depacketizer.dropped) == (0, 0)
    return units


def again(capture: Capture, units: list[AccessUnit], mtu: int) -> list[AccessUnit]:
    """Through a packetizer and a depacketizer."""
    packetizer = packetizer_for(units[0].codec, mtu)
    packets: list[RtpPacket] = []
    for unit in units:
        made = packetizer.packetize(unit)
        last = len(made.payloads) - 1
        for index, payload in enumerate(made.payloads):
            assert len(payload) <= mtu
            marker = made.marker and index == last
            time = made.pts + index * made.step
            packets.append(RtpPacket(96, marker, len(packets) & 0xFFFF, time, 1, memoryview(payload)))
    depacketizer = depacketizer_for(units[0].codec)
    found = play(depacketizer, packets)
    assert depacketizer.dropped == 0
    return found


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("opus", "jpeg")])
def test_units_equal_the_elementary_stream(name: str) -> None:
    capture = load(name)
    joined = b"".join(nal for unit in units_of(capture) for nal in unit.units)
    expected = b"".join(frames(name, capture.raw))
    # ffmpeg keeps the last frames of MP3 and AAC for a fuller packet, and a file's parameter sets for the SDP.
    assert joined
    assert expected.startswith(joined) if name in ("mp3", "aac") else expected.endswith(joined)
    assert len(joined) > len(expected) * 0.8


@pytest.mark.parametrize("name", VIDEO)
def test_video_is_normalised(name: str) -> None:
    capture = load(name)
    normalizer = VideoNormalizer(capture.codec)
    units = [unit for raw in units_of(capture) if (unit := normalizer.feed(raw))]
    assert len(units) == 23
    assert units[0].key
    assert (units[0].codec.width, units[0].codec.height) == (320, 180)
    assert sum(unit.key for unit in units) == (2 if name == "h264-b" else 3)
    count = 3 if name == "h265" else 2
    for unit in units:
        if unit.key:
            assert unit.units[:count] == unit.codec.parameter_sets
        assert unit.size == sum(map(len, unit.units))
    assert {id(unit.codec) for unit in units} == {id(normalizer.codec)}


@pytest.mark.parametrize("mtu", [200, 1200])
@pytest.mark.parametrize("name", [name for name in ALL if name != "latm"])
def test_round_trip(name: str, mtu: int) -> None:
    capture = load(name)
    units = units_of(capture)
    if name == "opus":
        assert len({len(unit.units[0]) for unit in units}) > 1
    found = again(capture, units, max(mtu, max(unit.size for unit in units) if name == "opus" else mtu))
    if name in ("g722", "l16", "pcma"):
        assert b"".join(unit.units[0] for unit in found) == b"".join(unit.units[0] for unit in units)
        return
    assert [unit.units for unit in found] == [unit.units for unit in units]
    assert [unit.pts for unit in found] == [unit.pts for unit in units]


def test_jpeg_is_the_picture() -> None:
    capture = load("jpeg")
    expected = frames("jpeg", capture.raw)
    units = units_of(capture)
    assert len(units) == len(expected) == 8
    for unit, original in zip(units, expected, strict=True):
        made, meant = parse_jpeg(unit.units[0]), parse_jpeg(original)
        assert (made.width, made.height) == (320, 184)  # sizes travel in units of 8
        assert made.sampling == meant.sampling
        assert unit.units[0][made.scan :] == original[meant.scan :]
        assert next(iter(made.tables.values())) == next(iter(meant.tables.values()))


def test_pieces_of_a_picture_have_one_size() -> None:
    capture = load("h264")
    normalizer = VideoNormalizer(capture.codec)
    units = [unit for raw in units_of(capture) if (unit := normalizer.feed(raw))]
    large = max(units, key=lambda unit: unit.size)
    payloads = packetizer_for(large.codec, 300).packetize(large).payloads
    pieces = [len(payload) for payload in payloads if payload[0] & 0x1F == 28 and payload[1] & 0x1F == h264.IDR]
    assert len(pieces) > 3
    assert len(set(pieces[:-1])) == 1
    assert pieces[-1] <= pieces[0]
    assert payloads[0][0] & 0x1F == 24
    assert payloads[0][3] & 0x1F == h264.SPS


def test_times_of_audio_advance_by_frames() -> None:
    for name, step in (("aac", 1024), ("latm", 1024), ("opus", 960), ("mp3", 1152 * 90000 // 44100)):
        units = units_of(load(name))
        steps = [(after.pts - before.pts) & 0xFFFFFFFF for before, after in pairwise(units)]
        assert all(abs(found - step) <= 1 for found in steps), name


def test_latm_units_are_plain_aac() -> None:
    units = units_of(load("latm"))
    assert units[0].codec.name == "MPEG4-GENERIC"
    assert aac.parse_config(units[0].codec.config) == aac.AudioConfig(2, 48000, 1)


@pytest.mark.parametrize("name", VIDEO)
def test_loss_drops_whole_pictures_only(name: str) -> None:
    capture = load(name)
    whole = {unit.pts: unit.units for unit in units_of(capture)}
    for missing in range(1, len(capture.packets) - 1):
        depacketizer = depacketizer_for(capture.codec)
        units = play(depacketizer, [*capture.packets[:missing], *capture.packets[missing + 1 :]])
        assert depacketizer.lost == 1
        assert depacketizer.dropped <= 1
        assert len(units) >= len(whole) - 1
        for unit in units:
            lost_front = unit.units == whole[unit.pts][-len(unit.units) :]  # without its parameter sets
            assert unit.units == whole[unit.pts] or lost_front
