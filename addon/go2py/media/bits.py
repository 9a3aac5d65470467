"""Reading and writing single bits, Exp-Golomb codes, emulation prevention (ITU-T H.264 sections 7.2, 7.4.1, 9.1)."""

from ..errors import ProtocolError

MAX_GOLOMB_ZEROS = 32


def unescape(nal: bytes) -> bytes:
    """The NAL unit without its emulation prevention bytes (`00 00 03` → `00 00`)."""
    return nal.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in nal else nal


class BitReader:
    """Reads big endian bits; any read past the end raises `ProtocolError`."""

    __slots__ = ("_bits", "_left")

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data)
        self._left = len(data) * 8

    @property
    def left(self) -> int:
        """Bits not read yet."""
        return self._left

    def read(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        left = self._left - count
        if left < 0 or count < 0:
            raise ProtocolError("bit field ends too early")
        self._left = left
        return (self._bits >> left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.read(1) == 1

    def skip(self, count: int) -> None:
        if count < 0 or count > self._left:
            raise ProtocolError("bit field ends too early")
        self._left -= count

    def ue(self) -> int:
        """Unsigned Exp-Golomb code, at most 32 leading zeros."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > MAX_GOLOMB_ZEROS:
                raise ProtocolError("Exp-Golomb code is too long")
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        """Signed Exp-Golomb code."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes, aligned or not."""
        return self.read(count * 8).to_bytes(count)


class BitWriter:
    """Collects bits; `bytes()` pads the last byte with zeros."""

    __slots__ = ("_bits", "_count")

    def __init__(self) -> None:
        self._bits = 0
        self._count = 0

    def write(self, value: int, count: int) -> None:
        """Append the lowest `count` bits of `value`."""
        self._bits = self._bits << count | value & ((1 << count) - 1)
        self._count += count

    def bytes(self) -> bytes:
        padding = -self._count % 8
        return (self._bits << padding).to_bytes((self._count + padding) // 8)
