"""Who speaks over RTSP: viewers with a backchannel, and those who only announce sound."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.errors import Unreachable
from go2py.observe.events import Bus
from go2py.outputs.rtsp import RtspServer
from go2py.protocols import rtcp, sdp
from go2py.protocols.rtp.packet import build
from go2py.protocols.rtsp import Headers, Interleaved, Request, Response
from go2py.streams.registry import Registry
from tests.behaviour.test_rtsp_server import Client
from tests.fakes.ear import PCMA, Ear
from tests.fakes.loop import clip
from tests.fakes.running import until
from tests.fakes.sound import coded, sine
from tests.fakes.tones import loudest_tone

ONVIF = ("Require", "www.onvif.org/ver20/backchannel")
TCP = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")
SDP = ("Content-Type", "application/sdp")
TELEPHONE = "v=0\r\nm=audio 0 RTP/AVP 8\r\na=control:streamid=0\r\n"
SOUND = [unit.units[0] for unit in coded(PCMA, sine(600), 2.0)]
"""Packets of 20 ms."""


class Gateway:
    """The stream `door`, whose camera has an ear."""

    def __init__(self) -> None:
        self.ear = Ear()
        made = replace(clip(), ear=self.ear)
        self.registry = Registry(made.dial, ["loop"], StreamSettings(linger=0.1), Bus())
        self.registry.apply([StreamConfig("door", ("loop:1",))])
        self.server = RtspServer(self.registry, authorize=lambda _: None, udp=True)
        self.clients: list[Client] = []

    @property
    def port(self) -> int:
        return self.server.addresses[0][1]

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/door"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    await gateway.server.start("127.0.0.1", 0)
    yield gateway
    await gateway.server.close()
    await gateway.registry.close()
    for client in gateway.clients:
        client.writer.transport.abort()
    assert not gateway.server.connections


async def connect(gateway: Gateway) -> Client:
    return await Client.connect(gateway)  # type: ignore[arg-type]


def packets() -> list[bytes]:
    return [build(8, marker=False, sequence=n, timestamp=n * 160, ssrc=7, payload=data) for n, data in enumerate(SOUND)]


async def say(client: Client, channel: int, sound: list[bytes]) -> None:
    """In real time."""
    for packet in sound:
        client.writer.write(Interleaved(channel, packet).encode())
        await asyncio.sleep(0.02)


async def announce(client: Client, body: str = TELEPHONE, url: str = "") -> Response:
    client.cseq += 1
    fields = Headers([("CSeq", str(client.cseq)), SDP, ("Content-Length", str(len(body)))])
    client.writer.write(Request("ANNOUNCE", url or client.gateway.url, fields, body.encode()).encode())
    return await client.next(Response)


@pytest.mark.parametrize(("query", "headers"), [("?backchannel=1", ()), ("", (ONVIF,))], ids=["query", "onvif"])
async def test_a_viewer_talks(gateway: Gateway, query: str, headers: tuple[tuple[str, str], ...]) -> None:
    client = await connect(gateway)
    described = await client.ask("DESCRIBE", gateway.url + query, *headers)
    *views, ear = sdp.parse(described.body).medias
    assert [media.kind for media in views] == ["video", "audio"]
    assert all(media.direction == "recvonly" for media in views)
    assert (ear.direction, ear.control) == ("sendonly", "trackID=2")
    assert (ear.payload_types[0], ear.codecs[0].name) == (8, "PCMA")
    assert {"PCMU", "OPUS", "L16"} <= {codec.name for codec in ear.codecs}
    assert gateway.ear.finds == 1
    for media in views:
        assert (await client.ask("SETUP", f"{gateway.url}/{media.control}", TCP)).status == 200
    answer = await client.ask("SETUP", f"{gateway.url}/{ear.control}", TCP)
    assert answer.status == 200
    assert "interleaved=4-5" in answer.headers.get("Transport")
    assert (await client.ask("PLAY")).status == 200
    await asyncio.sleep(0.2)
    assert not gateway.ear.calls, "looking opens nothing"
    await say(client, 4, packets())
    await until(lambda: len(gateway.ear.heard) > 60)
    assert loudest_tone(gateway.ear.heard) == pytest.approx(600, abs=15)
    assert (await client.next(Interleaved)).channel in (0, 1, 2, 3), "and goes on seeing"
    client.writer.close()
    await until(lambda: not gateway.ear.is_open)


async def test_a_viewer_that_does_not_ask_is_offered_no_ear(gateway: Gateway) -> None:
    client = await connect(gateway)
    described = await client.ask("DESCRIBE")
    assert len(sdp.parse(described.body).medias) == 2
    assert not gateway.ear.finds


@pytest.mark.parametrize("reason", [None, Unreachable("asleep")])
async def test_a_camera_that_does_not_listen_is_seen_all_the_same(gateway: Gateway, reason: Unreachable | None) -> None:
    gateway.ear.takes, gateway.ear.find_error = (), reason
    client = await connect(gateway)
    described = await client.ask("DESCRIBE", gateway.url, ONVIF)
    assert described.status == 200
    assert len(sdp.parse(described.body).medias) == 2


async def test_a_viewer_may_set_up_the_ear_alone(gateway: Gateway) -> None:
    client = await connect(gateway)
    await client.ask("DESCRIBE", gateway.url, ONVIF)
    assert (await client.ask("SETUP", f"{gateway.url}/trackID=2", TCP)).status == 200
    assert (await client.ask("PLAY")).status == 200
    await say(client, 4, packets()[:50])
    await until(lambda: len(gateway.ear.heard) > 20)


async def test_sound_is_announced_and_recorded(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("go2py.outputs.rtsp.connection.REPORT_SECONDS", 0.3)
    client = await connect(gateway)
    assert (await announce(client)).status == 200
    answer = await client.ask("SETUP", f"{gateway.url}/streamid=0", ("Transport", f"{TCP[1]};mode=record"))
    assert answer.status == 200
    assert "mode=record" in answer.headers.get("Transport")
    assert (await client.ask("PLAY")).status == 455
    assert (await client.ask("RECORD")).status == 200
    (attachment,) = gateway.registry.require("door").attachments.values()
    assert [want.label() for want in attachment.wants] == ["audio, recvonly, PCMA/8000"]
    client.writer.write(Interleaved(1, rtcp.build([rtcp.SenderReport(7, 1 << 40, 0, 0, 0)])).encode())
    await say(client, 0, packets())
    await until(lambda: len(gateway.ear.heard) > 60)
    assert loudest_tone(gateway.ear.heard) == pytest.approx(600, abs=15)
    report = await client.next(Interleaved)
    assert report.channel == 1
    (receiver, _) = rtcp.parse(report.data)
    assert isinstance(receiver, rtcp.ReceiverReport)
    assert receiver.reports[0].ssrc == 7
    assert receiver.reports[0].lost == 0
    assert (await client.ask("TEARDOWN")).status == 200
    await until(lambda: not gateway.ear.is_open)
    assert not gateway.registry.require("door").attachments


async def test_sound_is_recorded_over_udp(gateway: Gateway) -> None:
    client = await connect(gateway)
    assert (await announce(client)).status == 200
    loop = asyncio.get_running_loop()
    rtp, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    port = rtp.get_extra_info("sockname")[1]
    try:
        header = ("Transport", f"RTP/AVP/UDP;unicast;client_port={port}-{port + 1};mode=record")
        answer = await client.ask("SETUP", f"{gateway.url}/streamid=0", header)
        server = answer.headers.get("Transport").partition("server_port=")[2].partition("-")[0]
        assert (await client.ask("RECORD")).status == 200
        order = packets()
        order[20], order[21] = order[21], order[20]
        for packet in order:
            rtp.sendto(packet, ("127.0.0.1", int(server)))
            await asyncio.sleep(0.02)
        await until(lambda: len(gateway.ear.heard) > 60)
        assert loudest_tone(gateway.ear.heard) == pytest.approx(600, abs=15)
        (attachment,) = gateway.registry.require("door").attachments.values()
        assert attachment.receiver is not None
        assert attachment.receiver.packets == len(order)
        assert attachment.info.protocol == "rtsp+udp"
    finally:
        rtp.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", 415),
        ("v=0\r\nm=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", 415),
        ("v=0\r\nm=audio 0 RTP/AVP 96\r\na=rtpmap:96 SPEEX/8000\r\n", 405),
        ("v=0\r\n", 400),
        ("", 400),
    ],
)
async def test_what_cannot_be_announced(gateway: Gateway, body: str, status: int) -> None:
    client = await connect(gateway)
    assert (await announce(client, body)).status == status
    with pytest.raises(EOFError):
        await client.next(Interleaved)
    assert not gateway.registry.require("door").attachments


async def test_nobody_listens(gateway: Gateway) -> None:
    client = await connect(gateway)
    assert (await announce(client, url=f"rtsp://127.0.0.1:{gateway.port}/nobody")).status == 404
    gateway.ear.find_error = Unreachable("asleep")
    client = await connect(gateway)
    assert (await announce(client)).status == 503
    gateway.ear.find_error, gateway.ear.takes = None, ()
    client = await connect(gateway)
    assert (await announce(client)).status == 405


async def test_a_publisher_that_falls_silent_is_sent_away(gateway: Gateway) -> None:
    client = await connect(gateway)
    assert (await announce(client, url=f"{gateway.url}?timeout=1")).status == 200
    await client.ask("SETUP", f"{gateway.url}/streamid=0", TCP)
    assert (await client.ask("RECORD")).status == 200
    with pytest.raises(EOFError):
        await client.next(Interleaved)


async def test_garbage_harms_nobody(gateway: Gateway) -> None:
    client = await connect(gateway)
    await announce(client)
    await client.ask("SETUP", f"{gateway.url}/streamid=0", TCP)
    await client.ask("RECORD")
    empty, other = packets()[0][:12], b"\x80\x63" + packets()[0][2:]
    for nonsense in (b"", b"\x80", bytes(12), empty, other):
        for channel in (0, 1, 9):
            client.writer.write(Interleaved(channel, nonsense).encode())
    await say(client, 0, packets()[:60])
    await until(lambda: len(gateway.ear.heard) > 20)
