"""RTP for RTSP readers: one run of numbers for all, own numbers only after a gap."""

from collections.abc import Sequence

import pytest

from go2py.errors import Unsupported
from go2py.media.codec import FLAC, Codec
from go2py.outputs.rtsp.packets import DEFAULT_MTU, Outgoing, PacketSource
from go2py.protocols.rtp.packet import RtpPacket, parse
from go2py.streams.track import Track
from tests.fakes.source import H264, PCMA
from tests.unit.test_muxer import gop, picture, published, sound


class Reader:
    def __init__(self) -> None:
        self.outgoing: list[Outgoing] = []

    def write(self, source: PacketSource, outgoing: Sequence[Outgoing]) -> None:
        self.outgoing += outgoing


def packets(data: bytes | bytearray, channel: int = 0) -> list[RtpPacket]:
    found = []
    while data:
        assert data[:2] == bytes((0x24, channel))
        size = int.from_bytes(data[2:4])
        found.append(parse(bytes(data[4 : 4 + size])))
        data = data[4 + size :]
    return found


def test_readers_of_a_track_share_the_bytes() -> None:
    track = published(gop(3))
    source = PacketSource.shared(track)
    assert PacketSource.shared(track) is source
    assert PacketSource.shared(track, 500) is not source
    one, other = Reader(), Reader()
    source.join(one)
    source.join(other)
    track.publish([picture(3, size=5000)])
    assert one.outgoing[0] is other.outgoing[0]
    assert one.outgoing[0].rendered(0, 96) is other.outgoing[0].rendered(0, 96)
    found = packets(one.outgoing[0].rendered(2, 97).data, 2)
    assert len(found) == 4
    assert {(packet.payload_type, packet.ssrc, packet.timestamp) for packet in found} == {
        (97, source.ssrc, picture(3).pts & 0xFFFFFFFF)
    }
    assert [packet.marker for packet in found] == [False, False, False, True]
    assert all(12 + len(packet.payload) <= DEFAULT_MTU for packet in found)
    assert one.outgoing[0].rendered(0, 96).octets == sum(len(packet.payload) for packet in found)


def test_a_replay_ends_where_live_goes_on() -> None:
    track = published(gop(20, size=3000))
    source = PacketSource.shared(track)
    reader = Reader()
    leave = source.join(reader)
    replay = source.replay(float("-inf"))
    assert replay is not None
    assert source.replay(float("-inf")) is replay, "a crowd shares it"
    track.publish([picture(20), picture(21)])
    numbers = [packet.sequence for packet in packets(replay.rendered(0, 96).data)]
    for outgoing in reader.outgoing:
        numbers += [packet.sequence for packet in packets(outgoing.rendered(0, 96).data)]
    assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(len(numbers))]
    leave()
    leave()
    assert not track.subscribers


def test_timestamps_of_a_replay_are_the_cameras() -> None:
    source = PacketSource.shared(published(gop(5)))
    replay = source.replay(float("-inf"))
    assert replay is not None
    assert [packet.timestamp for packet in packets(replay.rendered(0, 96).data)] == [
        unit.pts & 0xFFFFFFFF for unit in source.track.gop.units()
    ]


def test_sound_is_replayed_from_a_moment_on() -> None:
    source = PacketSource.shared(published([sound(number) for number in range(40)]))
    replay = source.replay(sound(30).pts / 8_000)
    assert replay is not None
    assert len(replay.units) == 10
    assert source.replay(sound(99).pts / 8_000) is None


def test_shifted_numbers_change_nothing_else() -> None:
    reader = Reader()
    track = Track(H264, 1 << 20)
    PacketSource.shared(track).join(reader)
    track.publish([picture(0, key=True, size=5000)])
    rendered = reader.outgoing[0].rendered(0, 96)
    assert rendered.shifted(0) is rendered.data
    assert rendered.shifted(0x10000) is rendered.data
    before, after = packets(rendered.data), packets(rendered.shifted(-7))
    assert [(one.sequence - 7) & 0xFFFF for one in before] == [one.sequence for one in after]
    assert [(one.timestamp, one.payload) for one in before] == [(one.timestamp, one.payload) for one in after]
    assert [parse(bytes(one)) for one in rendered.datagrams(-7)] == after
    assert sum(4 + len(one) for one in rendered.datagrams(0)) == len(rendered.data)


@pytest.mark.parametrize(("asked", "largest"), [(1, 256), (500, 500), (99_999, 60_000)])
def test_packet_sizes_are_bounded(asked: int, largest: int) -> None:
    track = Track(H264, 1 << 20)
    reader = Reader()
    PacketSource.shared(track, asked).join(reader)
    track.publish([picture(0, key=True, size=119_000)])
    sizes = [12 + len(packet.payload) for packet in packets(reader.outgoing[0].rendered(0, 96).data)]
    assert largest * 0.95 <= max(sizes) <= largest


def test_sound_has_no_marker() -> None:
    track = Track(PCMA, 1 << 20)
    reader = Reader()
    PacketSource.shared(track).join(reader)
    track.publish([sound(0)])
    (packet,) = packets(reader.outgoing[0].rendered(2, 97).data, 2)
    assert not packet.marker


def test_a_codec_without_rtp_format() -> None:
    with pytest.raises(Unsupported):
        PacketSource.shared(Track(Codec(FLAC, "audio", 8_000), 1 << 20))
