"""Joining, catching up, retransmission and skipping of one viewer, with a fake transport and a fake clock."""

import itertools
from collections.abc import Callable

import pytest

from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.outputs.webrtc import group as group_module
from go2py.outputs.webrtc.bandwidth import Bandwidth
from go2py.outputs.webrtc.batch import RtpBatch, Shift
from go2py.outputs.webrtc.form import SendForm
from go2py.outputs.webrtc.group import SenderGroup, group_for
from go2py.outputs.webrtc.sender import TrackSender
from go2py.protocols.rtp.h264 import H264Depacketizer
from go2py.protocols.rtp.packet import RtpPacket, parse
from go2py.streams.track import Track

H264 = Codec("H264", "video", 90_000)
FORM = SendForm(96, playout_delay=5, transport_cc=4)
STEP = 3600
SHARE = 1e9


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class FakeTransport:
    """Keeps what was sent as the viewer sees it."""

    def __init__(self) -> None:
        self.buffered = 0
        self.packets: list[RtpPacket] = []
        self.batches: list[tuple[RtpBatch, Shift | None]] = []

    def send_rtp(self, batch: RtpBatch, shift: Shift | None = None) -> int:
        self.batches.append((batch, shift))
        for packet in batch.packets:
            self._take(packet, shift)
        return len(batch)

    def send_packet(self, packet: bytes, shift: Shift | None = None) -> int:
        self._take(packet, shift)
        return 1

    def _take(self, packet: bytes, shift: Shift | None) -> None:
        assert len(packet) <= 1202
        seen = parse(packet)
        shift = shift or Shift()
        sequence, timestamp = seen.sequence + shift.sequence & 0xFFFF, seen.timestamp + shift.timestamp & 0xFFFFFFFF
        self.packets.append(seen._replace(sequence=sequence, timestamp=timestamp))

    def media(self) -> list[RtpPacket]:
        return [packet for packet in self.packets if packet.payload_type == 96]


