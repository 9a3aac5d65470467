"""aiortc speaks: alone, beside a picture, later by another track, in Opus and in G.711."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from aiortc import RTCPeerConnection
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from go2py.errors import NegotiationError, Unreachable
from go2py.media.codec import Codec
from go2py.outputs.webrtc.session import Session, WebRtcService
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.stream import Stream
from go2py.streams.talk.status import Status
from tests.fakes.ear import PCMA, Ear
from tests.fakes.loop import clip
from tests.fakes.running import until
from tests.fakes.sound import sine
from tests.fakes.speaker import Voice, speak
from tests.fakes.tones import loudest_tone
from tests.fakes.webrtc import gateway

OPUS = Codec("OPUS", "audio", 48_000, 2)
L16 = Codec("L16", "audio", 16_000)


@dataclass
class Bench:
    registry: Registry
    service: WebRtcService
    ear: Ear

    @property
    def stream(self) -> Stream:
        return self.registry.require("door")


@contextlib.asynccontextmanager
async def bench(ear: Ear) -> AsyncIterator[Bench]:
    async with gateway(replace(clip(), ear=ear)) as (registry, service):
        yield Bench(registry, service, ear)


@contextlib.asynccontextmanager
async def speaking(
    bench: Bench, hertz: float = 700, **how: object
) -> AsyncIterator[tuple[RTCPeerConnection, Session, str]]:
    pc, session, text = await speak(bench.service, bench.stream, Voice(sine(hertz)), **how)  # type: ignore[arg-type]
    try:
        yield pc, session, text
    finally:
        await pc.close()


@pytest.mark.parametrize(
    ("codecs", "spoken"), [((PCMA,), " 8 "), ((OPUS,), " 96 "), ((L16,), " 96 ")], ids=["PCMA", "OPUS", "L16"]
)
async def test_a_microphone_alone_is_heard(codecs: tuple[Codec, ...], spoken: str) -> None:
    async with bench(Ear(*codecs)) as one:
        async with speaking(one) as (_, session, text):
            assert f"m=audio 9 UDP/TLS/RTP/SAVPF{spoken}" in text
            await until(lambda: len(one.ear.heard) > 60)
            assert one.ear.codec in codecs
            assert loudest_tone(one.ear.heard) == pytest.approx(700, abs=15)
            receiver = session.attachment.receiver
            assert receiver is not None
            assert receiver.packets > 50
            assert receiver.lost == 0
            assert not session.attachment.senders
        await until(lambda: not one.ear.is_open)
        await until(lambda: not one.stream.attachments)
        assert [len(call) for call in one.ear.calls] == [2], "opened once, and closed"


async def test_a_microphone_in_the_same_m_line_as_the_sound() -> None:
    async with bench(Ear()) as one, speaking(one, view=True, direction="sendrecv") as (pc, session, text):
        assert "a=sendrecv" in text
        await until(lambda: len(one.ear.heard) > 60)
        assert loudest_tone(one.ear.heard) == pytest.approx(700, abs=15)
        assert session.attachment.track("audio") is not None
        remote: list[RTCRemoteInboundRtpStreamStats] = []
        async with asyncio.timeout(20):
            while not remote:  # our receiver reports reach it
                await asyncio.sleep(0.1)
                found = (await pc.getSenders()[1].getStats()).values()
                remote = [value for value in found if isinstance(value, RTCRemoteInboundRtpStreamStats)]
        assert remote[0].packetsLost == 0


async def test_a_picture_does_not_wait_for_the_camera_to_say_whether_it_listens() -> None:
    ear = Ear()
    ear.delay = 2.0
    async with bench(ear) as one:
        async with asyncio.timeout(1.5):
            pc, session, text = await speak(one.service, one.stream, Voice(sine(700)), view=True, direction="sendrecv")
        try:
            assert "a=sendrecv" in text
            await until(lambda: session.connected)
            await until(lambda: len(one.ear.heard) > 10)
        finally:
            await pc.close()


async def test_a_track_that_comes_later_and_one_that_replaces_it() -> None:
    async with bench(Ear()) as one:
        pc, session, _ = await speak(one.service, one.stream, None, view=True, direction="sendrecv")
        try:
            await until(lambda: session.connected)
            await asyncio.sleep(0.3)
            assert not one.ear.finds, "who is silent asks nobody"
            sender = pc.getTransceivers()[1].sender
            sender.replaceTrack(Voice(sine(500)))
            await until(lambda: len(one.ear.heard) > 60)
            assert loudest_tone(one.ear.heard) == pytest.approx(500, abs=15)
            sender.replaceTrack(None)
            await until(lambda: not one.ear.is_open)
            assert session.connected, "silence is no goodbye"
            one.ear.heard.clear()
            sender.replaceTrack(Voice(sine(900)))
            await until(lambda: len(one.ear.heard) > 60)
            assert loudest_tone(one.ear.heard) == pytest.approx(900, abs=15)
            assert len(one.ear.calls) == 2
        finally:
            await pc.close()


async def test_refusals_are_told_and_harm_no_picture() -> None:
    ear = Ear()
    ear.find_error = Unreachable("the camera sleeps")
    async with bench(ear) as one:
        told: list[Status] = []
        async with speaking(one, view=True, direction="sendrecv") as (_, session, _):
            session.on_talk = told.append
            await until(lambda: bool(told))
            assert (told[0].state, told[0].reason) == ("refused", "the camera sleeps")
            assert session.connected
        with pytest.raises(Unreachable):
            await speak(one.service, one.stream, Voice(sine(700)))
        assert not one.service.sessions


async def test_a_camera_without_ears_refuses_a_lone_microphone() -> None:
    ear = Ear()
    ear.takes = ()
    async with bench(ear) as one:
        with pytest.raises(NegotiationError, match="no backchannel"):
            await speak(one.service, one.stream, Voice(sine(700)))
        assert not one.service.sessions
        assert not one.stream.attachments
        async with speaking(one, view=True, direction="sendrecv") as (_, _, text):
            assert "a=sendrecv" not in text, "nobody listens"


async def test_a_second_connection_speaks_beside_the_one_that_watches() -> None:
    async with bench(Ear()) as one:
        viewer = RTCPeerConnection()
        viewer.addTransceiver("video", direction="recvonly")
        viewer.addTransceiver("audio", direction="recvonly")
        await viewer.setLocalDescription(await viewer.createOffer())
        await one.service.answer(one.stream, viewer.localDescription.sdp, ReaderInfo("webrtc", "ws"))
        async with speaking(one):
            await until(lambda: len(one.ear.heard) > 20)
            assert len(one.stream.attachments) == 2
        await until(lambda: len(one.stream.attachments) == 1)
        await viewer.close()
