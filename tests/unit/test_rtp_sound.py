"""What somebody says over RTP, and what somebody sends who means no good."""

import random
from collections.abc import Iterable

import pytest

from go2py.media import opus
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.protocols import rtcp
from go2py.protocols.rtp.packet import build
from go2py.protocols.rtp.sound import BURST, HOLD, PACE, SWITCH, SoundReceiver
from tests.fakes.sound import coded, heard, sine
from tests.fakes.tones import RATE, power

PCMA, OPUS = Codec("PCMA", "audio", 8_000), Codec("OPUS", "audio", 48_000, 2)
CODECS = {8: PCMA, 111: OPUS}
SILENCE = bytes([0xD5]) * 160


def packet(
    number: int, *, kind: int = 8, step: int = 160, ssrc: int = 7, data: bytes = SILENCE, start: int = 0
) -> bytes:
    return build(kind, marker=False, sequence=number, timestamp=start + number * step, ssrc=ssrc, payload=data)


def push(receiver: SoundReceiver, packets: Iterable[bytes], begin: float = 0.0, pace: float = 0.02) -> list[AccessUnit]:
    """The units of packets that come one after the other."""
    return [unit for n, one in enumerate(packets) for unit in receiver.push(one, begin + n * pace)]


@pytest.fixture
def receiver() -> SoundReceiver:
    return SoundReceiver(CODECS, 1)


def times(units: Iterable[AccessUnit]) -> list[int]:
    return [unit.pts for unit in units]


def test_packets_become_units_on_a_time_of_their_own(receiver: SoundReceiver) -> None:
    units = push(receiver, [packet(n, start=(1 << 32) - 320) for n in range(65_530, 65_540)])
    assert times(units) == list(range(0, 1600, 160)), "sequence numbers and timestamps wrap"
    assert {unit.units[0] for unit in units} == {SILENCE}
    assert receiver.codec is PCMA
    assert (receiver.packets, receiver.bytes, receiver.lost, receiver.refused) == (10, 1600, 0, 0)


def test_what_was_overtaken_is_waited_for_and_no_longer(receiver: SoundReceiver) -> None:
    assert len(push(receiver, [packet(0), packet(2)])) == 1
    assert times(receiver.push(packet(1), 0.03)) == [160, 320]
    assert not receiver.push(packet(4), 1.0)
    assert receiver.deadline == pytest.approx(1.0 + HOLD)
    assert len(receiver.expire(1.0 + HOLD)) == 1
    assert receiver.lost == 1
    assert not receiver.push(packet(3), 1.1), "too late, and never doubled"


def test_lost_opus_is_made_up_by_the_decoder(receiver: SoundReceiver) -> None:
    sound = coded(OPUS, sine(440), 1.0)
    packets = [packet(n, kind=111, step=960, data=unit.units[0]) for n, unit in enumerate(sound)]
    units = push(receiver, [one for n, one in enumerate(packets) if n not in (20, 30, 31)])
    units += receiver.expire(2.0)
    assert times(units) == list(range(0, 960 * len(units), 960)), "no gap is left"
    assert receiver.lost == 3
    made_up = [unit for unit in units if len(unit.units[0]) == 1]
    assert [unit.pts for unit in made_up] == [20 * 960, 30 * 960, 31 * 960]
    assert {opus.duration(unit.units[0]) for unit in made_up} == {960}
    for unit in units:
        unit.pts += 1000 * 48_000
    _, samples = heard(units, RATE)
    whole, hole = power(samples[3200:4800], 440), power(samples[6500:6700], 440)
    assert hole > whole * 0.5, "the tone goes on"


def test_another_sender_takes_over_when_the_first_is_silent(receiver: SoundReceiver) -> None:
    push(receiver, [packet(n) for n in range(50)])
    assert not receiver.push(packet(0, ssrc=9), 0.98 + SWITCH / 2), "one at a time"
    units = push(receiver, [packet(n, ssrc=9, start=77_777) for n in range(5)], begin=2.0)
    assert len(units) == 5
    assert units[0].pts == pytest.approx(49 * 160 + 8 * 1020, abs=160), "where the clock has it"
    assert receiver.refused == 1


