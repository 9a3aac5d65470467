"""The demo picture, drawn in place into the planes of one frame: only what moves is touched. Loads av."""

import math
import random
from dataclasses import dataclass

import av

from . import clockcode
from .glyphs import ADVANCE, BASELINE, glyph
from .settings import DemoSettings

_WHITE, _BLACK, _NEUTRAL = 235, 16, 128
_BALL = (206, 74, 168)
"""Warm yellow as Y, Cb, Cr (BT.709)."""
_CROSSING_SECONDS = 10
"""From the left edge to the right and back."""

_SMALL = 320
"""The landscape is painted this wide and enlarged: soft edges, little work."""

type _Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Palette:
    """Sky from top to horizon, then the far, middle and near hills, in RGB."""

    top: _Colour
    horizon: _Colour
    hills: tuple[_Colour, _Colour, _Colour]


_PALETTES = (
    _Palette((12, 20, 52), (86, 112, 160), ((58, 82, 122), (36, 58, 92), (20, 36, 62))),
    _Palette((44, 24, 62), (206, 120, 96), ((124, 72, 92), (84, 48, 74), (48, 28, 52))),
    _Palette((10, 44, 56), (120, 176, 160), ((70, 124, 118), (40, 90, 88), (20, 56, 58))),
    _Palette((30, 34, 44), (150, 148, 150), ((98, 100, 108), (66, 68, 78), (40, 42, 52))),
)


