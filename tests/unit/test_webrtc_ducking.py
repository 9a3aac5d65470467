"""What a talker hears of the camera while it talks."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from go2py.config.settings import Duck
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.outputs.webrtc import ducking
from go2py.outputs.webrtc.ducking import Ducking
from go2py.outputs.webrtc.form import SendForm
from go2py.outputs.webrtc.negotiation import Outgoing, Slot
from go2py.outputs.webrtc.pacer import Pacer
from go2py.outputs.webrtc.viewer import Viewer
from go2py.protocols.rtp.packet import RtpPacket, parse
from go2py.protocols.webrtc_sdp import Format, Section
from go2py.streams.negotiate import Plan
from go2py.streams.reader import Attachment, ReaderInfo
from go2py.streams.track import Track
from tests.fakes.running import until
from tests.fakes.sound import BEGIN, coded, sine
from tests.fakes.tones import RATE, listened, power
from tests.unit.test_webrtc_viewer import FakeTransport

OPUS, PCMA = Codec("OPUS", "audio", 48_000, 2), Codec("PCMA", "audio", 8_000)


class Shifted(FakeTransport):
    """Numbers packets as the peer sees them."""

    def send_rtp(self, batch, shift=None):  # type: ignore[no-untyped-def]  # noqa: ANN001
        for packet in batch.packets:
            number = int.from_bytes(packet[2:4]) + (shift.sequence if shift else 0) & 0xFFFF
            self.sent.append(packet[:2] + number.to_bytes(2) + packet[4:])
        return len(batch)


class Bench:
    """A camera that hums, and one that listens to it and talks."""

    def __init__(self, codec: Codec) -> None:
        self.track = Track(codec, 0)
        self.pacer = Pacer()
        self.transport = Shifted()
        attachment = Attachment(ReaderInfo("webrtc"), [], Plan((), ()), [], [self.track], [], lambda _: None)
        slot = Slot(0, Section("audio", 9, "UDP/TLS/RTP/SAVPF", "8"), None, None)
        going = Outgoing(slot, self.track, Format(8, codec.name, codec.clock_rate), None, SendForm(8))
        self.viewer = Viewer(self.transport, attachment, [going], self.pacer)
        self.viewer.start()
        self.ducking = Ducking(self.viewer.senders)
        self.sound = iter(coded(codec, sine(440), 6.0))
        self.units: list[AccessUnit] = []

    async def hum(self, packets: int) -> list[RtpPacket]:
        """What is sent meanwhile."""
        before = len(self.transport.sent)
        for _ in range(packets):
            unit = next(self.sound)
            unit.arrived = time.monotonic()
            self.track.publish([unit])
            await asyncio.sleep(0.004)
        return [parse(packet) for packet in self.transport.sent[before:]]

    def duck(self, duck: Duck, *, talking: bool) -> None:
        self.ducking.update(duck, talking=talking)

    def loudness(self, packets: list[RtpPacket]) -> float:
        first = packets[0].timestamp
        start = round(BEGIN * self.track.codec.clock_rate)
        units = [
            AccessUnit(
                self.track.codec, (bytes(one.payload),), start + ((one.timestamp - first) & 0xFFFFFFFF), arrived=0
            )
            for one in packets
        ]
        return power(listened([(0.0, unit) for unit in units])[RATE // 10 :], 440)


@pytest.fixture(params=[OPUS, PCMA], ids=lambda codec: codec.name)
async def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(ducking, "TAIL", 0.05)
    made = Bench(request.param)
    yield made
    made.ducking.close()
    made.viewer.close()
    made.pacer.close()
    assert not made.track.shared, "nothing goes on behind it"


async def test_hard_is_silence_until_a_moment_after_the_last_word(bench: Bench) -> None:
    assert len(await bench.hum(10)) == 10
    bench.duck("hard", talking=True)
    assert not await bench.hum(10)
    bench.duck("hard", talking=False)
    assert not await bench.hum(1), "the room still rings"
    await asyncio.sleep(0.1)
    assert len(await bench.hum(10)) == 10


async def test_soft_is_quieter_and_one_stream_to_the_peer(bench: Bench) -> None:
    loud = bench.loudness(await bench.hum(50))
    bench.duck("soft", talking=True)
    await bench.hum(30)
    quiet = bench.loudness(await bench.hum(100))
    assert quiet == pytest.approx(loud * ducking.SOFT, rel=0.2)
    bench.duck("soft", talking=False)
    await until(lambda: not bench.ducking.active)
    assert bench.loudness((await bench.hum(80))[20:]) == pytest.approx(loud, rel=0.1)
    sent = [parse(packet) for packet in bench.transport.sent]
    assert len({packet.ssrc for packet in sent}) == 1
    first = sent[0].sequence
    assert [(packet.sequence - first) & 0xFFFF for packet in sent] == list(range(len(sent)))
    times = [(packet.timestamp - sent[0].timestamp) & 0xFFFFFFFF for packet in sent]
    assert times == sorted(set(times)), "time only goes forward"


async def test_off_changes_nothing(bench: Bench) -> None:
    bench.duck("off", talking=True)
    assert len(await bench.hum(10)) == 10


async def test_one_who_leaves_while_talking_leaves_nothing_behind(bench: Bench) -> None:
    bench.duck("soft", talking=True)
    await bench.hum(10)


async def test_talking_again_at_once_stays_ducked(bench: Bench) -> None:
    bench.duck("hard", talking=True)
    bench.duck("hard", talking=False)
    bench.duck("hard", talking=True)
    await asyncio.sleep(0.1)
    assert not await bench.hum(5)
