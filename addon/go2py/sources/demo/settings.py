"""The parameters behind `demo:?`."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from ...errors import Unsupported

_RATE = re.compile(r"(\d{1,9})([kM]?)", re.ASCII)
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})", re.ASCII)
_UNIT = {"": 1, "k": 1_000, "M": 1_000_000}

MIN_SIZE, MAX_SIZE = (160, 120), (3840, 2160)
MAX_FPS, MAX_GOP = 60, 100_000
MIN_BITRATE, MAX_BITRATE = 50_000, 50_000_000
MAX_SEED = (1 << 32) - 1

DEFAULTS = {
    "size": "1280x720",
    "fps": "25",
    "gop": "250",
    "video": "h264",
    "audio": "opus",
    "bitrate": "",
    "clock": "wall",
    "seed": "",
}


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the camera shows: `gop` in pictures, `bitrate` in bit/s (0: what the picture needs), `seed` None: random.

    With `clock="stream"` time starts at 0 and waits for a machine that is too slow; with a `seed` timestamps
    start at a fixed number. Both together make every run the same, byte for byte.
    """

    width: int = 1280
    height: int = 720
    fps: int = 25
    gop: int = 250
    video: Literal["h264", "none"] = "h264"
    audio: Literal["opus", "aac", "pcma", "none"] = "opus"
    bitrate: int = 0
    clock: Literal["wall", "stream"] = "wall"
    seed: int | None = None


def parse(query: str) -> DemoSettings:
    """Read `size=1280x720&fps=25…`; raises `Unsupported` with the key and what it may be."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Unsupported("demo: takes a few parameters, not hundreds") from None
    found: dict[str, str] = {}
    for key, value in pairs:
        if key not in DEFAULTS:
            raise Unsupported(f"demo: knows no parameter {key[:20]!r}; it knows {', '.join(DEFAULTS)}")
        found[key] = value
    values = DEFAULTS | found
    width, height = _size(values["size"])
    settings = DemoSettings(
        width=width,
        height=height,
        fps=_number("fps", values["fps"], 1, MAX_FPS),
        gop=_number("gop", values["gop"], 1, MAX_GOP),
        video=_choice("video", values["video"], ("h264", "none")),
        audio=_choice("audio", values["audio"], ("opus", "aac", "pcma", "none")),
        bitrate=_bitrate(values["bitrate"]),
        clock=_choice("clock", values["clock"], ("wall", "stream")),
        seed=_number("seed", values["seed"], 0, MAX_SEED) if values["seed"] else None,
    )
    if settings.video == settings.audio == "none":
        raise Unsupported("demo: video and audio cannot both be none")
    return settings


def _number(key: str, text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
        raise Unsupported(f"demo: {key} must be a whole number from {low} to {high}")
    return int(text)


def _choice[T: str](key: str, text: str, choices: tuple[T, ...]) -> T:
    for choice in choices:
        if text.lower() == choice:
            return choice
    raise Unsupported(f"demo: {key} must be one of {', '.join(choices)}")


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    fits = MIN_SIZE[0] <= width <= MAX_SIZE[0] and MIN_SIZE[1] <= height <= MAX_SIZE[1]
    if not fits or width % 2 or height % 2:
        (w0, h0), (w1, h1) = MIN_SIZE, MAX_SIZE
        raise Unsupported(f"demo: size must be even numbers from {w0}x{h0} to {w1}x{h1}, as in 1280x720")
    return width, height


def _bitrate(text: str) -> int:
    if not text:
        return 0
    match = _RATE.fullmatch(text)
    rate = int(match[1]) * _UNIT[match[2]] if match else 0
    if not MIN_BITRATE <= rate <= MAX_BITRATE:
        raise Unsupported("demo: bitrate must be from 50k to 50M bit/s, as in 2M or 800k")
    return rate
