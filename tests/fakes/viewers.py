"""Viewers of a running gateway over every output: what each was shown, when, and with which time on it."""

import asyncio
import contextlib
import json
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, Self, override

import aioice.ice
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from aiortc import RTCPeerConnection, RTCSessionDescription

from go2py.protocols.rtsp import Headers, Interleaved, Message, Parser, Request, Response
from tests.fakes.clip import LARGE, SMALL, clip
from tests.fakes.running import until
from tests.unit.test_fmp4 import boxes, find

CODECS = "avc1.640029,avc1.64002A,hvc1.1.6.L153.B0,mp4a.40.2,flac,opus"
CLIPS = {name: clip(name) for name in (SMALL, LARGE)}
WHOLE = {picture: name for name, one in CLIPS.items() for picture in one.pictures}
"""Every picture that the fake camera can send, and its size."""
PLACES = {picture: place for one in CLIPS.values() for place, picture in enumerate(one.pictures)}
"""And where it stands in its clip."""


class Gateway(Protocol):
    """What viewers need to know of a gateway. Requests of `http` bring what they need to be let in."""

    @property
    def http(self) -> ClientSession: ...
    @property
    def rtsp_port(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """`time` in ticks of 90 kHz as the viewer was told, `arrived` on the monotonic clock."""

    arrived: float
    time: int
    nals: tuple[bytes, ...]

    @property
    def size(self) -> str:
        """Of the clip that it is from; empty for what no camera of ours sent."""
        return WHOLE.get(self.nals[-1], "")

    @property
    def key(self) -> bool:
        return any(nal[0] & 31 == 5 for nal in self.nals)

    @property
    def place(self) -> int:
        """In its clip; 0 is a key picture."""
        return PLACES[self.nals[-1]]


class Viewer(ABC):
    """Open it by `watch`. `pictures` is all that came; `ended` is set when the connection was closed from afar."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    @abstractmethod
    async def open(cls, gateway: Gateway, stream: str) -> Self:
        """Connect and ask for everything that the stream has."""

    @abstractmethod
    async def close(self) -> None:
        """Leave."""

    async def sees(self, more: int = 10, seconds: float = 20) -> list[Picture]:
        """The next pictures."""
        start = len(self.pictures)
        await until(lambda: len(self.pictures) >= start + more, seconds)
        return self.pictures[start:]

    async def sees_size(self, size: str) -> None:
        """Wait for a picture of this size."""
        start = len(self.pictures)
        await until(lambda: any(picture.size == size for picture in self.pictures[start:]))

    def read_on(self) -> None:
        """From now on somebody reads."""
        self._task = asyncio.get_running_loop().create_task(self._read())

    @abstractmethod
    async def _read(self) -> None:
        """Show what comes until the end of the connection."""

    @property
    def intact(self) -> bool:
        """Whether everything shown is what a camera sent, from a key picture on."""
        return bool(self.pictures) and self.pictures[0].key and all(picture.size for picture in self.pictures)

    @property
    def rising(self) -> bool:
        """Whether time only went forward."""
        return all(after.time > before.time for before, after in pairwise(self.pictures))

    @property
    def unbroken(self) -> bool:
        """Whether every picture that needs the one before has it."""
        return all(b.key or b.place == a.place % 24 + 1 for a, b in pairwise(self.pictures))

    def longest_gap(self, start: float) -> float:
        """Seconds between two pictures, of those that came after `start`."""
        return max((b.arrived - a.arrived for a, b in pairwise(self.pictures) if a.arrived >= start), default=0.0)

    def _show(self, nals: list[bytes], ticks: int) -> None:
        slices = tuple(nal for nal in nals if nal[0] & 31 in (1, 5))
        if slices:
            self.pictures.append(Picture(time.monotonic(), ticks, slices))


class MseViewer(Viewer):
    """`inits` has the size that each initialization segment announced."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        super().__init__()
        self.inits: list[str] = []
        self.texts: list[dict[str, Any]] = []
        self._socket = socket

    @override
    @classmethod
    async def open(cls, gateway: Gateway, stream: str) -> Self:
        viewer = await cls.connect(gateway.http, stream)
        viewer.read_on()
        return viewer

    @classmethod
    async def connect(cls, http: ClientSession, stream: str) -> Self:
        """Ask for everything, with nobody who reads."""
        socket = await http.ws_connect("/api/ws", params={"src": stream}, max_msg_size=0)
        await socket.send_str(json.dumps({"type": "mse", "value": CODECS}))
        return cls(socket)

    def vanish(self) -> None:
        """Without a goodbye."""
        self._socket._response.close()

    @override
    async def close(self) -> None:
        if self._task is not None:
            await self._socket.close()
            await self._task

    @override
    async def _read(self) -> None:
        async for message in self._socket:
            if message.type == WSMsgType.TEXT:
                self.texts.append(json.loads(message.data))
            else:
                self._media(message.data)
        self.ended.set()

    def _media(self, data: bytes) -> None:
        moof = b""
        for kind, content in boxes(data):
            if kind == "moov":
                width, height = struct.unpack(">II", find(content, "trak/tkhd")[0][-8:])
                self.inits.append(f"{width >> 16}x{height >> 16}")
            elif kind == "moof":
                moof = content
            elif kind == "mdat" and struct.unpack_from(">I", find(moof, "traf/tfhd")[0], 4)[0] == 1:
                (ticks,) = struct.unpack_from(">Q", find(moof, "traf/tfdt")[0], 4)
                self._show(list(_length_prefixed(content)), ticks)


def _length_prefixed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


class _H264:
    """RTP payloads to NAL units (RFC 6184), for packets in order; a picture with a hole shows as a broken one."""

    def __init__(self) -> None:
        self._nals: list[bytes] = []
        self._last: int | None = None
        self._ticks: int | None = None

    def push(self, packet: bytes) -> tuple[list[bytes], int] | None:
        """The NAL units and the unwrapped time of a picture that this packet ends."""
        payload = rtp_payload(packet)
        kind = payload[0] & 31
        if kind == 24:
            at = 1
            while at < len(payload):
                size = int.from_bytes(payload[at : at + 2])
                self._nals.append(payload[at + 2 : at + 2 + size])
                at += 2 + size
        elif kind == 28:
            if payload[1] & 0x80:
                self._nals.append(bytes((payload[0] & 0xE0 | payload[1] & 31,)))
            self._nals[-1:] = [(self._nals[-1] if self._nals else b"\x01broken") + payload[2:]]
        else:
            self._nals.append(payload)
        if not packet[1] & 0x80:
            return None
        nals, self._nals = self._nals, []
        return nals, self._unwrap(int.from_bytes(packet[4:8]))

    def _unwrap(self, raw: int) -> int:
        ticks = raw
        if self._ticks is not None:
            ticks = self._ticks + (raw - self._ticks + (1 << 31)) % (1 << 32) - (1 << 31)
        self._ticks = ticks
        return ticks


def rtp_payload(packet: bytes) -> bytes:
    """What is behind the header, contributors and extension; padding does not occur here."""
    at = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4])
    return packet[at:]


