"""RTP headers, payload formats in the forms that ffmpeg does not send, reordering."""

from itertools import pairwise

import pytest

from go2py.errors import ProtocolError, Unsupported
from go2py.media import jpeg
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.protocols.rtp import Depacketizer, ReorderBuffer, depacketizer_for, packet, packetizer_for
from go2py.protocols.rtp.simple import swap_bytes
from tests.captures.rtp import play

H264 = Codec("H264", "video", 90000)
H265 = Codec("H265", "video", 90000)
AAC = Codec("MPEG4-GENERIC", "audio", 16000, config=bytes.fromhex("1408"))
HBR = "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"


class Stream:
    """Feeds payloads with running sequence numbers and notes what comes out."""

    def __init__(self, codec: Codec) -> None:
        self.depacketizer: Depacketizer = depacketizer_for(codec)
        self.sequence = 65530
        self.units: list[tuple[int, tuple[bytes, ...]]] = []

    def __call__(self, time: int, payload: bytes, *, marker: bool = False, lose: int = 0) -> None:
        self.sequence += lose
        view = memoryview(bytearray(payload))
        found = self.depacketizer.push(self.sequence & 0xFFFF, time, marker, view, 1.0)
        self.sequence += 1
        self.units += [(unit.pts, unit.units) for unit in found]

    @property
    def counts(self) -> tuple[int, int]:
        return self.depacketizer.lost, self.depacketizer.dropped


def test_header_with_everything() -> None:
    marker = True
    plain = packet.build(96, marker, 65537, 1 << 32, 7, b"abc")
    assert packet.parse(plain)[:5] == (96, True, 1, 0, 7)
    full = bytes((0xB1, 0x60)) + plain[2:12] + bytes(4) + b"\xbe\xde\0\1" + bytes(4) + b"abc" + b"\0\0\3"
    assert bytes(packet.parse(full).payload) == b"abc"
    assert packet.payload_bounds(b"xx" + full + b"x", 2, 2 + len(full)) == (2 + 24, 2 + 27)


@pytest.mark.parametrize("data", ["", "80", "80" * 11, "40" + "00" * 11, "9060" + "00" * 10, "8f60" + "00" * 10])
def test_broken_headers(data: str) -> None:
    with pytest.raises(ProtocolError):
        packet.parse(bytes.fromhex(data))


def test_rtcp_is_told_apart() -> None:
    assert packet.is_rtcp(bytes((0x80, 200)))
    assert not packet.is_rtcp(bytes((0x80, 0xE0)))
    assert not packet.is_rtcp(b"")


def test_h264_aggregates_and_fragments() -> None:
    feed = Stream(H264)
    feed(0, b"\x18\0\2\x67\x64\0\2\x68\xee")
    feed(0, b"\x7c\x85\x88\x01")
    feed(0, b"\x7c\x05\x02")
    feed(0, b"\x7c\x45\x03", marker=True)
    feed(3000, b"\x39\0\0\0\2\x41\x9a\0\x09cut", marker=True)  # STAP-B, its last one cut off
    assert feed.units == [(0, (b"\x67\x64", b"\x68\xee", b"\x65\x88\1\2\3")), (3000, (b"\x41\x9a",))]
    assert feed.counts == (0, 0)


def test_unit_ends_by_timestamp_without_markers() -> None:
    feed = Stream(H264)
    feed(0, b"\x65\x88\x01")
    feed(3000, b"\x41\x9a\x01")
    feed(6000, b"\x41\x9a\x02", marker=True)
    assert [time for time, _ in feed.units] == [0, 3000, 6000]


def test_timestamp_change_and_marker_in_one_packet_give_two_units() -> None:
    depacketizer = depacketizer_for(H264)
    found = [packet.RtpPacket(96, number == 1, number, 9 * number, 1, memoryview(b"\x65\x88\x01")) for number in (0, 1)]
    assert [[unit.pts for unit in play(depacketizer, [one])] for one in found] == [[], [0, 9]]


