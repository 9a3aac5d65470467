"""A browser's microphone behind SRTP: lazily a voice, never harmful, told how it stands."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from go2py.config.values import StreamConfig
from go2py.errors import Unreachable
from go2py.outputs import talker
from go2py.outputs.webrtc.session import Session
from go2py.protocols.rtp.packet import build
from go2py.streams.stream import Stream
from tests.fakes.ear import PCMA, Ear
from tests.fakes.gateway import Gateway
from tests.fakes.running import until
from tests.fakes.sound import coded, sine
from tests.fakes.tones import loudest_tone

SOUND = [unit.units[0] for unit in coded(PCMA, sine(600), 3.0)]
OFFERS = Path(__file__).resolve().parents[1] / "captures" / "offers"
LONE, BESIDE = ((OFFERS / f"chromium_{name}.sdp").read_text() for name in ("mic", "talk"))


class Hall:
    """A stream whose camera has an ear."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.ear = gateway.camera.ear = Ear()
        registry = gateway.context.registry
        registry.apply([StreamConfig("door", ("fake://door/1",)), StreamConfig("hall", ("fake://hall/1",))])
        self.stream: Stream = registry.require("hall")

    @property
    def session(self) -> Session:
        session: Session
        (session,) = self.gateway.webrtc.sessions.values()
        return session

    async def offer(self, http: ClientSession, sdp: str = LONE) -> str:
        async with http.post("/api/webrtc?src=hall", data=sdp, headers={"Content-Type": "application/sdp"}) as answer:
            text = await answer.text()
            assert answer.status == 201, text
            return text

    async def say(self, packets: list[bytes], pace: float = 0.02) -> None:
        receive = self.session.transport.on_rtp
        assert receive is not None
        for packet in packets:
            receive(packet)
            await asyncio.sleep(pace)


@pytest.fixture
async def hall(gateway: Gateway) -> Hall:
    return Hall(gateway)


def packets(start: int = 0, count: int = 150, ssrc: int = 7) -> list[bytes]:
    return [
        build(8, marker=False, sequence=n, timestamp=n * 160, ssrc=ssrc, payload=SOUND[n % 150])
        for n in range(start, start + count)
    ]


async def test_a_voice_from_first_word_to_release(hall: Hall, http: ClientSession) -> None:
    await hall.offer(http, BESIDE)
    assert not hall.ear.finds, "an offer with a picture asks nobody"
    await hall.say(packets(count=100))
    await until(lambda: len(hall.ear.heard) > 50)
    assert loudest_tone(hall.ear.heard) == pytest.approx(600, abs=15)
    async with http.get("/api/streams?src=hall") as answer:
        (consumer,) = (await answer.json())["consumers"]
    (receiver,) = consumer["receivers"]
    assert receiver["codec"] == {"codec_name": "pcm_alaw", "codec_type": "audio", "sample_rate": 8000}
    assert (receiver["packets"], receiver["bytes"], consumer["bytes_recv"]) == (100, 16_000, 16_000)
    await until(lambda: not hall.ear.is_open, 5)
    assert not hall.session.transport.closed, "who vanishes leaves no open microphone; silence is no goodbye"


async def test_garbage_and_floods_are_bounded_and_nobody_else_notices(hall: Hall, http: ClientSession) -> None:
    await hall.offer(http)
    other = [one[:1] + b"\x60" + one[2:] for one in packets(count=2000)]
    await hall.say([b"", b"\x80", bytes(12), bytes(1400), *other], pace=0.0)
    await hall.say(packets(count=3000), pace=0.0)
    receiver = hall.session.attachment.receiver
    assert receiver is not None
    await until(lambda: len(hall.ear.heard) > 20)
    camera = hall.gateway.context.registry.require("door")
    async with http.post("/api/webrtc?src=door", data=(OFFERS / "chromium_view.sdp").read_text()) as answer:
        assert answer.status == 200
    assert len(camera.attachments) == 1


async def test_who_is_refused_is_told_and_tried_again(
    hall: Hall, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talker, "RETRY", 0.3)
    hall.ear.find_error = Unreachable("the camera sleeps")
    async with http.ws_connect("/api/ws?src=hall") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": BESIDE})
        assert (await socket.receive_json(timeout=10))["type"] == "webrtc/answer"
        await hall.say(packets(count=3))
        told = await talk(socket)
        assert (told["state"], told["reason"]) == ("refused", "the camera sleeps")
        hall.ear.find_error = None
        await hall.say(packets(3, 60))
        states = [told["state"]]
        while states[-1] != "talking":
            states.append((await talk(socket))["state"])
        assert set(states) <= {"refused", "idle", "opening", "talking"}
        finds = hall.ear.finds
        await hall.say(packets(63, 20))
        assert hall.ear.finds == finds


async def talk(socket: Any) -> dict[str, Any]:
    while True:
        message = await socket.receive_json(timeout=10)
        if message["type"] == "talk":
            value: dict[str, Any] = message["value"]
            return value


@pytest.mark.parametrize("wishes", [True, False])
async def test_clients_that_know_three_messages_get_no_fourth(hall: Hall, http: ClientSession, wishes: bool) -> None:
    value = {"type": "offer", "sdp": BESIDE} | ({"talk": True} if wishes else {})
    async with http.ws_connect("/api/ws?src=hall") as socket:
        await socket.send_json({"type": "webrtc", "value": value})
        await until(lambda: hall.gateway.webrtc is not None and hall.gateway.webrtc.sessions)
        await asyncio.sleep(0.2)
        await hall.say(packets(count=60))
        await until(lambda: hall.ear.is_open)
        await asyncio.sleep(0.3)
        await socket.send_json({"type": "mse", "value": "no codec"})  # its answer is the last
        kinds = set()
        while "mse" not in kinds:
            message = await socket.receive_json(timeout=10)
            kinds.add("mse" if message["type"] == "error" else message["type"])
        kinds.remove("mse")
        assert kinds == {"webrtc", "webrtc/candidate"} | ({"talk"} if wishes else set())


async def test_a_lone_microphone_needs_an_ear(hall: Hall, http: ClientSession) -> None:
    hall.ear.takes = ()
    async with http.ws_connect("/api/ws?src=hall") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": LONE})
        message = await socket.receive_json(timeout=10)
        assert message["type"] == "error"
        assert message["value"].startswith("webrtc/offer: ")
        assert "backchannel" in message["value"]
    assert not hall.stream.attachments


async def test_hanging_up_frees_the_camera(hall: Hall, http: ClientSession) -> None:
    await hall.offer(http)
    await hall.say(packets(count=60))
    await until(lambda: hall.ear.is_open)
    hall.session.close("the client ended it")
    await until(lambda: not hall.ear.is_open)
    assert not hall.stream.attachments
    table = hall.stream.talk
    assert table is not None
    await until(lambda: table.status.state == "idle")


async def test_the_camera_is_asked_once_and_answers_say_what_it_takes(hall: Hall, http: ClientSession) -> None:
    assert "SAVPF 8 111" in await hall.offer(http)
    hall.session.close()
    assert "SAVPF 8 111" in await hall.offer(http, BESIDE)
    assert hall.ear.finds == 1
