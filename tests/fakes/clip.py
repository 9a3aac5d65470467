"""A short H.264 clip for fake cameras, and the simplest RTP around it; none of the gateway's own media code."""

import base64
import random
import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

CAPTURES = Path(__file__).resolve().parent.parent / "captures" / "h264"
START_CODE = b"\0\0\1"
SMALL, LARGE = "160x120", "240x160"
FU_SIZE = 500
"""Bytes of a fragment: small, so that even these tiny pictures are cut into several packets."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures of one slice each, without parameter sets; only the first is an IDR."""

    size: str
    sps: bytes
    pps: bytes
    pictures: tuple[bytes, ...]

    @property
    def sprop(self) -> str:
        """The value of `sprop-parameter-sets` (RFC 6184, 8.1)."""
        return ",".join(base64.b64encode(one).decode() for one in (self.sps, self.pps))

    @property
    def profile_level_id(self) -> str:
        return self.sps[1:4].hex().upper()

    def picture(self, number: int, gop: int) -> bytes:
        """Picture `number` of an endless stream with a key picture every `gop` pictures, in the clip's order. Where the
        clip is shorter than that, it repeats without its key picture, and strict decoders take that for a loss."""
        place, others = number % gop, len(self.pictures) - 1
        return self.pictures[place if place <= others else 1 + (place - 1) % others]


@cache
def clip(size: str) -> Clip:
    return _clip(size, (CAPTURES / f"testsrc_{size}.h264").read_bytes())


def _clip(size: str, data: bytes) -> Clip:
    """The first GOP of Annex B."""
    nals = [unit.rstrip(b"\0") for unit in data.split(START_CODE) if unit.rstrip(b"\0")]
    by_type = {nal[0] & 31: nal for nal in reversed(nals)}
    pictures = [nal for nal in nals if nal[0] & 31 in (1, 5)]
    end = next((place for place, picture in enumerate(pictures) if place and is_key(picture)), len(pictures))
    return Clip(size, by_type[7], by_type[8], tuple(pictures[:end]))


@cache
def coded(gop: int, bitrate: int) -> Clip:
    """A whole GOP of 640×360 at 25 a second that is hard to code and really has this bitrate."""
    import av
    from av.video.codeccontext import VideoCodecContext

    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    width, height = 640, 360
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.bit_rate, encoder.gop_size, encoder.thread_count = bitrate, gop, 1
    rate = bitrate // 1000
    params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:vbv-maxrate={rate}:vbv-bufsize={rate // 2}"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": params}
    noise = random.Random(1).randbytes(2 * width * height)
    data = b""
    for number in range(gop):
        frame = av.VideoFrame(width, height, "yuv420p")
        start = number * 641 % (width * height)
        frame.planes[0].update(noise[start : start + frame.planes[0].buffer_size])
        for plane in frame.planes[1:]:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts = number
        data += b"".join(map(bytes, encoder.encode(frame)))
    data += b"".join(map(bytes, encoder.encode(None)))
    return _clip("640x360", data)


def is_key(picture: bytes) -> bool:
    return picture[0] & 31 == 5


def payloads(nal: bytes) -> list[bytes]:
    """A NAL unit as a single packet or fragments FU-A (RFC 6184, 5.6, 5.8)."""
    if len(nal) <= FU_SIZE:
        return [nal]
    indicator, kind, body = nal[0] & 0xE0 | 28, nal[0] & 31, nal[1:]
    cut = [body[at : at + FU_SIZE] for at in range(0, len(body), FU_SIZE)]
    last = len(cut) - 1
    return [
        bytes((indicator, kind | (0x80 if i == 0 else 0) | (0x40 if i == last else 0))) + part
        for i, part in enumerate(cut)
    ]


def user_data(size: int) -> bytes:
    """A NAL unit of so many bytes that decoders pass over: SEI, user data unregistered (H.264 D.1.7)."""
    return b"\x06\x05" + b"\xff" * (size // 255) + bytes((size % 255,)) + b"\x55" * size + b"\x80"


@dataclass(slots=True)
class RtpState:
    """Where one track of one session is: what its next packet carries."""

    payload_type: int
    clock_rate: int
    ssrc: int
    sequence: int
    offset: int
    packets: int = 0
    octets: int = 0

    def timestamp(self, seconds: float) -> int:
        return (self.offset + int(seconds * self.clock_rate)) & 0xFFFFFFFF

    def packet(self, payload: bytes, seconds: float, *, marker: bool) -> bytes:
        second = marker << 7 | self.payload_type
        head = struct.pack(">BBHII", 0x80, second, self.sequence & 0xFFFF, self.timestamp(seconds), self.ssrc)
        self.sequence += 1
        self.packets += 1
        self.octets += len(payload)
        return head + payload

    def sender_report(self, seconds: float, wall: float) -> bytes:
        """RFC 3550, 6.4.1, with an SDES behind it."""
        ntp = int((wall + 2208988800) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
        report = struct.pack(
            ">BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, self.timestamp(seconds), self.packets, self.octets & 0xFFFFFFFF
        )
        return report + struct.pack(">BBHIBB4sH", 0x81, 202, 3, self.ssrc, 1, 4, b"fake", 0)
