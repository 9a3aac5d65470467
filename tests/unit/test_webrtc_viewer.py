"""RTCP between a viewer and its senders, and what it tells of the path."""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest

from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.outputs.webrtc.bandwidth import INITIAL, Bandwidth, BurstWatch
from go2py.outputs.webrtc.batch import RtpBatch, Shift
from go2py.outputs.webrtc.form import SendForm
from go2py.outputs.webrtc.negotiation import Outgoing, Slot
from go2py.outputs.webrtc.pacer import Pacer
from go2py.outputs.webrtc.viewer import Viewer
from go2py.protocols import rtcp
from go2py.protocols.webrtc_sdp import Format, Section
from go2py.streams.negotiate import Plan
from go2py.streams.reader import Attachment, ReaderInfo
from go2py.streams.track import Track

H264 = Codec("H264", "video", 90_000)


class FakeTransport:
    buffered = 0
    round_trip = 0.01

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.rtcp: list[rtcp.Packet] = []

    def send_rtp(self, batch: RtpBatch, shift: Shift | None = None) -> int:
        self.sent += batch.packets
        return len(batch)

    def send_packet(self, packet: bytes, shift: Shift | None = None) -> int:
        self.sent.append(packet)
        return 1

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp += rtcp.parse(packet)


class Bench:
    def __init__(self) -> None:
        self.track = Track(H264, 1 << 20)
        self.pacer = Pacer()
        self.transport = FakeTransport()
        self.attachment = Attachment(ReaderInfo("webrtc"), [], Plan((), ()), [], [self.track], [], lambda _: None)
        slot = Slot(0, Section("video", 9, "UDP/TLS/RTP/SAVPF", "96"), None, None)
        form = SendForm(96, transport_cc=4)
        going = Outgoing(slot, self.track, Format(96, "H264", 90_000), None, form)
        self.viewer = Viewer(self.transport, self.attachment, [going], self.pacer)
        self.ssrc = self.viewer.senders[0].group.ssrc
        self.number = 0

    def feed(self, size: int, *, key: bool = False) -> None:
        nal = bytes([0x65 if key else 0x41]) + bytes(size - 1)
        self.number += 1
        self.track.publish([AccessUnit(H264, (nal,), self.number * 3600, arrived=0.0, key=key)])

    def hear(self, *packets: rtcp.Packet) -> None:
        self.viewer.on_rtcp(rtcp.build(packets))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.viewer.close()
    made.pacer.close()


async def test_sender_report_comes_before_media_and_maps_the_clocks(bench: Bench) -> None:
    bench.viewer.start()
    report, names = bench.transport.rtcp
    assert isinstance(report, rtcp.SenderReport)
    assert report.ssrc == bench.ssrc
    assert abs(rtcp.unix_time(report.ntp) - time.time()) < 10
    expected = bench.viewer.senders[0].group.rtp_time(time.monotonic())
    assert (expected - report.rtp_time) & 0xFFFFFFFF < 90_000 * 10
    assert names == rtcp.SourceDescription(((bench.ssrc, bench.viewer.cname),))
    bench.feed(3000, key=True)
    bench.viewer.tick(time.monotonic() + 10)
    later = bench.transport.rtcp[2]
    assert isinstance(later, rtcp.SenderReport)
    assert later.packets == len(bench.transport.sent) > 0
    assert bench.attachment.senders[bench.track].units == 1
    assert "webrtc" in bench.attachment.info.details


async def test_nack_brings_the_packet_again(bench: Bench) -> None:
    bench.viewer.start()
    bench.feed(3000, key=True)
    wanted = bench.transport.sent[1]
    bench.hear(rtcp.ReceiverReport(1), rtcp.Nack(1, bench.ssrc, (int.from_bytes(wanted[2:4]),)))
    assert bench.transport.sent[-1] == wanted
    bench.hear(rtcp.Nack(1, bench.ssrc + 1, (int.from_bytes(wanted[2:4]),)))
    assert bench.viewer.statistics()["resent"] == 1


