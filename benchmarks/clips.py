"""What the cameras show: pictures of a given size that nobody decodes, or really coded ones."""

import random
from dataclasses import dataclass
from fractions import Fraction

SPS = bytes.fromhex("6742c028da01e0089f961000000300100000030328f1832a")
PPS = bytes.fromhex("68ce0fc8")
"""Of 1920×1080, constrained baseline."""
STAMP = b"\xa5go2py-time:"
"""Stands at the beginning of every synthetic slice, with the time of sending behind it."""
STAMP_FORM = "%016x"
"""Nanoseconds of `time.monotonic_ns()`, which all processes share."""
_SLICE = {True: b"\x65\x88\x80", False: b"\x41\x9a\x80"}
KEY_WEIGHT = 6
"""A key picture is so many times as large as another one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A camera's stream. `gop` in pictures, `bitrate` in bits a second; `coded`: a decoder can make something of it."""

    bitrate: int = 4_000_000
    fps: int = 25
    gop: int = 50
    coded: bool = False


type Picture = list[bytes]
"""NAL units."""


def pictures(shape: Shape) -> list[Picture]:
    """One group of pictures, its key picture with parameter sets first."""
    return _encoded(shape) if shape.coded else _synthetic(shape)


def _synthetic(shape: Shape) -> list[Picture]:
    rng = random.Random(1)
    noise = bytes(byte or 1 for byte in rng.randbytes(1 << 20))
    weight = shape.gop - 1 + KEY_WEIGHT
    unit = shape.bitrate / 8 / shape.fps * shape.gop / weight
    made = []
    for number in range(shape.gop):
        key = number == 0
        size = int(unit * (KEY_WEIGHT if key else 1))
        head = _SLICE[key] + STAMP + (STAMP_FORM % 0).encode()
        start = rng.randrange(len(noise) // 2)
        body = (noise[start:] + noise)[: size - len(head)]
        made.append([SPS, PPS, head + body] if key else [head + body])
    return made


def _encoded(shape: Shape) -> list[Picture]:
    """1080p noise and movement through libx264."""
    import av  # noqa: PLC0415  only the snapshots' camera needs it
    from av.video.codeccontext import VideoCodecContext  # noqa: PLC0415

    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 1920, 1080, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, shape.fps), Fraction(shape.fps)
    encoder.bit_rate, encoder.gop_size = shape.bitrate, shape.gop
    encoder.options = {"preset": "superfast", "tune": "zerolatency", "bf": "0", "x264-params": "scenecut=0"}
    noise = random.Random(1).randbytes(1 << 18)
    packets = []
    for number in range(shape.gop):
        frame = av.VideoFrame(1920, 1080, "yuv420p")
        for plane in frame.planes:
            size = plane.buffer_size
            flat = bytearray(bytes((number * 3 + x // 8) & 0xFF for x in range(plane.line_size)) * plane.height)[:size]
            for row in range(200, min(400, plane.height)):
                at = row * plane.line_size + number * 2
                flat[at : at + 200] = noise[(row * 97 + number * 13) % 100_000 :][:200]
            plane.update(bytes(flat))
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return [_split(bytes(packet)) for packet in packets]


def _split(data: bytes) -> Picture:
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part and part[0] & 0x1F != 6]
