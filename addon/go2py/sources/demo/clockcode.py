"""The demo picture's clock for machines: milliseconds as black and white blocks that survive H.264 and scaling.

The picture is a grid of 40 x 24 cells. The code is 32 cells wide (columns 4 to 35) and 2 high (rows 21 and 22),
most significant bit first, left to right, upper row first, white is 1:

    bits 63 … 16   milliseconds, unsigned: since 1970 UTC (`clock=wall`) or since the start (`clock=stream`)
    bits 15 … 0    CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF) of those 6 bytes, big endian

To read it from a canvas: take the green value in the middle of each cell, white is above 128, check the CRC.
"""

import binascii
from collections.abc import Iterator

COLUMNS, ROWS = 40, 24
LEFT, TOP = 4, 21
WIDTH, HEIGHT = 32, 2

_BITS = WIDTH * HEIGHT
_MAX = 1 << 48
_MIDDLE = 128


def encode(milliseconds: int) -> tuple[bool, ...]:
    """The 64 cells of a time below 2^48 ms, upper row first."""
    payload = (milliseconds % _MAX).to_bytes(6)
    word = int.from_bytes(payload + _crc(payload).to_bytes(2))
    return tuple(bool(word >> shift & 1) for shift in range(_BITS - 1, -1, -1))


def cell(index: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Where cell 0 … 63 lies in a picture of this size: left, top, right, bottom in even pixels."""
    row, column = divmod(index, WIDTH)
    x0, x1 = ((LEFT + column + i) * width // COLUMNS & ~1 for i in (0, 1))
    y0, y1 = ((TOP + row + i) * height // ROWS & ~1 for i in (0, 1))
    return x0, y0, x1, y1


def decode(pixels: bytes | bytearray | memoryview, width: int, height: int, *, stride: int = 0, step: int = 1) -> int:
    """The time in ms that a picture shows; raises `ValueError` when it shows none.

    `pixels` is one byte per pixel and `stride` bytes a row (a luma plane), or `step` bytes per pixel with a colour
    first in which white is bright: `decode(rgba[1:], w, h, step=4)` for the RGBA of a canvas.
    """
    stride = stride or width * step
    word = 0
    for x, y in _middles(width, height):
        at = y * stride + x * step
        word = word << 1 | (pixels[at] > _MIDDLE)
    payload, check = (word >> 16).to_bytes(6), word & 0xFFFF
    if check != _crc(payload):
        raise ValueError("the picture shows no clock code")
    return int.from_bytes(payload)


def _middles(width: int, height: int) -> Iterator[tuple[int, int]]:
    for row in range(HEIGHT):
        y = (2 * (TOP + row) + 1) * height // (2 * ROWS)
        for column in range(WIDTH):
            yield (2 * (LEFT + column) + 1) * width // (2 * COLUMNS), y


def _crc(payload: bytes) -> int:
    return binascii.crc_hqx(payload, 0xFFFF)
