"""What sound becomes for whom, and the parts that have no library behind them."""

import io
import math
import random
import struct
from array import array
from typing import override

import av
import pytest

from go2py.errors import Unsupported
from go2py.media import codec as names
from go2py.media.aac import parse_config
from go2py.media.codec import Codec
from go2py.protocols.rtp.registry import depacketizer_for, packetizer_for
from go2py.protocols.sdp_codec import codec_of
from go2py.transcode import g726, ima
from go2py.transcode.formats import Wish, choose, decodable, encoded, forced
from go2py.transcode.line import SampleLine

AAC = Codec(names.AAC, "audio", 16_000, config=bytes.fromhex("1408"))
PCMA = Codec(names.PCMA, "audio", 8_000)
STEREO = Codec(names.L16, "audio", 44_100, 2)


@pytest.mark.parametrize(
    ("source", "wishes", "chosen"),
    [
        (AAC, [("G722", 8000, 0), ("PCMU", 8000, 0), ("OPUS", 0, 0)], "OPUS/48000/2"),
        (PCMA, [("MPEG4-GENERIC", 0, 0), ("OPUS", 0, 0)], "MPEG4-GENERIC/16000"),
        (STEREO, [("MPEG4-GENERIC", 0, 0)], "MPEG4-GENERIC/44100/2"),
        (AAC, [("PCMU", 8000, 0), ("PCMA", 8000, 0)], "PCMU/8000"),
        (AAC, [("PCMU", 8000, 0), ("L16", 0, 0)], "L16/16000"),
        (AAC, [("L16", 44100, 2)], "L16/44100/2"),
        (PCMA, [("MPA", 0, 0)], "MPA/2"),
    ],
)
def test_most_suitable_codec_is_chosen(source: Codec, wishes: list[Wish], chosen: str) -> None:
    codec = choose(source, wishes)
    assert codec is not None
    assert codec.label() == (chosen if chosen != "MPA/2" else "MPA")


def test_nothing_is_chosen_where_nothing_can_be_made() -> None:
    assert choose(Codec("SPEEX", "audio", 8_000), [("OPUS", 0, 0)]) is None
    assert choose(AAC, [("ANY", 0, 0), ("ALL", 0, 0), ("SPEEX", 0, 0)]) is None
    assert choose(AAC, [("OPUS", 48_000, 1), ("PCMA", 11_025, 0), ("G722", 16_000, 0)]) is None
    assert not decodable(Codec(names.L16, "audio", 1))
    assert not decodable(Codec(names.L16, "audio", 8_000, 200))


def test_aac_is_described_before_it_exists() -> None:
    codec = encoded(STEREO, names.AAC)
    assert codec is not None
    config = parse_config(codec.config)
    assert (config.object_type, config.sample_rate, config.channels) == (2, 44_100, 2)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("opus", "OPUS/48000/2"),
        ("opus/16000", "OPUS/48000/2"),
        ("aac", "MPEG4-GENERIC/44100/2"),
        ("aac/16000", "MPEG4-GENERIC/16000"),
        ("pcma", "PCMA/8000"),
        ("pcmu/16000", "PCMU/16000"),
        ("pcm/16000", "L16/16000"),
        ("pcml", "PCML/8000"),
        ("G722", "G722/8000"),
        ("mp3", "MPA/2"),
    ],
)
def test_words_of_go2rtc(text: str, label: str) -> None:
    assert forced(STEREO, text).label() == label


@pytest.mark.parametrize("text", ["speex", "opus/x", "pcma/11025", "aac/5", "/", "pcm/99999999999"])
def test_other_words_are_refused_with_those_that_would_do(text: str) -> None:
    with pytest.raises(Unsupported, match="#audio="):
        forced(STEREO, text)


@pytest.mark.parametrize(
    ("payload_type", "rtpmap", "label"),
    [
        (5, "", "DVI4/8000"),
        (6, "", "DVI4/16000"),
        (97, "DVI4/16000", "DVI4/16000"),
        (98, "G726-32/8000", "G726-32/8000"),
    ],
)
def test_adpcm_travels_in_rtp_as_it_is(payload_type: int, rtpmap: str, label: str) -> None:
    codec = codec_of("audio", payload_type, rtpmap)
    assert codec.label() == label
    (unit,) = depacketizer_for(codec).push(1, 160, marker=False, payload=b"\1\2\3\4\5", arrived=0.0)
    assert packetizer_for(codec).packetize(unit).payloads == (b"\1\2\3\4\5",)


# --- G.726 and IMA ADPCM beside libav --------------------------------------------------------------------------------


