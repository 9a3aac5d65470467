from itertools import product

import av
import pytest

from go2py.transcode.jpeg import Shape, encode_jpeg
from tests.fakes.still_camera import decode_jpeg

RED_BT709 = (63, 102, 240)
RED_BT601 = (81, 90, 240)
"""Limited range Y, Cb, Cr of pure red."""
RED_JPEG = (76, 85, 255)


def plain(colour: tuple[int, int, int], width: int = 64, height: int = 48, form: str = "yuv420p") -> av.VideoFrame:
    frame = av.VideoFrame(width, height, form)
    for plane, value in zip(frame.planes, colour, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def colour_of(frame: av.VideoFrame, x: int = 0, y: int = 0) -> tuple[int, ...]:
    luma, *chroma = frame.planes
    places = (luma, x, y), *((plane, x // 2, y // 2) for plane in chroma)
    return tuple(memoryview(plane)[y * plane.line_size + x] for plane, x, y in places)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (Shape(), (64, 48)),
        (Shape(width=32), (32, 24)),
        (Shape(height=24), (32, 24)),
        (Shape(100, 10), (100, 10)),
        (Shape(33), (33, 25)),
        (Shape(rotate=90), (48, 64)),
        (Shape(32, rotate=270), (24, 32)),
        (Shape(rotate=180), (64, 48)),
        (Shape(8000, 2), (4096, 2)),
        (Shape(width=1), (1, 1)),
    ],
)
def test_size(shape: Shape, size: tuple[int, int]) -> None:
    made = encode_jpeg(plain(RED_BT601), shape)
    decoded = decode_jpeg(made.data)
    assert (made.width, made.height) == size == (decoded.width, decoded.height)


@pytest.mark.parametrize(
    ("colour", "size", "colorspace"),
    [
        (RED_BT601, (64, 48), 2),  # small and unspecified: BT.601
        (RED_BT709, (1280, 720), 2),  # large and unspecified: BT.709
        (RED_BT709, (64, 48), 1),
        (RED_BT601, (1280, 720), 6),
    ],
)
def test_colours_become_those_of_jpeg(colour: tuple[int, int, int], size: tuple[int, int], colorspace: int) -> None:
    frame = plain(colour, *size)
    frame.colorspace = colorspace
    made = colour_of(decode_jpeg(encode_jpeg(frame, Shape()).data), 16, 16)
    assert max(abs(a - b) for a, b in zip(made, RED_JPEG, strict=True)) <= 4


def test_full_range_stays() -> None:
    made = colour_of(decode_jpeg(encode_jpeg(plain(RED_JPEG, form="yuvj420p"), Shape()).data))
    assert max(abs(a - b) for a, b in zip(made, RED_JPEG, strict=True)) <= 4


@pytest.mark.parametrize(("rotate", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1))])
def test_turning_is_clockwise(rotate: int, corner: tuple[int, int]) -> None:
    frame = plain((40, 128, 128))
    luma = frame.planes[0]
    rows = [bytes([220 if y < 24 and x < 32 else 40 for x in range(luma.line_size)]) for y in range(48)]
    luma.update(b"".join(rows).ljust(luma.buffer_size, b"\0"))
    turned = decode_jpeg(encode_jpeg(frame, Shape(rotate=rotate)).data)
    bright = {
        (i, j)
        for i, j in product((0, 1), (0, 1))
        if colour_of(turned, i * (turned.width - 8) + 4, j * (turned.height - 8) + 4)[0] > 128
    }
    assert bright == {corner}


def test_other_angles_are_refused() -> None:
    with pytest.raises(ValueError, match="90"):
        Shape(rotate=45)
