"""The RTP and RTCP of a backchannel: frames in, packets out (RFC 3550)."""

import random
from collections.abc import Iterable, Sequence

from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...protocols import rtcp
from ...protocols.rtp import packetizer_for
from ...protocols.rtp.base import Packetizer
from ...protocols.rtp.packet import build
from .manner import Manner

_NAME = "go2py"
_GAP = 0.2
"""Seconds without sound after which it begins anew."""


class Speech:
    """One sender for as long as the track is set up; it may begin several times, with different codecs."""

    def __init__(self) -> None:
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._manner = Manner()
        self._packetizer: Packetizer | None = None
        self._payload_type = 0
        self._clock_rate = 8000
        self._start = 0
        """RTP time of the opening, at which `pts` is 0."""
        self._time = random.getrandbits(32)
        """RTP time of the last packet …"""
        self._sent_at = 0.0
        """… and when it was sent."""
        self._last: int | None = None
        """`pts` of the last packet; None at the beginning."""
        self._packets = self._octets = 0

    def begin(self, codec: Codec, payload_type: int, manner: Manner, now: float) -> None:
        """Take frames of `codec` from now on. Raises `Unsupported` where RTP has no format for it."""
        self._packetizer = packetizer_for(codec, ptime=manner.ptime)
        if self._packets:  # the track's clock runs on between the openings
            self._time += int((now - self._sent_at) * self._clock_rate)
        self._manner, self._payload_type, self._clock_rate = manner, payload_type, codec.clock_rate
        self._start, self._sent_at, self._last = self._time, now, None

    def packets(self, units: Iterable[AccessUnit], now: float) -> Sequence[bytes]:
        """What to send for the units."""
        assert self._packetizer is not None
        made: list[bytes] = []
        for unit in units:
            cut = self._packetizer.packetize(unit)
            for index, payload in enumerate(cut.payloads):
                pts = cut.pts + index * cut.step
                # Where frames may be cut the marker says that one is whole (AAC), elsewhere that speech begins.
                marker = index == len(cut.payloads) - 1 if cut.marker else self._begins(pts)
                made.append(self._packet(payload, pts, marker=marker or self._manner.marked))
        if made:
            self._sent_at = now
        return made

    def _begins(self, pts: int) -> bool:
        return self._last is None or pts - self._last > _GAP * self._clock_rate

    def _packet(self, payload: bytes, pts: int, *, marker: bool) -> bytes:
        self._last = pts
        self._time = self._start + pts
        time = 0 if self._manner.timeless else self._time
        packet = build(self._payload_type, marker, self._sequence, time, self._ssrc, payload)
        self._sequence += 1
        self._packets += 1
        self._octets += len(payload)
        return packet

    def report(self, now: float, wall: float) -> bytes:
        """The sender report of this moment, `wall` in Unix time; empty before the first packet."""
        if not self._packets:
            return b""
        time = 0 if self._manner.timeless else self._time + int((now - self._sent_at) * self._clock_rate)
        report = rtcp.SenderReport(
            self._ssrc, rtcp.ntp_time(wall), time & 0xFFFFFFFF, self._packets & 0xFFFFFFFF, self._octets & 0xFFFFFFFF
        )
        return rtcp.build([report, self._description()])

    def goodbye(self) -> bytes:
        """The end of the sender; empty before the first packet."""
        if not self._packets:
            return b""
        return rtcp.build([rtcp.ReceiverReport(self._ssrc), self._description(), rtcp.Goodbye((self._ssrc,))])

    def _description(self) -> rtcp.SourceDescription:
        return rtcp.SourceDescription(((self._ssrc, _NAME),))