async def test_receiver_report_shows_loss_and_round_trip(bench: Bench) -> None:
    bench.viewer.start()
    sent = (rtcp.ntp_time(time.time() - 0.3) >> 16) & 0xFFFFFFFF
    block = rtcp.ReportBlock(bench.ssrc, 64, 10, 0, 900, sent, int(0.2 * 65536))
    bench.viewer.bandwidth.round_trip = None
    bench.hear(rtcp.ReceiverReport(1, (block,)))
    shown = bench.viewer.statistics()
    assert shown["loss"] == 0.25
    assert shown["jitter"] == 10.0
    assert 90 < cast("float", shown["round_trip"]) < 5000


async def test_picture_loss_and_estimate(bench: Bench) -> None:
    bench.viewer.start()
    bench.hear(rtcp.PictureLoss(1, bench.ssrc), rtcp.FullIntraRequest(1, ((bench.ssrc, 3),)))
    bench.hear(rtcp.BitrateEstimate(1, 2_500_000, (bench.ssrc,)))
    assert bench.viewer.statistics()["refreshes"] == 2
    assert bench.viewer.statistics()["estimate"] == 2_500_000


async def test_transport_feedback_measures_the_narrowest_link(bench: Bench) -> None:
    bench.viewer.start()
    for number in range(4):
        bench.feed(18_000, key=number == 0)
    group = bench.viewer.senders[0].group
    arrivals = [max(i % 16 - 6, 0) * 1600 + (i // 16) * 40_000 for i in range(64)]  # 1.2 kB each 1.6 ms: 6 Mbit/s
    bench.viewer.bandwidth.arrived(group.history[0].number, arrivals, group.train)
    capacity = bench.viewer.bandwidth.capacity
    assert capacity is not None
    assert 5e6 < capacity < 7e6
    assert bench.viewer.bandwidth.slow


async def test_nonsense_is_passed_over(bench: Bench) -> None:
    bench.viewer.start()
    for data in (b"", b"\x80", b"\x8f\xcd\x00\x01", bytes(40)):
        bench.viewer.on_rtcp(data)


async def test_closed_viewer_leaves_nothing(bench: Bench) -> None:
    bench.viewer.start()
    bench.feed(3000, key=True)
    bench.viewer.close()
    bench.viewer.close()
    assert not bench.track.shared
    assert bench.track.subscribers == 0
    bench.viewer.tick(time.monotonic() + 10)
    bench.hear(rtcp.PictureLoss(1, bench.ssrc))


def test_ceiling_falls_with_a_flooded_path_and_recovers() -> None:
    path = Bandwidth()
    path.congested(8e6, 10.0)
    assert path.rate() == 6.8e6
    assert path.slow
    assert path.rate(needed=7e6) == 7e6
    path.capacity = 5e6
    assert path.rate(needed=7e6) == 4.5e6
    path.capacity = None
    for second in range(60):
        path.recover(1.0, 11.0 + second)
    assert path.rate() == INITIAL


def burst(watch: BurstWatch, chunks: int, first: int = 65_000) -> None:
    """Sixteen packets of 1 kB each 5 ms: 25.6 Mbit/s."""
    for number in range(chunks):
        watch.sent((first + number * 16) & 0xFFFF, 16, 16_000, 10 + number * 0.005)


def test_capacity_is_what_got_through_while_the_queue_was_full() -> None:
    watch = BurstWatch()
    burst(watch, 60)
    lost = [(65_000 + place) & 0xFFFF for place in range(320, 800) if place % 4]
    capacity = watch.lost(lost)
    assert capacity is not None
    assert 5.5e6 < capacity < 7e6


def test_random_loss_is_no_overflow() -> None:
    watch = BurstWatch()
    burst(watch, 60)
    assert watch.lost([65_000 + place & 0xFFFF for place in range(0, 960, 40)]) is None
    assert watch.lost([5]) is None


def test_local_network_is_no_limit() -> None:
    path = Bandwidth()
    train = SimpleNamespace(first=0, sizes=[1200] * 16)
    for _ in range(5):
        path.arrived(0, [i * 10 for i in range(16)], lambda _: (train.first, train.sizes))
    assert path.rate() == INITIAL
    assert path.estimate is not None
    assert path.estimate > 100e6
