"""`multipart/x-mixed-replace` as cameras send it: pictures one after the other, sans-IO.

The boundary is what stands between the parts, not what the header of the answer calls it: many cameras get that wrong,
with or without dashes and quotes.
"""

import re

from ..errors import ProtocolError

MAX_PART = 16 << 20
MAX_HEAD = 8 << 10
"""Bytes of a part's header, and of what may stand in front of a boundary."""
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d{1,20})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_BOUNDARY = re.compile(rb"""boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;,"]{1,200}))""", re.IGNORECASE)


def announced_boundary(content_type: str) -> bytes:
    """What the header of the answer calls the boundary, without dashes; empty where it says nothing."""
    found = _BOUNDARY.search(content_type.encode("latin-1", "replace"))
    return (found[1] or found[2]).strip(b"-") if found else b""


class MultipartReader:
    """Feed it the body; it gives the parts. A part without `Content-Length` ends at the next boundary."""

    def __init__(self, boundary: bytes = b"") -> None:
        self._announced = boundary
        self._line = b""
        """The boundary line as it was first seen."""
        self._data = bytearray()
        self._length: int | None = None
        self._in_body = False
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The parts that are complete now. Raises `ProtocolError` for what is no such stream, or too large."""
        self._data += data
        parts: list[bytes] = []
        while True:
            if self._in_body:
                part = self._body()
                if part is None:
                    return parts
                self._in_body = False
                parts.append(part)
            elif not self._head():
                return parts

    def _head(self) -> bool:
        """Take a boundary and the header behind it out of the data; false if they are not all there."""
        start = self._boundary()
        if start is None:
            if len(self._data) > MAX_HEAD:
                self._skip()
            return False
        end = _HEAD_END.search(self._data, start)
        if end is None:
            if len(self._data) - start > MAX_HEAD:
                raise ProtocolError("a part of the pictures has a header without end")
            return False
        if end.start() - start > MAX_HEAD:
            raise ProtocolError("a part of the pictures has a header that is too long")
        found = _LENGTH.search(bytes(self._data[start : end.start()]))
        self._length = int(found[1]) if found else None
        if self._length is not None and self._length > MAX_PART:
            raise ProtocolError(f"a picture of {self._length} bytes is too large")
        del self._data[: end.end()]
        self._in_body, self._searched = True, 0
        return True

    def _boundary(self) -> int | None:
        """Where the next boundary line begins; the first one that is seen teaches what it looks like."""
        position = 0
        while (end := self._data.find(b"\n", position)) >= 0:
            line = bytes(self._data[position:end]).rstrip()
            if line and self._is_boundary(line):
                self._line = self._line or line
                return position
            position = end + 1
        return None

    def _is_boundary(self, line: bytes) -> bool:
        if self._line:
            return line == self._line
        if len(line) > 200:
            return False
        return line.startswith(b"--") or (bool(self._announced) and line.strip(b"-") == self._announced)

    def _skip(self) -> None:
        """There is no boundary in all this: it is the rest of a part with a wrong length. Before the first one it is
        something else."""
        if not self._line:
            raise ProtocolError("there are no pictures in this stream, or no boundaries between them")
        keep = len(self._line) + 4
        if self._searched > MAX_PART:
            raise ProtocolError("the boundary between the pictures is gone")
        self._searched += len(self._data) - keep
        del self._data[:-keep]

    def _body(self) -> bytes | None:
        data = self._data
        if self._length is not None:
            if len(data) < self._length:
                return None
            return self._take(self._length)
        end = data.find(b"\n" + self._line, self._searched)
        if end < 0:
            if len(data) > MAX_PART:
                raise ProtocolError("a picture without an end")
            self._searched = max(0, len(data) - len(self._line) - 1)
            return None
        return self._take(end + 1).removesuffix(b"\n").removesuffix(b"\r")

    def _take(self, size: int) -> bytes:
        part = bytes(self._data[:size])
        del self._data[:size]
        self._searched = 0
        return part
