"""Talk with a camera: opened by speech, not by listening; one clean stream whoever speaks; given free afterwards."""

import asyncio
import math
import threading
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from go2py.config.settings import TalkSettings
from go2py.errors import Busy, NegotiationError, Paused, Unreachable
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.talk.status import Status
from go2py.streams.talk.talk import Talk
from go2py.streams.talk.voice import Voice
from tests.fakes.ear import PCMA, Ear

PCM = Codec(names.PCML, "audio", 16_000)
AAC = Codec(names.AAC, "audio", 16_000, config=b"\x14\x08")
STEP = 320


@pytest.fixture
async def ear() -> Ear:
    return Ear()


@pytest.fixture
async def talk(ear: Ear) -> AsyncIterator[Talk]:
    one = Talk(ear, "door", lambda: None)
    one.settings = TalkSettings(hold=0.5)
    yield one
    await one.close()


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Microphone:
    """Speaks a tone while `loud`, else silence, 20 ms at a time, until closed."""

    def __init__(self, voice: Voice, hertz: float = 440.0) -> None:
        self.voice = voice
        self.loud = False
        self.muted = False
        """Sends nothing at all."""
        self._hertz = hertz
        self._task = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        start, number = loop.time(), 0
        while True:
            level = 8_000 if self.loud else 0
            wave = [
                round(level * math.sin(2 * math.pi * self._hertz * (number * STEP + i) / 16_000)) for i in range(STEP)
            ]
            if not self.muted:
                self.voice.push([AccessUnit(PCM, (array("h", wave).tobytes(),), number * STEP, arrived=loop.time())])
            number += 1
            await asyncio.sleep(max(0.0, start + number * 0.02 - loop.time()))

    def close(self) -> None:
        self._task.cancel()
        self.voice.close()


@contextmanager
def microphone(talk: Talk, name: str = "tablet", hertz: float = 440.0, priority: int = 0) -> Iterator[Microphone]:
    one = Microphone(talk.voice(name, priority=priority), hertz)
    try:
        yield one
    finally:
        one.close()


def loudness(sound: array[int], hertz: float, rate: int = 8_000) -> float:
    """How much of a tone is in there, 0 to about 1."""
    real = sum(s * math.cos(2 * math.pi * hertz * i / rate) for i, s in enumerate(sound))
    imaginary = sum(s * math.sin(2 * math.pi * hertz * i / rate) for i, s in enumerate(sound))
    return 2 * math.hypot(real, imaginary) / max(1, len(sound)) / 8_000


async def test_a_silent_microphone_opens_nothing_and_speech_does(ear: Ear, talk: Talk) -> None:
    with microphone(talk) as mic:
        await asyncio.sleep(0.5)
        assert not ear.calls
        assert talk.status.state == "idle"
        mic.loud = True
        await until(lambda: talk.status.state == "talking" and mic.voice.status.state == "talking")
        assert talk.status.by == "tablet"
        await until(lambda: talk.status.level > 0.5)
        await until(lambda: len(ear.heard) > 30)
    assert loudness(ear.sound()[2_000:], 440) > 0.6


async def test_the_backchannel_is_given_free_after_the_last_word_and_opened_again_by_the_next(
    ear: Ear, talk: Talk
) -> None:
    with microphone(talk) as mic:
        for _ in range(2):
            before = len(ear.calls)
            mic.loud = True
            await until(lambda before=before: len(ear.calls) > before)  # type: ignore[misc]
            mic.loud = False
            await until(lambda: len(ear.calls[-1]) == 2)
        assert talk.status.packets


async def test_a_talker_that_vanishes_lets_the_camera_go(ear: Ear, talk: Talk) -> None:
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: talk.status.state == "talking")
        mic.muted = True
        await until(lambda: not ear.is_open)
        await until(lambda: talk.status == Status())


async def test_closing_a_voice_in_mid_sentence_lets_the_camera_go(ear: Ear, talk: Talk) -> None:
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: talk.status.state == "talking")
    await until(lambda: not ear.is_open)
    assert mic.voice.status == Status()