class Picture:
    """A landscape with a clock, a ball that touches the ground on every full second, and the clock code."""

    def __init__(self, settings: DemoSettings) -> None:
        width, height = self._width, self._height = settings.width, settings.height
        self.frame = _landscape(width, height, settings.seed or 0)
        """Limited range BT.709; the encoder must be done with it before the next `draw`."""
        self._planes = [memoryview(plane).cast("B") for plane in self.frame.planes]
        self._strides = [plane.line_size for plane in self.frame.planes]
        self._radius = max(4, height // 24 & ~1)
        self._ball_at: tuple[int, int] | None = None
        self._shown: dict[tuple[int, int], str] = {}
        self._prepare_code()
        cell = self._cell = max(1, min(width * 84 // 6000, height * 24 // 700))
        self._small = max(1, cell // 3)
        self._text(width // 20, height // 16, "go2py", max(1, cell // 2))
        label = f"{width}x{height} {settings.fps} fps"
        self._text(width - width // 20 - len(label) * ADVANCE * self._small, height // 16, label, self._small)
        self._ground = [bytes(plane) for plane in self._planes]

    def draw(self, milliseconds: int, clock: str, date: str) -> av.VideoFrame:
        """Show this instant: `clock` is `HH:MM:SS`, the milliseconds of the second are added."""
        self._draw_ball(milliseconds)
        big, small = self._cell, max(1, self._cell // 2)
        left = (self._width - ADVANCE * (big * len(clock) + small * 4)) // 2
        top = self._height * 28 // 100
        self._text(left, top, clock, big)
        left += ADVANCE * big * len(clock)
        self._text(left, top + BASELINE * (big - small), f".{milliseconds % 1000:03}", small)
        self._text((self._width - len(date) * ADVANCE * self._small) // 2, self._height * 57 // 100, date, self._small)
        self._draw_code(milliseconds)
        return self.frame

    def _text(self, left: int, top: int, text: str, cell: int) -> None:
        for i, letter in enumerate(text):
            place = (left + i * ADVANCE * cell, top)
            if self._shown.get(place) != letter:
                self._shown[place] = letter
                self._blit(*place, letter, cell)

    def _blit(self, left: int, top: int, letter: str, cell: int) -> None:
        """White by coverage over the row's own brightness: behind text the sky changes only from row to row."""
        shape = glyph(letter, cell)
        luma, stride = self._planes[0], self._strides[0]
        for y, row in enumerate(shape.rows, top):
            at = y * stride + left
            luma[at : at + shape.width] = row.translate(_shades(luma[y * stride]))

    def _draw_ball(self, milliseconds: int) -> None:
        if self._ball_at:
            self._paint_ball(*self._ball_at, erase=True)
        radius = self._radius
        across = milliseconds / 1000 % _CROSSING_SECONDS / _CROSSING_SECONDS
        span = self._width * 9 // 10 - 2 * radius
        x = self._width // 20 + radius + round(span * (1 - abs(2 * across - 1)))
        jump = abs(math.sin(math.pi * (milliseconds % 1000) / 1000)) * self._height / 9
        y = self._height * clockcode.TOP // clockcode.ROWS - 2 - radius - round(jump)
        self._ball_at = (x & ~1, y & ~1)
        self._paint_ball(*self._ball_at, erase=False)

    def _paint_ball(self, x: int, y: int, *, erase: bool) -> None:
        for plane, colour in enumerate(_BALL):
            scale = 2 if plane else 1
            pixels, ground, stride = self._planes[plane], self._ground[plane], self._strides[plane]
            edge = self._radius // scale
            for row in range(-edge, edge + 1):
                half = math.isqrt(self._radius**2 - (row * scale) ** 2) // scale
                first = (y // scale + row) * stride + x // scale - half
                last = first + 2 * half + 1
                pixels[first:last] = ground[first:last] if erase else bytes((colour,)) * (last - first)

    def _prepare_code(self) -> None:
        """Takes the colour out from under the code and fixes its cells' widths."""
        edges = [clockcode.cell(i, self._width, self._height) for i in range(clockcode.WIDTH)]
        self._code_cells = tuple(
            tuple(bytes((shade,)) * (right - left) for shade in (_BLACK, _WHITE)) for left, _, right, _ in edges
        )
        self._code_left, self._code_width = edges[0][0], edges[-1][2] - edges[0][0]
        lines = [clockcode.cell(row * clockcode.WIDTH, self._width, self._height) for row in range(clockcode.HEIGHT)]
        self._code_rows = tuple(range(top, bottom) for _, top, _, bottom in lines)
        grey = bytes((_NEUTRAL,)) * (self._code_width // 2)
        for plane in (1, 2):
            for y in range(lines[0][1] // 2, lines[-1][3] // 2):
                at = y * self._strides[plane] + self._code_left // 2
                self._planes[plane][at : at + len(grey)] = grey

    def _draw_code(self, milliseconds: int) -> None:
        bits = clockcode.encode(milliseconds)
        luma, stride, left, width = self._planes[0], self._strides[0], self._code_left, self._code_width
        for i, rows in enumerate(self._code_rows):
            part = bits[i * clockcode.WIDTH : (i + 1) * clockcode.WIDTH]
            line = b"".join([cell[bit] for cell, bit in zip(self._code_cells, part, strict=True)])
            for y in rows:
                at = y * stride + left
                luma[at : at + width] = line


def _shades(ground: int) -> bytes:
    table = _tables.get(ground)
    if table is None:
        table = _tables[ground] = bytes(ground + (_WHITE - ground) * i // 255 for i in range(256))
    return table


_tables: dict[int, bytes] = {}
"""Coverage to brightness, per brightness of the ground: at most 256 tables."""


def _landscape(width: int, height: int, seed: int) -> av.VideoFrame:
    palette, dice = _PALETTES[seed % len(_PALETTES)], random.Random(seed)
    rows = max(90, _SMALL * height // width & ~1)
    hills = [[rows * (0.70 + 0.07 * i) + rows * 0.05 * shift for shift in _ridge(dice)] for i in range(3)]
    small = av.VideoFrame(_SMALL, rows, "rgb24")
    stride = small.planes[0].line_size
    image = bytearray(stride * rows)
    for y in range(rows):
        sky = _between(palette.top, palette.horizon, min(1.0, y / (rows * 0.75)))
        line = bytearray(bytes(sky) * _SMALL)
        for ridge, colour in zip(hills, palette.hills, strict=True):
            for x, level in enumerate(ridge):
                if y > level:
                    behind = (line[3 * x], line[3 * x + 1], line[3 * x + 2])
                    line[3 * x : 3 * x + 3] = bytes(_between(behind, colour, min(1.0, y - level)))
        image[y * stride : y * stride + len(line)] = line
    small.planes[0].update(bytes(image))
    return small.reformat(
        width, height, "yuv420p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG",
        interpolation="BICUBIC",
    )  # fmt: skip


def _ridge(dice: random.Random) -> list[float]:
    """Heights from -1 to 1 along the width, a sum of three waves."""
    waves = [(dice.uniform(0.5, 1.0) * (i + 1), dice.uniform(0, 2 * math.pi), 0.6 / (i + 1)) for i in range(3)]
    turn = 2 * math.pi / _SMALL
    return [sum(level * math.sin(turn * pace * x + phase) for pace, phase, level in waves) for x in range(_SMALL)]


def _between(a: _Colour, b: _Colour, share: float) -> tuple[int, ...]:
    return tuple(round(one + (other - one) * share) for one, other in zip(a, b, strict=True))
