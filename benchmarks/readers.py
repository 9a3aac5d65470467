"""Viewers over MSE and readers over RTSP that count what comes and look for the cameras' stamps."""

import asyncio
import base64
import secrets
import time
from array import array
from typing import Protocol

from .clips import STAMP
from .viewers import FRESH, since, until_live

_STAMPED = len(STAMP) + 16


class Reader(Protocol):
    """One connection. `first` and `live` are times of the first whole key picture and of a fresh one."""

    bytes: int
    first: float
    live: float
    delays: array[float]

    def close(self) -> None: ...


def _age(data: bytes | memoryview | bytearray, found: int, now: float) -> float:
    return now - int(bytes(data[found + len(STAMP) : found + _STAMPED]), 16) / 1e9


class MseReader(asyncio.Protocol):
    """A WebSocket to `/api/ws` that asks for MSE; walks over frame headers, the payload passes by."""

    def __init__(self, stream: str, *, look: bool) -> None:
        self.bytes = self.frames = 0
        self.first = self.live = 0.0
        self.delays = array("d")
        self._stream, self._look = stream, look
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._open = False
        self._left = 0
        self._seen = bytearray()
        """While looking for the first pictures: everything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        transport.write(
            f"GET /api/ws?src={self._stream} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if not self._open:
            self._head += data
            if (end := self._head.find(b"\r\n\r\n")) < 0:
                return
            data, self._head, self._open = self._head[end + 4 :], b"", True
            text = b'{"type":"mse","value":"avc1.640029"}'
            assert self._transport is not None
            self._transport.write(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)  # a mask of zeros
        if not self._look:
            self._walk(data)
        elif not self.live:
            self._search(data)

    def _walk(self, data: bytes) -> None:
        """Count whole messages: proof that what comes is framed as it should be."""
        if self._head:
            data, self._head = self._head + data, b""
        at, size = self._left, len(data)
        while at < size:
            if size - at < 10:
                self._head, at = data[at:], size
                break
            if data[at] & 0x0F > 2:
                raise ValueError("no frame where one should be")
            length = data[at + 1]
            step = 2
            if length >= 126:
                wide = 2 if length == 126 else 8
                length, step = int.from_bytes(data[at + 2 : at + 2 + wide]), 2 + wide
            at += step + length
            self.frames += 1
        self._left = at - size if not self._head else 0

    def _search(self, data: bytes) -> None:
        now = time.monotonic()
        self._seen += data
        if not self.first:
            at = self._seen.find(b"mdat")
            if at < 0 or len(self._seen) < at - 4 + int.from_bytes(self._seen[at - 4 : at]):
                return
            self.first = now
        found = self._seen.rfind(STAMP, 0, len(self._seen) - _STAMPED)
        if found >= 0 and _age(self._seen, found, now) < FRESH:
            self.live = now

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class RtspReader(asyncio.BufferedProtocol):
    """A reader over TCP. Notes the age of every picture that is whole."""

    def __init__(self, stream: str, port: int) -> None:
        self.bytes = 0
        self.first = self.live = 0.0
        self.delays = array("d")
        """Seconds from the camera's sending to the whole picture here."""
        url = f"rtsp://127.0.0.1:{port}/{stream}"
        self._steps = [
            f"DESCRIBE {url}?video RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n",
            f"SETUP {url}/trackID=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
            f"PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: %s\r\n\r\n",
        ]
        self._session = ""
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(1 << 18)
        self._filled = 0
        self._key = False
        self._age = -1.0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        if self._steps:
            step = self._steps.pop(0)
            self._transport.write((step % self._session if "%s" in step else step).encode())

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        now = time.monotonic()
        self.bytes += nbytes
        buffer, end, at = self._buffer, self._filled + nbytes, 0
        while end - at >= 4:
            if buffer[at] != 0x24:
                at = self._answered(at, end)
                if at < 0:
                    return
                continue
            after = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
            if after > end:
                break
            if buffer[at + 1] == 0:
                self._packet(at + 4, after, now)
            at = after
        rest = end - at
        buffer[:rest] = buffer[at:end]
        self._filled = rest

    def _packet(self, at: int, end: int, now: float) -> None:
        buffer = self._buffer
        kind = buffer[at + 12] & 0x1F
        if kind == 28:
            kind = buffer[at + 13] & 0x1F if buffer[at + 13] & 0x80 else 0
        if kind in {1, 5}:
            self._key = self._key or kind == 5
            found = buffer.find(STAMP, at + 12, min(at + 80, end))
            self._sent = int(buffer[found + len(STAMP) : found + _STAMPED], 16) / 1e9 if found >= 0 else 0.0
        if buffer[at + 1] & 0x80 and self._key:
            if not self.first:
                self.first = now
            if self._sent:
                delay = now - self._sent
                if not self.live and delay < FRESH:
                    self.live = now
                self.delays.append(delay)

    def _answered(self, at: int, end: int) -> int:
        """Step over an answer; -1 when it is not whole yet."""
        text = bytes(self._buffer[at:end])
        head, found, _ = text.partition(b"\r\n\r\n")
        if not found:
            self._filled = end
            return -1
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        after = at + len(head) + 4 + int(fields.get("content-length", 0))
        if after > end:
            self._filled = end
            return -1
        self._session = fields.get("session", self._session).partition(";")[0]
        self._ask()
        return after

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Readers:
    """A crowd of either kind in one process. `rtsp` is the port that RTSP readers ask: the gateway's, or a camera's."""

    def __init__(self, api: int, rtsp: int) -> None:
        self._api, self._rtsp = api, rtsp
        self._readers: list[Reader] = []

    async def start(self) -> None:
        """Nothing to prepare."""

    async def close(self) -> None:
        for reader in self._readers:
            reader.close()

    async def join_mse(self, stream: str, count: int) -> None:
        for _ in range(count):
            await self._mse(stream, look=False)

    async def join_rtsp(self, streams: list[str]) -> None:
        for stream in streams:
            await self._play(stream)

    async def first_picture(self, kind: str, stream: str, patience: float) -> tuple[float, float]:
        """One reader comes and goes: seconds to its first whole key picture and to a live one, infinite if never."""
        begin = time.monotonic()
        reader: Reader = await (self._mse(stream, look=True) if kind == "MSE" else self._play(stream))
        await until_live(reader, begin + patience)
        self._readers.remove(reader)
        reader.close()
        return since(reader.first, begin), since(reader.live, begin)

    async def reset(self) -> None:
        """Count from here."""
        for reader in self._readers:
            reader.bytes = 0
            del reader.delays[:]

    async def counts(self) -> dict[str, int]:
        return {
            "bytes": sum(reader.bytes for reader in self._readers),
            "pictures": sum(len(reader.delays) for reader in self._readers),
            "silent": sum(not reader.bytes for reader in self._readers),
        }

    async def delays(self) -> list[float]:
        """From the camera's sending to the whole picture here, ms."""
        return [delay * 1000 for reader in self._readers for delay in reader.delays]

    async def _mse(self, stream: str, *, look: bool) -> MseReader:
        loop = asyncio.get_running_loop()
        _, reader = await loop.create_connection(lambda: MseReader(stream, look=look), "127.0.0.1", self._api)
        self._readers.append(reader)
        return reader

    async def _play(self, stream: str) -> RtspReader:
        loop = asyncio.get_running_loop()
        _, reader = await loop.create_connection(lambda: RtspReader(stream, self._rtsp), "127.0.0.1", self._rtsp)
        self._readers.append(reader)
        return reader
