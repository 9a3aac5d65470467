"""Sound from every codec into every other: what is left of it, when it is heard, and what breaks it."""

import io
import math
from array import array
from collections.abc import Sequence
from itertools import pairwise

import av
import pytest

from go2py.media import codec as names
from go2py.media.bits import BitWriter
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.transcode.audio import AudioTranscoder
from go2py.transcode.encoders import encoder_for
from go2py.transcode.formats import encoded
from tests.fakes.sound import (
    BEGIN,
    LEVEL,
    RATE,
    burst,
    coded,
    heard,
    loudest,
    signal_to_noise,
    sine,
    sweep,
    transcoded,
    unit,
)

MICROPHONE = Codec(names.PCML, "audio", 48_000)
STEREO = Codec(names.PCML, "audio", 48_000, 2)


def made_of(origin: Codec, name: str, rate: int = 0, channels: int = 0) -> Codec:
    codec = encoded(origin, name, rate, channels)
    assert codec is not None
    return codec


CODECS = {
    codec.label(): codec
    for codec in (
        *(made_of(MICROPHONE, names.AAC, rate) for rate in (8_000, 16_000, 48_000)),
        made_of(STEREO, names.AAC, 44_100),
        made_of(MICROPHONE, names.OPUS),
        *(made_of(MICROPHONE, name, rate) for name in (names.PCMA, names.PCMU) for rate in (8_000, 16_000)),
        made_of(MICROPHONE, names.G722),
        *(made_of(MICROPHONE, name) for name in names.G726),
        *(made_of(MICROPHONE, names.L16, rate) for rate in (8_000, 44_100)),
        *(made_of(STEREO, names.PCML, rate) for rate in (16_000, 48_000)),
        made_of(MICROPHONE, names.DVI4, 8_000),
        made_of(MICROPHONE, names.ADPCM, 16_000),
        made_of(MICROPHONE, names.MP3),
        made_of(MICROPHONE, names.FLAC),
    )
}
TARGETS = [label for label in CODECS if not label.startswith(("AAL2", "G726-16", "G726-24", "G726-40"))]
NOISE = {
    names.OPUS: 20, names.AAC: 16, names.MP3: 22, names.PCMA: 32, names.PCMU: 32, names.G722: 35, names.DVI4: 22,
    names.ADPCM: 25, "G726-16": 9, "G726-24": 24, "G726-32": 28, "G726-40": 32,
}  # fmt: skip
"""The signal-to-noise ratio in dB that is left of the sweep by a codec alone, at least; lossless ones: 60.

AAC at 48 kHz begins between two ticks of slower clocks: up to 60 µs are lost to rounding, which counts as noise."""
SWEEP = sweep(300, 1_000, 1.0)


def worst(*codecs: Codec) -> float:
    """What may be left after all of them: they add their noise."""
    ratios = [NOISE.get(codec.name.removeprefix("AAL2-"), 60) for codec in codecs]
    return -10 * math.log10(sum(10 ** (-ratio / 10) for ratio in ratios))


@pytest.fixture(scope="module")
def camera() -> dict[str, list[AccessUnit]]:
    """The sweep in every codec."""
    return {label: coded(codec, SWEEP, 0.8, max(codec.channels, 1)) for label, codec in CODECS.items()}


@pytest.mark.parametrize("source", CODECS)
def test_every_codec_becomes_every_other(camera: dict[str, list[AccessUnit]], source: str) -> None:
    units = camera[source]
    for label in TARGETS:
        target = CODECS[label]
        made = transcoded(units, target)
        ratio = signal_to_noise(made, SWEEP, 0.15, 0.55)
        assert ratio >= worst(units[0].codec, target), f"{source} as {label}: {ratio:.1f} dB"
        steps = {after.pts - before.pts for before, after in pairwise(made)}
        assert len(steps) == 1 or label.startswith(names.MP3), f"{source} as {label}: {steps}"
        assert all(one.codec is target and one.key and one.dts == one.pts for one in made)


