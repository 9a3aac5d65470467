"""One RTSP connection: requests and their answers, and RTP inside it (RFC 2326, 10.12).

The hot path of the gateway's input: one buffer for all connections, one `unpack_from` for the interleaved and the RTP
header together, and one delivery per track for all that a read brought.
"""

import asyncio
from collections.abc import Awaitable, Callable
from struct import Struct
from time import monotonic
from typing import override

from ...errors import ProtocolError, Unreachable
from ...protocols.rtp.packet import HEADER_SIZE, PLAIN
from ...protocols.rtsp import DOLLAR, Headers, Interleaved, Message, Parser, Request, Response
from .receiver import Receiver

_FRAME = Struct(">BBHBBHII")
_FRAME_HEADER = 4

FLUSH = 0.3
"""Seconds that a peer who does not read may delay the end."""

_BUFFER = bytearray(256 << 10)
_VIEW = memoryview(_BUFFER)
"""Shared by all connections: nothing runs between `get_buffer` and `buffer_updated`, and what is unfinished is copied
out. Larger than the largest frame (64 KiB) and a read behind it."""


class Connection(asyncio.BufferedProtocol):
    """Reads for whoever asked, and hands packets to the receivers of their channels.

    A tunnel feeds it with `received` and takes its output by setting `write`. `heard` is the time of the last byte,
    `lost` is done, with the reason, once the connection is over.
    """

    def __init__(self) -> None:
        self.receivers: dict[int, Receiver] = {}
        """By RTP channel."""
        self.control: dict[int, Receiver] = {}
        """By RTCP channel."""
        self.heard = monotonic()
        self.alive: Callable[[int], None] | None = None
        self.lost: asyncio.Future[Unreachable | ProtocolError] = asyncio.get_running_loop().create_future()
        self.write: Callable[[bytes], None] = self._write_transport
        self.transport: asyncio.Transport | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._waiting: dict[str, asyncio.Future[Response]] = {}
        self._parser = Parser(resync=True)
        self._rest = b""

    # What a session does

    async def ask(self, request: Request, timeout: float) -> Response:
        """Send and wait for the answer. Raises `Unreachable` when nothing came, else what ended the
        connection."""
        if self.lost.done():
            raise self.lost.result()
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[request.cseq] = answer
        try:
            self.write(request.encode())
            async with asyncio.timeout(timeout):
                await asyncio.wait((answer, self.lost), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Unreachable(f"no answer to {request.method} within {timeout:g} s") from None
        finally:
            self._waiting.pop(request.cseq, None)
        if answer.done():
            return answer.result()
        raise self.lost.result()

    def received(self, chunk: bytes) -> None:
        """Bytes that a tunnel unwrapped."""
        self._consume(memoryview(self._rest + chunk), len(chunk))

    def fail(self, error: Unreachable | ProtocolError) -> None:
        """The connection is over; the first reason counts."""
        if not self.lost.done():
            self.lost.set_result(error)

    def on_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Something else to be closed with the connection."""
        self._closers.append(closer)

    async def close(self) -> None:
        """Send what waits and close everything; takes about `FLUSH` seconds at most."""
        self.mute()
        self.fail(Unreachable("the connection was closed"))
        for closer in self._closers:
            await closer()
        if self.transport is not None:
            self.transport.close()
            await asyncio.wait((self._gone,), timeout=FLUSH)
            self.transport.abort()
            await self._gone

    def mute(self) -> None:
        """Deliver nothing any more."""
        self.receivers.clear()
        self.control.clear()
        self.alive = None

    # What asyncio calls

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        why = f"the connection broke ({type(exc).__name__})" if exc else "the camera closed the connection"
        self.fail(Unreachable(why))
        self._gone.set_result(None)

    @override
    def eof_received(self) -> bool:
        return False

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        rest = self._rest
        _BUFFER[: len(rest)] = rest
        return _VIEW[len(rest) :]

    @override
    def buffer_updated(self, nbytes: int) -> None:
        self._consume(_VIEW[: len(self._rest) + nbytes], nbytes)

    # Cutting what was read

    def _consume(self, data: memoryview, fresh: int) -> None:
        """Take the rest of the last read and what is fresh behind it."""
        if self.lost.done():
            return
        now = self.heard = monotonic()
        try:
            self._rest = self._cut(data, now)
        except ProtocolError as error:
            self._rest = b""
            self.fail(error)
            if self.transport is not None:
                self.transport.abort()
        for receiver in self.receivers.values():
            receiver.deliver()
        if self.alive is not None:
            self.alive(fresh)

    def _cut(self, data: memoryview, now: float) -> bytes:
        """Hand on all that is whole; return the unfinished interleaved frame."""
        end = len(data)
        position = self._frames(data, end, now) if self._parser.empty else 0
        rest = data[position:]
        if not rest or (rest[0] == DOLLAR and _is_cut(rest) and self._parser.empty):
            return bytes(rest)
        for message in self._parser.feed(rest):
            self._handle(message, now)
        return self._parser.take()

    def _frames(self, data: memoryview, end: int, now: float) -> int:
        """Take whole interleaved frames from the front, as long as one follows the other; return where they end."""
        position = 0
        unpack, receivers = _FRAME.unpack_from, self.receivers
        while end - position >= 16:
            dollar, channel, size, first, marker_type, sequence, timestamp, ssrc = unpack(data, position)
            after = position + _FRAME_HEADER + size
            if dollar != DOLLAR or after > end:
                break
            receiver = receivers.get(channel)
            if receiver is not None and first == PLAIN and size > HEADER_SIZE:
                receiver.push(marker_type, sequence, timestamp, ssrc, data[position + 16 : after], now)
            else:
                self._frame(channel, data[position + _FRAME_HEADER : after], now)
            position = after
        return position

    def _frame(self, channel: int, packet: memoryview | bytes, now: float) -> None:
        if receiver := self.receivers.get(channel):
            receiver.push_packet(packet, now)
        elif receiver := self.control.get(channel):
            receiver.push_control(packet, now)

    def _handle(self, message: Message, now: float) -> None:
        match message:
            case Interleaved(channel, packet):
                self._frame(channel, packet, now)
            case Response():
                self._answered(message)
            case Request(method="OPTIONS"):
                self.write(Response(200, headers=Headers([("CSeq", message.cseq)])).encode())
            case Request():
                return  # cameras announce things nobody asked for

    def _answered(self, response: Response) -> None:
        """An HTTP answer, or that of a careless camera, has no CSeq: then it is for the oldest question."""
        key = response.cseq or next(iter(self._waiting), "")
        answer = self._waiting.pop(key, None)
        if answer is not None and not answer.done():
            answer.set_result(response)

    def _write_transport(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)


def _is_cut(frame: memoryview) -> bool:
    return len(frame) < _FRAME_HEADER or len(frame) < _FRAME_HEADER + (frame[2] << 8 | frame[3])
