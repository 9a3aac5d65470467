"""A short H.264 clip for fake cameras, and the simplest RTP around it; none of the gateway's own media code."""

import base64
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CAPTURES = Path(__file__).resolve().parent.parent / "captures" / "h264"
START_CODE = b"\0\0\1"
SMALL, LARGE = "160x120", "240x160"
FU_SIZE = 500
"""Bytes of a fragment: small, so that even these tiny pictures are cut into several packets."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures of one slice each, without parameter sets; the first of every 25 is an IDR."""

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
        """Picture `number` of an endless stream with a key picture every `gop` pictures; the clip's order within 25."""
        place = number % gop
        return self.pictures[place if place < 25 else 1 + (place - 1) % 24]


@cache
def clip(size: str) -> Clip:
    units = (CAPTURES / f"testsrc_{size}.h264").read_bytes().split(START_CODE)
    nals = [unit.rstrip(b"\0") for unit in units if unit.rstrip(b"\0")]
    by_type = {nal[0] & 31: nal for nal in reversed(nals)}
    return Clip(size, by_type[7], by_type[8], tuple(nal for nal in nals if nal[0] & 31 in (1, 5)))


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
