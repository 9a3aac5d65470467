"""Sound that is known at every instant, as access units of any codec, and how much of it is left."""

import math
from array import array
from collections.abc import Callable, Sequence

from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.transcode.audio import AudioTranscoder
from go2py.transcode.encoders import encoder_for

LEVEL = 12_000
RATE = 48_000
BEGIN = 1000.0
"""Where sounds begin on the clock of the stream, in seconds."""

type Wave = Callable[[float], float]
"""The sample, from -1 to 1, so many seconds after `BEGIN`."""


def sweep(low: float, high: float, seconds: float) -> Wave:
    """A sine that rises from `low` to `high` hertz."""
    rise = (high - low) / seconds / 2
    return lambda time: math.sin(2 * math.pi * (low + rise * time) * time)


def sine(hertz: float) -> Wave:
    return lambda time: math.sin(2 * math.pi * hertz * time)


def burst(at: float, hertz: float = 1000, seconds: float = 0.004) -> Wave:
    """Silence with a short tone in it that swells and fades."""

    def wave(time: float) -> float:
        place = (time - at) / seconds
        return math.sin(math.pi * place) ** 2 * math.sin(2 * math.pi * hertz * time) if 0 < place < 1 else 0.0

    return wave


def samples(wave: Wave, rate: int, first: int, count: int, channels: int = 1) -> bytes:
    """16 bit samples in the machine's byte order."""
    values = (round(LEVEL * wave(number / rate)) for number in range(first, first + count))
    return array("h", (value for value in values for _ in range(channels))).tobytes()


def coded(codec: Codec, wave: Wave, seconds: float, channels: int = 1) -> list[AccessUnit]:
    """The sound as a camera would send it, each unit with the time at which what it decodes to began."""
    encoder = encoder_for(codec, channels)
    frame = encoder.frame_samples
    units: list[AccessUnit] = []
    for number in range(round(seconds * encoder.rate / frame)):
        sound = samples(wave, encoder.rate, number * frame, frame, encoder.channels)
        now = BEGIN + (number + 1) * frame / encoder.rate
        units += [unit(codec, one.data, BEGIN + one.start / encoder.rate, now) for one in encoder.encode(sound)]
    end = units[-1].arrived
    return units + [unit(codec, one.data, BEGIN + one.start / encoder.rate, end) for one in encoder.finish()]


def unit(codec: Codec, data: bytes, at: float, arrived: float = 0.0) -> AccessUnit:
    return AccessUnit(codec, (data,), round(at * codec.clock_rate), arrived=arrived)


def transcoded(units: Sequence[AccessUnit], target: Codec) -> list[AccessUnit]:
    transcoder = AudioTranscoder(units[0].codec, target)
    made = [one for unit in units for one in transcoder.push([unit])]
    return made + transcoder.flush()


def heard(units: Sequence[AccessUnit], rate: int = RATE) -> tuple[float, array[int]]:
    """What a listener hears: when it begins, in seconds after `BEGIN`, and mono samples from there on. Jumps of the
    timestamps are passed over."""
    codec = units[0].codec
    if (codec.name, codec.rate, codec.channels) != (names.PCML, rate, 0):
        units = transcoded(units, Codec(names.PCML, "audio", rate))
    sound = array("h", b"".join(one.units[0] for one in units))
    return units[0].pts / rate - BEGIN, sound


def signal_to_noise(units: Sequence[AccessUnit], wave: Wave, start: float, end: float, rate: int = RATE) -> float:
    """How well the sound between two times is the wave at these times, in dB; a different loudness counts as none."""
    begin, sound = heard(units, rate)
    first, last = round((start - begin) * rate), round((end - begin) * rate)
    got = sound[first:last]
    assert len(got) == last - first
    wanted = [wave(begin + number / rate) for number in range(first, last)]
    gain = sum(one * value for one, value in zip(got, wanted, strict=True)) / sum(value * value for value in wanted)
    noise = sum((one - gain * value) ** 2 for one, value in zip(got, wanted, strict=True))
    assert 0.5 < gain / LEVEL < 1.5, "the loudness is another"
    return 10 * math.log10(gain * gain * sum(value * value for value in wanted) / max(noise, 1e-9))


def loudest(units: Sequence[AccessUnit], rate: int = RATE) -> float:
    """When the middle of the loudest 4 ms is heard, in seconds after `BEGIN`."""
    begin, sound = heard(units, rate)
    width = rate // 250
    energy = [0]
    for one in sound:
        energy.append(energy[-1] + one * one)
    best = max(range(len(sound) - width), key=lambda at: energy[at + width] - energy[at])
    return begin + (best + width / 2) / rate