def speech(count: int) -> bytes:
    """Two tones, loud and soft by turns, with some noise."""
    chance = random.Random(7)
    loud = (0.1 + 0.9 * (n // 700 % 2) for n in range(count))
    tones = (math.sin(n * 0.31) + math.sin(n * 0.05) for n in range(count))
    return array(
        "h", (round(6_000 * one * two) + chance.randint(-300, 300) & ~3 for one, two in zip(loud, tones, strict=True))
    ).tobytes()


def noise_of(sound: bytes, other: bytes) -> float:
    """How far apart, in dB below the first."""
    one, two = array("h", sound), array("h", other)
    apart = sum((a - b) ** 2 for a, b in zip(one, two, strict=True))
    return 10 * math.log10(sum(a * a for a in one) / max(apart, 1))


@pytest.mark.parametrize(("bits", "ratio"), [(2, 10), (3, 14), (4, 18), (5, 22)])
@pytest.mark.parametrize("low_first", [True, False])
def test_g726_is_heard_again(bits: int, ratio: int, *, low_first: bool) -> None:
    sound = speech(8_000)
    packets = [g726.Coder(bits, low_first=low_first) for _ in range(2)]
    made = b"".join(packets[0].encode(sound[at : at + 320]) for at in range(0, len(sound), 320))
    assert len(made) == 8_000 * bits // 8
    assert noise_of(sound, packets[1].decode(made)) > ratio


class LikeLibav(g726.Coder):
    """With libav's two deviations: how it mixes the scale factors, and that 40 kbit/s leaks like the others."""

    def __init__(self, bits: int, *, low_first: bool) -> None:
        super().__init__(bits, low_first=low_first)
        self._leak = 8

    @override
    def _scale(self) -> int:
        share = 64 if self._speed >= 256 else self._speed >> 2
        return self._slow + (self._fast - (self._slow >> 6)) * share >> 6


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
@pytest.mark.parametrize("low_first", [True, False])
def test_g726_is_libavs_to_the_bit_but_for_its_deviations(bits: int, *, low_first: bool) -> None:
    code = LikeLibav(bits, low_first=low_first).encode(speech(12_000))
    form = "g726le" if low_first else "g726"
    with av.open(io.BytesIO(code), "r", format=form, options={"code_size": str(bits)}) as container:
        frames = [frame for frame in container.decode(audio=0) if isinstance(frame, av.AudioFrame)]
    reference = b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames)
    assert len(reference) > 16_000
    assert LikeLibav(bits, low_first=low_first).decode(code)[: len(reference)] == reference


def test_ima_blocks_of_wav_are_what_libav_calls_by_that_name() -> None:
    sound = speech(505)
    packet = ima.Encoder(ima.FRAMINGS[names.ADPCM]).encode(sound)
    form = struct.pack("<HHIIHHHH", 0x11, 1, 8_000, 4_055, len(packet), 4, 2, 505)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(packet)) + packet
    with av.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body), "r", format="wav") as container:
        (frame,) = (frame for frame in container.decode(audio=0) if isinstance(frame, av.AudioFrame))
    assert bytes(frame.planes[0])[: 2 * frame.samples] == ima.decode(packet, ima.FRAMINGS[names.ADPCM])


def test_dvi4_packets_stand_alone() -> None:
    """RFC 3551: the header holds the state in front of the packet's first code."""
    sound = speech(1_600)
    encoder = ima.Encoder(ima.FRAMINGS[names.DVI4])
    packets = [encoder.encode(sound[at : at + 320]) for at in range(0, len(sound), 320)]
    assert all(len(packet) == 84 for packet in packets)
    alone = ima.decode(packets[-1], ima.FRAMINGS[names.DVI4])
    assert noise_of(sound[-320:], alone) > 10


# --- the line of samples ---------------------------------------------------------------------------------------------


def ramp(count: int, start: int = 1) -> bytes:
    return array("h", range(start, start + count)).tobytes()


def test_line_cuts_frames_and_knows_where_they_lie() -> None:
    line = SampleLine(1_000, 1, 20)
    line.move(5_000)
    line.append(ramp(50))
    assert [(at, array("h", data)[0]) for at, data in line.frames()] == [(5_000, 1), (5_020, 21)]
    line.append(ramp(10, 51))
    assert [at for at, _ in line.frames()] == [5_040]


def test_line_bridges_a_short_gap_and_jumps_a_long_one() -> None:
    line = SampleLine(1_000, 1, 20)
    line.move(0)
    line.append(ramp(30, 100))
    line.move(60)
    line.append(ramp(40, 100))
    frames = line.frames()
    assert [at for at, _ in frames] == [0, 20, 40, 60, 80]
    assert array("h", frames[1][1])[10:] == array("h", [103, 76, 50, 25, 0, 0, 0, 0, 0, 0])
    assert array("h", frames[3][1])[:6].tolist() == [0, 20, 40, 61, 83, 105]
    line.append(ramp(5))
    line.move(10_007)
    line.append(ramp(20, 100))
    assert [at for at, _ in line.frames()] == [100, 10_007]


def test_line_leaves_out_what_its_time_was_taken_for() -> None:
    line = SampleLine(1_000, 1, 20)
    line.move(0)
    line.append(ramp(30))
    line.move(10)  # again the last 20
    line.append(ramp(60, 11))
    line.finish()
    frames = line.frames()
    assert [at for at, _ in frames] == [0, 20, 40, 60]
    assert array("h", frames[2][1])[3:].tolist() == list(range(44, 61))
