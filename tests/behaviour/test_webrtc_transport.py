"""A real WebRTC stack (aiortc) meets the port: pictures over UDP and TCP, goodbyes, and viewers that vanish."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import aioice.ice
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80

from go2py.config.values import WebRtcConfig
from go2py.errors import ProtocolError
from go2py.outputs.webrtc import ice, transport
from go2py.outputs.webrtc import port as port_module
from go2py.outputs.webrtc.batch import RtpBatch, Shift
from go2py.outputs.webrtc.candidates import parse_candidate
from go2py.outputs.webrtc.port import WebRtcPort
from go2py.outputs.webrtc.transport import PeerTransport
from go2py.protocols.rfc4571 import Deframer, frame

SSRC = 0x12345678


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


@pytest.fixture
async def port() -> AsyncIterator[WebRtcPort]:
    port = WebRtcPort(WebRtcConfig(listen="127.0.0.1:0"))
    await port.start()
    yield port
    await port.close()
    assert not port.peers


class Viewer:
    """An aiortc peer connection that wants video, and what came out of it."""

    def __init__(self, **bundle: Any) -> None:
        self.pc = RTCPeerConnection(**bundle)
        self.pc.addTransceiver("video", direction="recvonly")
        self.packets: list[bytes] = []

    @property
    def dtls(self) -> Any:
        return self.pc.getTransceivers()[0].receiver.transport

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        seen, packets = self.dtls._handle_rtp_data, self.packets

        async def tap(data: bytes, arrival_time_ms: int) -> None:
            packets.append(data)
            await seen(data, arrival_time_ms)

        self.dtls._handle_rtp_data = tap
        return str(self.pc.localDescription.sdp)

    async def answer(self, peer: PeerTransport, offer: str, candidates: list[str]) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer(peer, offer, candidates), "answer"))


def attribute(sdp: str, name: str) -> str:
    return next(line.partition(":")[2] for line in sdp.splitlines() if line.startswith(f"a={name}:"))


def answer(peer: PeerTransport, offer: str, candidates: list[str]) -> str:
    """Just enough SDP for one video section."""
    lines = [
        *("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {attribute(offer, 'mid')}"),
        *("m=video 9 UDP/TLS/RTP/SAVPF 97", "c=IN IP4 0.0.0.0", "a=rtpmap:97 VP8/90000", "a=rtcp-mux", "a=sendonly"),
        f"a=mid:{attribute(offer, 'mid')}",
        f"a=ice-ufrag:{peer.ufrag}",
        f"a=ice-pwd:{peer.password}",
        f"a=fingerprint:{' '.join(peer.fingerprint)}",
        f"a=setup:{peer.setup}",
        f"a=ssrc:{SSRC} cname:x",
        *(f"a={line}" for line in candidates),
    ]
    return "\r\n".join(lines) + "\r\n"


def take_offer(peer: PeerTransport, offer: str) -> None:
    """What signalling does with an offer."""
    algorithm, value = attribute(offer, "fingerprint").split()
    setup = attribute(offer, "setup")
    peer.set_remote(attribute(offer, "ice-ufrag"), attribute(offer, "ice-pwd"), [(algorithm, value)], setup)
    for line in offer.splitlines():
        if line.startswith("a=candidate:"):
            peer.add_candidate(line)


class Log:
    """What a transport said by its callbacks."""

    def __init__(self, peer: PeerTransport) -> None:
        self.connected, self.closed = asyncio.Event(), asyncio.Event()
        self.reason = ""
        self.rtcp: list[bytes] = []
        peer.on_connected = lambda _: self.connected.set()
        peer.on_closed = self._closed
        peer.on_rtcp = self.rtcp.append

    def _closed(self, reason: str) -> None:
        self.reason = reason
        self.closed.set()


def picture(count: int = 8, sequence: int = 100) -> list[bytes]:
    """RTP packets with an empty VP8 payload, the last one shorter."""
    sizes = [1000] * (count - 1) + [300]
    return [
        struct.pack(">BBHII", 0x80, 97, sequence + at & 0xFFFF, 3000, SSRC) + bytes([0x10]) + bytes([at]) * size
        for at, size in enumerate(sizes)
    ]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def connect(port: WebRtcPort, viewer: Viewer, network: str = "udp") -> tuple[PeerTransport, Log]:
    peer = port.new_peer()
    log = Log(peer)
    offer = await viewer.offer()
    take_offer(peer, offer)
    lines = [line for line in await peer.gather() if f" {network} " in line]
    await viewer.answer(peer, offer, lines)
    await asyncio.wait_for(log.connected.wait(), 20)
    return peer, log


@pytest.mark.parametrize("profile", [SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80])
async def test_packets_arrive_as_they_were(port: WebRtcPort, profile: Any) -> None:
    viewer = Viewer()
    viewer.dtls._srtp_profiles = [profile]
    peer, log = await connect(port, viewer)
    assert peer.profile == profile.openssl_profile.decode()
    assert peer.protocol == "udp"
    assert peer.remote_address.startswith("127.0.0.1:")
    assert peer.round_trip is not None
    packets = picture()
    assert peer.send_rtp(RtpBatch(packets)) == len(packets)
    assert peer.send_rtp(RtpBatch(packets), Shift(sequence=50, timestamp=90)) == len(packets)
    await until(lambda: len(viewer.packets) == 2 * len(packets))
    assert sorted(viewer.packets[: len(packets)]) == packets
    again = sorted(viewer.packets[len(packets) :])
    assert [one[2:8] for one in again] == [struct.pack(">HI", 150 + at, 3090) for at in range(len(packets))]
    assert peer.packets_sent == 2 * len(packets)
    await until(lambda: log.rtcp)  # receiver reports
    await viewer.pc.close()
    await asyncio.wait_for(log.closed.wait(), 20)
    assert log.reason == "the viewer closed the connection"


async def test_gcm_is_preferred(port: WebRtcPort) -> None:
    viewer = Viewer()
    viewer.dtls._srtp_profiles = [SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_128_GCM]
    peer, _ = await connect(port, viewer)
    assert peer.profile == "SRTP_AEAD_AES_128_GCM"
    await viewer.pc.close()


async def test_own_close_ends_the_viewer(port: WebRtcPort) -> None:
    viewer = Viewer()
    peer, log = await connect(port, viewer)
    peer.close()
    peer.close()
    await until(lambda: viewer.dtls.state == "closed")
    assert not log.closed.is_set()
    assert not port.peers
    await viewer.pc.close()


class Bridge(asyncio.DatagramProtocol):
    """Carries one UDP conversation over a framed TCP connection, for a peer that speaks no ICE-TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.peer: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        deframer = Deframer()
        while data := await self.reader.read(4096):
            for packet in deframer.feed(data):
                self.transport.sendto(packet, self.peer)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.peer = addr
        self.writer.write(frame(data))

    async def close(self) -> None:
        self.task.cancel()
        self.transport.close()
        self.writer.close()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_tcp(port: WebRtcPort) -> None:
    viewer = Viewer()
    peer = port.new_peer()
    log = Log(peer)
    offer = await viewer.offer()
    offer = "\r\n".join(line for line in offer.splitlines() if "candidate" not in line)
    take_offer(peer, offer)
    tcp = next(one for one in map(parse_candidate, peer.candidates) if one.network == "tcp")
    assert tcp.tcptype == "passive"
    streams = await asyncio.open_connection(tcp.host, tcp.port)
    endpoint = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Bridge(*streams), local_addr=("127.0.0.1", 0)
    )
    bridge = endpoint[1]
    own = bridge.transport.get_extra_info("sockname")[1]
    await viewer.answer(peer, offer, [f"candidate:1 1 udp 2130706431 127.0.0.1 {own} typ host"])
    await asyncio.wait_for(log.connected.wait(), 20)
    assert peer.protocol == "tcp"
    packets = picture(60)
    assert peer.send_rtp(RtpBatch(packets)) == 60
    await until(lambda: len(viewer.packets) == 60)
    assert sorted(viewer.packets) == packets
    await viewer.pc.close()
    await asyncio.wait_for(log.closed.wait(), 20)
    await bridge.close()