def test_frames_are_as_long_as_readers_expect() -> None:
    milliseconds = {names.PCMA: 20, names.PCMU: 20, names.OPUS: 20, names.L16: 20, names.G722: 20, names.FLAC: 20}
    for name, expected in milliseconds.items():
        encoder = encoder_for(made_of(MICROPHONE, name), 1)
        assert encoder.frame_samples * 1000 / encoder.rate == expected
    assert encoder_for(made_of(MICROPHONE, names.AAC), 1).frame_samples == 1024


@pytest.mark.parametrize("target", [names.OPUS, names.AAC, names.PCMA, names.G722, names.L16, names.MP3, names.FLAC])
@pytest.mark.parametrize("source", [names.AAC, names.OPUS, names.PCMA, names.G722, names.L16, names.MP3])
def test_impulse_is_heard_when_it_happened_and_soon(source: str, target: str) -> None:
    codec = made_of(MICROPHONE, source)
    units = coded(codec, burst(0.5), 1.0)
    transcoder = AudioTranscoder(codec, made_of(codec, target))
    made: list[AccessUnit] = []
    ready: list[float] = []
    for one in units:
        new = transcoder.push([one])
        made += new
        ready += [one.arrived - BEGIN] * len(new)
    assert abs(loudest(made) - 0.502) < 0.003, "sound and picture are apart"
    ends = [after.pts / after.codec.clock_rate - BEGIN for after in made[1:]]
    emitted = next(at for at, end in zip(ready, ends, strict=False) if end > 0.504)
    inherent = frame_seconds(codec) + priming(codec) + frame_seconds(transcoder.target) + priming(transcoder.target)
    assert emitted - 0.504 - inherent <= 0.06


def frame_seconds(codec: Codec) -> float:
    encoder = encoder_for(codec, 1)
    return encoder.frame_samples / encoder.rate


def priming(codec: Codec) -> float:
    encoder = encoder_for(codec, 1)
    first = next(made for _ in range(9) if (made := encoder.encode(bytes(2 * encoder.frame_samples))))
    return -first[0].start / encoder.rate


def test_an_hour_of_drift_is_absorbed_without_a_click() -> None:
    """The camera's clock runs 300 ppm fast beside ours: over an hour a second, which must not add up."""
    rate, step, drift = 8_000, 0.25, 300e-6
    codec = Codec(names.PCML, "audio", rate)
    second = array("h", (round(LEVEL * math.sin(2 * math.pi * 400 * n / rate)) for n in range(round(rate * step))))
    click = array("h", second)
    click[1000:1016] = array("h", [32_000, -32_000] * 8)
    transcoder = AudioTranscoder(codec, made_of(codec, names.L16))
    worst_apart, last_end, loud = 0.0, None, 4 / 3 * LEVEL
    for number in range(round(3600 / step)):
        at = number * step * (1 + drift)
        marked = number % 1200 == 1199
        made = transcoder.push([unit(codec, (click if marked else second).tobytes(), BEGIN + at)])
        for one in made:
            assert last_end in (None, one.pts), "frames follow each other"
            last_end = one.pts + 160
        if number % 1200 < 1190 and number % 100:
            continue
        sound = array("h", b"".join(one.units[0] for one in made))
        sound.byteswap()
        found = next((place for place, one in enumerate(sound) if abs(one) > loud), None)
        if found is not None:
            heard_at = made[0].pts / rate - BEGIN + found / rate
            expected = (number - number % 1200 + 1199) * step * (1 + drift) + 1000 / rate
            worst_apart = max(worst_apart, abs(heard_at - expected))
        elif number > 2:
            assert smooth(sound, 400, rate)
    assert 0 < worst_apart < 0.04


