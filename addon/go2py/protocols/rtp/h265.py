"""H.265 over RTP (RFC 7798): single NAL unit, aggregation packets, fragmentation units; without DONL fields."""

from typing import override

from ...media import h265
from .base import Payload
from .nal import NalDepacketizer, NalPacketizer

AP, FU = 48, 49
_OPENERS = frozenset((h265.VPS, h265.SPS, h265.AUD, h265.SEI_PREFIX, AP))


class H265Depacketizer(NalDepacketizer):
    """Of one layer, in decoding order (`sprop-max-don-diff=0`, the default)."""

    __slots__ = ()

    @override
    def _take(self, payload: Payload) -> bool:
        if len(payload) < 3:
            return True
        kind = payload[0] >> 1 & 0x3F
        fragments = self._fragments
        if kind == FU:
            flags = payload[2]
            if flags & 0x80:
                self._close()
                fragments = self._fragments = bytearray((payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1]))
            elif fragments is None:
                return False
            fragments += payload[3:]
            if flags & 0x40:
                self._close()
            return True
        if fragments is not None:
            self._close()
        if kind == AP:
            self._aggregate(payload, 2)
        elif kind < AP:
            self._units.append(bytes(payload))
        return True

    @override
    def _begins(self, payload: Payload) -> bool:
        if len(payload) < 4:
            return False
        kind, body = payload[0] >> 1 & 0x3F, payload[2]
        if kind == FU:
            if not body & 0x80:
                return False
            kind, body = body & 0x3F, payload[3]
        return bool(body & 0x80) if kind < h265.VPS else kind in _OPENERS  # first_slice_segment_in_pic_flag


class H265Packetizer(NalPacketizer):
    """One layer, in decoding order."""

    __slots__ = ()

    @override
    def _is_slice(self, nal: bytes) -> bool:
        return h265.nal_type(nal) < h265.VPS

    @override
    def _aggregation_header(self, nals: list[bytes]) -> bytes:
        return bytes((AP << 1, nals[0][1]))

    @override
    def _fragment(self, nal: bytes, payloads: list[bytes]) -> None:
        self._cut(nal, bytes((nal[0] & 0x81 | FU << 1, nal[1])), h265.nal_type(nal), payloads)
