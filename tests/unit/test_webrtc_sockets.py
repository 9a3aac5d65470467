"""The port's sockets: offload and its fallback, full buffers, framing, strangers."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from go2py.config.values import CandidateFilters, WebRtcConfig
from go2py.outputs.webrtc import port as port_module
from go2py.outputs.webrtc import sockets
from go2py.outputs.webrtc.addresses import LocalAddress, local_address
from go2py.outputs.webrtc.candidates import parse_candidate
from go2py.outputs.webrtc.pairs import SockAddr
from go2py.outputs.webrtc.port import WebRtcPort
from go2py.outputs.webrtc.sockets import MAX_BUFFERED, TcpConnection, UdpSocket
from go2py.protocols import stun
from go2py.protocols.rfc4571 import Deframer, frame
from go2py.protocols.stun import Attribute, Kind

LOOP = local_address("127.0.0.1")


class Peer:
    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.lost: list[Any] = []

    def datagram(self, data: memoryview, _: Any, __: SockAddr) -> None:
        self.received.append(bytes(data))

    def base_lost(self, base: Any) -> None:
        self.lost.append(base)


class Desk:
    """A demultiplexer that hands every STUN datagram to one peer."""

    def __init__(self) -> None:
        self.strays = 0
        self.peer = Peer()
        self.connections: list[TcpConnection] = []

    def stun(self, data: memoryview, size: int, base: Any, address: SockAddr) -> None:
        if base.claim(address, self.peer, proven=True):
            self.peer.received.append(bytes(data[:size]))

    def connected(self, connection: TcpConnection) -> bool:
        self.connections.append(connection)
        return True

    def disconnected(self, connection: TcpConnection) -> None:
        self.connections.remove(connection)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def udp(desk: Desk) -> AsyncIterator[UdpSocket]:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    one = UdpSocket(bound, LOOP, 0, desk)
    yield one
    one.close()


@pytest.fixture
def viewer(udp: UdpSocket) -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(10)
        yield other


async def turn_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0.01)


class Refusing:
    """A socket whose kernel cannot, or will not, do what is asked."""

    def __init__(self, real: socket.socket, *, sendmsg: int = 0, sendto: int = 0) -> None:
        self._real, self._sendmsg, self._sendto = real, sendmsg, sendto
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sendmsg(self, *args: Any) -> int:
        self.calls += 1
        if self._sendmsg:
            raise OSError(self._sendmsg, "refused")
        return self._real.sendmsg(*args)

    def sendto(self, *args: Any) -> int:
        if self._sendto:
            raise OSError(self._sendto, "refused")
        return self._real.sendto(*args)


@pytest.mark.parametrize("refusal", [0, errno.EIO, errno.EINVAL, errno.EMSGSIZE])
async def test_burst(udp: UdpSocket, viewer: socket.socket, refusal: int) -> None:
    real = udp._socket
    fake = Refusing(real, sendmsg=refusal)
    udp._socket = fake  # type: ignore[assignment]
    pieces = [bytes((at,)) * 700 for at in range(9)] + [b"end"]
    burst = memoryview(bytearray(b"".join(pieces)))
    for _ in range(sockets.PATIENCE + 1):
        assert udp.send_burst(burst, 700, viewer.getsockname()) == 10
        assert [viewer.recv(2000) for _ in pieces] == pieces
    assert fake.calls == (sockets.PATIENCE if refusal else sockets.PATIENCE + 1)


async def test_full_buffer_is_a_drop(udp: UdpSocket, viewer: socket.socket) -> None:
    udp._socket = Refusing(udp._socket, sendmsg=errno.EAGAIN, sendto=errno.EAGAIN)  # type: ignore[assignment]
    assert udp.send_burst(memoryview(bytearray(3000)), 1000, viewer.getsockname()) == 0
    assert not udp.send(b"x", viewer.getsockname())
    assert udp._patience == sockets.PATIENCE


async def test_datagrams_go_to_whom_the_address_belongs(udp: UdpSocket, viewer: socket.socket, desk: Desk) -> None:
    target = "127.0.0.1", udp.port
    viewer.sendto(b"\x80stray", target)
    viewer.sendto(b"", target)
    viewer.sendto(b"\x00check", target)
    viewer.sendto(b"\x80media", target)
    await turn_of_the_loop()
    assert desk.peer.received == [b"\x00check", b"\x80media"]
    assert desk.strays == 1
    udp.release(viewer.getsockname(), desk.peer)
    viewer.sendto(b"\x80late", target)
    await turn_of_the_loop()
    assert desk.strays == 2


async def test_an_address_is_taken_only_by_proof(udp: UdpSocket) -> None:
    first, second = Peer(), Peer()
    address = "192.0.2.1", 5
    assert udp.claim(address, first, proven=False)
    assert not udp.claim(address, first, proven=True)
    assert not udp.claim(address, second, proven=False)
    assert udp.claim(address, second, proven=True)
    udp.release(address, first)
    assert not udp.claim(address, first, proven=False)


@pytest.mark.parametrize(
    ("mine", "theirs", "fits"),
    [
        ("192.168.1.5", "10.0.0.1", True),
        ("192.168.1.5", "2001:db8::1", False),
        ("192.168.1.5", "127.0.0.1", False),
        ("127.0.0.1", "192.168.1.5", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("192.168.1.5", "172.17.0.3", True),
    ],
)
async def test_which_candidates_are_tried(udp: UdpSocket, mine: str, theirs: str, fits: bool) -> None:
    udp.address = local_address(mine)
    assert (udp.target(parse_candidate(f"candidate:1 1 udp 1 {theirs} 5 typ host")) is not None) == fits


async def connection(desk: Desk) -> tuple[asyncio.Server, asyncio.StreamReader, asyncio.StreamWriter]:
    server = await asyncio.get_running_loop().create_server(lambda: TcpConnection(desk), "127.0.0.1", 0)
    return server, *await asyncio.open_connection(*server.sockets[0].getsockname())


async def test_tcp_frames_both_ways(desk: Desk) -> None:
    server, reader, writer = await connection(desk)
    data = frame(b"\x00check") + frame(b"\x80media")
    writer.write(data[:3])
    await turn_of_the_loop()
    writer.write(data[3:])
    await turn_of_the_loop()
    assert desk.peer.received == [b"\x00check", b"\x80media"]
    (own,) = desk.connections
    burst = memoryview(bytearray(b"a" * 10 + b"b" * 10 + b"c"))
    assert own.send_burst(burst, 10, own.address) == 3
    assert own.send(b"last", own.address)
    deframer = Deframer()
    found: list[bytes] = []
    while len(found) < 4:
        found += deframer.feed(await reader.read(100))
    assert found == [b"a" * 10, b"b" * 10, b"c", b"last"]
    writer.close()
    await writer.wait_closed()
    await turn_of_the_loop()
    assert desk.peer.lost == [own]
    assert own.closed
    assert not own.send(b"x", own.address)
    server.close()


@pytest.mark.parametrize("nonsense", [frame(b"\x80media"), b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff"])
async def test_tcp_strangers_are_cut_off(desk: Desk, nonsense: bytes) -> None:
    server, reader, writer = await connection(desk)
    writer.write(nonsense)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    server.close()
    await turn_of_the_loop()
    assert not desk.connections


async def test_tcp_reader_that_never_reads_is_bounded(desk: Desk) -> None:
    server, _, writer = await connection(desk)
    writer.write(frame(b"\x00check"))
    await turn_of_the_loop()
    (own,) = desk.connections
    burst = memoryview(bytearray(60_000))
    went = [own.send_burst(burst, 1200, own.address) for _ in range(400)]
    assert went[0] == 50
    assert went[-1] == 0
    assert own.buffered <= MAX_BUFFERED
    own.abort()
    writer.close()
    server.close()
    await turn_of_the_loop()
    assert not desk.connections


async def test_idle_connections_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_module, "MAX_UNCLAIMED", 3)
    monkeypatch.setattr(port_module, "UPKEEP", 0.05)
    port = WebRtcPort(WebRtcConfig(listen="127.0.0.1:0"))
    await port.start()
    tcp = next(one for one in map(parse_candidate, port.announced()) if one.network == "tcp")
    streams = [await asyncio.open_connection(tcp.host, tcp.port) for _ in range(5)]
    await turn_of_the_loop()
    assert len(port._connections) == 3
    monkeypatch.setattr(port_module, "UNCLAIMED_TIMEOUT", 0)
    async with asyncio.timeout(10):
        while port._connections:
            await asyncio.sleep(0.02)
    for _, writer in streams:
        writer.close()
    await port.close()


async def test_addresses_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[LocalAddress] = [local_address("127.0.0.1", "lo")]
    monkeypatch.setattr(port_module, "scan", lambda: list(found))
    port = WebRtcPort(WebRtcConfig(listen=":0/udp"))
    await port.start()
    peer = port.new_peer()
    (before,) = port.sockets()
    found[:] = [local_address("127.0.0.2", "lo")]
    port._rescan()
    (after,) = port.sockets()
    assert before.closed
    assert not after.closed
    assert peer._agent._bases == [after]
    assert "127.0.0.2" in port.new_peer().candidates[0]
    await port.close()
    assert after.closed


async def test_viewers_that_never_connect_leave_nothing_behind() -> None:
    port = WebRtcPort(WebRtcConfig(listen="127.0.0.1:0"))
    await port.start()
    for _ in range(200):
        peer = port.new_peer()
        peer.set_remote("abcd", "x" * 22, [("sha-256", "AA:BB")], "actpass")
        peer.add_candidate("candidate:1 1 udp 1 127.0.0.1 9 typ host")
        peer.close()
    assert not port.peers
    assert not port._by_ufrag
    assert not port._by_tag
    assert not port.sockets()[0]._routes
    await port.close()


async def test_restarts_keep_the_last_two_user_fragments() -> None:
    port = WebRtcPort(WebRtcConfig(listen="127.0.0.1:0"))
    await port.start()
    peer = port.new_peer()
    used = [peer.ufrag]
    for _ in range(5):
        peer.restart("abcd", "x" * 22)
        used.append(peer.ufrag)
    assert set(port._by_ufrag) == {ufrag.encode() for ufrag in used[-2:]}
    await port.close()
    assert not port._by_ufrag


async def test_networks_and_port_range() -> None:
    filters = CandidateFilters(networks=("udp4",), udp_ports=(40_000, 40_200), loopback=True)
    port = WebRtcPort(WebRtcConfig(listen="", filters=filters, candidates=("cam.example.org:1",)))
    await port.start()
    lines = [parse_candidate(line) for line in port.announced()]
    assert lines
    assert all(one.network == "udp" and 40_000 <= one.port <= 40_200 and ":" not in one.host for one in lines)
    await port.close()


async def test_only_who_knows_a_user_fragment_is_listened_to() -> None:
    port = WebRtcPort(WebRtcConfig(listen="127.0.0.1:0"))
    await port.start()
    peer = port.new_peer()
    (own,) = port.sockets()

    def check(ufrag: str, password: str) -> bytes:
        user = (Attribute.USERNAME, f"{ufrag}:x".encode())
        return stun.build(Kind.REQUEST, stun.new_transaction(), (user,), password.encode())

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)  # noqa: FBT003
        other.sendto(check("nobody", "x"), (own.address.host, own.port))
        other.sendto(check(peer.ufrag, "wrong"), (own.address.host, own.port))
        await turn_of_the_loop()
        with pytest.raises(BlockingIOError):
            other.recv(2000)
        assert not own._routes
        other.sendto(check(peer.ufrag, peer.password), (own.address.host, own.port))
        await turn_of_the_loop()
        answer = stun.parse(other.recv(2000))
        assert answer.kind is Kind.SUCCESS
        assert answer.mapped == other.getsockname()
        assert own._routes
    peer.close()
    assert not own._routes
    await port.close()