async def test_frames_come_one_by_one_and_without_gaps_whatever_the_line_does(ear: Ear, talk: Talk) -> None:
    with microphone(talk) as mic:
        mic.loud = True
        for _ in range(4):
            await asyncio.sleep(0.3)
            mic.muted = not mic.muted
        await until(lambda: len(ear.heard) > 40)
    times = [unit.pts for _, unit in ear.heard]
    assert times == list(range(0, len(times) * 160, 160))
    assert {unit.size for _, unit in ear.heard} == {160}


async def test_the_first_syllable_is_there(ear: Ear, talk: Talk) -> None:
    """What was said while the camera was being opened, and before that, is sent."""
    ear.delay = 0.5
    with microphone(talk) as mic:
        mic.loud = True
        await asyncio.sleep(0.4)
        mic.loud = False
        await until(lambda: len(ear.heard) > 40)
    loud = sum(abs(sample) > 500 for sample in ear.sound())
    assert loud > 0.3 * 8_000 * 0.9


async def test_a_camera_that_swallows_the_first_syllable_gets_silence_first(ear: Ear, talk: Talk) -> None:
    talk.settings = replace(talk.settings, warmup=0.4)
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: len(ear.heard) > 40)
    sound = ear.sound()
    assert max(map(abs, sound[: 8_000 * 4 // 10])) < 20
    assert max(map(abs, sound[8_000 * 4 // 10 :])) > 4_000


async def test_the_camera_is_asked_once_what_it_takes(ear: Ear, talk: Talk) -> None:
    found = await asyncio.gather(*(talk.find(5) for _ in range(5)))
    assert set(found) == {(PCMA,)}
    assert ear.finds == 1


async def test_a_camera_without_backchannel_says_so(ear: Ear, talk: Talk) -> None:
    ear.takes = ()
    with pytest.raises(NegotiationError, match="door has no backchannel"):
        await talk.find(5)
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: mic.voice.status.state == "refused")
        assert "no backchannel" in mic.voice.status.reason


async def test_a_camera_that_cannot_be_asked_is_asked_again_by_the_next(ear: Ear, talk: Talk) -> None:
    ear.find_error = Unreachable("no route")
    with pytest.raises(Unreachable, match="no route"):
        await talk.find(5)
    ear.find_error = None
    assert await talk.find(5) == (PCMA,)


async def test_a_codec_nobody_can_make_is_named(ear: Ear, talk: Talk) -> None:
    ear.takes = (Codec("AMR", "audio", 8_000),)
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: mic.voice.status.state == "refused")
        assert "AMR" in mic.voice.status.reason


@pytest.mark.parametrize(
    ("error", "state"), [(Busy("door allows no further session"), "busy"), (Unreachable("door is gone"), "refused")]
)
async def test_a_refusal_is_told_and_the_next_press_tries_at_once(
    ear: Ear, talk: Talk, error: Busy | Unreachable, state: str
) -> None:
    ear.refusals = [error]
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: mic.voice.status.state == state)
        assert mic.voice.status.reason == talk.status.reason == str(error)
        mic.loud = False
        await until(lambda: mic.voice.status.state == "idle")
        mic.loud = True
        await until(lambda: talk.status.state == "talking")


async def test_a_camera_that_breaks_off_in_mid_sentence_is_opened_again(ear: Ear, talk: Talk) -> None:
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: len(ear.heard) > 5)
        ear.break_off("door rebooted")
        await until(lambda: len(ear.calls) == 2)
        before = len(ear.heard)
        await until(lambda: len(ear.heard) > before + 5)


async def test_the_latest_speaker_is_heard_and_the_other_is_told(ear: Ear, talk: Talk) -> None:
    with microphone(talk, "tablet") as first, microphone(talk, "phone", 1000.0) as second:
        first.loud = True
        await until(lambda: first.voice.status.state == "talking")
        second.loud = True
        await until(lambda: second.voice.status.state == "talking" and first.voice.status.state == "busy")
        assert "phone" in first.voice.status.reason
        assert first.voice.status.by == "phone"
        ear.heard.clear()
        await until(lambda: len(ear.heard) > 60)
    sound = ear.sound()[-4_000:]
    assert loudness(sound, 1000) > 0.8
    assert loudness(sound, 440) < 0.05


async def test_the_first_speaker_keeps_the_floor_where_that_is_the_policy(ear: Ear, talk: Talk) -> None:
    talk.settings = replace(talk.settings, policy="first")
    with microphone(talk, "tablet") as first, microphone(talk, "phone", 1000.0) as second:
        first.loud = True
        await until(lambda: first.voice.status.state == "talking")
        second.loud = True
        await until(lambda: second.voice.status.state == "busy")
        assert first.voice.status.state == "talking"
        first.loud = False
        await until(lambda: second.voice.status.state == "talking")


async def test_all_are_heard_where_they_are_mixed(ear: Ear, talk: Talk) -> None:
    talk.settings = replace(talk.settings, policy="mix")
    with microphone(talk, "a", 440.0) as a, microphone(talk, "b", 1000.0) as b, microphone(talk, "c", 1700.0) as c:
        for mic in (a, b, c):
            mic.loud = True
        await until(lambda: all(mic.voice.status.state == "talking" for mic in (a, b, c)))
        ear.heard.clear()
        await until(lambda: len(ear.heard) > 60)
    sound = ear.sound()[-4_000:]
    assert min(loudness(sound, hertz) for hertz in (440, 1000, 1700)) > 0.5


async def test_an_announcement_of_higher_priority_wins(ear: Ear, talk: Talk) -> None:
    with microphone(talk, "tablet") as mic:
        mic.loud = True
        await until(lambda: mic.voice.status.state == "talking")
        alarm = talk.voice("alarm", priority=10, live=False)
        samples = array("h", [round(8_000 * math.sin(2 * math.pi * 1000 * i / 16_000)) for i in range(16_000)])
        for number in range(50):
            chunk = samples[number * STEP : (number + 1) * STEP].tobytes()
            alarm.push([AccessUnit(PCM, (chunk,), number * STEP, arrived=0.0)])
        await until(lambda: mic.voice.status.state == "busy")
        assert mic.voice.status.by == "alarm"
        await until(lambda: not alarm.queued and mic.voice.status.state == "talking")
        alarm.close()


async def test_what_is_played_arrives_whole(ear: Ear, talk: Talk) -> None:
    """A file with a pause in it, pushed all at once."""
    voice = talk.voice("player", live=False)
    tone = [round(8_000 * math.sin(2 * math.pi * 440 * i / 16_000)) for i in range(16_000)]
    samples = array("h", tone + [0] * 8_000 + tone)
    for number in range(len(samples) // STEP):
        chunk = samples[number * STEP : (number + 1) * STEP].tobytes()
        voice.push([AccessUnit(PCM, (chunk,), number * STEP, arrived=0.0)])
    await until(lambda: ear.is_open)
    await until(lambda: not ear.is_open)
    voice.close()
    loud = [abs(sample) > 500 for sample in ear.sound()]
    assert 15_000 < sum(loud) <= 16_000
    first, last = loud.index(True), len(loud) - loud[::-1].index(True)
    assert abs(last - first - 20_000) < 200


async def test_stopping_ends_what_is_played_and_not_who_speaks(talk: Talk) -> None:
    player, speaker = talk.voice("player", live=False), talk.voice("tablet")
    talk.stop()
    assert player.closed
    assert not speaker.closed


async def test_a_camera_that_takes_aac_gets_it(ear: Ear, talk: Talk) -> None:
    ear.takes = (AAC,)
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: len(ear.heard) > 20)
    assert loudness(ear.sound()[8_000:], 440, 16_000) > 0.7


async def test_garbage_is_silence(ear: Ear, talk: Talk) -> None:
    voice = talk.voice("garbage")
    opus = Codec(names.OPUS, "audio", 48_000, 2)
    for number in range(100):
        voice.push([AccessUnit(opus, (bytes([255, number]) * 40,), number * 960, arrived=0.0)])
        await asyncio.sleep(0.005)
    voice.push([AccessUnit(Codec("AMR", "audio", 8_000), (b"?",), 0, arrived=0.0)])
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: mic.voice.status.state == "talking")
    voice.close()


async def test_a_flood_is_bounded(talk: Talk) -> None:
    voice = talk.voice("flood")
    for number in range(10_000):
        voice.push([AccessUnit(PCM, (bytes(640),), number * STEP, arrived=0.0)])
    assert len(voice.waiting) <= 256
    assert voice.dropped > 9_000


async def test_nobody_speaks_while_the_camera_is_off(ear: Ear, talk: Talk) -> None:
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: talk.status.state == "talking")
        talk.allow(allowed=False)
        await until(lambda: not ear.is_open and mic.voice.status.state == "refused")
        assert "paused" in mic.voice.status.reason
        talk.allow(allowed=True)
        await until(lambda: talk.status.state == "talking")


