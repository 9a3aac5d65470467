"""What a receiver report says of one RTP stream (RFC 3550, 6.4.1 and appendix A.3, A.8)."""

from ..rtcp import ReceiverReport, ReportBlock, SenderReport, SourceDescription, build

_MAX_STEP = 3000
"""A larger step of the sequence number is a restart."""


class Reception:
    """Counts what came of what was sent; `clock_rate` is that of the RTP timestamps, `own_ssrc` names us."""

    def __init__(self, clock_rate: int, own_ssrc: int) -> None:
        self._clock_rate, self._own = clock_rate, own_ssrc
        self._ssrc = -1
        self._jitter = 0.0
        self._report_ntp = 0
        self._report_time = 0.0
        self._start(0)

    def _start(self, sequence: int) -> None:
        self._base = self._highest = sequence
        self._received = 0
        self._expected_before = self._received_before = 0
        self._transit: float | None = None

    def received(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """A packet arrived, in whatever order."""
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._jitter, self._report_ntp = 0.0, 0
            self._start(sequence)
        step = (sequence - self._highest) & 0xFFFF
        if step < _MAX_STEP:
            self._highest += step
        elif step <= 0x10000 - _MAX_STEP:
            self._start(sequence)
        self._received += 1
        transit = now * self._clock_rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < self._clock_rate * 10:  # else the timestamp wrapped or jumped
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    def reported(self, report: SenderReport, now: float) -> None:
        """A sender report came."""
        self._report_ntp, self._report_time = report.ntp, now

    def report(self, now: float) -> bytes:
        """The compound packet to send; empty before the first packet of the sender."""
        if self._ssrc < 0:
            return b""
        expected = self._highest - self._base + 1
        lost = max(0, min(expected - self._received, 0x7FFFFF))
        interval = expected - self._expected_before
        lost_now = interval - (self._received - self._received_before)
        self._expected_before, self._received_before = expected, self._received
        block = ReportBlock(
            ssrc=self._ssrc,
            fraction_lost=min(255, (lost_now << 8) // interval) if interval > 0 and lost_now > 0 else 0,
            lost=lost,
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=int(self._jitter) & 0xFFFFFFFF,
            last_sr=self._report_ntp >> 16 & 0xFFFFFFFF,
            delay=int((now - self._report_time) * 65536) & 0xFFFFFFFF if self._report_ntp else 0,
        )
        return build([ReceiverReport(self._own, (block,)), SourceDescription(((self._own, "go2py"),))])
