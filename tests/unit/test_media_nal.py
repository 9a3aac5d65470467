"""NAL units of real devices: sizes, records, texts."""

from base64 import b64decode

import pytest

from go2py.errors import ProtocolError
from go2py.media import h264, h265
from go2py.media.bits import BitReader, BitWriter, unescape
from go2py.media.codec import Codec
from go2py.media.nal import has_recovery_point, split_annexb, split_avcc
from go2py.media.unit import AccessUnit
from go2py.protocols.sdp_codec import codec_of

H264_SIZES = {
    "Amcrest AD410": ("Z0IAMukAUAHjQgAAB9IAAOqcCAA=", 2560, 1920),
    "Sonoff": ("R00AKZmgHgCJ+WEAAAMD6AAATiCE", 1920, 1080),
    "Dahua": ("Z01AMqaAKAC1kAA=", 2560, 1440),
    "Reolink": ("Z2QAM6wVFKAoAPGQ", 2560, 1920),
    "TP-Link main": ("Z2QAKKwa0AoAt03AQEBQAAADABAAAAMB6PFCKg==", 1280, 720),
    "TP-Link sub": ("Z2QAFqwa0BQF/yzcBAQFAAADAAEAAAMAHo8UIqA=", 640, 360),
    "scaling matrices": ("Z2QAH62EAQwgCGEAQwgCGEAQwgCEO1B0CTI=", 928, 576),
    "unknown": ("Z2QAHq2EAQwgCGEAQwgCGEAQwgCEO1BQF/yzcBAQFAAAD6AAAXcCEA==", 640, 360),
}
H265_SIZES = {
    "wide": ("QgEBAWAAAAMAAAMAAAMAAAMAmaAAoAgBaH+KrTuiS7/8AAQABbAgApMuADN/mAE=", 5120, 1440),
    "sub": ("QgEBIUAAAAMAkAAAAwAAAwCWoAUCAWlnpbkShc1AQIC4QAAAAwBAAAAFFEn/eEAOpgAV+V8IBBA=", 640, 360),
}


@pytest.mark.parametrize("device", H264_SIZES)
def test_h264_sizes(device: str) -> None:
    text, width, height = H264_SIZES[device]
    sps = h264.parse_sps(b64decode(text))
    assert (sps.width, sps.height) == (width, height)


@pytest.mark.parametrize("device", H265_SIZES)
def test_h265_sizes(device: str) -> None:
    text, width, height = H265_SIZES[device]
    sps = h265.parse_sps(b64decode(text))
    assert (sps.width, sps.height) == (width, height)
    assert len(sps.profile_tier_level) == 12


def test_h264_sps_with_scaling_matrices_in_hex() -> None:
    sps = h264.parse_sps(bytes.fromhex("6764001fad84010c20086100430802184010c200843b50740932"))
    assert (sps.width, sps.height) == (928, 576)
    assert (sps.profile, sps.level) == (100, 31)


def test_h264_reordering_and_rate() -> None:
    amcrest = h264.parse_sps(b64decode(H264_SIZES["Amcrest AD410"][0]))
    assert (amcrest.max_num_reorder_frames, amcrest.fps) == (0, 15.0)
    assert h264.parse_sps(b64decode(H264_SIZES["Reolink"][0])).max_num_reorder_frames is None


@pytest.mark.parametrize("nal", [b"", b"\x67", b"\x67\x64\x00", bytes.fromhex("6764001fffff"), b"\x67" + bytes(60)])
def test_broken_sps_is_a_protocol_error(nal: bytes) -> None:
    with pytest.raises(ProtocolError):
        h264.parse_sps(nal)
    with pytest.raises(ProtocolError):
        h265.parse_sps(nal)


def test_avcc_round_trip() -> None:
    record = bytes.fromhex("01640033ffe1000c67640033ac1514a02800f19001000468ee3cb0")
    sets = h264.parse_avcc(record)
    assert [nal[0] for nal in sets] == [0x67, 0x68]
    assert h264.avcc(sets) == record
    with pytest.raises(ProtocolError):
        h264.parse_avcc(record[:-1])
    with pytest.raises(ValueError, match="no SPS"):
        h264.avcc(sets[1:])


def test_hvcc_round_trip() -> None:
    sps = b64decode(H265_SIZES["sub"][0])
    sets = (bytes.fromhex("40010c01ffff"), sps, bytes.fromhex("4401c0730fc0cc90"))
    record = h265.hvcc(sets)
    assert h265.parse_hvcc(record) == sets
    assert record[1:13] == h265.parse_sps(sps).profile_tier_level
    assert record[21] & 3 == 3
    with pytest.raises(ProtocolError):
        h265.parse_hvcc(record[:-3])


