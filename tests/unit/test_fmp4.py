"""Boxes of fragmented MP4, read back by a walker that knows nothing of the writer, and by libav."""

import io
import struct
from dataclasses import replace

import av
import pytest

from go2py.errors import ProtocolError
from go2py.media import flac
from go2py.media.codec import AAC, FLAC, G722, H264, H265, MP3, OPUS, Codec
from go2py.protocols import fmp4
from tests.fakes.loop import FPS, clip
from tests.fakes.source import PPS, SPS

type Boxes = list[tuple[str, bytes]]

VIDEO = Codec(H264, "video", 90_000, parameter_sets=(SPS, PPS), width=320, height=240)
SOUND = Codec(AAC, "audio", 16_000, 1, config=bytes.fromhex("1408"))
_CONTAINERS = frozenset({"moov", "trak", "mdia", "minf", "stbl", "mvex", "moof", "traf", "edts", "dinf"})


def boxes(data: bytes) -> Boxes:
    """Name and content of each box; the sizes must add up."""
    found: Boxes = []
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= size <= len(data) - at, kind
        found.append((kind.decode(), data[at + 8 : at + size]))
        at += size
    return found


def find(data: bytes, path: str) -> list[bytes]:
    """Contents of all boxes at a path like `moov/trak/tkhd`."""
    name, _, rest = path.partition("/")
    contents = [content for kind, content in boxes(data) if kind == name]
    return [one for content in contents for one in find(content, rest)] if rest else contents


def entry(codec: Codec) -> tuple[str, bytes]:
    (table,) = find(fmp4.init_segment([codec]), "moov/trak/mdia/minf/stbl/stsd")
    ((kind, content),) = boxes(table[8:])
    return kind, content


def test_init_segment_has_the_brands_and_a_track_each() -> None:
    data = fmp4.init_segment([VIDEO, SOUND])
    assert [kind for kind, _ in boxes(data)] == ["ftyp", "moov"]
    assert find(data, "ftyp") == [b"iso5\0\0\2\0iso5iso6mp41"]
    assert struct.unpack(">I", find(data, "moov/mvhd")[0][-4:]) == (0xFFFFFFFF,)
    assert [struct.unpack_from(">I", header, 12)[0] for header in find(data, "moov/trak/tkhd")] == [1, 2]
    assert [struct.unpack_from(">IIH", header, 12) for header in find(data, "moov/trak/mdia/mdhd")] == [
        (90_000, 0, 0x55C4),
        (16_000, 0, 0x55C4),
    ]
    assert [struct.unpack_from(">I", extends, 4)[0] for extends in find(data, "moov/mvex/trex")] == [1, 2]
    assert struct.unpack(">II", find(data, "moov/trak/tkhd")[0][-8:]) == (320 << 16, 240 << 16)
    assert not find(data, "moov/trak/edts")


def test_every_container_adds_up() -> None:
    def walk(data: bytes) -> None:
        for kind, content in boxes(data):
            if kind in _CONTAINERS:
                walk(content)

    walk(fmp4.init_segment([VIDEO, SOUND], [1, 2]) + fmp4.fragment(1, 1, b"x", dts=0, duration=1))


def test_starts_become_one_edit_each() -> None:
    data = fmp4.init_segment([VIDEO, SOUND], [1 << 40, 16_000])
    edits = [struct.unpack(">IIQqI", content) for content in find(data, "moov/trak/edts/elst")]
    assert edits == [(1 << 24, 1, 0, 1 << 40, 0x10000), (1 << 24, 1, 0, 16_000, 0x10000)]


@pytest.mark.parametrize(
    ("codec", "kind", "config"),
    [
        (VIDEO, "avc1", "avcC"),
        (Codec(H264, "video", 90_000), "avc1", "avcC"),
        (Codec(H265, "video", 90_000), "hev1", "hvcC"),
        (replace(VIDEO, parameter_sets=(b"\x67",)), "avc1", "avcC"),
        (Codec(H265, "video", 90_000, parameter_sets=(b"\x42\x01",)), "hev1", "hvcC"),
        (SOUND, "mp4a", "esds"),
        (Codec(AAC, "audio", 8_000, 1), "mp4a", "esds"),
        (Codec(MP3, "audio", 90_000, 2, sample_rate=44_100), "mp4a", "esds"),
        (Codec(OPUS, "audio", 48_000, 2), "Opus", "dOps"),
        (Codec(FLAC, "audio", 8_000, 1), "fLaC", "dfLa"),
    ],
)
def test_sample_entries(codec: Codec, kind: str, config: str) -> None:
    name, content = entry(codec)
    assert name == kind
    inner = boxes(content[78 if codec.is_video else 28 :])
    assert inner[0][0] == config
    assert not codec.is_video or inner[1] == ("pasp", struct.pack(">II", 1, 1))


