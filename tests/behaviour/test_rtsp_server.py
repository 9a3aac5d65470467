"""Promises of the RTSP server over loopback: to viewers that behave, and about those that do not."""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.outputs.rtsp import RtspServer, connection
from go2py.protocols import rtcp, sdp
from go2py.protocols.http_auth import ServerAuth
from go2py.protocols.rtp.packet import parse
from go2py.protocols.rtsp import Headers, Interleaved, Message, Parser, Request, Response
from go2py.protocols.rtsp_server import Guard
from go2py.streams.registry import Registry
from tests.fakes.source import FakeCamera

SETTINGS = StreamSettings(linger=0.1, wait=1.0, backlog=0.3, stuck=1.0, reader_bytes=1 << 20)


class Gateway:
    """A registry with the stream `door`, and a server that asks strangers for credentials while `closed`."""

    def __init__(self) -> None:
        self.camera = FakeCamera()
        self.registry = Registry(self.camera.dial, ["fake"], SETTINGS, Bus())
        self.registry.apply([StreamConfig("door", ("fake://camera/1",)), StreamConfig("none", ())])
        self.guard: Guard | None = None
        self.server = RtspServer(self.registry, authorize=lambda _: self.guard, udp=True)
        self.clients: list[Client] = []

    @property
    def port(self) -> int:
        return self.server.addresses[0][1]

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/door"

    @property
    def readers(self) -> int:
        return len(self.registry.require("door").attachments)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    await gateway.server.start("127.0.0.1", 0)
    yield gateway
    await gateway.server.close()
    await gateway.registry.close()
    for client in gateway.clients:
        client.writer.transport.abort()
    await asyncio.sleep(0)
    assert not gateway.server.connections
    assert gateway.registry.budget.total == 0
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left


