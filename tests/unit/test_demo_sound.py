import math
from array import array

import av

from go2py.sources.demo import sound


def loudness(samples: array[int]) -> float:
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))


def test_a_second_repeats_without_end() -> None:
    second = sound.pcm16(8000)
    assert second.frame(7990, 20) == second.data[-20:] + second.data[:20]
    assert second.frame(8000 * 1000 + 5, 3) == second.data[10:16]


def test_the_beep_marks_the_full_second() -> None:
    second = sound.pcm16(8000)
    beep = loudness(array("h", second.frame(80, 640)))
    between = [loudness(array("h", second.frame(at, 160))) for at in range(1600, 3800, 160)]
    assert beep > 5 * max(between)
    assert min(between) > 100  # never quite silent


def test_a_law_is_what_libavcodec_decodes() -> None:
    decoder = av.CodecContext.create("pcm_alaw", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.rate, decoder.layout = 8000, "mono"
    (frame,) = decoder.decode(av.Packet(sound.pcma().data))
    heard = array("h", bytes(frame.planes[0])[:16000])
    for wanted, got in zip(array("h", sound.pcm16(8000).data), heard, strict=True):
        assert abs(wanted - got) <= max(16, abs(wanted) // 16)
