"""One viewer's transport: ICE, DTLS and SRTP tied together."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from ...config.values import IceServer
from ...errors import ProtocolError
from ...protocols.rtp.packet import is_rtcp
from .batch import RtpBatch, Shift
from .candidates import parse_candidate
from .dtls import DtlsEndpoint, Identity, Role, SrtpKeys, usable
from .handshake import Handshake
from .ice import IceAgent
from .pairs import Credentials, Pair, SockAddr
from .servers import Relay, ServerCandidates
from .sockets import Socket, UdpSocket
from .srtp import SrtpError, SrtpSession, Workspace

HANDSHAKE_TIMEOUT: Final = 30.0
"""Seconds from the creation of a transport until it must be connected."""
_MAX_CLAIMS: Final = 64


class PeerHost(Protocol):
    """What the port lends to its peers."""

    identity: Identity
    workspace: Workspace
    workers: ThreadPoolExecutor
    servers: ServerCandidates

    def sockets(self) -> Sequence[UdpSocket]: ...
    def announced(self) -> tuple[str, ...]: ...
    def listed(self, peer: PeerTransport, ufrag: str) -> None:
        """Checks for this user fragment are for the peer."""

    def forget(self, peer: PeerTransport) -> None: ...


class PeerTransport:
    """ICE + DTLS + SRTP of one peer connection (BUNDLE, rtcp-mux), answering side. `WebRtcPort.new_peer` makes it.

    Set the callbacks, call `set_remote`, write `ufrag`, `password`, `fingerprint`, `setup` and candidates into the
    answer, give it the peer's candidates, and send once `on_connected` was called. Callbacks run on the loop, must be
    quick and must not raise; none is called after `close()`.
    """

    def __init__(self, host: PeerHost, tag: bytes, ice_servers: Sequence[IceServer] | None = None) -> None:
        self._host, self._ice_servers = host, ice_servers
        self._loop = asyncio.get_running_loop()
        self._agent = IceAgent(_credentials(), tag)
        self.fingerprint = host.identity.fingerprint
        """Hash name and value of our certificate."""
        self.setup = "passive"
        """Our DTLS role for the answer, `active` where the offer leaves no choice; valid after `set_remote`."""
        self.candidates = host.announced()
        """Lines `candidate:…` known without waiting: configured ones, then those of our addresses."""
        self.connected = self.closed = False
        self.profile = ""
        """SRTP profile, empty before `on_connected`."""
        self.packets_sent = self.bytes_sent = self.packets_dropped = 0
        """RTP only; bytes as they are on the wire, without UDP and IP. Dropped: the kernel or TCP had no room."""
        self.on_connected: Callable[[str], None] | None = None
        """Media may be sent; gets the SRTP profile's name."""
        self.on_rtcp: Callable[[bytes], None] | None = None
        """A compound RTCP packet in clear."""
        self.on_rtp: Callable[[bytes], None] | None = None
        """An RTP packet in clear."""
        self.on_closed: Callable[[str], None] | None = None
        """It is over and all is released; gets the reason. Not called for an own `close()`."""
        self.on_candidate: Callable[[str], None] | None = None
        """A local candidate line, from `gather()`."""
        self._tag = tag
        self._pair: Pair | None = None
        self._handshake: Handshake | None = None
        self._srtp: SrtpSession | None = None
        self._claims: list[tuple[Socket, SockAddr]] = []
        self._relays: list[Relay] = []
        self._ice_timer: asyncio.TimerHandle | None = None
        self._deadline = self._loop.call_later(
            HANDSHAKE_TIMEOUT, self.end, f"no connection within {HANDSHAKE_TIMEOUT:.0f} s"
        )
        for socket in host.sockets():
            self._agent.add_base(socket)
        host.listed(self, self.ufrag)

    @property
    def ufrag(self) -> str:
        """Local ICE user fragment."""
        return self._agent.local.ufrag

    @property
    def password(self) -> str:
        """Local ICE password."""
        return self._agent.local.password

    @property
    def tag(self) -> bytes:
        """What our STUN transactions begin with."""
        return self._tag

    @property
    def remote_address(self) -> str:
        """`host:port` of the selected pair, empty before."""
        if self._pair is None:
            return ""
        host, port = self._pair.address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def remote_host(self) -> str:
        """The peer's address of the selected pair, empty before."""
        return "" if self._pair is None else self._pair.address[0]

    @property
    def protocol(self) -> str:
        """`udp` or `tcp` on our side, empty before a pair is selected."""
        return self._socket.network if self._pair else ""

    @property
    def candidate_type(self) -> str:
        """Of the remote candidate: host, srflx, prflx, relay; empty before."""
        return self._pair.type if self._pair else ""

    @property
    def buffered(self) -> int:
        """Bytes that wait in a TCP connection; 0 over UDP."""
        return self._socket.buffered if self._pair else 0

    @property
    def round_trip(self) -> float | None:
        """Seconds, by the newest connectivity check."""
        return self._agent.round_trip

    # --- signalling

    def set_remote(
        self, ufrag: str, password: str, fingerprints: Sequence[tuple[str, str]], setup: str, *, lite: bool = False
    ) -> None:
        """What the offer says; `setup` is its `a=setup`. Raises ProtocolError when nothing can come of it."""
        remote = _remote(ufrag, password)
        known = usable(fingerprints)
        if not known:
            raise ProtocolError("webrtc: the offer has no fingerprint of a known hash")
        role: Role = "client" if setup == "passive" else "server"
        self.setup = "active" if role == "client" else "passive"
        self._handshake = Handshake(
            DtlsEndpoint(self._host.identity, role, known),
            self._host.workers,
            self._send_dtls,
            self._established,
            self.end,
        )
        self._agent.set_remote(remote, lite=lite)
        self._pump()

    def restart(self, ufrag: str, password: str) -> None:
        """An ICE restart: the peer's new credentials, and new ones of ours. Certificate and roles stay; media goes on
        over the old pair until one with the new credentials is selected. Raises ProtocolError."""
        remote = _remote(ufrag, password)
        self._agent.restart(_credentials())
        self._host.listed(self, self.ufrag)
        self._agent.set_remote(remote)
        self._pump()

    def add_candidate(self, line: str) -> None:
        """A remote candidate line, with or without `a=`; empty for the end of candidates. Raises ProtocolError.

        Names (mDNS) and TCP candidates are passed over: where such a peer is, its own checks tell.
        """
        if line.strip() and not self.closed:
            self._agent.add_remote(parse_candidate(line))
            self._pump()

    async def gather(self) -> tuple[str, ...]:
        """All local candidate lines, at once or after the servers were asked (a few seconds at most).

        `on_candidate` gets each line as soon as it is known.
        """
        lines = list(self.candidates)
        for line in lines:
            self._tell(line)

        def found(line: str) -> None:
            lines.append(line)
            self._tell(line)

        await self._host.servers.gather(self, self._host.sockets(), self._ice_servers, found)
        return tuple(lines)

    def _tell(self, line: str) -> None:
        if self.on_candidate is not None and not self.closed:
            self.on_candidate(line)

    # --- bases: called by the port, sockets and relays

    def add_base(self, socket: Socket) -> None:
        """A socket that appeared later."""
        self._agent.add_base(socket)
        self._pump()

    def add_relay(self, relay: Relay) -> bool:
        """A TURN allocation of our own; False when we are closed and it has no use any more."""
        if self.closed:
            return False
        self._relays.append(relay)
        self.add_base(relay)
        return True

    def base_lost(self, base: Socket) -> None:
        self._agent.remove_base(base)
        self._claims = [claim for claim in self._claims if claim[0] is not base]

    # --- receiving

    def stun(self, data: memoryview, base: Socket, address: SockAddr) -> None:
        """A STUN datagram that names us or answers one of ours."""
        try:
            authentic = self._agent.receive(data, base, address, self._loop.time())
        except ProtocolError:
            return
        if authentic:
            self._claim(base, address, proven=False)
        self._pump()

    def datagram(self, data: memoryview, base: Socket, address: SockAddr) -> None:
        first = data[0]
        if 128 <= first < 192:
            self._media(bytes(data))
        elif 20 <= first < 64 and self._handshake is not None:
            self._handshake.receive(bytes(data))

    def _media(self, data: bytes) -> None:
        if self._srtp is None:
            return
        try:
            if not is_rtcp(data):
                if self.on_rtp is not None:
                    self.on_rtp(self._srtp.unprotect(data))
            elif self.on_rtcp is not None:
                self.on_rtcp(self._srtp.unprotect_rtcp(data))
        except SrtpError:  # forged, doubled or late
            return

    def _claim(self, base: Socket, address: SockAddr, *, proven: bool) -> None:
        if (proven or len(self._claims) < _MAX_CLAIMS) and base.claim(address, self, proven=proven):
            self._claims.append((base, address))

    # --- ICE

    def _pump(self) -> None:
        """Send what the agent wants sent, take over its news, wake it when it asks for it."""
        if self.closed:
            return
        for pair, data in self._agent.take():
            _base(pair).send(data, pair.address)
        if self._agent.failed:
            self.end(self._agent.failed)
            return
        if self._agent.selected is not self._pair:
            self._pair = self._agent.selected
            assert self._pair is not None
            self._socket, self._address = _base(self._pair), self._pair.address
            self._claim(self._socket, self._address, proven=True)
            if self._handshake is not None:
                self._handshake.begin()
        if self._ice_timer is not None:
            self._ice_timer.cancel()
        due = self._agent.next_timer()
        self._ice_timer = None if due is None else self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._agent.tick(self._loop.time())
        self._pump()

    # --- DTLS

    def _established(self, keys: SrtpKeys) -> None:
        self._deadline.cancel()
        self._srtp = SrtpSession(keys, self._host.workspace)
        self.connected, self.profile = True, keys.profile.name
        if self.on_connected is not None:
            self.on_connected(self.profile)

    def _send_dtls(self, datagram: bytes) -> None:
        self._socket.send(datagram, self._address)

    # --- sending

    def send_rtp(self, batch: RtpBatch, shift: Shift | None = None) -> int:
        """Protect and send a batch; how many of its packets went out (none before `on_connected`)."""
        srtp = self._srtp
        if srtp is None:
            return 0
        sent = 0
        for template in batch.templates(srtp.tag):
            try:
                wire = srtp.protect(template, shift)
            except SrtpError:  # a retransmission from before libsrtp's window
                continue
            went = self._socket.send_burst(wire, template.stride, self._address)
            sent += went
            if went == template.packets:
                self.bytes_sent += len(wire)
            else:
                self.bytes_sent += went * template.stride
        self.packets_sent += sent
        self.packets_dropped += len(batch.packets) - sent
        return sent

    def send_packet(self, packet: bytes, shift: Shift | None = None) -> int:
        """The same for one packet (a retransmission, a probe)."""
        return self.send_rtp(RtpBatch((packet,)), shift)

    def send_rtcp(self, packet: bytes) -> None:
        """A compound RTCP packet in clear."""
        if self._srtp is None:
            return
        try:
            data = self._srtp.protect_rtcp(packet)
        except SrtpError:  # longer than any datagram of ours
            return
        self._socket.send(data, self._address)

    # --- the end

    def close(self) -> None:
        """Tell the peer and release everything. Idempotent."""
        self.on_closed = None
        self.end("")

    def end(self, reason: str) -> None:
        """The same, and give the owner a reason by `on_closed`."""
        if self.closed:
            return
        self._release()
        if self.on_closed is not None:
            self.on_closed(reason)

    def _release(self) -> None:
        self.closed = True
        self.connected = False
        self._deadline.cancel()
        if self._ice_timer is not None:
            self._ice_timer.cancel()
        if self._handshake is not None:
            self._handshake.close()
        self._host.forget(self)
        claims, self._claims = self._claims, []
        for base, address in claims:
            base.release(address, self)
        relays, self._relays = self._relays, []
        for relay in relays:
            relay.close()
        self._handshake = self._srtp = None


def _base(pair: Pair) -> Socket:
    """The agent's bases are our sockets."""
    return pair.base  # type: ignore[return-value]


def _remote(ufrag: str, password: str) -> Credentials:
    if not 4 <= len(ufrag) <= 256 or not 22 <= len(password) <= 256:
        raise ProtocolError("webrtc: the peer's ICE credentials are missing or of a wrong length")
    return Credentials(ufrag, password)


def _credentials() -> Credentials:
    """64 and 128 random bits (RFC 8445 section 5.3 asks for 24 and 128)."""
    return Credentials(secrets.token_hex(8), secrets.token_hex(16))