def test_the_codec_may_change(receiver: SoundReceiver) -> None:
    push(receiver, [packet(n) for n in range(50)])
    sound = coded(OPUS, sine(440), 0.2)
    units = push(receiver, [packet(50 + n, kind=111, step=960, data=one.units[0]) for n, one in enumerate(sound)], 1.0)
    assert len(units) == len(sound)
    assert units[0].pts / 48_000 == pytest.approx(1.0, abs=0.05)
    assert receiver.codec is OPUS


@pytest.mark.parametrize("jump", [5_000_000, -5_000_000, 1 << 31, -10_000])
def test_times_that_jump_are_replaced_by_the_clock(receiver: SoundReceiver, jump: int) -> None:
    push(receiver, [packet(n) for n in range(10)])
    units = push(receiver, [packet(n, start=jump) for n in range(10, 20)], begin=0.2)
    assert times(units) == list(range(1600, 3200, 160))


def test_silence_and_then_speech(receiver: SoundReceiver) -> None:
    push(receiver, [packet(n) for n in range(10)])
    (unit,) = receiver.push(packet(10, start=8000 * 60), 60.2)
    assert unit.pts == 1600 + 8000 * 60


def test_ten_times_real_time_costs_little_more_than_real_time(receiver: SoundReceiver) -> None:
    seconds = 20.0
    units = push(receiver, [packet(n & 0xFFFF) for n in range(round(seconds * 500))], pace=0.002)
    assert len(units) * 0.02 <= BURST + PACE * seconds
    assert receiver.refused > 8000
    assert times(units) == sorted(set(times(units)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        bytes(12),
        packet(1, kind=96),
        packet(1, kind=13),
        packet(1, data=b""),
        packet(1, data=bytes(60_000)),
    ],
    ids=["nothing", "a byte", "zeros", "other codec", "comfort noise", "no sound", "seven seconds"],
)
def test_nonsense_is_dropped(receiver: SoundReceiver, data: bytes) -> None:
    assert not receiver.push(data, 0.0)
    assert times(push(receiver, [packet(n) for n in range(2, 5)])) == [0, 160, 320]


def test_broken_opus_is_dropped(receiver: SoundReceiver) -> None:
    for number, data in enumerate((b"\x03", b"\xff\xff" + bytes(20), b"\x1b\x3f")):
        assert not receiver.push(packet(number, kind=111, step=960, data=data), 0.0)


def test_reports_tell_what_came(receiver: SoundReceiver) -> None:
    assert not receiver.report(0.0)
    push(receiver, [packet(n) for n in range(10) if n != 4])
    receiver.reported(rtcp.SenderReport(8, 1 << 40, 0, 0, 0), 0.5)
    receiver.reported(rtcp.SenderReport(7, 5 << 32, 0, 0, 0), 0.5)
    report, names = rtcp.parse(receiver.report(1.5))
    assert isinstance(report, rtcp.ReceiverReport)
    (block,) = report.reports
    assert (report.ssrc, block.ssrc, block.lost, block.highest_sequence) == (1, 7, 1, 9)
    assert (block.last_sr, block.delay) == (5 << 16, 65_536)
    assert isinstance(names, rtcp.SourceDescription)


def test_a_peer_without_reports_is_heard(receiver: SoundReceiver) -> None:
    assert len(push(receiver, [packet(n) for n in range(500)])) == 500
    assert rtcp.parse(receiver.report(10.0))


def test_senders_without_end_are_forgotten(receiver: SoundReceiver) -> None:
    chance = random.Random(1)
    for number in range(2000):
        receiver.push(packet(number, ssrc=chance.getrandbits(32)), number * SWITCH * 1.1)
    assert receiver.packets > 1000
