"""RTSP 1.0 messages (RFC 2326): bytes in, requests, responses and interleaved frames out; and back to bytes.

`Parser` serves both ends and HTTP tunnels too (an HTTP head has the same form). Limits: a header line 8 KiB, all
headers 64 KiB, a body 1 MiB. The headers `Transport` and `Session` are in `rtsp_headers`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import ProtocolError

MAX_LINE = 8 << 10
MAX_HEAD = 64 << 10
MAX_BODY = 1 << 20

RTSP = "RTSP/1.0"
DOLLAR = 0x24

REASONS = {
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    413: "Request Entity Too Large",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}


class Headers:
    """Header fields in order; names compare without case and go out as they were written, values may repeat."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = list(fields)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a name."""
        name = name.lower()
        return next((value for key, value in self._fields if key.lower() == name), default)

    def all(self, name: str) -> list[str]:
        name = name.lower()
        return [value for key, value in self._fields if key.lower() == name]

    def add(self, name: str, value: str) -> None:
        self._fields.append((name, value))

    def __contains__(self, name: str) -> bool:
        name = name.lower()
        return any(key.lower() == name for key, _ in self._fields)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({[name for name, _ in self._fields]})"  # values may be credentials


@dataclass(slots=True)
class Request:
    """`method url version`, e.g. `DESCRIBE rtsp://host/path RTSP/1.0`."""

    method: str
    url: str = field(repr=False)
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    version: str = RTSP

    @property
    def cseq(self) -> str:
        return self.headers.get("CSeq")

    def encode(self) -> bytes:
        return _encode(f"{self.method} {self.url} {self.version}", self.headers, self.body)


@dataclass(slots=True)
class Response:
    """`version status reason`; an empty reason is filled in from the standard's table."""

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    version: str = RTSP

    @property
    def cseq(self) -> str:
        return self.headers.get("CSeq")

    def encode(self) -> bytes:
        reason = self.reason or REASONS.get(self.status, "Unknown")
        return _encode(f"{self.version} {self.status} {reason}", self.headers, self.body)


class Interleaved(NamedTuple):
    """One RTP or RTCP packet inside the TCP connection (RFC 2326, 10.12)."""

    channel: int
    data: bytes

    def encode(self) -> bytes:
        return interleaved_header(self.channel, len(self.data)) + self.data


type Message = Request | Response | Interleaved


def interleaved_header(channel: int, size: int) -> bytes:
    """The 4 bytes in front of a packet of `size` bytes."""
    return bytes((DOLLAR, channel, size >> 8, size & 0xFF))