class RtspViewer(Viewer):
    """Over TCP. Picture is on channel 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> None:
        super().__init__()
        self.url = url
        self.sequences: list[int] = []
        self._reader, self._writer = reader, writer
        self._parser = Parser()
        self._messages: list[Message] = []
        self._pictures = _H264()
        self._number = 0

    @override
    @classmethod
    async def open(cls, gateway: Gateway, stream: str) -> Self:
        viewer = await cls.connect(gateway, stream)
        await viewer.play()
        viewer.read_on()
        return viewer

    @classmethod
    async def connect(cls, gateway: Gateway, stream: str) -> Self:
        """Without a word yet, and without anybody who reads."""
        port = gateway.rtsp_port
        return cls(*await asyncio.open_connection("127.0.0.1", port), f"rtsp://127.0.0.1:{port}/{stream}")

    async def play(self) -> None:
        """From DESCRIBE to PLAY."""
        described = await self.ask("DESCRIBE", self.url)
        for number in range(described.body.count(b"\nm=")):
            await self.ask("SETUP", f"{self.url}/trackID={number}", ("Transport", "RTP/AVP/TCP;unicast"))
        await self.ask("PLAY", self.url)

    async def ask(self, method: str, url: str, *fields: tuple[str, str]) -> Response:
        self._number += 1
        self._writer.write(Request(method, url, Headers([("CSeq", str(self._number)), *fields])).encode())
        while True:
            message = await self._next()
            if isinstance(message, Response):
                assert message.status == 200, message
                return message

    def vanish(self) -> None:
        """Without a goodbye."""
        self._writer.transport.abort()

    @override
    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _next(self) -> Message:
        while not self._messages:
            data = await self._reader.read(1 << 16)
            if not data:
                raise EOFError
            self._messages += self._parser.feed(data)
        return self._messages.pop(0)

    @override
    async def _read(self) -> None:
        try:
            while True:
                message = await self._next()
                if isinstance(message, Interleaved) and message.channel == 0:
                    self.sequences.append(int.from_bytes(message.data[2:4]))
                    if whole := self._pictures.push(bytes(message.data)):
                        self._show(*whole)
        except EOFError, ConnectionError:
            self.ended.set()


class WebRtcViewer(Viewer):
    """aiortc, on loopback. Its packets are looked at behind SRTP; nothing is decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.pc = RTCPeerConnection()
        self.pc.addTransceiver("video", direction="recvonly")
        self.pc.addTransceiver("audio", direction="recvonly")
        self._pictures = _H264()
        self._payload_type = -1
        self.pc.on("connectionstatechange", self._changed)

    @override
    @classmethod
    async def open(cls, gateway: Gateway, stream: str) -> Self:
        viewer = cls()
        with _loopback():
            await viewer.pc.setLocalDescription(await viewer.pc.createOffer())
        dtls: Any = viewer.pc.getTransceivers()[0].receiver.transport
        dtls._handle_rtp_data = viewer._packet
        offer = {"type": "offer", "sdp": viewer.pc.localDescription.sdp}
        async with gateway.http.post("/api/webrtc", params={"src": stream}, json=offer) as answer:
            assert answer.status == 200, await answer.text()
            sdp = (await answer.json())["sdp"]
        viewer._payload_type = int(sdp.partition("m=video ")[2].split()[2])
        await viewer.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        return viewer

    @override
    async def close(self) -> None:
        await self.pc.close()

    @override
    async def _read(self) -> None:
        """aiortc does."""

    def _changed(self) -> None:
        if self.pc.connectionState in ("closed", "failed"):
            self.ended.set()

    async def _packet(self, data: bytes, arrival_time_ms: int) -> None:
        if data[1] & 127 == self._payload_type and (whole := self._pictures.push(data)):
            self._show(*whole)


@contextlib.contextmanager
def _loopback() -> Iterator[None]:
    """aioice looks at other interfaces only."""
    known = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = known


OUTPUTS: tuple[type[Viewer], ...] = (MseViewer, RtspViewer, WebRtcViewer)
OVER_TCP = OUTPUTS[:2]
"""Of a heavy stream a busy test may lose datagrams itself."""


@contextlib.asynccontextmanager
async def watch(
    gateway: Gateway, stream: str = "door", *, outputs: Sequence[type[Viewer]] = OUTPUTS
) -> AsyncIterator[tuple[Viewer, ...]]:
    """One viewer over each output, all of which see something already."""
    viewers: list[Viewer] = []
    try:
        for output in outputs:
            viewers.append(await output.open(gateway, stream))  # noqa: PERF401  what was opened is closed
        await asyncio.gather(*(viewer.sees() for viewer in viewers))
        yield tuple(viewers)
    finally:
        await asyncio.gather(*(viewer.close() for viewer in viewers))


async def still(http: ClientSession, stream: str = "door", **query: str) -> bytes:
    """A snapshot."""
    async with http.get("/api/frame.jpeg", params={"src": stream, **query}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()
