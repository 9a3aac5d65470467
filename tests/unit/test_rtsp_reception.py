"""Receiver reports, by RFC 3550."""

from go2py.protocols import rtcp
from go2py.protocols.rtp.reception import Reception


def block(reception: Reception, now: float) -> rtcp.ReportBlock:
    report = rtcp.parse(reception.report(now))[0]
    assert isinstance(report, rtcp.ReceiverReport)
    return report.reports[0]


def test_nothing_to_report_before_the_first_packet() -> None:
    assert Reception(90_000, 1).report(0.0) == b""


def test_loss_is_counted_over_a_wrap() -> None:
    reception = Reception(90_000, 1)
    for sequence in range(65_500, 65_700):
        if sequence % 10:
            reception.received(sequence & 0xFFFF, 0, 7, 0.0)
    found = block(reception, 1.0)
    assert (found.ssrc, found.lost, found.highest_sequence) == (7, 19, 65_699)
    assert found.fraction_lost == 19 * 256 // 199
    reception.received(65_700 & 0xFFFF, 0, 7, 0.0)
    assert block(reception, 2.0).fraction_lost == 0


def test_late_packets_are_no_loss() -> None:
    reception = Reception(90_000, 1)
    for sequence in (1, 3, 2, 4):
        reception.received(sequence, 0, 7, 0.0)
    assert block(reception, 1.0).lost == 0


def test_a_restart_is_no_loss() -> None:
    reception = Reception(90_000, 1)
    reception.received(100, 0, 7, 0.0)
    reception.received(40_000, 0, 7, 0.0)
    assert block(reception, 1.0).lost == 0
    reception.received(9, 0, 8, 0.0)
    assert block(reception, 1.0).ssrc == 8


def test_jitter_and_last_report() -> None:
    reception = Reception(1_000, 1)
    for number in range(200):
        reception.received(number, number * 40, 7, number * 0.04 + number % 2 * 0.01)
    reception.reported(rtcp.SenderReport(7, 0x1122334455667788, 0, 0, 0), 10.0)
    found = block(reception, 10.5)
    assert 8 <= found.jitter <= 10
    assert (found.last_sr, found.delay) == (0x33445566, 32768)
