"""Headers of AAC, Opus, MP3 and JPEG."""

import pytest

from go2py.errors import ProtocolError
from go2py.media import aac, jpeg, mp3, opus
from go2py.media.fmtp import number, parameters


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("f8ec3000", aac.AudioConfig(aac.ELD, 24000, 1, 480)),
        ("1188", aac.AudioConfig(aac.LC, 48000, 1)),
        ("1408", aac.AudioConfig(aac.LC, 16000, 1)),
        ("1588", aac.AudioConfig(aac.LC, 8000, 1)),
        ("1210", aac.AudioConfig(aac.LC, 44100, 2)),
    ],
)
def test_aac_config_both_ways(text: str, config: aac.AudioConfig) -> None:
    assert aac.parse_config(bytes.fromhex(text)) == config
    assert aac.build_config(config).hex() == text


def test_aac_config_with_odd_rate_and_sbr() -> None:
    odd = aac.AudioConfig(aac.LC, 23456, 1)
    assert aac.parse_config(aac.build_config(odd)) == odd
    assert aac.parse_config(bytes.fromhex("2b098800")) == aac.AudioConfig(aac.LC, 24000, 1, 1024, 48000)


@pytest.mark.parametrize("data", [b"", b"\x11", b"\x17\xff", b"\xff\xff\xff"])
def test_broken_aac_config(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        aac.parse_config(data)


def test_adts() -> None:
    data = bytes.fromhex("fff15080021ffc210049900219002380")
    header = aac.parse_adts(data)
    assert header.config == aac.AudioConfig(aac.LC, 44100, 2)
    assert (header.header_size, header.frame_size) == (7, 16)
    assert aac.build_adts(header.config, 9) == data[:7]
    assert aac.strip_adts(data) == data[7:]
    assert aac.strip_adts(data[7:]) == data[7:]
    with pytest.raises(ValueError, match="ADTS"):
        aac.build_adts(header.config, 9000)


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"", 0),
        (b"\x78\x00", 960),
        (b"\x79\x00", 1920),
        (b"\x7b\x03", 2880),
        (b"\x08", 960),
        (b"\x1b\x3f", 0),
        (b"\x03", 0),
    ],
)
def test_opus_duration(packet: bytes, samples: int) -> None:
    assert opus.duration(packet) == samples


def test_mp3_headers() -> None:
    assert mp3.parse(bytes.fromhex("fffb9064")) == mp3.Frame(417, 1152, 44100, 2)
    assert mp3.parse(bytes.fromhex("fff344c4")) == mp3.Frame(96, 576, 24000, 1)
    for text in ("fffbf064", "fffb0064", "fffb9c64", "00000000", "ff"):
        with pytest.raises(ProtocolError):
            mp3.parse(bytes.fromhex(text))


def test_jpeg_quantizers_of_q() -> None:
    luma, chroma = jpeg.quantizers(71)
    assert (luma[0], chroma[0]) == (9, 10)


def test_jpeg_headers_parse_again() -> None:
    luma, chroma = jpeg.quantizers(50)
    data = jpeg.headers(640, 480, subsampled_rows=True, luma=luma, chroma=chroma, restart_interval=40) + b"\1\2"
    found = jpeg.parse(data)
    assert (found.width, found.height, found.restart_interval) == (640, 480, 40)
    assert found.sampling == ((2, 2), (1, 1), (1, 1))
    assert [found.tables[table] for table in found.components] == [luma, chroma, chroma]
    assert jpeg.is_standard_huffman(found.huffman)
    assert data[found.scan :] == b"\1\2"
    assert jpeg.size(data) == (640, 480)
    for broken in (b"", data[:100], data.replace(b"\xff\xc0", b"\xff\xc2")):
        with pytest.raises(ProtocolError):
            jpeg.parse(broken)


def test_fmtp_parameters() -> None:
    values = parameters(" streamtype=5; SizeLength = 13;mode=AAC-hbr ;;flag; config=1588;")
    assert values == {"streamtype": "5", "sizelength": "13", "mode": "AAC-hbr", "flag": "", "config": "1588"}
    assert number(values, "sizelength", 0, 32) == 13
    assert number(values, "mode", 7, 32) == 7
    assert number({"x": "²"}, "x", 3, 32) == 3
