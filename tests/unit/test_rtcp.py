"""RTCP both ways."""

import pytest

from go2py.errors import ProtocolError
from go2py.protocols import rtcp

REPORT = rtcp.ReportBlock(5, 51, -3, 70000, 90, 0x12345678, 65536)
PACKETS: list[rtcp.Packet] = [
    rtcp.SenderReport(1, 0xE8_00_00_00_80_00_00_00, 90000, 10, 12000, (REPORT,)),
    rtcp.ReceiverReport(2, (REPORT, REPORT)),
    rtcp.ReceiverReport(2),
    rtcp.SourceDescription(((1, "camera"), (2, "a"), (3, "four"))),
    rtcp.Goodbye((1, 2)),
    rtcp.Nack(1, 2, (65534, 65535, 0, 14, 15, 200)),
    rtcp.PictureLoss(1, 2),
    rtcp.FullIntraRequest(1, ((2, 7), (3, 255))),
    rtcp.BitrateEstimate(1, 1_000_000, (2, 3)),
    rtcp.TransportFeedback(1, 2, 65530, 255, (64_000, None, 64_250, 200_000, 190_000, None, None, 190_250, 190_250)),
    rtcp.ExtendedReport(1, 0x1122334455667788, ((2, 3, 4), (5, 6, 7))),
]


@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: type(packet).__name__)
def test_round_trip(packet: rtcp.Packet) -> None:
    data = rtcp.build([packet])
    assert len(data) % 4 == 0
    assert rtcp.parse(memoryview(data)) == [packet]


def test_compound() -> None:
    assert rtcp.parse(rtcp.build(PACKETS)) == PACKETS


def test_nack_is_packed() -> None:
    assert len(rtcp.build([rtcp.Nack(1, 2, tuple(range(17)))])) == 16


def test_remb_of_chromium() -> None:
    data = bytes.fromhex("8fce0005 00000001 00000000 52454d42 0112d687 0000beef".replace(" ", ""))
    assert rtcp.parse(data) == [rtcp.BitrateEstimate(1, 0x2D687 << 4, (0xBEEF,))]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ("2003" + "010203", (250, 750, 1500)),  # a run of small deltas
        ("9800" + "0102", (None, 250, 750)),  # a vector of single bits, then one
        ("d800" + "01fffe", (250, -250, None)),  # pairs: small, large (-2), lost
    ],
)
def test_transport_feedback_chunks(chunks: str, expected: tuple[int | None, ...]) -> None:
    body = bytes.fromhex("0000000100000002" + "000a0003" + "00000007" + chunks)
    body += bytes(-len(body) % 4)
    data = b"\x8f\xcd" + (len(body) // 4).to_bytes(2) + body
    (found,) = rtcp.parse(data)
    assert isinstance(found, rtcp.TransportFeedback)
    assert (found.base_sequence, found.count) == (10, 7)
    assert found.arrivals == expected


def test_arrivals_too_far_apart_for_one_feedback() -> None:
    with pytest.raises(ValueError, match="too far apart"):
        rtcp.build([rtcp.TransportFeedback(1, 2, 0, 0, (0, 9_000_000))])


def test_unknown_types_and_padding() -> None:
    goodbye = rtcp.build([rtcp.Goodbye((1,))])
    padded = bytes((0xA1, 203)) + b"\0\2" + goodbye[4:] + b"\0\0\0\4"
    assert rtcp.parse(b"\x80\xcc\0\1name" + padded) == [rtcp.Goodbye((1,))]


@pytest.mark.parametrize("data", ["80", "80c80006", "40c80000", "81c90001" + "00" * 4, "81cb0000", "8fcd000100000001"])
def test_broken(data: str) -> None:
    with pytest.raises(ProtocolError):
        rtcp.parse(bytes.fromhex(data))


def test_ntp_time() -> None:
    assert rtcp.ntp_time(0.5) == (rtcp.NTP_EPOCH << 32) + (1 << 31)
    assert rtcp.unix_time(rtcp.ntp_time(1_700_000_000.25)) == pytest.approx(1_700_000_000.25, abs=1e-5)