def test_clock_that_is_pulled_keeps_picture_and_sound_together() -> None:
    """The timeline draws a late track nearer by up to 5 % of the passing time."""
    codec = Codec(names.PCML, "audio", 16_000)
    wave = sine(500)
    units, at = [], 0.0
    for number in range(500):
        sound = array("h", (round(LEVEL * wave((number * 320 + i) / 16_000)) for i in range(320)))
        units.append(unit(codec, sound.tobytes(), BEGIN + at))
        at += 0.02 * (1.05 if 100 <= number < 140 else 1)
    transcoder = AudioTranscoder(codec, codec)
    apart = []
    for one in units:
        made = transcoder.push([one])
        if made:
            apart.append(one.pts - made[-1].pts)
    assert max(apart) - min(apart) < 0.04 * 16_000
    assert abs(apart[-1] - apart[50]) < 0.01 * 16_000


def smooth(sound: Sequence[int], hertz: float, rate: int, level: int = LEVEL) -> bool:
    """No step that the sine itself does not make, give or take a half."""
    most = 2 * math.pi * hertz / rate * level * 1.5 + 300
    return all(abs(after - before) < most for before, after in pairwise(sound))


def sine_units(codec: Codec, count: int, samples: int = 320) -> list[AccessUnit]:
    wave, rate = sine(440), codec.rate
    return [
        unit(
            codec,
            array("h", (round(LEVEL * wave((n * samples + i) / rate)) for i in range(samples))).tobytes(),
            BEGIN + n * samples / rate,
        )
        for n in range(count)
    ]


PCM16 = Codec(names.PCML, "audio", 16_000)


@pytest.mark.parametrize("lost", [1, 2, 4])
def test_lost_packets_are_faded_over(lost: int) -> None:
    units = sine_units(PCM16, 60)
    del units[20 : 20 + lost]
    made = transcoded(units, PCM16)
    assert {after.pts - before.pts for before, after in pairwise(made)} == {320}
    begin, sound = heard(made, 16_000)
    assert smooth(sound, 440, 16_000)
    back = round((0.4 + 0.02 * lost + 0.02 - begin) * 16_000)
    expected = [round(LEVEL * math.sin(2 * math.pi * 440 * (begin + n / 16_000))) for n in range(back, back + 4000)]
    assert all(abs(one - two) < 200 for one, two in zip(sound[back : back + 4000], expected, strict=True))


def test_long_silence_is_a_jump_of_time_not_a_delay() -> None:
    units = sine_units(PCM16, 60)
    del units[20:40]
    made = transcoded(units, PCM16)
    steps = [after.pts - before.pts for before, after in pairwise(made)]
    (jump,) = [step for step in steps if step != 320]
    assert 320 * 19 <= jump <= 320 * 21
    sound = [array("h", one.units[0]) for one in made]
    place = steps.index(jump)
    assert sound[place][-1] == 0
    assert abs(sound[place + 1][0]) < 100
    assert smooth([*sound[place], *sound[place + 1]], 440, 16_000)


def test_units_that_overlap_are_cut() -> None:
    units = sine_units(PCM16, 40)
    late = [unit(PCM16, one.units[0], one.pts / 16_000 - 0.2) for one in units[20:]]
    made = transcoded([*units[:20], *late], PCM16)
    times = [one.pts for one in made]
    assert times == sorted(set(times))
    assert smooth(heard(made, 16_000)[1], 440, 16_000)
    assert abs(times[-1] - late[-1].pts) < 0.03 * 16_000


def test_jitter_of_timestamps_makes_no_gaps() -> None:
    """Stamps of arrival, as some cameras send them."""
    units = sine_units(PCM16, 300)
    moves = [((n * 7919) % 31 - 15) / 1000 for n in range(300)]
    units = [unit(PCM16, one.units[0], one.pts / 16_000 + move) for one, move in zip(units, moves, strict=True)]
    made = transcoded(units, PCM16)
    sound = heard(made, 16_000)[1]
    assert smooth(sound, 440, 16_000)
    assert len(sound) == pytest.approx(300 * 320, rel=0.01)