class Client:
    def __init__(self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.gateway, self.reader, self.writer = gateway, reader, writer
        self.parser = Parser()
        self.messages: list[Message] = []
        self.cseq = 0

    @classmethod
    async def connect(cls, gateway: Gateway) -> Client:
        client = cls(gateway, *await asyncio.open_connection("127.0.0.1", gateway.port))
        gateway.clients.append(client)
        return client

    async def next[M: Message](self, kind: type[M]) -> M:
        """The next message of this kind; the others before it are passed over. Raises `EOFError` at the end."""
        async with asyncio.timeout(10):
            while True:
                while self.messages:
                    message = self.messages.pop(0)
                    if isinstance(message, kind):
                        return message
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self.messages += self.parser.feed(data)

    async def ask(self, method: str, url: str = "", *headers: tuple[str, str]) -> Response:
        self.cseq += 1
        fields = Headers([("CSeq", str(self.cseq)), *headers])
        self.writer.write(Request(method, url or self.gateway.url, fields).encode())
        answer = await self.next(Response)
        assert answer.cseq == str(self.cseq)
        return answer

    async def play(self, query: str = "") -> sdp.SessionDescription:
        described = await self.ask("DESCRIBE", self.gateway.url + query)
        assert described.status == 200
        description = sdp.parse(described.body)
        for media in description.medias:
            transport = ("Transport", "RTP/AVP/TCP;unicast")
            assert (await self.ask("SETUP", f"{self.gateway.url}/{media.control}", transport)).status == 200
        assert (await self.ask("PLAY")).status == 200
        return description

    async def packet(self) -> Interleaved:
        return await self.next(Interleaved)

    async def ended(self) -> bool:
        try:
            while True:
                await self.next(Response)
        except EOFError, ConnectionError:
            return True


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_description_has_what_was_asked_for(gateway: Gateway) -> None:
    client = await Client.connect(gateway)
    description = sdp.parse((await client.ask("DESCRIBE")).body)
    assert [media.kind for media in description.medias] == ["video", "audio"]
    video, audio = description.medias
    assert (video.control, video.payload_types, video.codecs[0].name) == ("trackID=0", (96,), "H264")
    assert video.codecs[0].parameter_sets == gateway.camera.offers[0].codecs[0].parameter_sets
    assert (audio.control, audio.payload_types, audio.codecs[0].label()) == ("trackID=1", (97,), "PCMA/8000")
    other = await Client.connect(gateway)
    description = sdp.parse((await other.ask("DESCRIBE", gateway.url + "?audio=pcma")).body)
    assert [media.kind for media in description.medias] == ["audio"]
    last = await Client.connect(gateway)
    assert (await last.ask("DESCRIBE", gateway.url + "?video=h265")).status == 404
    assert await last.ended()
    await until(lambda: gateway.readers == 2)


@pytest.mark.parametrize("name", ["nobody", "none", "door?source=fake://camera/1"])
async def test_what_cannot_be_had_is_404_and_the_end(gateway: Gateway, name: str) -> None:
    client = await Client.connect(gateway)
    assert (await client.ask("DESCRIBE", f"rtsp://127.0.0.1:{gateway.port}/{name}&log_level=debug")).status == 404
    assert await client.ended()


async def test_reports_first_then_pictures_without_a_gap(gateway: Gateway) -> None:
    client = await Client.connect(gateway)
    await client.play()
    first = [await client.packet() for _ in range(2)]
    assert [packet.channel for packet in first] == [1, 3]
    reports = [rtcp.parse(packet.data)[0] for packet in first]
    assert all(isinstance(report, rtcp.SenderReport) for report in reports)
    assert len({report.ntp for report in reports if isinstance(report, rtcp.SenderReport)}) <= 2
    numbers: dict[int, list[int]] = {0: [], 2: []}
    while any(len(one) < 30 for one in numbers.values()):
        packet = await client.packet()
        numbers[packet.channel].append(parse(packet.data).sequence)
    for found in numbers.values():
        assert found == [(found[0] + step) & 0xFFFF for step in range(len(found))]


async def test_sender_reports_go_on(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REPORT_SECONDS", 0.2)
    client = await Client.connect(gateway)
    await client.play()
    reports: list[rtcp.SenderReport] = []
    async with asyncio.timeout(20):
        while len(reports) < 3:
            packet = await client.packet()
            if packet.channel == 1:
                report = rtcp.parse(packet.data)[0]
                assert isinstance(report, rtcp.SenderReport)
                reports.append(report)
    elapsed = (reports[2].ntp - reports[1].ntp) / 2**32
    assert ((reports[2].rtp_time - reports[1].rtp_time) & 0xFFFFFFFF) / 90_000 == pytest.approx(elapsed, abs=0.01)
    assert reports[2].packets > reports[1].packets > 0
    assert reports[2].octets > reports[1].octets


async def test_requests_are_answered_while_playing(gateway: Gateway) -> None:
    client = await Client.connect(gateway)
    await client.play()
    for method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "PLAY", "PAUSE", "PLAY"):
        assert (await client.ask(method)).status == 200
    await client.packet()
    assert (await client.ask("TEARDOWN")).status == 200
    await until(lambda: gateway.readers == 0)
    assert (await client.ask("PAUSE")).status == 200


async def test_pause_is_silent(gateway: Gateway) -> None:
    client = await Client.connect(gateway)
    await client.play()
    assert (await client.ask("PAUSE")).status == 200
    assert not client.messages
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.3)
    assert (await client.ask("PLAY")).status == 200
    await client.packet()


async def test_a_late_viewer_begins_with_the_key_picture(gateway: Gateway) -> None:
    gateway.camera.gop = 10_000
    early = await Client.connect(gateway)
    await early.play("?video")
    for _ in range(20):
        await early.packet()
    late = await Client.connect(gateway)
    await late.play("?video")
    found = [parse((await late.packet()).data) for _ in range(21)][1:]
    assert found[0].payload[0] & 31 in (7, 24), "parameter sets"
    assert found[1].payload[0] & 31 == 5, "and the key picture"


async def test_a_viewer_that_never_reads_costs_nobody_anything(gateway: Gateway) -> None:
    good, bad = await Client.connect(gateway), await Client.connect(gateway)
    await bad.play("?video")
    await good.play("?video")
    bad.reader._transport.pause_reading()  # type: ignore[attr-defined]
    by_address = {one.info.remote_addr: one for one in gateway.registry.require("door").attachments.values()}
    host, port = bad.writer.get_extra_info("sockname")
    slow = by_address.pop(f"{host}:{port}")
    (other,) = by_address.values()
    track = slow.tracks[0]
    numbers: list[int] = []

    async def read() -> None:
        while True:
            packet = await good.packet()
            if packet.channel == 0:
                numbers.append(parse(packet.data).sequence)

    reading = asyncio.create_task(read())
    async with asyncio.timeout(20):
        while not slow.senders[track].drops or len(numbers) < 200:
            newest = track.gop.units()[-1]
            track.publish([AccessUnit(newest.codec, (b"\x41" + bytes(50_000),), newest.pts, arrived=0.0, key=False)])
            await asyncio.sleep(0.01)
    reading.cancel()
    assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(len(numbers))]
    assert not other.senders[track].drops
    bad.writer.transport.abort()


