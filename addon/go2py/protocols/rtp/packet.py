"""The RTP header (RFC 3550 section 5.1), read by one `Struct.unpack_from`."""

from struct import Struct
from typing import NamedTuple

from ...errors import ProtocolError

HEADER = Struct(">BBHII")
"""`first, marker and payload type, sequence, timestamp, ssrc`; `first` is 0x80 when nothing but the payload follows."""

HEADER_SIZE = 12
PLAIN = 0x80

type Buffer = bytes | bytearray | memoryview


class RtpPacket(NamedTuple):
    """A parsed packet; `payload` is a view into what was parsed. For the paths that are not hot."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: memoryview


def payload_bounds(data: Buffer, start: int, end: int) -> tuple[int, int]:
    """Where the payload of the packet in `data[start:end]` begins and ends, without CSRCs, header extension, padding.

    Only needed where `first != PLAIN`. Raises `ProtocolError`.
    """
    if end - start < HEADER_SIZE:
        raise ProtocolError("RTP packet is shorter than its header")
    first = data[start]
    if first >> 6 != 2:
        raise ProtocolError("RTP version is not 2")
    body = start + HEADER_SIZE + (first & 0x0F) * 4
    if first & 0x10:
        if body + 4 > end:
            raise ProtocolError("RTP header extension is cut off")
        body += 4 + int.from_bytes(data[body + 2 : body + 4]) * 4
    if first & 0x20 and end > body:
        end -= data[end - 1]
    if body > end:
        raise ProtocolError("RTP packet is shorter than its header")
    return body, end


def parse(data: Buffer) -> RtpPacket:
    """Parse a whole packet. Raises `ProtocolError`."""
    size = len(data)
    start, end = payload_bounds(data, 0, size)
    _, marker_type, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    payload = memoryview(data)[start:end]
    return RtpPacket(marker_type & 0x7F, marker_type > 0x7F, sequence, timestamp, ssrc, payload)


def build(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: Buffer) -> bytes:
    """A packet without CSRCs and extension; counters are taken modulo their width."""
    return (
        HEADER.pack(PLAIN, marker << 7 | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF)
        + payload
    )


def is_rtcp(data: Buffer) -> bool:
    """Whether a packet on a shared port is RTCP (RFC 5761 section 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223
