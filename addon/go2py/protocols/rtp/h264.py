"""H.264 over RTP (RFC 6184): single NAL unit, STAP-A, FU-A both ways; STAP-B is read."""

from typing import override

from .base import Payload
from .nal import NalDepacketizer, NalPacketizer

STAP_A, STAP_B, FU_A = 24, 25, 28


class H264Depacketizer(NalDepacketizer):
    """Non-interleaved mode; decoding order numbers are skipped, MTAP and FU-B are not known from any camera."""

    __slots__ = ()

    @override
    def _take(self, payload: Payload) -> bool:
        if len(payload) < 2:
            return True
        kind = payload[0] & 0x1F
        fragments = self._fragments
        if kind == FU_A:
            flags = payload[1]
            if flags & 0x80:
                self._close()
                fragments = self._fragments = bytearray((payload[0] & 0xE0 | flags & 0x1F,))
            elif fragments is None:
                return False
            fragments += payload[2:]
            if flags & 0x40:
                self._close()
            return True
        if fragments is not None:
            self._close()
        if kind in (STAP_A, STAP_B):
            self._aggregate(payload, 1 if kind == STAP_A else 3)
        elif kind < STAP_A:
            self._units.append(bytes(payload))
        return True

    @override
    def _begins(self, payload: Payload) -> bool:
        if len(payload) < 3:
            return False
        kind, body = payload[0] & 0x1F, payload[1]
        if kind == FU_A:
            if not body & 0x80:
                return False
            kind, body = body & 0x1F, payload[2]
        # A slice begins a picture when its first_mb_in_slice is 0: a single 1 bit.
        return bool(body & 0x80) if kind in (1, 2, 5) else kind in (6, 7, 9, STAP_A, STAP_B)


class H264Packetizer(NalPacketizer):
    """Packetization mode 1."""

    __slots__ = ()

    @override
    def _is_slice(self, nal: bytes) -> bool:
        return 1 <= nal[0] & 0x1F <= 5

    @override
    def _aggregation_header(self, nals: list[bytes]) -> bytes:
        return bytes((max(nal[0] & 0x60 for nal in nals) | STAP_A,))

    @override
    def _fragment(self, nal: bytes, payloads: list[bytes]) -> None:
        self._cut(nal, bytes((nal[0] & 0xE0 | FU_A,)), nal[0] & 0x1F, payloads)
