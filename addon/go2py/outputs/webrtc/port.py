"""The gateway's WebRTC port: one UDP and one TCP port for all viewers, told apart by user fragment, then by address."""

import asyncio
import contextlib
import errno
import ipaddress
import os
import random
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ...config.values import IceServer, WebRtcConfig
from ...errors import ConfigError
from ...observe.log import fields, get_logger
from ...protocols import stun
from .addresses import LocalAddress, scan, usable
from .candidates import extra_candidates, make_candidate, parse_extra
from .dtls import Identity
from .pairs import SockAddr
from .servers import ServerCandidates
from .settings import allows, parse_listen
from .sockets import Socket, TcpConnection, UdpSocket
from .srtp import Workspace
from .transport import PeerTransport

_log = get_logger("webrtc")

UPKEEP: Final = 5.0
"""Seconds between looks at the machine's addresses and at connections that lead nowhere."""
RESCAN_AGE: Final = 1.0
UNCLAIMED_TIMEOUT: Final = 10.0
MAX_UNCLAIMED: Final = 128
"""TCP connections that have not named a viewer yet; the oldest goes when there is one more."""
WORKERS: Final = 2


class WebRtcPort:
    """Owns the sockets, the certificate, the DTLS workers and all peers. `strays` counts datagrams for nobody."""

    def __init__(self, config: WebRtcConfig) -> None:
        """Raises ConfigError when it cannot be said where to listen; a bad candidate or server is only passed over."""
        self._config = config
        self._listen = parse_listen(config.listen)
        try:
            ipaddress.ip_address(self._listen.host or "::")
        except ValueError:
            raise ConfigError("write an IP address, or none for all", key="webrtc.listen") from None
        extra = self._parse_extra(self._listen.udp or self._listen.tcp or 8555)
        networks = self._listen.announced
        self._extra = extra_candidates([one for one in extra if one[0] != "stun"], networks)
        self.servers = ServerCandidates(config.ice_servers, networks, [port for host, port in extra if host == "stun"])
        self.strays = 0
        self.workspace = Workspace()
        self.workers = ThreadPoolExecutor(WORKERS, "dtls")
        self.identity: Identity
        self._udp: dict[LocalAddress, UdpSocket] = {}
        self._tcp: dict[int, asyncio.Server] = {}
        self._tcp_ports: dict[int, int] = {}
        self._found: list[LocalAddress] = []
        self.problems: dict[str, str] = {}
        """Why not, by what cannot be bound."""
        self._scanned = float("-inf")
        self._connections: set[TcpConnection] = set()
        self._by_ufrag: dict[bytes, PeerTransport] = {}
        self._by_tag: dict[bytes, PeerTransport] = {}
        self._ufrags: dict[PeerTransport, list[bytes]] = {}
        self._upkeep: asyncio.Task[None] | None = None

    @property
    def peers(self) -> Sequence[PeerTransport]:
        """All that are not closed."""
        return tuple(self._ufrags)

    async def start(self) -> None:
        """Bind what can be bound and make the certificate. What cannot be bound is logged and tried again."""
        self.identity = await asyncio.get_running_loop().run_in_executor(self.workers, Identity)
        await self._listen_tcp()
        self._rescan()
        _log.info("listen", extra=fields(addr=self._config.listen, addresses=len(self._udp)))
        self._upkeep = asyncio.create_task(self._run(), name="webrtc port")

    async def close(self) -> None:
        """Close every peer (they tell their owners), then sockets, connections and workers."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._upkeep
        for peer in self.peers:
            peer.end("the gateway stops")
        for server in self._tcp.values():
            server.close()
        for connection in tuple(self._connections):
            connection.abort()
        for one in self._udp.values():
            one.close()
        self._udp.clear()
        for server in self._tcp.values():
            await server.wait_closed()
        await asyncio.to_thread(self.workers.shutdown)

    def _parse_extra(self, default_port: int) -> list[tuple[str, int]]:
        extra = []
        for text in self._config.candidates:
            try:
                extra.append(parse_extra(text, default_port))
            except ConfigError as error:
                _log.warning("candidate passed over: %s", error)
        return extra

    def new_peer(self, ice_servers: Sequence[IceServer] | None = None) -> PeerTransport:
        """A transport for one more viewer; `ice_servers`, handed over with its offer, replace the configured ones."""
        if asyncio.get_running_loop().time() - self._scanned > RESCAN_AGE:
            self._rescan()
        tag = os.urandom(4)
        while tag in self._by_tag:
            tag = os.urandom(4)
        peer = PeerTransport(self, tag, ice_servers)
        self._by_tag[tag] = peer
        return peer

    # --- what peers need (PeerHost)

    def sockets(self) -> Sequence[UdpSocket]:
        """The bound UDP sockets, best address first."""
        return [self._udp[address] for address in self._found if address in self._udp]

    def announced(self) -> tuple[str, ...]:
        """Candidate lines: the configured ones, then one per address and network."""
        allowed = self._config.filters.candidates
        shown = [address for address in self._found if allowed is None or address.host in allowed]
        found = list(self._extra)
        for rank, address in enumerate(shown):
            if address in self._udp:
                found.append(make_candidate("host", "udp", address.host, self._udp[address].port, rank))
        for rank, address in enumerate(shown):
            if address.version in self._tcp_ports:
                found.append(make_candidate("host", "tcp", address.host, self._tcp_ports[address.version], rank))
        return tuple(candidate.line() for candidate in found)

    def listed(self, peer: PeerTransport, ufrag: str) -> None:
        key = ufrag.encode()
        self._by_ufrag[key] = peer
        keys = self._ufrags.setdefault(peer, [])
        keys.append(key)
        if len(keys) > 2:  # the one before a restart is still answered, none older
            del self._by_ufrag[keys.pop(0)]

    def forget(self, peer: PeerTransport) -> None:
        for ufrag in self._ufrags.pop(peer, ()):
            del self._by_ufrag[ufrag]
        self._by_tag.pop(peer.tag, None)

    # --- what sockets need (Demux)

    def stun(self, data: memoryview, size: int, base: Socket, address: SockAddr) -> None:
        if not stun.is_stun(data, size):
            self.strays += 1
            return
        if data[0] & 1:  # a response: its transaction id is ours
            transaction = bytes(data[8:20])
            peer = self._by_tag.get(transaction[:4])
            if peer is None and self.servers.expects(transaction):
                self.servers.answer(data[:size])
                return
        else:
            peer = self._by_ufrag.get(stun.peek_ufrag(data, size))
        if peer is None:
            self.strays += 1
        else:
            peer.stun(data[:size], base, address)

    def connected(self, connection: TcpConnection) -> bool:
        self._connections.add(connection)
        waiting = [one for one in self._connections if one.receiver is None]
        if len(waiting) > MAX_UNCLAIMED:
            min(waiting, key=lambda one: one.opened).abort()
        return True

    def disconnected(self, connection: TcpConnection) -> None:
        self._connections.discard(connection)

    # --- addresses

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(UPKEEP)
            self._rescan()
            await self._listen_tcp()
            now = asyncio.get_running_loop().time()
            for connection in tuple(self._connections):
                if connection.receiver is None and now - connection.opened > UNCLAIMED_TIMEOUT:
                    connection.abort()

    def _rescan(self) -> None:
        """Bind addresses that appeared, close sockets whose address is gone."""
        self._scanned = asyncio.get_running_loop().time()
        try:
            present = scan()
        except OSError as error:
            _log.warning("the machine's addresses cannot be read: %s", error)
            return
        self._found = usable(present, self._config.filters, self._listen.host)
        for address in [address for address in self._udp if address not in present and address not in self._found]:
            gone = self._udp.pop(address)
            gone.close()
            for peer in self.peers:
                peer.base_lost(gone)
        for rank, address in enumerate(self._found):
            if address not in self._udp and allows(self._config.filters, "udp", address.version):
                one = self._bind_udp(address, rank)
                if one is not None:
                    self._udp[address] = one
                    for peer in self.peers:
                        peer.add_base(one)

    def _bind_udp(self, address: LocalAddress, rank: int) -> UdpSocket | None:
        ports: Sequence[int] = (self._listen.udp,)
        bounds = self._config.filters.udp_ports
        if not self._listen.udp and bounds is not None:
            ports = random.sample(range(bounds[0], bounds[1] + 1), min(bounds[1] + 1 - bounds[0], 100))
        error: OSError | None = None
        for port in ports:
            bound = _socket(address.version, socket.SOCK_DGRAM)
            try:
                bound.bind(address.sockaddr(address.host, port))
            except OSError as failure:
                bound.close()
                error = failure
            else:
                self.problems.pop(f"udp {address.host}", None)
                return UdpSocket(bound, address, rank, self)
        self._cannot("udp", address.host, ports[-1], error)
        return None

    async def _listen_tcp(self) -> None:
        port = self._listen.tcp
        if port is None:
            return
        hosts = [self._listen.host] if self._listen.host not in {"", "::"} else ["0.0.0.0", "::"]
        for host in hosts:
            version = ipaddress.ip_address(host).version
            if version in self._tcp or not allows(self._config.filters, "tcp", version):
                continue
            bound: socket.socket | None = None
            try:
                bound = _socket(version, socket.SOCK_STREAM)
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                bound.bind((host, port))
                self._tcp[version] = await asyncio.get_running_loop().create_server(
                    lambda: TcpConnection(self), sock=bound
                )
                self._tcp_ports[version] = bound.getsockname()[1]
            except OSError as error:
                if bound is not None:
                    bound.close()
                self._cannot("tcp", host, port, error)

    def _cannot(self, network: str, host: str, port: int, error: OSError | None) -> None:
        """Say once what cannot be bound and what to do; an address that is still being set up is not worth a word."""
        key = f"{network} {host}"
        number = (error.errno if error is not None else 0) or 0
        if key in self.problems or number in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            return
        advice = (
            "another program has the port: stop it, or set webrtc.listen to another one"
            if number == errno.EADDRINUSE
            else "allow the port to this user, or set webrtc.listen to one above 1023"
            if number == errno.EACCES
            else "check webrtc.listen and webrtc.filters"
        )
        self.problems[key] = f"cannot listen on {network} {host} port {port} ({os.strerror(number)}): {advice}"
        _log.warning("%s", self.problems[key])


def _socket(version: int, kind: socket.SocketKind) -> socket.socket:
    bound = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, kind)
    if version == 6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return bound