@pytest.mark.parametrize(
    ("fmtp", "expected"),
    [
        ("profile-level-id=0033e7", "640029"),  # OpenIPC
        ("profile-level-id=276400", "640029"),  # Eufy T8400
        ("packetization-mode=1; profile-level-id=42E01F", "42e01f"),
        ("profile-level-id=4d4028", "4d4028"),
        ("", "640029"),
        # Hikvision: the SPS knows better.
        ("profile-level-id=420029;sprop-parameter-sets=Z2QAM6wVFKAoAPGQ,aO48sA==", "640029"),
        ("sprop-parameter-sets=Z0IAHvQCgC3I,aM48gA==", "42001e"),
    ],
)
def test_profile_level_id_is_one_that_players_know(fmtp: str, expected: str) -> None:
    codec = codec_of("video", 96, "H264/90000", fmtp)
    assert h264.profile_level_id(codec) == expected
    assert h264.codec_string(codec) == f"avc1.{expected.upper()}"


def test_h264_fmtp_of_length_prefixed_units() -> None:
    data = bytes.fromhex("000000196764001fac2484014016ec0440000003004000000c23c60c920000000568ee32c8b0000000d36588")
    sets = tuple(split_avcc(data))
    codec = Codec("H264", "video", 90000, parameter_sets=sets)
    assert h264.fmtp(codec) == (
        "packetization-mode=1;profile-level-id=64001f;"
        "sprop-parameter-sets=Z2QAH6wkhAFAFuwEQAAAAwBAAAAMI8YMkg==,aO4yyLA="
    )


ZEROS = bytes(43)


@pytest.mark.parametrize(
    ("data", "first"),
    [
        ("00000001 676411 00000001 68ee22 000001 658833 00000001", "67 68 65"),  # ffmpeg, cut off
        ("00000001 09f0 00000001 6711 00000001 6811 000001 6511", "09 67 68 65"),  # ffmpeg MPEG-TS
        ("00000001 40010c 00000001 420111 00000001 440111 000001 4e0111 80 000001 280111", "40 42 44 4e 28"),
        ("000001 460150 000001 40010C01FFFF 00000001 420111 00000001 4401C072 00000001 260111", "46 40 42 44 26"),
        ("00000001 674D001F 00000001 68EE3C80" + ZEROS.hex() + "01 65888011", "67 68 65"),  # USB webcam
        (bytes(14).hex() + "01 419A004C", "41"),
        ("", ""),
        ("00000001", ""),
        ("6588", "65"),
    ],
)
def test_annexb_of_real_devices(data: str, first: str) -> None:
    assert [nal[:1].hex() for nal in split_annexb(bytes.fromhex(data))] == first.split()


def test_unit_renders_and_splits_again() -> None:
    codec = Codec("H264", "video", 90000)
    unit = AccessUnit(codec, (b"\x67\x01", b"\x65\x88\x80"), 0, arrived=0.0)
    assert split_annexb(unit.annexb()) == list(unit.units)
    assert split_avcc(unit.avcc()) == list(unit.units)
    assert split_avcc(unit.avcc()[:-1]) == [b"\x67\x01"]


def test_key_pictures() -> None:
    assert h264.is_key([b"\x06\x05", b"\x65\x88"])
    assert not h264.is_key([b"", b"\x41\x9a"])
    assert h265.is_key([b"\x2a\x01"])
    assert not h265.is_key([b"\x02\x01"])


def test_recovery_point() -> None:
    assert has_recovery_point(bytes.fromhex("0606018480"), 1)
    assert has_recovery_point(bytes.fromhex("0605020000060184"), 1)
    assert not has_recovery_point(bytes.fromhex("06ffff0501"), 1)
    assert has_recovery_point(bytes.fromhex("4e01060184"), 2)


def test_bits() -> None:
    writer = BitWriter()
    writer.write(0b101, 3)
    writer.write(0x1FF, 8)
    assert writer.bytes() == bytes((0b10111111, 0b11100000))
    reader = BitReader(bytes((0b1_010_011_0, 0b0100_0000)))
    assert [reader.ue() for _ in range(4)] == [0, 1, 2, 3]
    assert BitReader(bytes((0b010_011_00, 0b100_00101))).se() == 1
    with pytest.raises(ProtocolError):
        BitReader(b"\0\0").ue()
    assert unescape(bytes.fromhex("670000030000030167")) == bytes.fromhex("67000000000167")
