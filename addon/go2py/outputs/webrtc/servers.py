"""Candidates that need a server: our public address by STUN, relays by TURN. Only servers that somebody named."""

import asyncio
import importlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

from ...config.values import IceServer
from ...errors import ProtocolError, Unreachable
from ...observe.log import get_logger
from ...protocols import stun
from .candidates import Candidate, extra_candidates, make_candidate, priority
from .pairs import SockAddr
from .settings import Network
from .sockets import Receiver, Socket, UdpSocket

if TYPE_CHECKING:
    from aioice.turn import TurnTransport

_log = get_logger("webrtc")

TIMEOUT: Final = 3.0
MAX_SERVERS: Final = 8
"""Asked for one peer; those behind are not."""
PUBLIC_LIFETIME: Final = 300.0
_RETRY: Final = (0.4, 0.8, 1.8)
"""Pauses behind each sending of a STUN request; together `TIMEOUT`."""


class Server(NamedTuple):
    """One URL of an `IceServer` taken apart."""

    scheme: str
    host: str
    port: int
    transport: str
    username: str
    credential: str


def parse_servers(servers: Iterable[IceServer]) -> list[Server]:
    """All URLs of these servers (RFC 7064, RFC 7065); one that makes no sense is logged and passed over."""
    found: list[Server] = []
    for server in servers:
        for url in server.urls:
            scheme, _, rest = url.partition(":")
            scheme = scheme.lower()
            address, _, query = rest.partition("?")
            host, colon, digits = address.rpartition(":")
            if not colon or (":" in host and not host.endswith("]")):
                host, digits = address, "5349" if scheme.endswith("s") else "3478"
            if scheme not in {"stun", "turn", "turns"} or not host or not digits.isdecimal():
                _log.warning("ICE server passed over: write stun:host:port, turn:host:port or turns:host:port")
                continue
            transport = "tcp" if scheme == "turns" or query == "transport=tcp" else "udp"
            credential = server.credential.open()
            found.append(Server(scheme, host.strip("[]"), int(digits), transport, server.username, credential))
    return found


class RelayUser(Receiver, Protocol):
    """The peer that a relay is for."""

    def add_relay(self, relay: Relay) -> bool: ...
    def stun(self, data: memoryview, base: Socket, address: SockAddr) -> None: ...


