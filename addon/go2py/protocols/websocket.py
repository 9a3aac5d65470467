"""WebSocket frames of a server (RFC 6455 section 5.2): unmasked, whole messages, no extensions."""

from struct import Struct

TEXT, BINARY = 1, 2

_SHORT = Struct(">BBH")
_LONG = Struct(">BBQ")


def header(size: int, opcode: int = BINARY) -> bytes:
    """What goes in front of a message of `size` bytes."""
    if size < 126:
        return bytes((0x80 | opcode, size))
    if size < 1 << 16:
        return _SHORT.pack(0x80 | opcode, 126, size)
    return _LONG.pack(0x80 | opcode, 127, size)


def message(payload: bytes, opcode: int = BINARY) -> bytes:
    """A whole message in one frame."""
    return header(len(payload), opcode) + payload