def test_start_in_the_middle_of_a_picture_waits_for_the_next() -> None:
    feed = Stream(H264)
    feed(0, b"\x7c\x05\x02")
    feed(0, b"\x7c\x45\x03", marker=True)
    feed(3000, b"\x41\x9a\x01", marker=True)
    assert feed.units == [(3000, (b"\x41\x9a\x01",))]
    assert feed.counts == (0, 0)


def test_loss_across_pictures() -> None:
    feed = Stream(H264)
    feed(0, b"\x65\x88\x01", marker=True)
    feed(3000, b"\x41\x9a\x01")
    feed(6000, b"\x41\x1a\x01", lose=2)  # the end of one, the start of the next
    feed(6000, b"\x41\x9a\x01", marker=True)
    feed(9000, b"\x41\x9a\x03", marker=True)
    feed(12000, b"\x41\x9a\x04", marker=True, lose=1)
    assert [time for time, _ in feed.units] == [0, 9000, 12000]
    assert feed.counts == (3, 2)


def test_restart_of_sequence_numbers_is_no_loss() -> None:
    feed = Stream(H264)
    feed(0, b"\x65\x88\x01", marker=True)
    feed(90, b"\x65\x88\x01", marker=True, lose=-20000)
    assert [time for time, _ in feed.units] == [0, 90]
    assert feed.counts == (0, 0)


def test_lost_markers_are_bounded() -> None:
    feed = Stream(H264)
    for _ in range(90):
        feed(0, b"\x41\x9a" + bytes(60_000))
    feed(1, b"\x41\x9a\x01", marker=True)
    assert [time for time, _ in feed.units] == [1]
    assert feed.counts == (0, 1)


def test_fragment_without_end_flag_is_closed_by_the_marker() -> None:
    feed = Stream(H264)
    feed(0, b"\x7c\x85\x88")
    feed(0, b"\x7c\x05\x01", marker=True)
    assert feed.units == [(0, (b"\x65\x88\x01",))]


def test_h265_fragment_with_start_and_end() -> None:
    feed = Stream(H265)  # OpenIPC
    feed(0, b"\x60\1\0\3\x40\1\x0c\0\3\x42\1\1")
    feed(0, b"\x62\1\xd3\xaf\1", marker=True)
    assert feed.units == [(0, (b"\x40\1\x0c", b"\x42\1\1", b"\x26\1\xaf\1"))]


def test_h265_gap_drops_the_picture() -> None:
    feed = Stream(H265)
    feed(0, b"\x62\1\x93\xaf\1")
    feed(0, b"\x62\1\x53\2", marker=True, lose=1)
    feed(1, b"\x02\1\xd0\1", marker=True)
    assert [time for time, _ in feed.units] == [1]
    assert feed.counts == (1, 1)


def test_aac_units_of_a_packet() -> None:
    feed = Stream(AAC.with_(fmtp=HBR))
    feed(0xFFFFFFFF, b"\0\x20\0\x10\0\x18" + b"ab" + b"cde", marker=True)
    assert feed.units == [(0xFFFFFFFF, (b"ab",)), (1023, (b"cde",))]


def test_aac_with_other_field_widths() -> None:
    feed = Stream(AAC.with_(fmtp="mode=AAC-lbr;sizeLength=6;indexLength=2;indexDeltaLength=2"))
    feed(0, b"\0\x10" + bytes((2 << 2, 3 << 2)) + b"abcde", marker=True)
    assert [nals for _, nals in feed.units] == [(b"ab",), (b"cde",)]


def test_aac_adts_in_place_of_headers() -> None:
    data = bytes.fromhex("fff16080431ffc211ad44001")
    feed = Stream(AAC.with_(fmtp=HBR))
    feed(0, data, marker=True)
    assert feed.units == [(0, (data[7:],))]


