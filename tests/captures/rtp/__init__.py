"""RTP that ffmpeg made of every codec, read for tests; `make.py` records it anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.protocols import sdp
from go2py.protocols.rtp import Depacketizer, packet

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Capture:
    codec: Codec
    packets: tuple[packet.RtpPacket, ...]
    raw: bytes


def unframe(data: bytes) -> Iterator[bytes]:
    """Packets behind their length as two bytes (RFC 4571)."""
    position = 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start])
        yield data[start:position]


def load(name: str) -> Capture:
    """The capture with this name; packets of RTCP left out."""
    media = sdp.parse((FOLDER / f"{name}.sdp").read_bytes()).medias[0]
    packets = unframe((FOLDER / f"{name}.rtp").read_bytes())
    parsed = tuple(packet.parse(data) for data in packets if not packet.is_rtcp(data))
    raw = FOLDER / f"{name}.raw"
    return Capture(media.codecs[0], parsed, raw.read_bytes() if raw.exists() else b"")


def play(
    depacketizer: Depacketizer, packets: tuple[packet.RtpPacket, ...] | list[packet.RtpPacket]
) -> list[AccessUnit]:
    """All units that the packets give."""
    units: list[AccessUnit] = []
    for found in packets:
        units += depacketizer.push(found.sequence, found.timestamp, found.marker, found.payload, 0.0)
    return units
