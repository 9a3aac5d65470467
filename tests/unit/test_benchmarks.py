"""The helpers of the benchmarks measure what they say."""

import os
import time

from benchmarks.__main__ import line
from benchmarks.camera import Template
from benchmarks.clips import PPS, SPS, STAMP, Shape, pictures
from benchmarks.measure import cpu_seconds, memory_mb, percentile
from benchmarks.readers import MseReader
from benchmarks.row import Row
from go2py.media.codec import H264, Codec
from go2py.media.unit import AccessUnit
from go2py.protocols.rtp import depacketizer_for
from go2py.protocols.rtp.packet import parse


def test_a_clip_has_the_bitrate_that_was_asked_for() -> None:
    shape = Shape(bitrate=2_000_000, fps=25, gop=50)
    clip = pictures(shape)
    assert len(clip) == shape.gop
    assert clip[0][:2] == [SPS, PPS]
    seconds = shape.gop / shape.fps
    assert abs(sum(len(nal) for picture in clip for nal in picture) * 8 / seconds / shape.bitrate - 1) < 0.01


def test_a_template_carries_the_picture_and_its_stamp() -> None:
    picture = pictures(Shape())[0]
    template = Template(picture)
    data = template.filled(65_534, 90_000)
    depacketizer, at = depacketizer_for(Codec(H264, "video", 90_000)), 0
    units: list[AccessUnit] = []
    while at < len(data):
        size = int.from_bytes(data[at + 2 : at + 4])
        packet = parse(data[at + 4 : at + 4 + size])
        units += depacketizer.push(packet.sequence, packet.timestamp, packet.marker, packet.payload, 0.0)
        at += 4 + size
    [unit] = units
    assert [len(nal) for nal in unit.units] == [len(nal) for nal in picture]
    stamp = unit.units[2].index(STAMP) + len(STAMP)
    assert 0 <= time.monotonic() - int(unit.units[2][stamp : stamp + 16], 16) / 1e9 < 60


def test_percentiles() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.95) == 7
    assert percentile([], 0.5) != percentile([], 0.5)


def test_the_cpu_clock_of_a_process_is_its_own() -> None:
    before = time.process_time()
    measured = cpu_seconds(os.getpid())
    assert before <= measured <= time.process_time()
    assert memory_mb(os.getpid()) > 5


def test_a_row_says_whether_it_met_its_target() -> None:
    assert Row("a", 1.0, "ms", 2.0).met
    assert not Row("a", 1.0, "", 2.0, at_least=True).met
    assert Row("a", 1.0, "ms").met is None
    assert Row("a", 3.0, "µs", floor=1.5).ratio == 2
    assert "missed" in line(Row("a", 3.0, "ms", 2.0))


def test_websocket_messages_are_counted_however_they_are_cut() -> None:
    messages = [b"\x82\x05hello", b"\x82\x7e\x01\x00" + bytes(256), b"\x82\x7f" + (70_000).to_bytes(8) + bytes(70_000)]
    data = b"".join(messages)
    for step in (1, 3, 1000, 65_536):
        reader = MseReader("door", look=False)
        reader._open = True
        for at in range(0, len(data), step):
            reader.data_received(data[at : at + step])
        reader.data_received(b"\x82\x08" + bytes(8))
        assert reader.frames == 4
