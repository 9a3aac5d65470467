import random

import pytest

from go2py.sources.demo import clockcode

NOW = 1_790_000_000_123


def draw(milliseconds: int, width: int, height: int, *, black: int = 16, white: int = 235) -> bytearray:
    luma = bytearray([90]) * (width * height)
    for index, bit in enumerate(clockcode.encode(milliseconds)):
        left, top, right, bottom = clockcode.cell(index, width, height)
        for y in range(top, bottom):
            luma[y * width + left : y * width + right] = bytes([white if bit else black]) * (right - left)
    return luma


@pytest.mark.parametrize("size", [(160, 120), (640, 480), (1280, 720), (1920, 1080), (854, 480), (722, 1280)])
@pytest.mark.parametrize("time", [0, 1, NOW, (1 << 48) - 1])
def test_what_is_drawn_is_read_back(size: tuple[int, int], time: int) -> None:
    assert clockcode.decode(draw(time, *size), *size) == time


def test_noise_and_low_contrast_do_not_hurt() -> None:
    dice = random.Random(1)
    luma = draw(NOW, 640, 480, black=70, white=180)
    noisy = bytes(min(255, max(0, value + dice.randint(-40, 40))) for value in luma)
    assert clockcode.decode(noisy, 640, 480) == NOW


def test_a_canvas_is_read_by_one_of_its_colours() -> None:
    rgba = b"".join(bytes((value, value, value, 255)) for value in draw(NOW, 320, 240))
    assert clockcode.decode(memoryview(rgba)[1:], 320, 240, step=4) == NOW


def test_rows_may_be_padded() -> None:
    luma = draw(NOW, 320, 240)
    padded = b"".join(bytes(luma[y * 320 : (y + 1) * 320]) + b"\xff" * 32 for y in range(240))
    assert clockcode.decode(padded, 320, 240, stride=352) == NOW


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_without_code_is_noticed(value: int) -> None:
    with pytest.raises(ValueError, match="no clock code"):
        clockcode.decode(bytes([value]) * (320 * 240), 320, 240)


def test_a_wrong_bit_is_noticed() -> None:
    luma = draw(NOW, 320, 240)
    left, top, right, bottom = clockcode.cell(40, 320, 240)
    for y in range(top, bottom):
        luma[y * 320 + left : y * 320 + right] = bytes(255 - value for value in luma[y * 320 + left : y * 320 + right])
    with pytest.raises(ValueError, match="no clock code"):
        clockcode.decode(luma, 320, 240)
