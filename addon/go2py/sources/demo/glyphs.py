"""Letters for the demo picture: a 5 x 9 bitmap font, enlarged and smoothed by libswscale. Loads av."""

from dataclasses import dataclass
from functools import lru_cache

import av

ADVANCE, ROWS = 6, 9
"""Font cells from letter to letter and in a letter's height; the baseline is under row 7."""
BASELINE = 7

_SMOOTH = bytes(min(255, max(0, (value - 96) * 4)) for value in range(256))
"""Makes the blurred edge of an enlarged letter about two pixels wide."""

_ART = """
0 .###. #...# #...# #...# #...# #...# .###.
1 ..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.
2 .###. #...# ....# ..##. .#... #.... #####
3 .###. #...# ....# ..##. ....# #...# .###.
4 #...# #...# #...# ##### ....# ....# ....#
5 ##### #.... ####. ....# ....# #...# .###.
6 .###. #.... #.... ####. #...# #...# .###.
7 ##### ....# ...#. ..#.. ..#.. ..#.. ..#..
8 .###. #...# #...# .###. #...# #...# .###.
9 .###. #...# #...# .#### ....# ....# .###.
: ..... ..#.. ..#.. ..... ..#.. ..#.. .....
. ..... ..... ..... ..... ..... ..#.. ..#..
- ..... ..... ..... .###. ..... ..... .....
x ..... ..... #...# .#.#. ..#.. .#.#. #...#
g ..... ..... .#### #...# #...# #...# .#### ....# .###.
o ..... ..... .###. #...# #...# #...# .###.
p ..... ..... ####. #...# #...# #...# ####. #.... #....
y ..... ..... #...# #...# #...# #...# .#### ....# .###.
f ..##. .#... .#... ###.. .#... .#... .#...
s ..... ..... .#### #.... .###. ....# ####.
d ....# ....# .#### #...# #...# #...# .####
e ..... ..... .###. #...# ##### #.... .####
m ..... ..... ##.#. #.#.# #.#.# #.#.# #.#.#
"""
_FONT = {line[0]: line[2:].split() for line in _ART.strip().splitlines()}


@dataclass(frozen=True, slots=True)
class Glyph:
    """Coverage of one letter, 0 to 255, a bytes object per pixel row; all letters of a size are equally large."""

    width: int
    rows: tuple[bytes, ...]


@lru_cache(maxsize=256)
def glyph(letter: str, cell: int) -> Glyph:
    """A letter with `cell` pixels for each font cell; one that the font lacks is a blank."""
    art = [f".{row}" for row in _FONT.get(letter, ())]
    art += ["." * ADVANCE] * (ROWS - len(art))
    if cell == 1:
        return Glyph(ADVANCE, tuple(row.translate({46: 0, 35: 255}).encode("latin-1") for row in art))
    border = "." * (ADVANCE + 2)
    framed = [border, *(f".{row}." for row in art), border]
    width, height = len(border) * cell, len(framed) * cell
    soft = _gray(_doubled(_doubled(framed))).reformat(len(border) * 2, len(framed) * 2, interpolation="AREA")
    large = soft.reformat(width, height, interpolation="BICUBIC")
    pixels, stride = bytes(large.planes[0]), large.planes[0].line_size
    rows = (pixels[y * stride + cell :][: ADVANCE * cell].translate(_SMOOTH) for y in range(cell, height - cell))
    return Glyph(ADVANCE * cell, tuple(rows))


def _doubled(art: list[str]) -> list[str]:
    """Twice as large, with diagonals filled in: a quarter takes the dot of its two neighbours where they agree and the
    others do not (EPX, also known as Scale2x)."""
    rows: list[str] = []
    for y, row in enumerate(art):
        above, below = art[max(y - 1, 0)], art[min(y + 1, len(art) - 1)]
        upper = lower = ""
        for x, dot in enumerate(row):
            up, down, left, right = above[x], below[x], row[max(x - 1, 0)], row[min(x + 1, len(row) - 1)]
            upper += left if left == up != right and left != down else dot
            upper += up if up == right != down and up != left else dot
            lower += down if down == left != up and down != right else dot
            lower += right if right == down != left and right != up else dot
        rows += [upper, lower]
    return rows


def _gray(art: list[str]) -> av.VideoFrame:
    frame = av.VideoFrame(len(art[0]), len(art), "gray")
    plane = frame.planes[0]
    rows = (bytes(255 * (dot == "#") for dot in row).ljust(plane.line_size, b"\0") for row in art)
    plane.update(b"".join(rows).ljust(plane.buffer_size, b"\0"))
    return frame