async def test_nonsense_is_refused_and_closed(gateway: Gateway) -> None:
    good = await Client.connect(gateway)
    await good.play()
    for data in (b"\0" * 1000, b"\x16\x03\x01" + bytes(200), b"A" * 100_000, b"$" * 65536 + b"\n"):
        client = await Client.connect(gateway)
        client.writer.write(data)
        client.writer.write_eof()
        assert await client.ended()
    await good.packet()
    await until(lambda: len(gateway.server.connections) == 1)


async def test_half_a_request_has_a_deadline(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.3)
    client = await Client.connect(gateway)
    for _ in range(10):
        client.writer.write(b"O")
        await asyncio.sleep(0.05)
    assert await client.ended()


async def test_a_silent_viewer_is_gone_after_its_timeout(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SESSION_TIMEOUT", 1.0)
    monkeypatch.setattr(connection, "REPORT_SECONDS", 0.1)
    silent, alive = await Client.connect(gateway), await Client.connect(gateway)
    await silent.play()
    await alive.play()
    receiver_report = Interleaved(1, b"\x80\xc9\0\x01\0\0\0\1").encode()
    async with asyncio.timeout(10):
        while not silent.reader.at_eof():
            alive.writer.write(receiver_report)
            await silent.reader.read(65536)
            await alive.packet()
    assert gateway.readers == 1
    await alive.packet()


async def test_two_hundred_that_connect_and_vanish_leave_nothing(gateway: Gateway) -> None:
    async def visit(number: int) -> None:
        client = await Client.connect(gateway)
        if number % 3 == 0:
            client.writer.write(b"DESCRIBE " + gateway.url.encode() + b" RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        elif number % 3 == 1:
            await client.play()
        client.writer.transport.abort()

    for start in range(0, 200, 20):
        await asyncio.gather(*(visit(start + number) for number in range(20)))
    await until(lambda: not gateway.server.connections and gateway.readers == 0)


async def test_strangers_need_credentials(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WRONG_PASSWORD_SECONDS", 0.1)
    gateway.guard = ServerAuth("admin", "secret")
    client = await Client.connect(gateway)
    assert (await client.ask("DESCRIBE")).status == 401
    right = ("Authorization", "Basic " + base64.b64encode(b"admin:secret").decode())
    assert (await client.ask("DESCRIBE", "", right)).status == 200
    client = await Client.connect(gateway)
    wrong = ("Authorization", "Basic " + base64.b64encode(b"admin:guess").decode())
    assert (await client.ask("DESCRIBE", "", wrong)).status == 401
    assert await client.ended()


async def test_the_end_of_the_stream_closes_its_viewers(gateway: Gateway) -> None:
    client = await Client.connect(gateway)
    await client.play()
    gateway.registry.delete("door")
    assert await client.ended()


async def test_viewers_over_udp(gateway: Gateway) -> None:
    received: list[bytes] = []

    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            received.append(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    client = await Client.connect(gateway)
    await client.ask("DESCRIBE", gateway.url + "?video")
    wanted = ("Transport", f"RTP/AVP;unicast;client_port={port}-{port + 1}")
    answer = await client.ask("SETUP", f"{gateway.url}/trackID=0", wanted)
    assert answer.status == 200
    assert "server_port=" in answer.headers.get("Transport")
    assert (await client.ask("PLAY")).status == 200
    await until(lambda: len(received) >= 30)
    numbers = [struct.unpack_from(">H", data, 2)[0] for data in received]
    assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(len(numbers))]
    (attachment,) = gateway.registry.require("door").attachments.values()
    assert attachment.info.protocol == "rtsp+udp"
    transport.close()
