"""A slow reader skips whole pictures to the next key picture; nobody else notices."""

from dataclasses import replace

from go2py.config.settings import StreamSettings
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.pressure import Budget, Pressure

VIDEO = Codec("H264", "video", 90_000)
AUDIO = Codec("PCMA", "audio", 8_000)
SETTINGS = StreamSettings(backlog=2.0, stuck=20.0, reader_bytes=10_000)
KEY = AccessUnit(VIDEO, (bytes(100),), 0, arrived=0, key=True)
DELTA = AccessUnit(VIDEO, (bytes(100),), 0, arrived=0, key=False)
SOUND = AccessUnit(AUDIO, (bytes(100),), 0, arrived=0)


def send(pressure: Pressure, unit: AccessUnit, queued: int, now: float) -> bool:
    admitted = pressure.admit(unit, queued, now)
    if admitted:
        pressure.wrote(unit.size, now)
    return admitted


def test_fast_reader_gets_everything() -> None:
    pressure = Pressure(SETTINGS)
    assert all(send(pressure, DELTA, 0, i / 25) for i in range(1000))
    assert pressure.dropped == 0


def test_slow_reader_skips_to_a_key_picture_never_into_a_gop() -> None:
    pressure = Pressure(SETTINGS)
    assert send(pressure, KEY, 0, 0.0)
    assert send(pressure, DELTA, 100, 1.9)
    assert not send(pressure, DELTA, 200, 2.1)
    assert not send(pressure, DELTA, 0, 2.2), "it drained, but this picture needs the one left out"
    assert not send(pressure, SOUND, 0, 2.2)
    assert send(pressure, KEY, 0, 2.3)
    assert send(pressure, DELTA, 0, 2.4)
    assert (pressure.dropped, pressure.skips) == (3, 1)


def test_key_picture_does_not_end_the_skip_while_the_reader_is_full() -> None:
    pressure = Pressure(SETTINGS)
    send(pressure, KEY, 0, 0.0)
    assert not send(pressure, DELTA, 100, 3.0)
    assert not send(pressure, KEY, 100, 4.0)
    assert send(pressure, KEY, 0, 5.0)


def test_bytes_bound_a_reader_as_well() -> None:
    pressure = Pressure(SETTINGS)
    assert not send(pressure, DELTA, 10_001, 0.0)


def test_audio_only_reader_resumes_without_a_key_picture() -> None:
    pressure = Pressure(SETTINGS, has_video=False)
    send(pressure, SOUND, 0, 0.0)
    assert not send(pressure, SOUND, 100, 2.5)
    assert send(pressure, SOUND, 0, 2.6)


def test_reader_that_takes_nothing_is_stuck() -> None:
    pressure = Pressure(SETTINGS)
    send(pressure, KEY, 0, 0.0)
    assert not pressure.stuck(19.0)
    assert pressure.stuck(21.0)
    pressure.admit(KEY, 50, 21.0)
    assert not pressure.stuck(22.0)


def test_budget_sheds_the_slowest_reader_first() -> None:
    budget = Budget(1_000)
    shed: list[str] = []
    roomy = replace(SETTINGS, reader_bytes=1 << 30)
    slow = Pressure(roomy, budget, on_shed=lambda _: shed.append("slow"))
    quick = Pressure(roomy, budget, on_shed=lambda _: shed.append("quick"))
    for i in range(9):
        slow.admit(KEY, slow.queued, i / 25)
        slow.wrote(100, i / 25)
    quick.admit(KEY, 0, 1.0)
    quick.wrote(150, 1.0)
    assert shed == ["slow"]
    assert slow.skipping
    assert not quick.skipping
    slow.close()
    quick.close()
    assert budget.total == 0
