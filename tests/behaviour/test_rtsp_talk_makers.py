"""Speaking to cameras as makers build them, through tunnels, behind ONVIF, and from a voice to the loudspeaker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from go2py.config.settings import TalkSettings
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.streams.talk.voice import Voice
from tests.fakes.doorbell import Doorbell, DoorbellScript
from tests.fakes.doorstep import Doorstep, doorstep, until
from tests.fakes.onvif_device import Device, FakeProfile, Script
from tests.fakes.rtsp_tunnel import http_tunnel, tls_front, websocket_tunnel
from tests.fakes.running import Running
from tests.fakes.sound import LEVEL, samples, sine
from tests.fakes.speaker import Voice as Microphone
from tests.fakes.tones import RATE, power
from tests.fakes.tones import listened as played

PCMU = Codec(names.PCMU, "audio", 8000)
PCM = Codec(names.PCML, "audio", 16_000)
TONE = 800.0


async def test_reolink_doorbell() -> None:
    script = DoorbellScript(codecs=("8 PCMA/8000",), tool="BC Streaming Media v202210012022.10.01")
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        await door.call(0.6)
        assert {(len(one.payload), one.timestamp, one.marker) for one in doorbell.heard} == {(1024, 0, True)}


async def test_h3c_with_two_names_for_one_number() -> None:
    script = DoorbellScript(codecs=("0 PCMA/8000", "0 PCMU/8000"))
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        assert await door.backchannel.find() == (PCMU,)
        await door.call()


async def test_dahua_lets_one_session_have_the_loudspeaker() -> None:
    """Its others may be watched meanwhile, and our own talk is refused without harm."""
    async with Doorbell(DoorbellScript(ears=1)) as doorbell, doorstep(doorbell, "#backchannel=1") as door:
        viewer = await door.viewer()
        async with doorstep(doorbell) as other:
            await other.backchannel.open((await other.backchannel.find())[0])
            second = await other.viewer()
            assert door.session.restarts == 0
            await other.backchannel.close()
            second.close()
        await viewer.sees()
        await door.call()


async def test_dahua_has_the_loudspeaker_under_its_onvif_path() -> None:
    script = DoorbellScript(only_at="proto=Onvif")
    async with Doorbell(script) as doorbell:
        url = doorbell.url.replace("/stream", "/cam/realmonitor?channel=1&subtype=0")
        async with doorstep(doorbell, url=url) as door:
            viewer = await door.viewer()
            await door.call()
            setup = next(one for one in doorbell.seen.headers if one.method == "SETUP" and "track2" in one.url)
            assert "subtype=0&unicast=true&proto=Onvif/" in setup.url
            await viewer.sees()
            assert door.session.restarts == 0


type Front = Callable[[Doorbell, Path], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def over_http(doorbell: Doorbell, folder: Path) -> AsyncIterator[str]:
    async with http_tunnel(doorbell) as port:
        yield f"rtsp://127.0.0.1:{port}/stream#transport=http"


@asynccontextmanager
async def over_websocket(doorbell: Doorbell, folder: Path) -> AsyncIterator[str]:
    async with websocket_tunnel(doorbell) as port:
        yield f"{doorbell.url}#transport=ws://127.0.0.1:{port}/rtsp"


@asynccontextmanager
async def over_tls(doorbell: Doorbell, folder: Path) -> AsyncIterator[str]:
    async with tls_front(doorbell, folder) as port:
        yield f"rtspx://127.0.0.1:{port}/stream"


@pytest.mark.parametrize("front", [over_http, over_websocket, over_tls])
@pytest.mark.parametrize("sessions", [1, 100])
async def test_through_a_tunnel(front: Front, sessions: int, tmp_path: Path) -> None:
    async with (
        Doorbell(DoorbellScript(max_sessions=sessions)) as doorbell,
        front(doorbell, tmp_path) as url,
        doorstep(doorbell, url=url) as door,
    ):
        viewer = await door.viewer()
        await door.call()
        await viewer.sees()
        assert door.session.restarts == 0


@pytest.mark.parametrize("sessions", [1, 100])
@pytest.mark.parametrize("refused", [0, 455])
async def test_behind_onvif(sessions: int, refused: int) -> None:
    script = DoorbellScript(user="admin", password="pass-word-1", max_sessions=sessions, refuse_extension=refused)
    async with Doorbell(script) as doorbell:
        uri = f"rtsp://{doorbell.host}:{doorbell.port}/stream"
        async with Device(Script("admin", "pass-word-1", profiles=[FakeProfile("main", uri)])) as device:
            url = f"onvif://admin:pass-word-1@{device.place}"
            async with doorstep(doorbell, url=url) as door:
                await door.call()
                viewer = await door.viewer()
                await door.call()
                await viewer.sees()
                assert not viewer.ended


async def speak(voice: Voice, seconds: float, hertz: float = TONE) -> None:
    """A microphone: 20 ms at a time."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(round(seconds * 50)):
        sound = samples(sine(hertz), 16_000, number * 320, 320)
        voice.push([AccessUnit(PCM, (sound,), number * 320, arrived=loop.time())])
        await asyncio.sleep(max(0.0, start + (number + 1) * 0.02 - loop.time()))


