"""The timeline holds every track near our clock, whatever the camera's clock does."""

import itertools

import pytest

from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.timeline import Timeline

VIDEO = Codec("H264", "video", 90_000)
AUDIO = Codec("PCMA", "audio", 8_000)


def place(timeline: Timeline, codec: Codec, raw: int, now: float, track: int = 1) -> AccessUnit:
    unit = AccessUnit(codec, (b"x",), raw % (1 << 32), arrived=now)
    timeline.place(track, unit)
    return unit


def run(
    timeline: Timeline, seconds: float, *, start: float, raw: int, rate: float = 90_000, fps: int = 25
) -> list[AccessUnit]:
    return [place(timeline, VIDEO, raw + round(i * rate / fps), start + i / fps) for i in range(int(seconds * fps))]


def lateness(unit: AccessUnit) -> float:
    return unit.arrived - unit.pts / unit.codec.clock_rate


def strictly_increasing(units: list[AccessUnit]) -> bool:
    return all(a.dts < b.dts for a, b in itertools.pairwise(units))


def test_steps_of_the_camera_are_kept() -> None:
    units = run(Timeline(), 4, start=1000, raw=123)
    assert {b.pts - a.pts for a, b in itertools.pairwise(units)} == {3600}
    assert abs(lateness(units[-1])) < 0.001


def test_wrap_is_invisible() -> None:
    units = run(Timeline(), 4, start=1000, raw=(1 << 32) - 90_000)
    assert {b.pts - a.pts for a, b in itertools.pairwise(units)} == {3600}


@pytest.mark.parametrize("jump", [3600 * 90_000, -3600 * 90_000, 5 * 3600 * 90_000 + 17])
def test_jump_of_hours_leaves_the_times_near_the_clock(jump: int) -> None:
    timeline = Timeline()
    units = run(timeline, 2, start=1000, raw=0) + run(timeline, 2, start=1002, raw=180_000 + jump)
    assert strictly_increasing(units)
    assert abs(lateness(units[-1])) < 0.1


def test_restart_goes_on_behind_what_was_sent() -> None:
    timeline = Timeline()
    before = run(timeline, 2, start=1000, raw=77)
    timeline.restart()
    after = run(timeline, 2, start=1007, raw=4_000_000_000)
    assert strictly_increasing(before + after)
    assert abs(lateness(after[-1])) < 0.1


@pytest.mark.parametrize("factor", [0.97, 0.999, 1.001, 1.03])
def test_wrong_clock_rate_is_drawn_to_ours(factor: float) -> None:
    units = run(Timeline(), 60, start=1000, raw=0, rate=90_000 * factor)
    assert strictly_increasing(units)
    assert max(abs(lateness(unit)) for unit in units[250:]) < 0.25


def test_stall_of_the_network_is_not_a_jump() -> None:
    timeline = Timeline()
    before = run(timeline, 2, start=1000, raw=0)
    stalled = [place(timeline, VIDEO, 180_000 + i * 3600, 1003.5) for i in range(38)]
    after = run(timeline, 1, start=1003.52, raw=180_000 + 38 * 3600)
    units = before + stalled + after
    assert {b.pts - a.pts for a, b in itertools.pairwise(units)} == {3600}


def test_reordered_pictures_get_increasing_decode_times_not_after_presentation() -> None:
    timeline = Timeline()
    order = [0, *(n + k for n in range(0, 400, 4) for k in (4, 2, 1, 3))]
    units = [place(timeline, VIDEO, n * 3600, 1000 + i / 25) for i, n in enumerate(order)]
    assert strictly_increasing(units)
    assert all(unit.dts <= unit.pts for unit in units[200:])
    assert max(unit.pts - unit.dts for unit in units[200:]) <= 8 * 3600
    shown = [n for _, n in sorted(zip([unit.pts for unit in units], order, strict=True))]
    assert shown == sorted(order)


def test_sender_reports_draw_audio_beside_video() -> None:
    timeline = Timeline()
    audio: list[AccessUnit] = []
    video: list[AccessUnit] = []
    for i in range(50 * 40):  # audio arrives 300 ms late, but was captured with the picture
        now = 1000 + i / 50
        video.append(place(timeline, VIDEO, i * 1800, now, 1))
        audio.append(place(timeline, AUDIO, i * 160, now + 0.3, 2))
        if i % 100 == 0:
            timeline.sender_report(1, i * 1800, 50_000 + i / 50, master=1)
            timeline.sender_report(2, i * 160, 50_000 + i / 50, master=1)
    skew = audio[-1].pts / 8_000 - video[-1].pts / 90_000
    assert abs(skew) < 0.02
    assert strictly_increasing(audio)


def test_wild_sender_reports_are_ignored() -> None:
    timeline = Timeline()
    unit = place(timeline, AUDIO, 0, 1000, 2)
    for i in range(500):
        place(timeline, VIDEO, i * 3600, 1000 + i / 25, 1)
        unit = place(timeline, AUDIO, i * 320, 1000 + i / 25, 2)
        timeline.sender_report(1, i * 3600, 50_000 + i / 25, master=1)
        timeline.sender_report(2, i * 320, 0, master=1)
    assert abs(lateness(unit)) < 0.1