def _encode(start: str, headers: Headers, body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    if body and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ProtocolError("a line break inside an RTSP header")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


_STATUS_LINE = re.compile(rb"(?:RTSP|HTTP)/[12]\.\d +\d{3}(?!\d)")
_METHOD = re.compile(rb"[A-Z][A-Z_]{2,19}(?: |$)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_RESPONSE_PREFIXES = (b"RTSP/", b"HTTP/")


class Parser:
    """Cuts a byte stream into messages.

    With `resync`, garbage between messages is skipped as far as the next plausible interleaved frame (channel < 20,
    size ≤ 1500) or status line, as cameras need; otherwise it is a `ProtocolError`. After an error the connection
    is of no further use.
    """

    RESYNC_CHANNELS = 20
    RESYNC_SIZE = 1500
    RESYNC_CANDIDATES = 10

    def __init__(self, *, resync: bool = False) -> None:
        self._resync = resync
        self._buffer = bytearray()
        self._need = 1  # bytes in the buffer below which another look is useless
        self._head_scanned = 0
        self._lost = False
        self._skipped = 0
        self._candidates = 0

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Message]:
        """All messages that are complete now, one by one; what is unfinished waits for the next call.

        Raises `ProtocolError` behind the last good message. A loop left early goes on at the next `feed`.
        """
        self._buffer += data
        return self._messages()

    def take(self) -> bytes:
        """Removes and returns the unfinished interleaved frame, for a caller that reads frames by itself."""
        if self._lost or not self._buffer or self._buffer[0] != DOLLAR:
            return b""
        rest = bytes(self._buffer)
        self._consume(len(rest))
        return rest

    @property
    def empty(self) -> bool:
        """Nothing unfinished is kept."""
        return not self._buffer and not self._lost

    def _messages(self) -> Iterator[Message]:
        while len(self._buffer) >= self._need:
            if self._lost:
                if not self._find_start():
                    return
                continue
            first = self._buffer[0]
            if first == DOLLAR:
                message: Message | None = self._interleaved()
            elif first in b"\r\n":
                self._consume(1)
                continue
            elif self._looks_like_text():
                message = self._text()
            elif self._resync:
                self._lost = True
                self._skipped = self._candidates = 0
                continue
            else:
                raise ProtocolError("RTSP wrong input")
            if message is None:
                return
            yield message

    def _consume(self, size: int) -> None:
        del self._buffer[:size]
        self._need = 1
        self._head_scanned = 0

    def _interleaved(self) -> Interleaved | None:
        buffer = self._buffer
        if len(buffer) < 4:
            self._need = 4
            return None
        end = 4 + (buffer[2] << 8 | buffer[3])
        if len(buffer) < end:
            self._need = end
            return None
        frame = Interleaved(buffer[1], bytes(buffer[4:end]))
        self._consume(end)
        return frame

    def _looks_like_text(self) -> bool:
        start = bytes(self._buffer[:21])
        if start.startswith(_RESPONSE_PREFIXES) or any(prefix.startswith(start) for prefix in _RESPONSE_PREFIXES):
            return True
        return bool(_METHOD.match(start)) or (len(start) < 21 and start.isalpha() and start.isupper())

    def _text(self) -> Request | Response | None:
        buffer = self._buffer
        found = _HEAD_END.search(buffer, max(0, self._head_scanned - 3))
        if found is None or found.end() > MAX_HEAD:
            if len(buffer) > MAX_HEAD:
                raise ProtocolError("RTSP headers are too long")
            self._head_scanned = len(buffer)
            self._need = len(buffer) + 1
            return None
        head, body_at = bytes(buffer[: found.start()]), found.end()
        start, headers = _parse_head(head)
        end = body_at + _content_length(headers)
        if len(buffer) < end:
            self._need = end
            return None
        body = bytes(buffer[body_at:end])
        message = _message(start, headers, body)
        self._consume(end)
        return message

    def _find_start(self) -> bool:
        """Skips to a place where a message may start; false when more bytes are needed."""
        buffer = self._buffer
        for at in range(len(buffer)):
            if buffer[at] == DOLLAR:
                if len(buffer) < at + 4:
                    self._skip(at)
                    self._need = 4
                    return False
                size = buffer[at + 2] << 8 | buffer[at + 3]
                if buffer[at + 1] < self.RESYNC_CHANNELS and size <= self.RESYNC_SIZE:
                    self._skip(at)
                    self._lost = False
                    return True
                self._candidates += 1
                if self._candidates >= self.RESYNC_CANDIDATES:
                    raise ProtocolError("RTSP wrong input")
            elif buffer[at] == 0x52:  # "R" of a status line, possibly cut off
                line = bytes(buffer[at : at + 12])
                if _STATUS_LINE.match(line):
                    self._skip(at)
                    self._lost = False
                    return True
                if len(line) < 12 and b"RTSP/1.0 200"[: min(len(line), 5)] == line[:5]:
                    self._skip(at)
                    self._need = 12
                    return False
        self._skip(len(buffer))
        return False

    def _skip(self, size: int) -> None:
        self._skipped += size
        self._consume(size)
        if self._skipped > MAX_HEAD:
            raise ProtocolError("RTSP wrong input")


def _parse_head(head: bytes) -> tuple[str, Headers]:
    lines: list[str] = []
    for raw in head.split(b"\n"):
        if len(raw) > MAX_LINE:
            raise ProtocolError("an RTSP header line is too long")
        line = raw.rstrip(b"\r").decode(errors="replace")
        if line[:1] in (" ", "\t") and len(lines) > 1:
            lines[-1] += " " + line.strip()  # a folded header
        else:
            lines.append(line)
    headers = Headers()
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:  # cameras do send lines that are no headers
            headers.add(name.strip(), value.strip())
    return lines[0], headers


def _content_length(headers: Headers) -> int:
    text = headers.get("Content-Length", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ProtocolError("RTSP Content-Length is no number")
    if (length := int(text)) > MAX_BODY:
        raise ProtocolError("RTSP body is too long")
    return length


def _message(start: str, headers: Headers, body: bytes) -> Request | Response:
    parts = start.split(maxsplit=2)
    if start.startswith(("RTSP/", "HTTP/")):
        if len(parts) < 2 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) == 3):
            raise ProtocolError("malformed RTSP status line")
        return Response(int(parts[1]), parts[2] if len(parts) == 3 else "", headers, body, parts[0])
    if len(parts) != 3 or not parts[2].startswith(("RTSP/", "HTTP/")):
        raise ProtocolError("malformed RTSP request line")
    return Request(parts[0], parts[1], headers, body, parts[2])