def heard_tone(doorbell: Doorbell, codec: Codec) -> float:
    """How much of the loudest half second is the tone, 1 for all of it."""
    units = [
        (one.at, AccessUnit(codec, (one.payload,), number * 160, arrived=one.at))
        for number, one in enumerate(doorbell.heard)
    ]
    sound = played(units)
    return max(
        (power(sound[at : at + RATE // 2], TONE) for at in range(0, max(1, len(sound) - RATE // 2), RATE // 10)),
        default=0.0,
    ) / (LEVEL / 32768)


@asynccontextmanager
async def talking(script: DoorbellScript) -> AsyncIterator[tuple[Doorbell, Doorstep]]:
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        door.talk.settings = TalkSettings(hold=0.4)
        yield doorbell, door


@pytest.mark.parametrize("sessions", [1, 100])
async def test_from_a_voice_to_the_loudspeaker(sessions: int) -> None:
    async with talking(DoorbellScript(max_sessions=sessions)) as (doorbell, door):
        viewer = await door.viewer()
        talk = await door.registry.require("door").find_talk()
        assert doorbell.opened == 0
        voice = talk.voice("somebody")
        await speak(voice, 1.5)
        await until(lambda: not doorbell.speakers)
        voice.close()
        assert doorbell.press()
        assert doorbell.opened == 1
        assert heard_tone(doorbell, PCMU) > 0.8
        steps = {(after.timestamp - one.timestamp) & 0xFFFFFFFF for one, after in pairwise(doorbell.heard)}
        assert steps == {160}
        assert door.views == 1
        assert viewer.longest < 0.6


async def test_a_talk_that_is_dropped_goes_on() -> None:
    async with talking(DoorbellScript(drop_after=10)) as (doorbell, door):
        voice = (await door.registry.require("door").find_talk()).voice("somebody")
        await speak(voice, 1.5)
        await until(lambda: not doorbell.speakers)
        voice.close()
        assert doorbell.opened == 2
        assert len(doorbell.heard) > 30


@pytest.mark.parametrize(
    ("script", "state"),
    [
        (DoorbellScript(refuse_alone=500), "refused"),
        (DoorbellScript(refuse_alone=453), "busy"),
        (DoorbellScript(codecs=("97 FANCY/8000",)), "refused"),
    ],
    ids=["500", "453", "codec"],
)
async def test_who_is_refused_is_told_why(script: DoorbellScript, state: str) -> None:
    async with talking(script) as (doorbell, door):
        voice = (await door.registry.require("door").find_talk()).voice("somebody")
        speaking = asyncio.create_task(speak(voice, 10))
        await until(lambda: voice.status.state == state)
        assert voice.status.reason
        speaking.cancel()
        voice.close()
        assert not doorbell.heard


async def test_a_hundred_microphones_that_are_silent_open_nothing() -> None:
    async with talking(DoorbellScript()) as (doorbell, door):
        talk = await door.registry.require("door").find_talk()
        voices = [talk.voice(f"viewer {number}") for number in range(100)]
        silence = AccessUnit(PCM, (bytes(640),), 0, arrived=0.0)
        for _ in range(10):
            for voice in voices:
                voice.push([silence])
            await asyncio.sleep(0.02)
        assert doorbell.press()
        assert doorbell.opened == 0
        for voice in voices:
            voice.close()


async def test_a_browsers_microphone_through_the_whole_gateway(tmp_path: Path) -> None:
    """Picture and microphone in one connection: watched, spoken to, hung up."""
    async with Doorbell() as doorbell, Running(tmp_path, {"door": doorbell.url}) as gateway:
        async with gateway.http.get("/api/talk", params={"src": "door"}) as response:
            assert (await response.json())["talk"]["codecs"] == ["PCMU/8000"]
        assert doorbell.opened == 0
        pc = RTCPeerConnection()
        try:
            pc.addTransceiver("video", direction="recvonly")
            pc.addTrack(Microphone(sine(TONE)))
            await pc.setLocalDescription(await pc.createOffer())
            offer = {"type": "offer", "sdp": pc.localDescription.sdp}
            async with gateway.http.post("/api/webrtc", params={"src": "door"}, json=offer) as response:
                answer = await response.json()
            await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            await until(lambda: len(doorbell.heard) > 75)
        finally:
            await pc.close()
        await until(lambda: not doorbell.speakers)
        assert doorbell.press()
        assert heard_tone(doorbell, PCMU) > 0.6
        assert doorbell.opened == 1