async def test_nothing_is_left_when_nobody_speaks(ear: Ear, talk: Talk) -> None:
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: talk.status.state == "talking")
    await until(lambda: not any(task.get_name() == "talk with door" for task in asyncio.all_tasks()))
    assert not ear.is_open


async def test_who_asks_while_the_camera_is_removed_is_told(ear: Ear, talk: Talk) -> None:
    ear.delay = 5
    asking = asyncio.create_task(talk.find(5))
    await asyncio.sleep(0.05)
    await talk.close()
    with pytest.raises(Unreachable, match="removed"):
        await asking


async def test_a_paused_camera_is_asked_nothing(ear: Ear, talk: Talk) -> None:
    ear.delay = 0.5
    asking = asyncio.create_task(talk.find(5))
    await asyncio.sleep(0.05)
    talk.allow(allowed=False)
    with pytest.raises(Paused):
        await asking
    talk.allow(allowed=True)
    assert await talk.find(5) == (PCMA,)
    assert ear.finds == 2


async def test_a_camera_that_fails_to_close_leaves_no_thread(
    ear: Ear, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise Unreachable("the camera is gone")

    monkeypatch.setattr(ear, "close", broken)
    before = threading.active_count()
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: talk.status.state == "talking")
        talk.allow(allowed=False)
        await until(lambda: mic.voice.status.state == "refused")
    await until(lambda: threading.active_count() <= before)