def test_aac_in_parts_and_with_a_part_lost() -> None:
    feed = Stream(AAC.with_(fmtp=HBR))
    feed(0, b"\0\x10\0\x28abc")
    feed(0, b"\0\x10\0\x28de", marker=True)
    feed(1024, b"\0\x10\0\x28abc")
    feed(2048, b"\0\x10\0\x28abcde", marker=True, lose=1)
    assert feed.units == [(0, (b"abcde",)), (2048, (b"abcde",))]
    assert feed.counts == (1, 1)


def test_latm_in_band_and_in_parts() -> None:
    # useSameStreamMux 0, then the StreamMuxConfig and 3 bytes, all off by a bit
    config = int("400023103fc0", 16) >> 4  # as ffmpeg makes it: 44 bits used
    bits = f"0{config:044b}" + f"{3:08b}" + f"{0x616263:024b}"
    data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    feed = Stream(Codec("MP4A-LATM", "audio", 48000, fmtp="cpresent=1"))
    feed(0, data[:5])
    feed(0, data[5:], marker=True)
    feed(1024, data[:5])
    feed(1024, data[5:], marker=True, lose=1)
    assert feed.units == [(0, (b"abc",))]
    assert feed.depacketizer.codec.config.hex() == "1188"
    assert feed.counts == (1, 1)


def test_mp3_in_parts() -> None:
    frame = bytes.fromhex("fffb9064") + bytes(413)
    codec = Codec("MPA", "audio", 90000)
    feed = Stream(codec)
    payloads = packetizer_for(codec, 200).packetize(AccessUnit(codec, (frame,), 0, arrived=0.0)).payloads
    assert len(payloads) == 3
    for payload in payloads:
        feed(0, payload)
    for index, payload in enumerate(payloads):
        feed(100, payload, lose=index == 1)
    feed(200, bytes(4) + frame + frame)
    assert feed.units == [(0, (frame,)), (200, (frame,)), (200 + 2351, (frame,))]
    assert feed.counts == (1, 1)
    assert (feed.depacketizer.codec.sample_rate, feed.depacketizer.codec.channels) == (44100, 2)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (64, 240, (2560, 1920)),
        (64, 180, (2560, 1440)),
        (224, 14, (3840, 2160)),
        (32, 162, (2304, 1296)),
        (80, 60, (640, 480)),
    ],
)
def test_jpeg_sizes(width: int, height: int, size: tuple[int, int]) -> None:
    feed = Stream(Codec("JPEG", "video", 90000))
    feed(0, bytes((0, 0, 0, 0, 1, 71, width, height)) + b"scan", marker=True)
    picture = jpeg.parse(feed.units[0][1][0])
    assert (picture.width, picture.height) == size
    assert picture.tables[0][0] == 9
    assert picture.tables[1][0] == 10


def test_jpeg_loss_and_restart_markers() -> None:
    feed = Stream(Codec("JPEG", "video", 90000))
    first = bytes((0, 0, 0, 0, 65, 50, 80, 60)) + b"\0\x28\xff\xff" + b"scan"
    second = bytes((0, 0, 0, 4, 65, 50, 80, 60)) + b"\0\x28\xff\xff" + b"more"
    feed(0, first)
    feed(0, second, marker=True)
    feed(1, first)
    feed(2, second, marker=True, lose=1)
    feed(3, first, marker=True)
    assert [time for time, _ in feed.units] == [0, 3]
    picture = feed.units[0][1][0]
    assert picture.endswith(b"scanmore\xff\xd9")
    assert jpeg.parse(picture).restart_interval == 40
    assert feed.counts == (1, 1)


def test_jpeg_that_rtp_cannot_carry() -> None:
    codec = Codec("JPEG", "video", 90000)
    luma, chroma = jpeg.quantizers(50)
    data = jpeg.headers(64, 64, subsampled_rows=True, luma=luma, chroma=chroma)
    for broken in (data.replace(b"\1\x22\0", b"\1\x11\0"), data.replace(b"\0\1\5\1", b"\0\2\4\1"), b"no"):
        assert packetizer_for(codec).packetize(AccessUnit(codec, (broken,), 0, arrived=0.0)).payloads == ()


