"""Cameras: an RTSP server over TCP that costs little, so that it does not disturb what is measured."""

import asyncio
import random
import time
from base64 import b64encode
from struct import Struct

from .clips import PPS, SPS, STAMP, STAMP_FORM, Picture, Shape, pictures

PAYLOAD = 1400
_HEADER = Struct(">BBHBBHII")
_SEQUENCE_TIME = Struct(">HI")


class Template:
    """A picture as interleaved RTP packets that lack numbers and times."""

    def __init__(self, picture: Picture) -> None:
        parts = [part for nal in picture for part in _payloads(nal)]
        data = bytearray()
        self.at: list[int] = []
        """Where sequence number and timestamp of each packet stand."""
        for part in parts:
            marker = 0x80 if part is parts[-1] else 0
            self.at.append(len(data) + 6)
            data += _HEADER.pack(0x24, 0, 12 + len(part), 0x80, 96 | marker, 0, 0, 0x1234) + part
        self.data = bytes(data)
        found = self.data.find(STAMP)
        self.stamp = found + len(STAMP) if found >= 0 else -1

    def filled(self, sequence: int, timestamp: int) -> bytearray:
        """Ready to be sent."""
        data = bytearray(self.data)
        for index, at in enumerate(self.at):
            _SEQUENCE_TIME.pack_into(data, at, sequence + index & 0xFFFF, timestamp)
        if self.stamp >= 0:
            data[self.stamp : self.stamp + 16] = (STAMP_FORM % time.monotonic_ns()).encode()
        return data


def _payloads(nal: bytes) -> list[bytes]:
    """RFC 6184: single packets, or FU-A."""
    if len(nal) <= PAYLOAD:
        return [nal]
    head, step = nal[0] & 0xE0 | 28, PAYLOAD - 2
    starts = range(1, len(nal), step)
    return [
        bytes((head, nal[0] & 0x1F | (0x80 if at == 1 else 0) | (0x40 if at + step >= len(nal) else 0)))
        + nal[at : at + step]
        for at in starts
    ]


class Cameras:
    """`rtsp://127.0.0.1:port/<any name>`; each connection that plays gets the clip in real time, at its own phase."""

    def __init__(self, port: int, shape: Shape) -> None:
        self._port, self._shape = port, shape
        self.templates: list[Template] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self.templates = [Template(picture) for picture in pictures(self._shape)]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self.templates, self._shape), "127.0.0.1", self._port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server.close_clients()


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, templates: list[Template], shape: Shape) -> None:
        self._templates, self._shape = templates, shape
        self._transport: asyncio.Transport | None = None
        self._number = self._sequence = 0
        self._begin = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=64 << 20)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if data[:1] == b"$":  # receiver reports
            return
        for request in data.decode("latin-1").split("\r\n\r\n"):
            if request and request[0] != "$":
                self._answer(request)

    def _answer(self, request: str) -> None:
        method, url, *_ = request.split(" ")
        fields = dict(line.lower().split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
        extra, body = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n", ""
        match method:
            case "DESCRIBE":
                sets = f"{b64encode(SPS).decode()},{b64encode(PPS).decode()}"
                body = (
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
                    f"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
                    "a=control:track\r\n"
                )
                extra += f"Content-Type: application/sdp\r\nContent-Base: {url}/\r\nContent-Length: {len(body)}\r\n"
            case "SETUP":
                extra += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        head = f"RTSP/1.0 200 OK\r\nCSeq: {fields.get('cseq', '0')}\r\nSession: 1\r\n{extra}\r\n"
        assert self._transport is not None
        self._transport.write((head + body).encode())
        if method == "PLAY" and self._timer is None:
            self._play()

    def _play(self) -> None:
        loop = asyncio.get_running_loop()
        self._begin = loop.time() + random.random() / self._shape.fps
        self._timer = loop.call_at(self._begin, self._send)

    def _send(self) -> None:
        assert self._transport is not None
        template = self._templates[self._number % len(self._templates)]
        timestamp = self._number * 90_000 // self._shape.fps & 0xFFFFFFFF
        self._transport.write(template.filled(self._sequence, timestamp))
        self._sequence += len(template.at)
        self._number += 1
        due = self._begin + self._number / self._shape.fps
        self._timer = asyncio.get_running_loop().call_at(due, self._send)