async def test_a_pause_hangs_up_though_the_camera_is_removed_meanwhile(
    ear: Ear, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, close = asyncio.Event(), ear.close

    async def slow() -> None:
        await asyncio.sleep(0.2)
        await close()
        closed.set()

    monkeypatch.setattr(ear, "close", slow)
    with microphone(talk) as mic:
        mic.loud = True
        await until(lambda: talk.status.state == "talking")
        talk.allow(allowed=False)
        await asyncio.sleep(0.05)
        await talk.close()
        assert closed.is_set()


async def test_two_hundred_short_talks_leave_nothing_behind(ear: Ear, talk: Talk) -> None:
    talk.settings = replace(talk.settings, hold=0.0)
    ear.delay = 0
    before = threading.active_count()
    tone = array("h", [round(8_000 * math.sin(i)) for i in range(STEP)]).tobytes()
    for turn in range(200):
        voice = talk.voice("tablet", live=turn % 2 == 0)
        voice.push([AccessUnit(PCM, (tone,), 0, arrived=0.0)] * 3)
        await asyncio.sleep(0.03 * (turn % 3))
        voice.close()
    await until(lambda: not ear.is_open and not talk.voices and talk.status == Status())
    await until(lambda: threading.active_count() <= before)


async def test_a_changed_policy_holds_from_the_next_opening_on_though_microphones_stay(ear: Ear, talk: Talk) -> None:
    with microphone(talk, "tablet") as first, microphone(talk, "phone", 1000.0) as second:
        first.loud = True
        await until(lambda: first.voice.status.state == "talking")
        talk.settings = replace(talk.settings, policy="first")
        first.loud = False
        await until(lambda: not ear.is_open)
        first.loud = True
        await until(lambda: first.voice.status.state == "talking")
        second.loud = True
        await until(lambda: second.voice.status.state == "busy")
