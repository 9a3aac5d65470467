"""Broken sound: any bytes in a unit are a gap, nothing else; what follows is heard."""

import random

import pytest

from go2py.errors import ProtocolError
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.transcode import g726, ima
from go2py.transcode.audio import AudioTranscoder
from go2py.transcode.decoders import MAX_UNIT, decoder_for
from go2py.transcode.formats import encoded
from tests.fakes.sound import BEGIN, coded, heard, sine, unit
from tests.fuzz.mutate import mutations

MICROPHONE = Codec(names.PCML, "audio", 16_000)
CODECS = [
    codec
    for name in (
        *(names.AAC, names.OPUS, names.PCMA, names.G722, names.L16, names.MP3, names.FLAC, names.DVI4, names.ADPCM),
        *("G726-32", "G726-40"),
    )
    if (codec := encoded(MICROPHONE, name)) is not None
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_broken_units_never_end_the_sound(codec: Codec) -> None:
    target = Codec(names.PCML, "audio", 16_000)
    good = coded(codec, sine(440), 0.8)
    transcoder = AudioTranscoder(codec, target)
    chance = random.Random(codec.name)
    samples = [one.units[0] for one in good]
    at, step = BEGIN, 0.02
    for data in mutations(samples, 120, seed=4):
        made = transcoder.push([unit(codec, data, at)])
        assert sum(one.size for one in made) < 2 * 16_000 * 5
        at += step * chance.choice((1, 1, 1, 0, 3, 50))
    later = at + 2.0
    made = [made for one in good for made in transcoder.push([moved(one, later)])]
    begin, sound = heard([one for one in made if one.pts / 16_000 > later + 0.1], 16_000)
    assert begin > 0
    assert max(sound) > 8_000, "the good units behind are heard"
    times = [one.pts for one in made]
    assert times == sorted(set(times))


def moved(one: AccessUnit, seconds: float) -> AccessUnit:
    rate = one.codec.clock_rate
    return unit(one.codec, one.units[0], one.pts / rate - BEGIN + seconds)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_decoders_are_total(codec: Codec) -> None:
    samples = [one.units[0] for one in coded(codec, sine(300), 0.4)]
    decoder = decoder_for(codec)
    for data in (*mutations(samples, 150, seed=5), b"", b"\0", bytes(MAX_UNIT), bytes(MAX_UNIT + 1)):
        try:
            frames = decoder.decode(data)
        except ProtocolError:
            continue
        assert sum(frame.samples for frame in frames) <= 192_000


def test_adpcm_of_our_own_is_total() -> None:
    for data in mutations([bytes(84), b"\x12\x34\x10\0" + bytes(80)], 200, seed=6):
        for framing in ima.FRAMINGS.values():
            try:
                assert len(ima.decode(data, framing)) % 2 == 0
            except ProtocolError:
                continue
        assert len(g726.Coder(5, low_first=True).decode(data)) == 8 * len(data) // 5 * 2
