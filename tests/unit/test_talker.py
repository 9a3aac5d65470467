"""A client's way to a voice: asked for at the first sound, tried again after a refusal, gone with the client."""

import asyncio

import pytest

from go2py.errors import Unreachable
from go2py.media.unit import AccessUnit
from go2py.outputs import talker
from go2py.outputs.talker import PATIENCE, Talker
from go2py.streams.talk.status import Status
from go2py.streams.talk.talk import Talk
from go2py.streams.talk.voice import Voice
from tests.fakes.ear import PCMA, Ear
from tests.fakes.running import until


class Camera:
    """`find` as a stream has it."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.talk = Talk(self.ear, "a camera", lambda: None)
        self.finds = 0
        self.answers = asyncio.Event()
        self.error: Unreachable | None = None

    async def find(self) -> Talk:
        self.finds += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.talk


def sound(number: int) -> list[AccessUnit]:
    return [AccessUnit(PCMA, (bytes([0x2A, 0xAA]) * 80,), number * 160, arrived=0.0)]


async def test_nothing_is_asked_before_the_first_sound() -> None:
    camera = Camera()
    one = Talker(camera.find, "somebody")
    one.push([])
    await asyncio.sleep(0)
    assert camera.finds == 0
    one.close()
    one.push(sound(0))
    await asyncio.sleep(0)
    assert camera.finds == 0


async def test_what_is_said_meanwhile_waits_and_no_more_than_is_sensible(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera()
    one = Talker(camera.find, "somebody", priority=7)
    for number in range(1000):
        one.push(sound(number))
    await asyncio.sleep(0)
    assert camera.finds == 1
    pushed: list[AccessUnit] = []
    monkeypatch.setattr(Voice, "push", lambda _voice, units: pushed.extend(units))
    one.name = "somebody else"
    camera.answers.set()
    await until(lambda: pushed)
    (voice,) = camera.talk.voices.values()
    assert (voice.name, voice.member.priority) == ("somebody else", 7)
    assert [unit.pts for unit in pushed] == [number * 160 for number in range(1000 - PATIENCE, 1000)]
    one.close()
    await camera.talk.close()


async def test_a_refusal_is_told_once_and_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talker, "RETRY", 0.1)
    camera, told = Camera(), list[Status]()
    camera.answers.set()
    camera.error = Unreachable("asleep")
    one = Talker(camera.find, "somebody")
    one.on_status = told.append
    one.push(sound(0))
    await until(lambda: told)
    assert told == [Status("refused", "asleep")]
    one.push(sound(1))
    assert camera.finds == 1, "not at once"
    await asyncio.sleep(0.15)
    camera.error = None
    one.push(sound(2))
    await until(lambda: one.talk is not None)
    assert camera.finds == 2
    one.close()
    await camera.talk.close()


async def test_who_leaves_while_the_camera_is_asked_leaves_nothing() -> None:
    camera = Camera()
    one = Talker(camera.find, "somebody")
    one.push(sound(0))
    await asyncio.sleep(0)
    one.close()
    camera.answers.set()
    await asyncio.sleep(0.05)
    assert not camera.talk.voices
    one.close()
