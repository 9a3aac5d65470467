"""Packets framed on a stream connection: two bytes of length, then the packet (RFC 4571)."""

from ..errors import ProtocolError

MAX_PACKET = 4096
"""No browser sends more than a datagram would hold; a longer frame ends the connection."""


class Deframer:
    """Cuts a stream into packets; holds at most one unfinished packet."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = MAX_PACKET) -> None:
        self._rest = b""
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now; empty ones are left out. Raises ProtocolError on one too long."""
        if self._rest:
            data = self._rest + data
        packets: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= 2:
            size = data[at] << 8 | data[at + 1]
            if size > self._limit:
                raise ProtocolError(f"framed packet of {size} bytes, at most {self._limit} are taken")
            if at + 2 + size > end:
                break
            if size:
                packets.append(data[at + 2 : at + 2 + size])
            at += 2 + size
        self._rest = data[at:]
        return packets


def frame(packet: bytes | memoryview) -> bytes:
    """One packet with its length in front."""
    return len(packet).to_bytes(2) + packet


def frame_burst(burst: memoryview, segment: int) -> bytes:
    """Packets that lie one behind the other, each `segment` bytes long but the last, framed."""
    parts: list[bytes | memoryview] = []
    for at in range(0, len(burst), segment):
        packet = burst[at : at + segment]
        parts += (len(packet).to_bytes(2), packet)
    return b"".join(parts)
