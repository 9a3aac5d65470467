"""The jitter buffer and the gate of one voice."""

import math
from array import array
from collections.abc import Iterator
from itertools import pairwise

import pytest

from go2py.streams.talk.lane import CAPACITY, DELAY, HANGOVER, MAX_DELAY, PRE_ROLL, Lane
from go2py.streams.talk.samples import Limiter, decibels, meter, silence

RATE, FRAME = 8_000, 160
STEP = FRAME / RATE


def tone(count: int = FRAME, *, level: int = 8_000, begin: int = 0) -> array[int]:
    return array("h", [round(level * math.sin(2 * math.pi * 440 * (begin + i) / RATE)) for i in range(count)])


def speech() -> Iterator[array[int]]:
    """A tone that goes on from frame to frame."""
    begin = 0
    while True:
        yield tone(begin=begin)
        begin += FRAME


def lane(*, live: bool = True) -> Lane:
    return Lane(RATE, FRAME, live=live, threshold=-50.0)


def steepest(samples: array[int]) -> int:
    return max(abs(b - a) for a, b in pairwise(samples))


def test_a_voice_speaks_from_its_first_loud_frame_until_shortly_after_the_last() -> None:
    one = lane()
    one.push(silence(FRAME), 0.0)
    assert not one.speaks(0.0)
    one.push(tone(), 1.0)
    assert one.speaks(1.0)
    assert one.speaks(1.0 + HANGOVER / 2)
    assert not one.speaks(1.01 + HANGOVER)


def test_before_somebody_speaks_only_the_newest_third_of_a_second_is_kept() -> None:
    one = lane()
    for turn in range(100):
        one.push(silence(FRAME), turn * STEP)
        one.idle()
    assert one.queued == pytest.approx(PRE_ROLL)


def test_what_was_said_just_before_the_first_loud_frame_is_given_out_whole() -> None:
    one = lane()
    soft = array("h", [20] * FRAME)  # -64 dB: below the gate, and yet the beginning of a word
    for turn in range(15):
        one.push(soft, turn * STEP)
        one.idle()
    heard = array("h")
    loud = speech()
    for turn in range(15, 30):
        one.push(next(loud), turn * STEP)
        heard += one.take(turn * STEP)
    assert heard.count(20) >= 15 * FRAME - FRAME  # all but what the first frame fades in


def test_steady_speech_comes_out_as_it_went_in_after_the_delay() -> None:
    one, loud = lane(), speech()
    sent, heard = array("h"), array("h")
    for turn in range(50):
        frame = next(loud)
        sent += frame
        one.push(frame, turn * STEP)
        heard += one.take(turn * STEP)
    first = round(DELAY / STEP) - 1  # frames of silence, then one that is faded in
    assert heard[(first + 1) * FRAME :] == sent[FRAME : len(heard) - first * FRAME]


def test_a_voice_that_falls_silent_fades_instead_of_clicking() -> None:
    one, loud = lane(), speech()
    heard = array("h")
    for turn in range(20):
        if turn < 10:
            one.push(next(loud), turn * STEP)
        heard += one.take(turn * STEP)
    assert steepest(heard) < 2 * steepest(tone())
    assert not any(heard[-FRAME:])


def test_a_jittery_line_is_given_more_delay_and_a_calm_one_gets_less_again() -> None:
    one, loud = lane(), speech()
    for turn in range(200):  # steady at first, then six packets at once
        for _ in range(1 if turn < 20 else 6 * (turn % 6 == 0)):
            one.push(next(loud), turn * STEP)
        one.take(turn * STEP)
    assert DELAY < one.delay <= MAX_DELAY
    jittery = one.delay
    for turn in range(200, 2000):
        one.push(next(loud), turn * STEP)
        one.take(turn * STEP)
    assert one.delay < jittery


def test_after_a_stall_the_voice_catches_up_instead_of_staying_late() -> None:
    one, loud = lane(), speech()
    for _ in range(100):  # two seconds come at once
        one.push(next(loud), 0.0)
    for turn in range(50):
        one.push(next(loud), turn * STEP)
        one.take(turn * STEP)
    assert one.queued < 0.6


def test_pauses_are_shortened_until_nothing_waits_too_long() -> None:
    one = lane()
    for _ in range(15):
        one.push(tone(), 0.0)
    for turn in range(100):
        one.push(tone() if turn < 10 else silence(FRAME), turn * STEP)
        one.take(turn * STEP)
    assert one.queued <= 0.12


@pytest.mark.parametrize("live", [True, False])
def test_ten_times_real_time_costs_bounded_memory(live: bool) -> None:
    one, loud = lane(live=live), speech()
    for turn in range(4_000):
        one.push(next(loud), turn * STEP / 10)
    assert one.queued <= (CAPACITY if live else 60.0)
    assert one.dropped


def test_what_is_played_is_played_whole_with_its_pauses() -> None:
    one = lane(live=False)
    sent = tone(level=20) + silence(40 * FRAME) + tone() + tone(FRAME // 2)
    one.push(sent, 0.0)
    assert one.speaks(0.0)
    heard = array("h")
    for turn in range(60):
        heard += one.take(turn * STEP)
    assert heard[FRAME : len(sent)] == sent[FRAME:]
    assert not one.speaks(60 * STEP)


@pytest.mark.parametrize("ppm", [100, -100])
def test_an_hour_of_a_clock_that_drifts_costs_some_gaps_and_no_delay(ppm: int) -> None:
    one, sound, due = lane(), tone(), 0.0
    gaps, queued = 0, 0.0
    for turn in range(60 * 60 * 50):
        due += 1 + ppm * 1e-6
        if due >= 2:
            one.push(sound, turn * STEP)
            due -= 1
        if due >= 1:
            one.push(sound, turn * STEP)
            due -= 1
        gaps += not any(one.take(turn * STEP))
        queued = max(queued, one.queued)
    assert gaps <= 20
    assert queued < 0.5


def test_the_last_crumb_of_a_file_is_played_though_nothing_was_left_before_it() -> None:
    one = lane(live=False)
    one.push(tone(), 0.0)
    one.take(0.0)
    one.take(STEP)
    one.push(tone(FRAME // 4), 2 * STEP)
    assert one.speaks(2 * STEP)
    assert any(one.take(2 * STEP))
    assert not one.speaks(3 * STEP)
    assert len(one.take(3 * STEP)) == FRAME


def test_the_sum_of_loud_voices_is_turned_down_instead_of_clipped() -> None:
    limiter = Limiter()
    loud = tone(level=30_000)
    mixed = [limiter.mix([loud, loud, loud], FRAME) for _ in range(5)][-1]
    assert max(map(abs, mixed)) <= 32_767
    ratio = [a / b for a, b in zip(mixed, loud, strict=True) if abs(b) > 10_000]
    assert max(ratio) - min(ratio) < 0.02  # still a sine


def test_one_voice_passes_the_mixer_untouched() -> None:
    assert Limiter().mix([tone()], FRAME) == tone()
    assert Limiter().mix([], FRAME) == silence(FRAME)


def test_loudness() -> None:
    assert decibels(array("h", [32_767, -32_767] * 80)) == pytest.approx(0.0, abs=0.01)
    assert decibels(tone(level=32_767)) == pytest.approx(-3.0, abs=0.1)
    assert decibels(silence(FRAME)) == decibels(array("h")) == -96.0
    assert (meter(0.0), meter(-30.0), meter(-96.0)) == (1.0, 0.5, 0.0)