class Bench:
    """A track that a test feeds, and viewers of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.track = Track(H264, 1 << 24)
        self.numbers = itertools.count()
        self.published: list[AccessUnit] = []
        self.dropped = 0
        self.waiting: list[TrackSender] = []

    def feed(self, *sizes: int, key: bool = False) -> None:
        """Pictures of these sizes; with `key` the first is a key picture."""
        for index, size in enumerate(sizes):
            first = key and index == 0
            nals = ((b"\x67sps", b"\x68pps") if first else ()) + (bytes([0x65 if first else 0x41]) + bytes(size - 1),)
            unit = AccessUnit(H264, nals, next(self.numbers) * STEP, arrived=self.clock.now, key=first)
            self.published.append(unit)
            self.track.publish([unit])
            self.clock.now += 0.04

    def viewer(self, repair: tuple[int, int] | None = None) -> tuple[TrackSender, FakeTransport]:
        transport = FakeTransport()
        sender = TrackSender(
            transport, group_for(self.track, FORM), Bandwidth(),
            repair=repair, count=lambda *_: None, drop=self._drop, wake=self.waiting.append,
        )  # fmt: skip
        return sender, transport

    def joined(self, repair: tuple[int, int] | None = None) -> tuple[TrackSender, FakeTransport]:
        sender, transport = self.viewer(repair)
        sender.start(self.clock.now)
        self.drain(sender)
        return sender, transport

    def drain(self, sender: TrackSender) -> None:
        while sender.pump(self.clock.now, SHARE):
            self.clock.now += 0.005

    def _drop(self, units: int) -> None:
        self.dropped += units


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    clock = Clock()
    monkeypatch.setattr(group_module, "time", clock)
    return Bench(clock)


def gapless(packets: list[RtpPacket]) -> bool:
    """Sequence numbers go up by one, timestamps never down."""
    pairs = list(itertools.pairwise(packets))
    return all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairs) and all(
        (b.timestamp - a.timestamp) & 0xFFFFFFFF < 1 << 31 for a, b in pairs
    )


def pictures(packets: list[RtpPacket]) -> list[tuple[bytes, ...]]:
    """What a depacketizer makes of it."""
    depacketizer = H264Depacketizer(H264)
    units: list[AccessUnit] = []
    for one in packets:
        units += depacketizer.push(one.sequence, one.timestamp, one.marker, one.payload, 0.0)
    return [unit.units for unit in units]


def test_viewers_in_step_get_the_same_batch(bench: Bench) -> None:
    bench.feed(5000, key=True)
    (_, first), (_, second) = bench.joined(), bench.joined()
    bench.feed(3000)
    assert first.batches[-1][0] is second.batches[-1][0]
    assert first.batches[-1][1] is None
    assert second.batches[-1][1] is None


def test_join_sends_the_group_of_pictures_and_ends_in_step(bench: Bench) -> None:
    bench.feed(30_000, *[2000] * 40, key=True)
    _, transport = bench.joined()
    bench.feed(2500, 2500)
    assert gapless(transport.packets)
    assert transport.batches[-1][1] is None
    assert pictures(transport.packets) == [unit.units for unit in bench.published]
    times = list(dict.fromkeys(packet.timestamp for packet in transport.packets))
    assert all((b - a) & 0xFFFFFFFF == 1 for a, b in itertools.pairwise(times[:41]))
    assert (times[42] - times[41]) & 0xFFFFFFFF == STEP


def test_live_pictures_queue_behind_the_burst(bench: Bench) -> None:
    bench.feed(200_000, *[20_000] * 20, key=True)
    sender, transport = bench.viewer()
    sender.start(bench.clock.now)
    assert sender.pump(bench.clock.now + 0.005, SHARE)
    before = len(transport.packets)
    bench.feed(9000)
    assert len(transport.packets) == before
    bench.drain(sender)
    bench.feed(4000)
    assert gapless(transport.packets)
    assert pictures(transport.packets) == [unit.units for unit in bench.published]


def test_burst_is_paced_and_gets_faster(bench: Bench) -> None:
    bench.feed(50_000, *[20_000] * 30, key=True)
    sender, transport = bench.viewer()
    sender.start(bench.clock.now)
    marks = []
    while sender.pump(bench.clock.now, SHARE):
        bench.clock.now += 0.005
        marks.append(sum(batch.size for batch, _ in transport.batches))
    assert 60_000 < marks[19] < 200_000
    assert marks[39] > 2 * marks[19]


def test_too_long_a_burst_is_the_key_picture_alone(bench: Bench) -> None:
    bench.feed(100_000, *[100_000] * 130, key=True)
    _, transport = bench.joined()
    assert pictures(transport.packets) == [bench.published[0].units]
    bench.feed(1000, 1000)
    assert bench.dropped == 2
    bench.feed(5000, 1000, key=True)
    assert gapless(transport.packets)
    assert pictures(transport.packets)[1:] == [unit.units for unit in bench.published[-2:]]


def test_cut_cache_waits_for_the_next_key_picture(bench: Bench) -> None:
    bench.track = Track(H264, 20_000)
    bench.feed(10_000, 5_000, 9_000, 1000, key=True)
    assert bench.track.gop.cut
    _, transport = bench.joined()
    bench.feed(1000)
    bench.feed(5000, key=True)
    assert gapless(transport.packets)
    assert pictures(transport.packets) == [bench.published[n].units for n in (0, 1, 5)]


def test_without_a_cache_the_first_key_picture_starts(bench: Bench) -> None:
    _, transport = bench.joined()
    bench.feed(1000)
    assert not transport.packets
    bench.feed(5000, 1000, key=True)
    assert transport.batches[0][1] is None
    assert gapless(transport.packets)


def test_refresh_replays_once_in_two_seconds(bench: Bench) -> None:
    bench.feed(20_000, *[2000] * 9, key=True)
    sender, transport = bench.joined()
    bench.clock.now += 1.0
    assert not sender.refresh(bench.clock.now)
    bench.feed(2000)
    bench.clock.now += 1.0
    before = len(transport.packets)
    assert sender.refresh(bench.clock.now)
    bench.drain(sender)
    assert pictures(transport.packets[before:]) == [unit.units for unit in bench.published]
    bench.feed(2000, 2000)
    assert gapless(transport.packets)
    assert transport.batches[-1][1] is not None
    bench.feed(5000, key=True)
    assert gapless(transport.packets)


def resent(bench: Bench, sender: TrackSender, transport: FakeTransport, wanted: RtpPacket) -> list[RtpPacket]:
    before = len(transport.packets)
    sender.resend([wanted.sequence], bench.clock.now)
    return transport.packets[before:]


def test_nack_of_live_and_replayed_packets(bench: Bench) -> None:
    bench.feed(20_000, *[4000] * 9, key=True)
    sender, transport = bench.joined()
    bench.feed(3000)
    for wanted in (transport.packets[3], transport.packets[-2]):
        assert resent(bench, sender, transport, wanted) == [wanted]
    assert not resent(bench, sender, transport, wanted)  # still within the round trip
    bench.clock.now += 0.5
    assert resent(bench, sender, transport, wanted) == [wanted]
    assert not resent(bench, sender, transport, wanted._replace(sequence=wanted.sequence + 9000 & 0xFFFF))


def test_nack_after_the_numbers_were_shifted(bench: Bench) -> None:
    bench.feed(20_000, 2000, key=True)
    sender, transport = bench.joined()
    bench.clock.now += 2.5
    bench.feed(3000)
    assert sender.refresh(bench.clock.now)
    bench.drain(sender)
    bench.feed(3000)
    for wanted in (transport.packets[-1], transport.packets[-8]):
        assert resent(bench, sender, transport, wanted) == [wanted]


def test_retransmission_stream(bench: Bench) -> None:
    bench.feed(20_000, key=True)
    sender, transport = bench.joined(repair=(97, 0xABCD))
    bench.feed(3000)
    for wanted in (transport.packets[2], transport.packets[-1]):
        (again,) = resent(bench, sender, transport, wanted)
        assert (again.payload_type, again.ssrc) == (97, 0xABCD)
        assert (again.timestamp, again.marker) == (wanted.timestamp, wanted.marker)
        assert bytes(again.payload) == wanted.sequence.to_bytes(2) + bytes(wanted.payload)


def test_old_packets_are_forgotten(bench: Bench) -> None:
    bench.feed(5000, key=True)
    sender, transport = bench.joined()
    bench.feed(3000)
    wanted = transport.packets[-1]
    bench.feed(*[1000] * 60)
    sender.tick(bench.clock.now)
    assert not resent(bench, sender, transport, wanted)
    assert len(sender.group.history) < 55


def test_burst_into_a_thin_path_slows_down_and_ends(bench: Bench) -> None:
    bench.feed(100_000, *[60_000] * 60, key=True)
    sender, transport = bench.viewer()
    sender.start(bench.clock.now)
    seen = 0
    for _ in range(200):
        bench.clock.now += 0.005
        if not sender.pump(bench.clock.now, SHARE):
            break
        new, seen = transport.media()[seen:], len(transport.media())
        sender.resend([packet.sequence for packet in new if packet.sequence % 8], bench.clock.now)
    assert sender.skips == 1
    assert bench.dropped > 10
    assert len(pictures(transport.media())) < 50
    bench.feed(1000)
    bench.feed(5000, key=True)
    bench.drain(sender)
    assert gapless(list({packet.sequence: packet for packet in transport.media()}.values()))


def test_repairs_share_the_pace_of_a_thin_path(bench: Bench) -> None:
    bench.feed(5000, key=True)
    sender, transport = bench.joined()
    bench.feed(*[60_000] * 3)
    bench.drain(sender)
    sender.bandwidth.congested(1e6, bench.clock.now)
    before = len(transport.packets)
    asked = [packet.sequence for packet in transport.packets[-60:]]
    sender.resend(asked, bench.clock.now)
    sender.resend(asked, bench.clock.now + 0.5)  # still waiting
    assert len(transport.packets) == before
    begin = bench.clock.now
    bench.drain(sender)
    assert len(transport.packets) == before + 60
    assert bench.clock.now - begin > 0.3


def test_two_percent_loss_does_not_slow_a_burst(bench: Bench) -> None:
    bench.feed(100_000, *[40_000] * 60, key=True)
    sender, transport = bench.viewer()
    sender.start(bench.clock.now)
    seen = 0
    while sender.pump(bench.clock.now, SHARE):
        bench.clock.now += 0.005
        new = transport.packets[seen:]
        seen = len(transport.packets)
        sender.resend([packet.sequence for packet in new[::50]], bench.clock.now)
    assert sender.skips == 0


def test_slow_connection_skips_to_a_key_picture(bench: Bench) -> None:
    bench.feed(5000, key=True)
    sender, transport = bench.joined()
    transport.buffered = 1 << 20
    for _ in range(75):
        bench.feed(3000)
        sender.pump(bench.clock.now, SHARE)
    assert sender.skips == 1
    assert sender.waiting == 0
    transport.buffered = 0
    bench.feed(3000)
    bench.feed(5000, 1000, key=True)
    assert gapless(transport.packets)
    assert pictures(transport.packets)[-2:] == [unit.units for unit in bench.published[-2:]]


def test_packets_sent_late_can_be_sent_again(bench: Bench) -> None:
    bench.feed(5000, key=True)
    sender, transport = bench.joined()
    transport.buffered = 1 << 20
    bench.feed(*[1000] * 60)
    transport.buffered = 0
    bench.drain(sender)
    wanted = transport.packets[6]
    assert sender.group.packet(wanted.sequence) is None
    assert resent(bench, sender, transport, wanted) == [wanted]
    sender.tick(bench.clock.now + 5)
    bench.clock.now += 1
    assert not resent(bench, sender, transport, wanted)


def test_group_lives_as_long_as_it_is_held(bench: Bench) -> None:
    bench.feed(5000, key=True)
    (first, _), (second, _) = bench.joined(), bench.joined()
    assert first.group is second.group
    assert bench.track.subscribers == 1
    for sender in (first, second):
        sender.stop()
        sender.group.release()
    assert bench.track.subscribers == 0
    assert not bench.track.shared


def header_extensions(packet: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if packet[0] & 0x10:
        assert packet[12:14] == b"\xbe\xde"
        rest = packet[16 : 16 + 4 * int.from_bytes(packet[14:16])]
        while rest and rest[0]:
            found[rest[0] >> 4] = rest[1 : 2 + (rest[0] & 15)]
            rest = rest[2 + (rest[0] & 15) :]
    return found


def test_header_extensions(bench: Bench) -> None:
    bench.feed(20_000, key=True)
    _, transport = bench.joined()
    bench.feed(3000)
    bench.feed(3000, key=True)
    raw = [packet for batch, _ in transport.batches for packet in batch.packets]
    assert header_extensions(raw[0]) == {5: bytes(3)}
    live = [header_extensions(packet) for packet in raw[-7:]]
    numbers = [int.from_bytes(one[4]) for one in live]
    assert numbers == list(range(numbers[0], numbers[0] + 7))
    assert 5 in live[-1]
    assert 5 not in live[0]


@pytest.mark.parametrize("rotation", [90, 270])
def test_orientation_is_in_every_packet(bench: Bench, rotation: int) -> None:
    bench.feed(5000, key=True)
    group = SenderGroup(bench.track, SendForm(96, orientation=3, abs_send_time=2, rotation=rotation), lambda: None)
    seen: list[bytes] = []
    member: Callable[[object, RtpBatch], None] = lambda _, batch: seen.extend(batch.packets)  # noqa: E731
    group.join(member)
    bench.feed(3000)
    assert [header_extensions(packet)[3] for packet in seen] == [bytes([rotation // 90])] * len(seen)
    expected = int((bench.clock.now - 0.04) * 262144) & 0xFFFFFF
    assert int.from_bytes(header_extensions(seen[0])[2]) == expected