def test_gain_makes_louder() -> None:
    units = coded(PCM16, lambda time: sine(500)(time) / 4, 0.5)
    transcoder = AudioTranscoder(PCM16, PCM16, gain=2.0)
    made = transcoder.push(units)
    loud = max(array("h", b"".join(one.units[0] for one in made)))
    assert loud == pytest.approx(LEVEL / 2, rel=0.05)


def test_stereo_becomes_mono_and_back() -> None:
    units = coded(STEREO, SWEEP, 0.8, 2)
    mono = transcoded(units, made_of(STEREO, names.PCMA))
    assert signal_to_noise(mono, SWEEP, 0.1, 0.6) > 30
    both = transcoded(mono, made_of(mono[0].codec, names.PCML, 8_000, 2))
    sound = array("h", b"".join(one.units[0] for one in both))
    assert sound[0::2] == sound[1::2]


def test_stream_goes_on_in_another_codec() -> None:
    """As after a reboot with other settings: the reader's codec stays."""
    first = coded(made_of(MICROPHONE, names.AAC, 16_000), SWEEP, 0.4)
    later = [one for one in coded(made_of(MICROPHONE, names.PCMA), SWEEP, 0.8) if one.pts / 8_000 >= BEGIN + 0.4]
    target = made_of(MICROPHONE, names.OPUS)
    made = transcoded([*first, *later], target)
    assert {one.codec for one in made} == {target}
    assert signal_to_noise(made, SWEEP, 0.5, 0.7) > 10


def test_latm_is_decoded() -> None:
    """Elements with their configuration inside, as a camera sends that has it nowhere else."""
    codec = made_of(MICROPHONE, names.AAC, 16_000)
    elements = latm(coded(codec, SWEEP, 0.8))
    announced = Codec(names.LATM, "audio", 16_000)
    made = transcoded([unit(announced, data, at) for data, at in elements], made_of(announced, names.L16))
    assert signal_to_noise(made, SWEEP, 0.15, 0.55) > 18


def latm(units: Sequence[AccessUnit]) -> list[tuple[bytes, float]]:
    """libav's LOAS muxer, its sync layer taken off: AudioMuxElements with their times."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="latm") as container:
        stream = container.add_stream("aac", rate=16_000)
        stream.codec_context.layout = "mono"
        stream.codec_context.extradata = units[0].codec.config
        container.start_encoding()
        for one in units:
            packet: av.Packet[av.stream.Stream] = av.Packet(one.units[0])
            packet.stream, packet.pts, packet.dts = stream, one.pts, one.pts
            packet.time_base = stream.time_base
            container.mux(packet)
    data, found = buffer.getvalue(), []
    for one in units:
        size = int.from_bytes(data[1:3]) & 0x1FFF
        found.append((data[3 : 3 + size], one.pts / 16_000))
        data = data[3 + size :]
    return found


def test_he_aac_is_decoded_at_its_full_rate() -> None:
    """An LC core whose configuration announces SBR (ISO 14496-3 section 1.6.5): twice the samples of the core."""
    core = made_of(MICROPHONE, names.AAC, 16_000)
    bits = BitWriter()
    for value, width in ((5, 5), (8, 4), (1, 4), (5, 4), (2, 5), (0, 3)):  # SBR, 16 kHz, mono, 32 kHz, LC
        bits.write(value, width)
    announced = Codec(names.AAC, "audio", 32_000, config=bits.bytes())
    units = [unit(announced, one.units[0], one.pts / 16_000) for one in coded(core, sine(500), 1.0)]
    made = transcoded(units, made_of(announced, names.L16, 16_000))
    begin, sound = heard(made)
    second = sound[round((0.3 - begin) * RATE) : round((0.8 - begin) * RATE)]
    assert sum(before < 0 <= after for before, after in pairwise(second)) in (249, 250, 251)
    assert max(second) == pytest.approx(LEVEL, rel=0.1)
    assert {after.pts - before.pts for before, after in pairwise(made)} == {320}
