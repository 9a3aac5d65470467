"""Light WebRTC viewers: real ICE, DTLS and RTCP, but media is only counted by its headers, which are in clear.

Decrypting in Python would cost more than the gateway; the kernel hands over many packets at once (UDP GRO).
"""

import asyncio
import secrets
import socket
import time
from array import array
from collections.abc import Sequence
from itertools import pairwise
from struct import Struct
from typing import Any, ClassVar, Protocol

import aiohttp

from go2py.outputs.webrtc.dtls import AES_CM_SHA1_80, DtlsEndpoint, Identity, SrtpKeys
from go2py.outputs.webrtc.srtp import SrtpSession, Workspace
from go2py.protocols import rtcp, stun
from go2py.protocols.stun import Attribute, Kind

from .clips import STAMP

UDP_GRO = 104
REPORT_SECONDS = 1.0
FEEDBACK_SECONDS = 0.1
FRESH = 0.25
"""Seconds that a live picture may be old."""
_RTP = Struct(">BBHII")
_NUMBER = Struct(">H")
_OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=rtcp-mux
a=mid:0
a=recvonly
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=extmap:1 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=rtpmap:96 H264/90000
a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 transport-cc
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
"""


class Viewer:
    """One peer connection. `decrypt`: look into the pictures for their time of sending."""

    buffer: ClassVar = bytearray(1 << 16)

    def __init__(self, identity: Identity, *, decrypt: bool) -> None:
        self.packets = self.lost = self.bytes = 0
        self.delays = array("d")
        """Of each picture against its RTP time, seconds; only differences mean something."""
        self.arrivals = array("d")
        """When pictures were whole."""
        self.first = self.live = 0.0
        """When the first whole key picture, and a fresh one, was there; 0 before. Only with `decrypt`."""
        self._identity, self._decrypt = identity, decrypt
        self._loop = asyncio.get_running_loop()
        self._ufrag, self._password = secrets.token_hex(4), secrets.token_hex(12)
        self._remote: dict[str, str] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        self._dtls: DtlsEndpoint | None = None
        self._srtp: SrtpSession | None = None
        self._connected = self._loop.create_future()
        self._bound = False
        self._next: int | None = None
        self._ssrc = self._whole = 0
        self._intact = self._key = False
        self._number = -1
        self._reported = 0

    async def connect(self, http: aiohttp.ClientSession, url: str, port: int) -> None:
        """Offer, check, shake hands."""
        fingerprint = self._identity.fingerprint[1]
        offer = _OFFER.format(ufrag=self._ufrag, password=self._password, fingerprint=fingerprint)
        headers = {"Content-Type": "application/sdp"}
        async with http.post(url, data=offer.replace("\n", "\r\n"), headers=headers) as answer:
            answer.raise_for_status()
            text = await answer.text()
        self._remote = dict(line[2:].split(":", 1) for line in text.splitlines() if line[:2] == "a=" and ":" in line)
        self._socket.connect(("127.0.0.1", port))
        self._loop.add_reader(self._socket, self._readable)
        for _ in range(100):
            self._check()
            await asyncio.wait((self._connected,), timeout=0.3)
            if self._connected.done():
                return
        raise TimeoutError

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def report(self) -> None:
        """A receiver report, as browsers send one a second."""
        if self._srtp is not None and self._next is not None:
            block = rtcp.ReportBlock(self._ssrc, 0, 0, self._next - 1 & 0xFFFF, 0, 0, 0)
            self._send(self._srtp.protect_rtcp(rtcp.build([rtcp.ReceiverReport(1, (block,))])))

    def feedback(self) -> None:
        """Transport-wide feedback: everything since the last one came, evenly."""
        count = (self._number - self._reported) & 0xFFFF
        if self._srtp is None or self._number < 0 or not 0 < count < 1000:
            self._reported = self._number
            return
        base = self._reported + 1 & 0xFFFF
        now = int(self._loop.time() / 0.064) & 0xFFFFFF
        chunks = _NUMBER.pack(0x2000 | count)
        body = _NUMBER.pack(base) + _NUMBER.pack(count) + now.to_bytes(3) + b"\0" + chunks + b"\1" * count
        body += bytes(-len(body) % 4)
        head = bytes((0x8F, 205)) + _NUMBER.pack(2 + len(body) // 4) + bytes(3) + b"\1" + self._ssrc.to_bytes(4)
        self._send(self._srtp.protect_rtcp(head + body))
        self._reported = self._number

    # --- ICE and DTLS

    def _check(self) -> None:
        name = f"{self._remote['ice-ufrag']}:{self._ufrag}".encode()
        attributes = (
            (Attribute.USERNAME, name),
            (Attribute.PRIORITY, stun.number32(1 << 24)),
            (Attribute.ICE_CONTROLLING, stun.number64(1)),
            (Attribute.USE_CANDIDATE, b""),
        )
        key = self._remote["ice-pwd"].encode()
        self._send(stun.build(Kind.REQUEST, stun.new_transaction(), attributes, key))

    def _stun(self, data: bytes) -> None:
        message = stun.parse(data)
        if message.kind is Kind.REQUEST:
            host, port = self._socket.getpeername()
            mapped = stun.xor_address(host, port, message.transaction)
            attributes = ((Attribute.XOR_MAPPED_ADDRESS, mapped),)
            self._send(stun.build(Kind.SUCCESS, message.transaction, attributes, self._password.encode()))
        elif self._dtls is None:
            algorithm, value = self._remote["fingerprint"].split()
            self._dtls = DtlsEndpoint(self._identity, "client", [(algorithm, value)])
            self._shake(())

    def _shake(self, datagrams: Sequence[bytes]) -> None:
        assert self._dtls is not None
        self._dtls.step(datagrams)
        for datagram in self._dtls.take():
            self._send(datagram)
        keys: SrtpKeys | None = self._dtls.keys
        if keys is not None and self._srtp is None:
            self._srtp = SrtpSession(keys, Workspace())
            self._connected.set_result(None)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError:  # the gateway is gone: the counters will tell
            return

    # --- media

    def _readable(self) -> None:
        receive, buffer = self._socket.recvmsg_into, self.buffer
        for _ in range(16):
            try:
                size, ancillary, _, _ = receive((buffer,), 64)
            except OSError:
                return
            first = buffer[0]
            if 128 <= first < 192:
                if not 192 <= buffer[1] <= 223:
                    self._media(size, ancillary)
            elif first < 4:
                self._stun(bytes(buffer[:size]))
            elif self._dtls is not None and self._srtp is None:
                self._shake([bytes(buffer[:size])])

    def _media(self, size: int, ancillary: Any) -> None:
        buffer = self.buffer
        segment = int.from_bytes(ancillary[0][2][:2], "little") if ancillary else size
        count = -(-size // segment)
        at = (count - 1) * segment
        first = int.from_bytes(buffer[2:4])
        _, kind, last, timestamp, self._ssrc = _RTP.unpack_from(buffer, at)
        if kind & 0x7F != 96:
            return
        self.packets += count
        self.bytes += size
        gap = (first - self._next) & 0xFFFF if self._next is not None else 0
        if 0 < gap < 0x8000:
            self.lost += gap
            self._intact = False
        self._next = (last + 1) & 0xFFFF
        if buffer[at] & 0x10 and buffer[at + 16] == 0x11:
            self._number = int.from_bytes(buffer[at + 17 : at + 19])
            if self._reported == 0:
                self._reported = self._number
        if self._decrypt and not self.live:
            self._look(size, segment)
        if kind & 0x80:
            now = time.monotonic()
            self.arrivals.append(now)
            self.delays.append((now - timestamp / 90_000) % (2**32 / 90_000))

    def _look(self, size: int, segment: int) -> None:
        """Until a live picture is there: what the packets say of themselves."""
        assert self._srtp is not None
        for at in range(0, size, segment):
            packet = self._srtp.unprotect(bytes(self.buffer[at : min(at + segment, size)]))
            now = time.monotonic()
            body = 12 + (4 + int.from_bytes(packet[14:16]) * 4 if packet[0] & 0x10 else 0)
            kind = packet[body] & 0x1F
            if kind == 5 or (kind == 28 and packet[body + 1] & 0x9F == 0x85):
                self._key = self._intact = True
            found = packet.find(STAMP, body, body + 64)
            if found >= 0:
                self._sent = int(packet[found + len(STAMP) : found + len(STAMP) + 16], 16) / 1e9
            if packet[1] & 0x80:
                if self._key and self._intact and not self.first:
                    self.first = now
                if self.first and now - self._sent < FRESH:
                    self.live = now
                    return

    _sent = 0.0


class Viewers:
    """A crowd in one process."""

    def __init__(self, api: int, port: int, *, sha1: bool = False, feedback: bool = False) -> None:
        self._api, self._port, self._feedback = api, port, feedback
        self._identity = Identity()
        if sha1:
            self._identity.context.set_tlsext_use_srtp(AES_CM_SHA1_80.name.encode())
        self._viewers: list[Viewer] = []
        self._http: aiohttp.ClientSession | None = None
        self._reporter: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._reporter = asyncio.create_task(self._report())

    async def close(self) -> None:
        assert self._http is not None
        assert self._reporter is not None
        self._reporter.cancel()
        await asyncio.gather(self._reporter, return_exceptions=True)
        for viewer in self._viewers:
            viewer.close()
        await self._http.close()

    async def join(self, stream: str, count: int, *, at_once: int = 8) -> float:
        """Let viewers in, so many at a time; the seconds until all were connected."""
        begin, gate = time.monotonic(), asyncio.Semaphore(at_once)

        async def one() -> None:
            async with gate:
                await self._join(stream, decrypt=False)

        await asyncio.gather(*(one() for _ in range(count)))
        return time.monotonic() - begin

    async def first_picture(self, kind: str, stream: str, patience: float) -> tuple[float, float]:
        """One viewer, all are of one `kind`, comes and goes: seconds to its first whole key picture and to a live one,
        infinite if never."""
        begin = time.monotonic()
        viewer = await self._join(stream, decrypt=True)
        await until_live(viewer, begin + patience)
        self._viewers.remove(viewer)
        viewer.close()
        return since(viewer.first, begin), since(viewer.live, begin)

    async def reset(self) -> None:
        """Count from here."""
        for viewer in self._viewers:
            viewer.packets = viewer.lost = viewer.bytes = 0
            del viewer.delays[:], viewer.arrivals[:]

    async def counts(self) -> dict[str, int]:
        viewers = self._viewers
        return {
            "packets": sum(viewer.packets for viewer in viewers),
            "bytes": sum(viewer.bytes for viewer in viewers),
            "lost": sum(viewer.lost for viewer in viewers),
            "pictures": sum(len(viewer.arrivals) for viewer in viewers),
        }

    async def delays(self) -> list[float]:
        """Of all pictures of all viewers, ms above the fastest."""
        least = min((min(viewer.delays) for viewer in self._viewers if viewer.delays), default=0.0)
        return [(delay - least) * 1000 for viewer in self._viewers for delay in viewer.delays]

    async def longest_gap(self) -> float:
        """The longest time between two pictures of one viewer, ms."""
        return 1000 * max(
            (after - before for viewer in self._viewers for before, after in pairwise(viewer.arrivals)),
            default=0.0,
        )

    async def _join(self, stream: str, *, decrypt: bool) -> Viewer:
        assert self._http is not None
        viewer = Viewer(self._identity, decrypt=decrypt)
        self._viewers.append(viewer)
        await viewer.connect(self._http, f"http://127.0.0.1:{self._api}/api/webrtc?src={stream}", self._port)
        return viewer

    async def _report(self) -> None:
        """The viewers' RTCP, spread over time."""
        turn = 0
        while True:
            await asyncio.sleep(FEEDBACK_SECONDS)
            turn += 1
            for number, viewer in enumerate(tuple(self._viewers)):
                if self._feedback:
                    viewer.feedback()
                if (number + turn) % round(REPORT_SECONDS / FEEDBACK_SECONDS) == 0:
                    viewer.report()


class Live(Protocol):
    live: float


async def until_live(viewer: Live, end: float) -> None:
    """Wait until it saw a fresh picture, at most until `end`."""
    while not viewer.live and time.monotonic() < end:  # noqa: ASYNC110  an event would cost where packets come in
        await asyncio.sleep(0.01)


def since(moment: float, begin: float) -> float:
    return moment - begin if moment else float("inf")