def test_pcm_regrouped_by_time() -> None:
    codec = Codec("PCMA", "audio", 8000)
    packetizer = packetizer_for(codec, ptime=20)
    found = []
    for index in range(4):
        made = packetizer.packetize(AccessUnit(codec, (bytes(250),), 1000 + index * 250, arrived=0.0))
        found += [(made.pts + number * made.step, len(payload)) for number, payload in enumerate(made.payloads)]
        assert not made.marker
    assert found == [(1000 + 160 * number, 160) for number in range(6)]
    jump = packetizer.packetize(AccessUnit(codec, (bytes(250),), 90_000, arrived=0.0))
    assert jump.pts == 90_000


def test_pcm_split_into_equal_packets() -> None:
    codec = Codec("L16", "audio", 16000, 2)
    made = packetizer_for(codec, 1000).packetize(AccessUnit(codec, (bytes(4800),), 7, arrived=0.0))
    assert [len(payload) for payload in made.payloads] == [960] * 5
    assert made.step == 240


def test_little_endian_samples_are_swapped() -> None:
    assert swap_bytes(b"\1\2\3\4\5") == b"\2\1\4\3"
    codec = Codec("PCML", "audio", 8000)
    assert packetizer_for(codec).packetize(AccessUnit(codec, (b"\1\2",), 0, arrived=0.0)).payloads == (b"\2\1",)


def test_unknown_codecs() -> None:
    for make in (depacketizer_for, packetizer_for):
        with pytest.raises(Unsupported, match="VP9"):
            make(Codec("VP9", "video", 90000))


class TestReorder:
    def test_in_order_passes_at_once(self) -> None:
        buffer: ReorderBuffer[int] = ReorderBuffer()
        assert [list(buffer.push(number & 0xFFFF, number, 0.0)) for number in range(65534, 65538)] == [
            [number] for number in range(65534, 65538)
        ]
        assert buffer.deadline is None

    def test_gap_is_filled(self) -> None:
        buffer: ReorderBuffer[int] = ReorderBuffer()
        order = [0, 2, 3, 1, 4]
        assert [found for number in order for found in buffer.push(number, number, 0.0)] == [0, 1, 2, 3, 4]
        assert (buffer.lost, buffer.late, buffer.deadline) == (0, 0, None)

    def test_gap_is_given_up_after_its_time(self) -> None:
        buffer: ReorderBuffer[int] = ReorderBuffer(hold=0.1)
        buffer.push(0, 0, 0.0)
        assert list(buffer.push(2, 2, 1.0)) == []
        assert list(buffer.push(5, 5, 1.05)) == []
        assert buffer.deadline == pytest.approx(1.1)
        assert list(buffer.expire(1.0)) == []
        assert list(buffer.expire(1.12)) == [2]
        assert list(buffer.expire(1.2)) == [5]
        assert list(buffer.push(1, 1, 1.2)) == []
        assert (buffer.lost, buffer.late, buffer.deadline) == (3, 1, None)

    def test_duplicates_and_restart(self) -> None:
        buffer: ReorderBuffer[int] = ReorderBuffer()
        assert [list(buffer.push(number, number, 0.0)) for number in (10, 10, 12, 12, 40000, 40001)] == [
            [10],
            [],
            [],
            [],
            [12, 40000],
            [40001],
        ]
        assert (buffer.lost, buffer.late) == (1, 2)

    def test_capacity(self) -> None:
        buffer: ReorderBuffer[int] = ReorderBuffer(capacity=8)
        out = [found for number in [0, *range(2, 30)] for found in buffer.push(number, number, 0.0)]
        assert out == [0, *range(2, 30)]
        assert all(before < after for before, after in pairwise(out))
