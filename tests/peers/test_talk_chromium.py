"""Chromium talks through the gateway: what the camera hears, when, and who of several."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from go2py.config.settings import Policy
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.outputs.webrtc.session import WebRtcService
from go2py.protocols.rtp.sound import SoundReceiver
from go2py.sources.demo.source import DemoSource
from go2py.streams.stream import Stream
from tests.fakes.doorbell import Doorbell
from tests.fakes.ear import PCMA, Ear
from tests.fakes.loop import clip
from tests.fakes.running import until
from tests.fakes.tones import RATE, listened, loudest_tone, onsets, power, spectrum
from tests.fakes.webrtc import gateway
from tests.peers.talking import record, talkers

OPUS = Codec("OPUS", "audio", 48_000, 2)
PCMU = Codec("PCMU", "audio", 8_000)
L16 = Codec("L16", "audio", 16_000)


class Door:
    def __init__(self, service: WebRtcService, stream: Stream, ear: Ear) -> None:
        self.service, self.stream, self.ear = service, stream, ear

    def policy(self, policy: Policy) -> None:
        assert self.stream.talk is not None
        self.stream.talk.settings = replace(self.stream.talk.settings, policy=policy)

    async def hears(self, hertz: float, units: int = 60) -> None:
        self.ear.heard.clear()
        await until(lambda: len(self.ear.heard) >= units)
        assert loudest_tone(self.ear.heard) == pytest.approx(hertz, abs=15)


@contextlib.asynccontextmanager
async def door(*takes: Codec) -> AsyncIterator[Door]:
    ear = Ear(*takes)
    async with gateway(replace(clip(), ear=ear)) as (registry, service):
        yield Door(service, registry.require("door"), ear)


def scale(time: float) -> float:
    """Every second half a second of a tone, each higher than the one before; eight of them, then again."""
    beat, place = divmod(time, 1.0)
    swell = min(1.0, place / 0.01, (0.5 - place) / 0.01)
    return max(0.0, swell) * math.sin(2 * math.pi * (400 + 200 * (beat % 8)) * time)


@pytest.mark.parametrize("codec", [PCMA, OPUS, L16], ids=lambda codec: codec.name)
async def test_the_camera_hears_what_is_said(chromium: Path, tmp_path: Path, codec: Codec) -> None:
    wav = record(tmp_path / "scale.wav", scale, 8.0)
    async with door(codec) as one, talkers(chromium, one.service, one.stream, wav) as page:
        answer = await page.talk("me")
        assert answer.partition("m=audio ")[2].split()[2] == {"PCMA": "8", "OPUS": "111", "L16": "111"}[codec.name]
        await until(lambda: len(one.ear.heard) > 6 * 50)
    sound = listened(one.ear.heard)
    begins = onsets(sound)
    assert len(begins) >= 5
    gaps = [after - before for before, after in pairwise(begins)][2:]  # pauses catch up with what was said before
    assert gaps == pytest.approx([1.0] * len(gaps), abs=0.2), "in the rhythm in which it was said"
    tones = []
    for begin in begins[:5]:
        piece = sound[round((begin + 0.1) * RATE) : round((begin + 0.35) * RATE)]
        found = spectrum(piece, 300, 2200)
        tones.append(max(found, key=lambda hertz: found[hertz]))
        others = [value for hertz, value in found.items() if abs(hertz - tones[-1]) > 60]
        assert found[tones[-1]] > 20 * max(others), "26 dB above everything else"
    steps = [(after - before) % 1600 for before, after in pairwise(tones)]
    assert steps == pytest.approx([200] * len(steps), abs=15)


@pytest.mark.parametrize("view", ["sendrecv", "beside"])
async def test_one_connection_for_picture_and_talk(chromium: Path, view: str) -> None:
    async with door() as one, talkers(chromium, one.service, one.stream) as page:
        answer = await page.talk("me", 700, view)
        assert ("a=sendrecv" in answer) == (view == "sendrecv")
        await one.hears(700)
        async with asyncio.timeout(20):
            while (await page.stats("me")).get("inbound-rtp video", {}).get("framesDecoded", 0) < 20:
                await asyncio.sleep(0.1)
            while "remote-inbound-rtp audio" not in (stats := await page.stats("me")):
                await asyncio.sleep(0.1)
        assert stats["remote-inbound-rtp audio"]["packetsLost"] == 0
        (session,) = page.sessions
        assert len(one.stream.attachments) == 1
        await page.hang_up("me")
        await until(lambda: not one.ear.is_open)
        await until(lambda: not one.stream.attachments)
        assert session.attachment.receiver is not None


async def test_a_track_comes_later_and_goes_and_comes_again(chromium: Path) -> None:
    async with door() as one, talkers(chromium, one.service, one.stream) as page:
        await page.talk("me", None, "sendrecv")
        (session,) = page.sessions
        await until(lambda: session.connected)
        await asyncio.sleep(0.5)
        assert not one.ear.finds
        await page.replace("me", 600)
        await one.hears(600)
        await page.replace("me", None)
        await until(lambda: not one.ear.is_open)
        assert session.connected
        await page.replace("me", 1100)
        await one.hears(1100)
        assert len(one.ear.calls) == 2


async def test_a_muted_microphone_frees_the_camera(chromium: Path) -> None:
    async with door() as one, talkers(chromium, one.service, one.stream) as page:
        await page.talk("me", 700)
        await one.hears(700)
        await page.enable("me", on=False)
        await until(lambda: not one.ear.is_open)
        (session,) = page.sessions
        receiver = session.attachment.receiver
        assert receiver is not None
        before = receiver.packets
        await until(lambda: receiver.packets > before)
        assert session.connected
        await page.enable("me", on=True)
        await one.hears(700)


async def test_the_demo_camera_hears(chromium: Path) -> None:
    async with gateway(url="demo:?size=320x240") as (registry, service):
        stream = registry.require("door")
        async with talkers(chromium, service, stream) as page:
            answer = await page.talk("me", 700, "sendrecv")
            assert "a=sendrecv" in answer
            session = stream.slots[0].session
            assert session is not None
            await until(lambda: isinstance(session.source, DemoSource) and len(session.source.heard) > 75)
            assert isinstance(session.source, DemoSource)
            assert loudest_tone([(0.0, unit) for unit in session.source.heard]) == pytest.approx(700, abs=15)


async def test_the_doorbell_hears_and_is_free_again(chromium: Path) -> None:
    async with Doorbell() as doorbell, gateway(url=doorbell.url) as (registry, service):
        stream = registry.require("door")
        async with talkers(chromium, service, stream) as page:
            await page.talk("viewer", None, "beside")
            assert doorbell.press(), "watching opens nothing"
            await page.talk("me", 700)
            await until(lambda: len(doorbell.heard) > 75)
            units = [AccessUnit(PCMU, (one.payload,), one.timestamp, arrived=one.at) for one in doorbell.heard]
            assert loudest_tone([(unit.arrived, unit) for unit in units]) == pytest.approx(700, abs=15)
            await page.hang_up("me")
            await until(lambda: not doorbell.speakers)
            assert doorbell.press()
            assert doorbell.opened == 1
            assert page.sessions[0].connected


async def test_a_second_connection_that_only_speaks(chromium: Path) -> None:
    async with door() as one, talkers(chromium, one.service, one.stream) as page:
        await page.talk("viewer", None, "beside")
        await page.talk("speaker", 900)
        await one.hears(900)
        assert len(one.stream.attachments) == 2
        await page.hang_up("speaker")
        await until(lambda: not one.ear.is_open)
        assert page.sessions[0].connected


async def test_a_new_offer_at_once_keeps_the_camera(chromium: Path) -> None:
    async with door() as one, talkers(chromium, one.service, one.stream) as page:
        await page.talk("view", None, "beside")
        source = one.stream.slots[0].session
        assert source is not None
        source.linger = 2.0
        await until(lambda: page.sessions[0].connected)
        intake = source.info
        await page.hang_up("view")
        await page.talk("talk", 800, "sendrecv")
        await one.hears(800)
        assert source.info is intake, "the same connection to the camera"
        assert source.restarts == 0


async def test_without_an_ear_a_lone_microphone_is_an_error(chromium: Path) -> None:
    async with door() as one, talkers(chromium, one.service, one.stream) as page:
        one.ear.takes = ()
        assert "backchannel" in await page.talk("me", 700)
        assert not page.sessions
        assert "m=video" in await page.talk("me", 700, "beside")


@pytest.mark.parametrize(("policy", "audible"), [("latest", {1300}), ("first", {500}), ("mix", {500, 900, 1300})])
async def test_three_talkers(chromium: Path, policy: Policy, audible: set[int]) -> None:
    async with door() as one, talkers(chromium, one.service, one.stream) as page:
        one.policy(policy)
        for hertz in (500, 900, 1300):
            await page.talk(str(hertz), hertz)
            await asyncio.sleep(1.0)
        start = len(one.ear.heard)
        await until(lambda: len(one.ear.heard) > start + 50)
        sound = listened(one.ear.heard)[-RATE // 4 :]
        loud = {hertz for hertz in (500, 900, 1300) if power(sound, hertz) > 0.05}
        assert loud == audible
        assert len(one.ear.calls) == 1


async def test_it_takes_no_longer_than_the_jitter_buffer_and_a_little(
    chromium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[tuple[float, AccessUnit]] = []
    push = SoundReceiver.push

    def watched(self: SoundReceiver, packet: bytes, now: float) -> list[AccessUnit]:
        units = push(self, packet, now)
        arrived.extend((now, unit) for unit in units)
        return units

    monkeypatch.setattr(SoundReceiver, "push", watched)

    def beats(time: float) -> float:
        return math.sin(2 * math.pi * 1000 * time) if time % 0.25 < 0.05 else 0.0

    wav = record(tmp_path / "beats.wav", beats, 4.0)
    for codec in (PCMA, L16):
        async with door(codec) as one, talkers(chromium, one.service, one.stream, wav) as page:
            arrived.clear()
            await page.talk("me")
            await until(partial(_has_heard, one.ear, 500))
        delays = sorted(_delays(arrived, one.ear.heard))
        assert len(delays) > 10
        assert delays[len(delays) // 2] < 0.25


def _has_heard(ear: Ear, units: int) -> bool:
    return len(ear.heard) > units


def _delays(arrived: Sequence[tuple[float, AccessUnit]], heard: Sequence[tuple[float, AccessUnit]]) -> list[float]:
    """From the packet in which a beat begins to the packet to the camera in which it begins, in seconds."""
    before, after = _begins(arrived), _begins(heard)
    return [min(ahead) for late in after if (ahead := [late - early for early in before if 0 <= late - early < 0.25])]


def _begins(units: Sequence[tuple[float, AccessUnit]]) -> list[float]:
    """When the packets came in which beats begin."""
    sound = listened(units)
    times = [time for time, _ in units]
    length = len(sound) / len(units)
    return [times[min(int(begin * RATE / length), len(times) - 1)] for begin in onsets(sound)]
