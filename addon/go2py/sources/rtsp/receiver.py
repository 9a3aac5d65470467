"""One track as it comes in: RTP to access units, RTCP to clock and loss."""

from typing import override

from ...errors import ProtocolError, Unsupported
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...protocols import rtcp
from ...protocols.rtp import Depacketizer, depacketizer_for
from ...protocols.rtp.packet import HEADER, payload_bounds
from ...protocols.rtp.reception import Reception
from ...protocols.sdp import Media
from ...streams.source import Sink


class Receiver:
    """Takes the packets of one media in order, collects access units, and delivers them together.

    Raises `Unsupported` when no codec of the media is known. `reception` is set where receiver reports are to be sent.
    """

    __slots__ = (
        "_by_type", "_codecs", "_current", "_lost", "_sink", "_ssrc", "_type", "_units", "offer", "reception",
    )  # fmt: skip

    def __init__(self, offer: int, media: Media, sink: Sink, reception: Reception | None = None) -> None:
        self.offer = offer
        self.reception = reception
        self._sink = sink
        self._codecs: dict[int, Codec] = {}
        for payload_type, codec in zip(media.payload_types, media.codecs, strict=True):
            try:
                depacketizer_for(codec)
            except Unsupported:
                continue
            self._codecs[payload_type] = codec
        if not self._codecs:
            raise Unsupported(f"the codec {media.codecs[0].label()} is not spoken by go2py")
        self._by_type: dict[int, Depacketizer] = {}
        self._type = -1
        self._ssrc = -1
        self._current = self._select(next(iter(self._codecs)))
        self._units: list[AccessUnit] = []
        self._lost = 0

    @override
    def __repr__(self) -> str:
        return f"Receiver(offer={self.offer}, {self._current.codec.name})"

    def push(self, marker_type: int, sequence: int, timestamp: int, ssrc: int, payload: memoryview, now: float) -> None:
        """A packet whose header was read; `marker_type` is its second byte."""
        turned = marker_type & 0x7F != self._type or ssrc != self._ssrc
        if turned and not self._turn(marker_type & 0x7F, ssrc):
            return
        units = self._current.push(sequence, timestamp, marker_type > 0x7F, payload, now)
        if units:
            self._units += units

    def push_packet(self, packet: memoryview | bytes, now: float) -> None:
        """A whole RTP packet; what is none is dropped."""
        try:
            start, end = payload_bounds(packet, 0, len(packet))
        except ProtocolError:
            return
        _, marker_type, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        self.push(marker_type, sequence, timestamp, ssrc, memoryview(packet)[start:end], now)

    def push_control(self, packet: memoryview | bytes, now: float) -> None:
        """An RTCP packet; what is none is dropped."""
        try:
            found = rtcp.parse(packet)
        except ProtocolError:
            return
        for one in found:
            if isinstance(one, rtcp.SenderReport):
                self._sink.sender_report(self.offer, one.rtp_time, rtcp.unix_time(one.ntp))
                if self.reception is not None:
                    self.reception.reported(one, now)

    def deliver(self) -> None:
        """Hand on what came together since the last time."""
        if self._units:
            units, self._units = self._units, []
            self._sink.deliver(self.offer, units)
        if (lost := self._current.lost) != self._lost:
            self._sink.lost(self.offer, lost - self._lost)
            self._lost = lost

    def _turn(self, payload_type: int, ssrc: int) -> bool:
        """The sender, or what it sends, changed; false where the packet is none of ours.

        An undescribed payload type is the first codec mislabelled, or, once a described one came, something else
        (comfort noise, events).
        """
        described = payload_type in self._codecs
        if not described and self._type in self._codecs:
            return False
        self.deliver()
        if ssrc != self._ssrc:
            self._by_type.clear()
        self._type, self._ssrc = payload_type, ssrc
        self._current = self._select(payload_type if described else next(iter(self._codecs)))
        self._lost = self._current.lost
        return True

    def _select(self, payload_type: int) -> Depacketizer:
        found = self._by_type.get(payload_type)
        if found is None:
            found = self._by_type[payload_type] = depacketizer_for(self._codecs[payload_type])
        return found
