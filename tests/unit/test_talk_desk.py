"""The mixing desk on simulated time: what comes out for what went in, when, and how true to it."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from random import Random

import pytest

from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.talk.desk import Desk
from go2py.streams.talk.lane import DELAY
from go2py.streams.talk.work import Member, Work
from go2py.transcode.audio import AudioTranscoder
from go2py.transcode.encoders import encoder_for

PCMA = Codec(names.PCMA, "audio", 8_000)
PCMU = Codec(names.PCMU, "audio", 8_000)
G722 = Codec(names.G722, "audio", 8_000)
OPUS = Codec(names.OPUS, "audio", 48_000, 2)
L16 = Codec(names.L16, "audio", 44_100, 2)
AAC = Codec(names.AAC, "audio", 16_000, config=b"\x14\x08")
STEREO_AAC = Codec(names.AAC, "audio", 44_100, 2, config=b"\x12\x10")
PHONE = Codec(names.PCML, "audio", 8_000)

MICROPHONE = Member(1, priority=0, live=True)
PLAYER = Member(1, priority=0, live=False)

type Timed = tuple[float, AccessUnit]


def desk_for(target: Codec) -> Desk:
    return Desk(target, "latest", threshold=-50)


def tone(seconds: float, rate: int, level: int = 8_000, hertz: float = 440.0) -> array[int]:
    wide = range(round(seconds * rate))
    return array("h", [round(level * math.sin(2 * math.pi * hertz * i / rate)) for i in wide])


def said(codec: Codec, samples: array[int]) -> list[Timed]:
    """Packets of it, each with the time at which a talker can send it: when its last sample was spoken."""
    encoder = encoder_for(codec, 1)
    size, sent = encoder.frame_samples, []
    for begin in range(0, len(samples) - size + 1, size):
        frame = array("h", (s for s in samples[begin : begin + size] for _ in range(encoder.channels)))
        for made in encoder.encode(frame.tobytes()):
            pts = 90_000 + made.start * codec.clock_rate // encoder.rate
            sent.append(((begin + size) / encoder.rate, AccessUnit(codec, (made.data,), pts, arrived=0.0)))
    return sent


def packets_of(units: Sequence[Timed], count: int) -> list[Timed]:
    """With so many of them in each packet: longer ptime."""
    return [(units[min(i - i % count + count, len(units)) - 1][0], unit) for i, (_, unit) in enumerate(units)]


def converse(desk: Desk, seconds: float, *talks: tuple[Member, Sequence[Timed]]) -> Iterator[Timed]:
    """What the camera gets, with the time at which it is sent, when frame after frame is made on its clock."""
    waiting = {member.id: list(units) for member, units in talks}
    members = [member for member, _ in talks]
    for turn in range(round(seconds / desk.frame_seconds)):
        now = turn * desk.frame_seconds
        arrivals: Mapping[int, Sequence[AccessUnit]] = {
            number: [unit for at, unit in units if at <= now + 1e-9] for number, units in waiting.items()
        }
        waiting = {number: [one for one in units if one[0] > now + 1e-9] for number, units in waiting.items()}
        result = desk.work(Work(members, {k: v for k, v in arrivals.items() if v}, open=True, frames=1, now=now))
        yield from ((now, unit) for unit in result.units)


def heard(sent: Sequence[Timed], as_: Codec = PHONE) -> array[int]:
    decoder = AudioTranscoder(sent[0][1].codec, as_)
    units = [*decoder.push(unit for _, unit in sent), *decoder.flush()]
    return array("h", b"".join(unit.units[0] for unit in units))


def likeness(sound: array[int], hertz: float, rate: int = 8_000) -> float:
    """Signal to noise of a tone, dB: what is not of its frequency is noise."""
    axes = [
        [math.cos(2 * math.pi * hertz * i / rate), math.sin(2 * math.pi * hertz * i / rate)] for i in range(len(sound))
    ]
    real, imaginary = (2 * sum(s * axis[k] for s, axis in zip(sound, axes, strict=True)) / len(sound) for k in (0, 1))
    rest = sum((s - real * a - imaginary * b) ** 2 for s, (a, b) in zip(sound, axes, strict=True)) / len(sound)
    return 10 * math.log10((real**2 + imaginary**2) / 2 / max(rest, 1e-9))


@pytest.mark.parametrize("ptime", [1, 3], ids=["20 ms", "60 ms"])
def test_what_the_camera_takes_as_it_is_said_arrives_bit_for_bit(ptime: int) -> None:
    units = packets_of(said(PCMA, tone(4, 8_000)), ptime)
    sent = b"".join(unit.units[0] for _, unit in converse(desk_for(PCMA), 4, (MICROPHONE, units)))
    raw = b"".join(unit.units[0] for _, unit in units)
    second = raw[8_000 : 8_000 + 160 * 50]
    assert second in sent


@pytest.mark.parametrize(
    ("source", "target", "extra"),
    [
        (PCMA, PCMA, 0.001),
        (PCMA, PCMU, 0.001),
        (PCMA, G722, 0.005),
        (PCMA, L16, 0.005),
        (OPUS, PCMA, 0.01),
        (PCMA, OPUS, 0.01),
        (STEREO_AAC, PCMA, 0.05),
        (PCMA, AAC, 0.15),
    ],
    ids=lambda value: value.label() if isinstance(value, Codec) else "",
)
def test_little_is_added_to_the_packet_and_the_jitter_buffer(source: Codec, target: Codec, extra: float) -> None:
    """From a sample's being spoken to its being sent, on simulated time: a packet's 20 ms, the buffer's delay, and
    codecs that look ahead or have long frames."""
    rate = source.rate
    sound = tone(2, rate, level=400) + tone(1, rate)
    desk = desk_for(target)
    sent = list(converse(desk, 3.3, (MICROPHONE, said(source, sound))))
    samples = heard(sent)
    loud = next(at for at, sample in enumerate(samples) if abs(sample) > 2_500) / 8_000
    assert loud - 2.0 <= 0.02 + DELAY + extra


@pytest.mark.parametrize("target", [PCMA, PCMU, G722, OPUS, L16, AAC, STEREO_AAC], ids=lambda codec: codec.label())
def test_frames_have_the_cadence_of_the_codec_and_begin_at_zero(target: Codec) -> None:
    units = said(OPUS, tone(1.5, 48_000))
    sent = [unit for _, unit in converse(desk_for(target), 1.5, (MICROPHONE, units))]
    step = 1024 if target.name == names.AAC else target.clock_rate // 50
    assert [unit.pts for unit in sent] == list(range(0, len(sent) * step, step))
    samples = heard([(0.0, unit) for unit in sent])
    assert likeness(samples[6_400:8_000], 440) > 25


@pytest.mark.parametrize(("source", "least"), [(PCMA, 35), (OPUS, 25), (STEREO_AAC, 30)], ids=["PCMA", "Opus", "AAC"])
def test_the_tone_is_clean(source: Codec, least: float) -> None:
    units = said(source, tone(3, source.rate))
    sent = list(converse(desk_for(PCMA), 3, (MICROPHONE, units)))
    assert likeness(heard(sent)[8_000:20_000], 440) > least


def test_a_sound_that_an_announcement_interrupts_goes_on_where_it_was() -> None:
    random = Random(7)
    noise = array("h", [random.randrange(-8_000, 8_000) for _ in range(16_000)])
    music = [(0.0, unit) for _, unit in said(PCMA, noise)]
    alarm = [(0.5, unit) for _, unit in said(PCMA, tone(0.4, 8_000))]
    sent = list(converse(desk_for(PCMA), 5, (PLAYER, music), (Member(2, priority=10, live=False), alarm)))
    whole = [unit.units[0] for _, unit in converse(desk_for(PCMA), 2, (PLAYER, music))]
    number = {frame: place for place, frame in enumerate(whole)}
    given = [(at, number[unit.units[0]]) for at, unit in sent if unit.units[0] in number]
    before, after = ([place for at, place in given if (at > 0.5) is late] for late in (False, True))
    last = before[-1]
    assert before == list(range(last + 1))
    assert after == list(range(last + 2, 100))  # the next is faded in
    assert likeness(heard([one for one in sent if 0.52 < one[0] < 0.88]), 440) > 30