async def test_vanished_viewer_is_noticed(port: WebRtcPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "CONSENT_INTERVAL", 0.2)
    monkeypatch.setattr(ice, "CONSENT_RETRY", 0.1)
    monkeypatch.setattr(ice, "CONSENT_TIMEOUT", 1.0)
    viewer = Viewer()
    _, log = await connect(port, viewer)
    for protocol in viewer.dtls.transport._connection._protocols:
        protocol.transport.abort()  # no goodbye
    await asyncio.wait_for(log.closed.wait(), 20)
    assert log.reason == "the viewer no longer answers"
    assert not port.peers
    viewer.dtls._ssl = None
    await viewer.pc.close()


async def test_unfinished_handshakes_end(port: WebRtcPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HANDSHAKE_TIMEOUT", 0.1)
    log = Log(port.new_peer())
    await asyncio.wait_for(log.closed.wait(), 20)
    assert log.reason.startswith("no connection within")
    assert not port.peers


async def test_wrong_certificate_is_refused(port: WebRtcPort) -> None:
    viewer = Viewer()
    peer = port.new_peer()
    log = Log(peer)
    offer = await viewer.offer()
    own = attribute(offer, "fingerprint")
    forged = offer.replace(own, f"sha-256 {':'.join(['AB'] * 32)}")
    take_offer(peer, forged)
    await viewer.answer(peer, offer, list(peer.candidates))
    await asyncio.wait_for(log.closed.wait(), 20)
    assert "certificate" in log.reason
    assert not log.connected.is_set()
    await viewer.pc.close()


async def test_offer_without_usable_fingerprint_is_refused(port: WebRtcPort) -> None:
    peer = port.new_peer()
    with pytest.raises(ProtocolError):
        peer.set_remote("abcd", "x" * 22, [("sha-1", "AA:BB")], "actpass")
    with pytest.raises(ProtocolError):
        peer.set_remote("a", "x" * 22, [("sha-256", "AA:BB")], "actpass")
    peer.close()


async def test_gateway_as_dtls_client(port: WebRtcPort) -> None:
    viewer = Viewer()
    peer = port.new_peer()
    log = Log(peer)
    offer = await viewer.offer()
    passive = offer.replace("a=setup:actpass", "a=setup:passive")
    take_offer(peer, passive)
    assert peer.setup == "active"
    await viewer.answer(peer, offer, list(peer.candidates))
    await asyncio.wait_for(log.connected.wait(), 20)
    assert peer.send_rtp(RtpBatch(picture())) == 8
    await until(lambda: len(viewer.packets) == 8)
    await viewer.pc.close()


async def test_stray_datagrams_leave_viewers_alone(port: WebRtcPort) -> None:
    viewer = Viewer()
    peer, log = await connect(port, viewer)
    target = parse_candidate(peer.candidates[0])
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with stranger:
        for at in range(20_000):
            stranger.sendto(bytes((at & 0xFF, at >> 8 & 0xFF)) * 20, (target.host, target.port))
            if at % 50 == 0:
                await asyncio.sleep(0)
    packets = picture()
    assert peer.send_rtp(RtpBatch(packets)) == 8
    await until(lambda: len(viewer.packets) == 8)
    assert port.strays > 0
    assert port.peers == (peer,)
    assert not log.closed.is_set()
    await viewer.pc.close()


async def test_a_taken_port_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        number = other.getsockname()[1]
        port = WebRtcPort(WebRtcConfig(listen=f"127.0.0.1:{number}"))
        await port.start()
        assert not port.sockets()
        assert [parse_candidate(line).network for line in port.announced()] == ["tcp"]
        assert "another program has the port" in caplog.text
    port._rescan()
    assert len(port.sockets()) == 1
    await port.close()


async def test_a_taken_tcp_port_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(port_module, "UPKEEP", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = WebRtcPort(WebRtcConfig(listen=f"127.0.0.1:{other.getsockname()[1]}"))
        await port.start()
        await asyncio.sleep(0.2)
        assert [parse_candidate(line).network for line in port.announced()] == ["udp"]
        assert caplog.text.count("cannot listen") == 1
    await until(lambda: len(port.announced()) == 2)
    await port.close()