def test_what_sets_are_missing_has_a_usual_size() -> None:
    _, content = entry(Codec(H264, "video", 90_000))
    assert struct.unpack_from(">HH", content, 24) == (1920, 1080)


def test_mp4_has_no_place_for_g722() -> None:
    codec = Codec(G722, "audio", 8_000)
    assert not fmp4.supported(codec)
    with pytest.raises(ProtocolError):
        fmp4.init_segment([codec])


def test_content_type_is_what_clients_compare() -> None:
    assert fmp4.content_type([Codec(H264, "video", 90_000), SOUND]) == 'video/mp4; codecs="avc1.640029,mp4a.40.2"'
    assert fmp4.content_type([Codec(H265, "video", 90_000)]) == 'video/mp4; codecs="hvc1.1.6.L153.B0"'
    assert fmp4.content_type([Codec(FLAC, "audio", 8_000), Codec(MP3, "audio", 90_000)]) == 'video/mp4; codecs="flac"'


def test_fragment_is_one_sample() -> None:
    data = fmp4.fragment(7, 2, b"sample", dts=1 << 33, duration=3600, flags=fmp4.NON_KEY)
    (_, moof), (name, payload) = boxes(data)
    assert (name, payload) == ("mdat", b"sample")
    assert find(moof, "mfhd") == [struct.pack(">II", 0, 7)]
    assert find(moof, "traf/tfhd") == [struct.pack(">IIIII", 0x020038, 2, 3600, 6, 0x01010000)]
    assert find(moof, "traf/tfdt") == [struct.pack(">IQ", 1 << 24, 1 << 33)]
    assert find(moof, "traf/trun") == [struct.pack(">III", 1, 1, data.index(b"sample"))]


def test_fragment_with_composition_offset() -> None:
    data = fmp4.fragment(1, 1, b"sample", dts=5, duration=1, composition=-3)
    assert find(data, "moof/traf/trun") == [struct.pack(">IIIi", 0x01000801, 1, data.index(b"sample"), -3)]


@pytest.mark.parametrize("codec", ["H264", "H265"])
def test_libav_reads_it_from_the_edit_on(codec: str) -> None:
    pictures = clip(10, (320, 240), 200_000, codec).pictures
    sets = tuple(
        nal for nal in pictures[0][0] if (nal[0] & 31 in (7, 8) if codec == "H264" else nal[0] >> 1 in (32, 33, 34))
    )
    start = 90_000 * 1000
    data = fmp4.init_segment([Codec(codec, "video", 90_000, parameter_sets=sets, width=320, height=240)], [start])
    for number, (units, key) in enumerate(pictures):
        payload = b"".join(len(nal).to_bytes(4) + nal for nal in units)
        data += fmp4.fragment(
            number + 1, 1, payload,
            dts=start + number * 90_000 // FPS, duration=90_000 // FPS, flags=fmp4.KEY if key else fmp4.NON_KEY,
        )  # fmt: skip
    with av.open(io.BytesIO(data), "r") as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(pictures)
    assert (frames[0].width, frames[0].height) == (320, 240)
    assert frames[0].time == pytest.approx(0)
    assert frames[-1].time == pytest.approx((len(pictures) - 1) / FPS, abs=0.001)


def test_libav_reads_flac_and_opus() -> None:
    pcma = flac.Encoder(Codec("PCMA", "audio", 8_000, 1))
    tone = clip(10, (320, 240), 200_000).tone
    data = fmp4.init_segment([pcma.codec, Codec(OPUS, "audio", 48_000, 2)])
    for number, packet in enumerate(tone):
        data += fmp4.fragment(1, 1, pcma.frame(bytes([0x55] * 160), number * 160), dts=number * 160, duration=160)
        data += fmp4.fragment(2, 2, packet, dts=number * 960, duration=960)
    with av.open(io.BytesIO(data), "r") as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["flac", "opus"]
        assert sum(frame.samples for frame in container.decode(audio=0)) == len(tone) * 160
    with av.open(io.BytesIO(data), "r") as container:
        assert sum(frame.samples for frame in container.decode(audio=1)) == len(tone) * 960
