"""One viewer: its transport, a sender for each track, the RTCP between them."""

import random
import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from ...errors import ProtocolError
from ...protocols import rtcp
from ...streams.reader import Attachment
from ..microphone import Microphone
from .bandwidth import Bandwidth
from .group import group_for
from .negotiation import Outgoing
from .pacer import Pacer
from .sender import TrackSender, Transport

REPORT_INTERVAL = 1.5
FEEDBACK_INTERVAL = 0.2
"""Seconds between two transport-wide feedbacks that are looked at: they come far more often than capacity changes."""
_TRANSPORT_FEEDBACK = b"\x8f\xcd"
_NTP_SECOND = 65536.0


class RtcpTransport(Transport, Protocol):
    """What is needed of `PeerTransport`."""

    @property
    def round_trip(self) -> float | None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class Viewer:
    """Sends an attachment's tracks once the peer is connected, and listens to what the peer says of them.

    `nacks`, `refreshes` count packets and pictures asked for again.
    """

    def __init__(
        self, transport: RtcpTransport, attachment: Attachment, outgoing: Sequence[Outgoing], pacer: Pacer
    ) -> None:
        self.cname = secrets.token_urlsafe(12)
        self.bandwidth = Bandwidth()
        self.nacks = 0
        self.refreshes = 0
        self.outgoing = tuple(outgoing)
        self.microphone: Microphone | None = None
        """What the peer says, where its offer has room for that."""
        self._transport = transport
        self._attachment = attachment
        self._pacer = pacer
        self._report_due = 0.0
        self._ticked = 0.0
        self._feedback_due = 0.0
        self.senders = tuple(self._sender(one) for one in outgoing)
        self._by_ssrc = {sender.group.ssrc: sender for sender in self.senders}
        self._video = next((sender for sender in self.senders if sender.video), None)

    def start(self) -> None:
        """The peer is connected."""
        now = self._ticked = time.monotonic()
        self.bandwidth.round_trip = self._transport.round_trip
        self._report(now)
        for sender in self.senders:
            sender.start(now)

    def close(self) -> None:
        """Leave the groups; safe to call more than once."""
        for sender in self.senders:
            self._pacer.forget(sender)
            sender.stop()
            sender.group.release()
        self.senders = ()
        self._by_ssrc = {}
        self._video = None

    def tick(self, now: float) -> None:
        """Called about twice a second while connected."""
        self.bandwidth.recover(now - self._ticked, now)
        self._ticked = now
        for sender in self.senders:
            sender.tick(now)
        if now >= self._report_due:
            self._report(now)
            self._attachment.info.details["webrtc"] = self.statistics()

    def statistics(self) -> dict[str, float | None]:
        """What the API shows of this viewer; times in ms, rates in bits a second."""
        path = self.bandwidth
        return {
            "estimate": path.estimate,
            "round_trip": round(path.round_trip * 1000, 1) if path.round_trip is not None else None,
            "loss": round(path.loss, 3),
            "jitter": round(path.jitter * 1000, 1),
            "nacks": self.nacks,
            "resent": sum(sender.resent for sender in self.senders),
            "refreshes": self.refreshes,
            "replays": sum(sender.replays for sender in self.senders),
            "skips": sum(sender.skips for sender in self.senders),
        }

    def on_rtcp(self, data: bytes) -> None:
        """A compound packet of the peer; nonsense is passed over."""
        now = time.monotonic()
        if data[:2] == _TRANSPORT_FEEDBACK:
            if now < self._feedback_due and not self._after_key(now):
                return
            self._feedback_due = now + FEEDBACK_INTERVAL
        try:
            packets = rtcp.parse(data)
        except ProtocolError:
            return
        if self.microphone is not None:
            self.microphone.rtcp(packets)
        for packet in packets:
            self._handle(packet, now)

    def _after_key(self, now: float) -> bool:
        """A key picture, the longest train there is, went out so lately that this feedback may be about it."""
        return self._video is not None and now - self._video.group.key_sent < FEEDBACK_INTERVAL

    def _handle(self, packet: rtcp.Packet, now: float) -> None:
        match packet:
            case rtcp.Nack(media=ssrc, sequences=sequences):
                if sender := self._by_ssrc.get(ssrc):
                    self.nacks += len(sequences)
                    sender.resend(sequences, now)
            case rtcp.PictureLoss(media=ssrc):
                self._refresh(ssrc, now)
            case rtcp.FullIntraRequest(requests=requests):
                for ssrc, _ in requests:
                    self._refresh(ssrc, now)
            case rtcp.ReceiverReport(reports=reports) | rtcp.SenderReport(reports=reports):
                for report in reports:
                    self._reported(report)
            case rtcp.BitrateEstimate(bitrate=bitrate):
                self.bandwidth.remb = bitrate
            case rtcp.TransportFeedback(base_sequence=base, arrivals=arrivals):
                if self._video is not None:
                    self.bandwidth.arrived(base, arrivals, self._video.group.train)
            case _:
                pass

    def _refresh(self, ssrc: int, now: float) -> None:
        if sender := self._by_ssrc.get(ssrc):
            self.refreshes += 1
            sender.refresh(now)

    def _reported(self, report: rtcp.ReportBlock) -> None:
        sender = self._by_ssrc.get(report.ssrc)
        if sender is None or (sender is not self._video and self._video is not None):
            return
        round_trip = None
        if report.last_sr:
            arrived = (rtcp.ntp_time(time.time()) >> 16) & 0xFFFFFFFF
            passed = (arrived - report.last_sr - report.delay) & 0xFFFFFFFF
            round_trip = passed / _NTP_SECOND if passed < 1 << 31 else 0.0
        clock_rate = sender.group.track.codec.clock_rate
        self.bandwidth.reported(report.fraction_lost / 256, report.jitter / clock_rate, round_trip)

    def _report(self, now: float) -> None:
        """Sender reports of all tracks (RFC 3550 section 6.4.1), the first before any media; and what came of the
        microphone."""
        self._report_due = now + REPORT_INTERVAL * random.uniform(0.8, 1.2)
        if self.microphone is not None and (heard := self.microphone.report()):
            self._transport.send_rtcp(heard)
        if not self.senders:
            return
        ntp = rtcp.ntp_time(time.time())
        packets: list[rtcp.Packet] = [
            rtcp.SenderReport(
                sender.group.ssrc, ntp, sender.group.rtp_time(now), sender.packets & 0xFFFFFFFF,
                sender.octets & 0xFFFFFFFF,
            )
            for sender in self.senders
        ]  # fmt: skip
        names = tuple((sender.group.ssrc, self.cname) for sender in self.senders)
        self._transport.send_rtcp(rtcp.build([*packets, rtcp.SourceDescription(names)]))

    def _sender(self, one: Outgoing) -> TrackSender:
        group = group_for(one.track, one.form)
        repair = None if one.repair is None else (one.repair, random.randrange(1, 1 << 32))
        return TrackSender(
            self._transport,
            group,
            self.bandwidth,
            repair=repair,
            count=partial(self._attachment.sent, one.track),
            drop=partial(self._attachment.dropped, one.track),
            wake=self._pacer.wake,
        )