class ServerCandidates:
    """Asks STUN and TURN servers. `networks` are those with a fixed port, `public_ports` those of `stun:port`."""

    def __init__(self, servers: Sequence[IceServer], networks: Sequence[Network], public_ports: Sequence[int]) -> None:
        self._servers = parse_servers(servers)
        self._networks, self._public_ports = networks, public_ports
        self._pending: dict[bytes, asyncio.Future[tuple[str, int]]] = {}
        self._public = ""
        self._public_until = 0.0

    async def gather(
        self,
        peer: RelayUser,
        sockets: Sequence[UdpSocket],
        instead: Sequence[IceServer] | None,
        found: Callable[[str], None],
    ) -> None:
        """Call `found` with each candidate line; servers that do not answer are logged and passed over.

        `instead` replaces the configured servers for this peer, also by none at all.
        """
        servers = (self._servers if instead is None else parse_servers(instead))[:MAX_SERVERS]
        steps: list[Awaitable[None]] = []
        if self._public_ports:
            steps.append(self._find_public(sockets, found))
        for server in servers:
            if server.scheme == "stun":
                steps += [self._find_reflexive(one, server, found) for one in sockets if one.address.version == 4]
            else:
                steps.append(self._find_relay(peer, server, found))
        if steps:
            await asyncio.gather(*steps)

    # --- STUN

    def answer(self, data: memoryview) -> None:
        """A response that is not for a peer."""
        try:
            message = stun.parse(data)
            mapped = message.mapped if message.kind is stun.Kind.SUCCESS else None
        except ProtocolError:
            return
        waiter = self._pending.get(message.transaction)
        if waiter is not None and mapped is not None and not waiter.done():
            waiter.set_result(mapped)

    def expects(self, transaction: bytes) -> bool:
        """Whether a response with this id is for `answer`."""
        return transaction in self._pending

    async def mapped(self, from_: UdpSocket, server: Server) -> tuple[str, int]:
        """The address that a server sees this socket under. Raises Unreachable."""
        loop = asyncio.get_running_loop()
        transaction = stun.new_transaction()
        waiter: asyncio.Future[tuple[str, int]] = loop.create_future()
        self._pending[transaction] = waiter
        try:
            async with asyncio.timeout(TIMEOUT):
                family = socket.AF_INET if from_.address.version == 4 else socket.AF_INET6
                infos = await loop.getaddrinfo(server.host, server.port, family=family, type=socket.SOCK_DGRAM)
                request = stun.build(stun.Kind.REQUEST, transaction)
                for pause in _RETRY:
                    from_.send(request, cast("SockAddr", infos[0][4]))
                    done, _ = await asyncio.wait((waiter,), timeout=pause)
                    if done:
                        return waiter.result()
        except OSError, TimeoutError:
            pass
        finally:
            del self._pending[transaction]
        raise Unreachable(f"the STUN server {server.host}:{server.port} does not answer")

    async def _find_reflexive(self, from_: UdpSocket, server: Server, found: Callable[[str], None]) -> None:
        try:
            host, port = await self.mapped(from_, server)
        except Unreachable as error:
            _log.warning("%s", error)
            return
        if host != from_.address.host:
            related = (from_.address.host, from_.port)
            found(make_candidate("srflx", "udp", host, port, 0, related).line())

    async def _find_public(self, sockets: Sequence[UdpSocket], found: Callable[[str], None]) -> None:
        host = await self.public_address(sockets)
        if host:
            configured = [(host, port) for port in self._public_ports]
            for candidate in extra_candidates(configured, self._networks):
                found(candidate.line())

    async def public_address(self, sockets: Sequence[UdpSocket]) -> str:
        """Our public IPv4 address for `stun:port`, kept for five minutes, the last good one beyond; "" if unknown."""
        now = asyncio.get_running_loop().time()
        if now < self._public_until:
            return self._public
        for server in self._servers:
            if server.scheme != "stun":
                continue
            for one in sockets:
                if one.address.version != 4:
                    continue
                try:
                    self._public = (await self.mapped(one, server))[0]
                except Unreachable:
                    continue
                self._public_until = now + PUBLIC_LIFETIME
                return self._public
        if not self._public:
            _log.warning("candidate stun:port left out: no STUN server in webrtc.ice_servers answers")
        return self._public

    # --- TURN

    async def _find_relay(self, peer: RelayUser, server: Server, found: Callable[[str], None]) -> None:
        relay = Relay(peer)
        turn = await asyncio.to_thread(importlib.import_module, "aioice.turn")  # 4 MB that few need
        try:
            async with asyncio.timeout(TIMEOUT):
                transport, _ = await turn.create_turn_endpoint(
                    lambda: relay,
                    (server.host, server.port),
                    username=server.username,
                    password=server.credential,
                    ssl=ssl.create_default_context() if server.scheme == "turns" else None,
                    transport=server.transport,
                )
        except (OSError, TimeoutError, turn.stun.TransactionError) as error:
            _log.warning("the TURN server %s:%d gives no relay: %s", server.host, server.port, type(error).__name__)
            return
        relay.open(transport)
        if not peer.add_relay(relay):
            relay.close()
            return
        host, port = transport.get_extra_info("sockname")
        related = transport.get_extra_info("related_address")
        found(make_candidate("relay", "udp", host, port, 0, related).line())


class Relay(asyncio.DatagramProtocol):
    """A TURN allocation of one peer, used like a socket. Slow: aioice spends a task per packet."""

    network = "udp"
    buffered = 0

    def __init__(self, receiver: RelayUser) -> None:
        self.priority = self.peer_reflexive = priority("relay", "udp", 0)
        self.closed = False
        self._receiver = receiver
        self._transport: TurnTransport | None = None

    def open(self, transport: TurnTransport) -> None:
        """The allocation is there."""
        self._transport = transport

    def datagram_received(self, data: bytes | str, addr: tuple[str | Any, int]) -> None:
        if self.closed or not data or not isinstance(data, bytes):
            return
        if stun.is_stun(data, len(data)):
            self._receiver.stun(memoryview(data), self, addr)
        else:
            self._receiver.datagram(memoryview(data), self, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed:
            self.closed = True
            self._receiver.base_lost(self)

    def error_received(self, exc: Exception) -> None:
        _log.debug("relay: %s", exc)

    def target(self, candidate: Candidate) -> SockAddr | None:
        return None if self.closed or ":" in candidate.host else (candidate.host, candidate.port)

    def claim(self, address: SockAddr, receiver: Receiver, *, proven: bool) -> bool:
        return False  # it has one user only

    def release(self, address: SockAddr, receiver: Receiver) -> None:
        pass

    def send(self, data: bytes | memoryview, address: SockAddr) -> bool:
        if self._transport is None or self.closed:
            return False
        self._transport.sendto(bytes(data), cast("tuple[str, int]", address))
        return True

    def send_burst(self, burst: memoryview, segment: int, address: SockAddr) -> int:
        return sum(self.send(burst[at : at + segment], address) for at in range(0, len(burst), segment))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if self._transport is not None:
                self._transport.close()
