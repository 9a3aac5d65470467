"""RTCP compound packets (RFC 3550 section 6, 4585, 5104, 3611; REMB and transport-wide feedback drafts)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from struct import Struct

from ..errors import ProtocolError
from . import twcc

SR, RR, SDES, BYE, RTPFB, PSFB, XR = 200, 201, 202, 203, 205, 206, 207
NTP_EPOCH = 2_208_988_800
"""Unix time zero in NTP's seconds since 1900."""

MAX_PACKETS = 64
"""Packets read of one compound packet."""

_REPORT = Struct(">IIIIII")
_SENDER = Struct(">IQIII")
_PAIR = Struct(">II")
_NACK = Struct(">HH")
_XR_BLOCK = Struct(">BxH")
_CNAME = 1
_FMT_NACK, _FMT_TWCC, _FMT_PLI, _FMT_FIR, _FMT_ALFB = 1, 15, 1, 4, 15
_XR_RRTR, _XR_DLRR = 4, 5


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """`fraction_lost` in 1/256, `lost` may be negative (duplicates), `jitter` in clock units, `last_sr` the middle 32
    bits of an NTP time, `delay` since then in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`ntp` is the 64 bit fixed point NTP time of `rtp_time`."""

    ssrc: int
    ntp: int
    rtp_time: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """`ssrc` is the reporter's."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """Pairs of SSRC and CNAME; other items are skipped."""

    names: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The SSRCs that end; a reason is skipped."""

    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Nack:
    """`sequences` of packets to be sent again, as asked for. `media` is the SSRC they belong to."""

    sender: int
    media: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureLoss:
    """A request for a key picture."""

    sender: int
    media: int


@dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """`requests`: pairs of SSRC and command number (a repeated number is the same request)."""

    sender: int
    requests: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class BitrateEstimate:
    """REMB: bits a second that the receiver thinks it can take."""

    sender: int
    bitrate: int
    ssrcs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """Transport-wide feedback: `arrivals[i]` is the receive time (µs of the receiver's clock) of the packet
    `base_sequence + i` modulo 2^16, None when it did not arrive. `count` numbers the feedback packets (8 bit)."""

    sender: int
    media: int
    base_sequence: int
    count: int
    arrivals: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ExtendedReport:
    """`receiver_time`: NTP time of an RRTR block; `dlrr`: (SSRC, last RR, delay in 1/65536 s) of a DLRR block."""

    ssrc: int
    receiver_time: int | None = None
    dlrr: tuple[tuple[int, int, int], ...] = ()


type Packet = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Goodbye
    | Nack
    | PictureLoss
    | FullIntraRequest
    | BitrateEstimate
    | TransportFeedback
    | ExtendedReport
)


def ntp_time(unix: float) -> int:
    """64 bit fixed point NTP time of a Unix time in seconds."""
    return int((unix + NTP_EPOCH) * (1 << 32)) & (1 << 64) - 1


def unix_time(ntp: int) -> float:
    """Unix time in seconds of a 64 bit fixed point NTP time."""
    return ntp / (1 << 32) - NTP_EPOCH


def parse(data: bytes | bytearray | memoryview) -> list[Packet]:
    """The packets of a compound or reduced-size packet; other types are skipped. Raises `ProtocolError`."""
    found: list[Packet] = []
    data = bytes(data)
    position = 0
    for _ in range(MAX_PACKETS):
        if position == len(data):
            break
        if position + 4 > len(data) or data[position] >> 6 != 2:
            raise ProtocolError("not an RTCP packet")
        first, kind = data[position], data[position + 1]
        end = position + 4 + int.from_bytes(data[position + 2 : position + 4]) * 4
        if end > len(data):
            raise ProtocolError("RTCP packet is cut off")
        padding = data[end - 1] if first & 0x20 else 0
        if reader := _READERS.get(kind):
            packet = reader(first & 0x1F, data[position + 4 : max(end - padding, position + 4)])
            if packet is not None:
                found.append(packet)
        position = end
    return found


def build(packets: Iterable[Packet]) -> bytes:
    """One compound packet of them, in this order."""
    return b"".join(map(_build, packets))


def _need(body: bytes, size: int) -> None:
    if len(body) < size:
        raise ProtocolError("RTCP packet is too short")


def _words(body: bytes, start: int, count: int) -> tuple[int, ...]:
    return tuple(int.from_bytes(body[at : at + 4]) for at in range(start, start + count * 4, 4))


def _reports(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    _need(body, start + count * _REPORT.size)
    blocks: list[ReportBlock] = []
    for index in range(count):
        ssrc, losses, *rest = _REPORT.unpack_from(body, start + index * _REPORT.size)
        lost = losses & 0xFFFFFF
        blocks.append(ReportBlock(ssrc, losses >> 24, lost - (1 << 24) if lost >> 23 else lost, *rest))
    return tuple(blocks)


def _read_sender_report(count: int, body: bytes) -> Packet:
    _need(body, _SENDER.size)
    ssrc, ntp, rtp_time, packets, octets = _SENDER.unpack_from(body)
    return SenderReport(ssrc, ntp, rtp_time, packets, octets, _reports(body, _SENDER.size, count))


def _read_receiver_report(count: int, body: bytes) -> Packet:
    _need(body, 4)
    return ReceiverReport(int.from_bytes(body[:4]), _reports(body, 4, count))


def _read_description(count: int, body: bytes) -> Packet:
    names: list[tuple[int, str]] = []
    position = 0
    for _ in range(count):
        _need(body, position + 5)
        ssrc = int.from_bytes(body[position : position + 4])
        position += 4
        while position < len(body) and (kind := body[position]):
            _need(body, position + 2)
            end = position + 2 + body[position + 1]
            _need(body, end)
            if kind == _CNAME:
                names.append((ssrc, body[position + 2 : end].decode(errors="replace")))
            position = end
        position += 4 - position % 4
    return SourceDescription(tuple(names))


def _read_goodbye(count: int, body: bytes) -> Packet:
    _need(body, count * 4)
    return Goodbye(_words(body, 0, count))


def _read_transport_feedback(fmt: int, body: bytes) -> Packet | None:
    _need(body, 8)
    sender, media = _PAIR.unpack_from(body)
    if fmt == _FMT_NACK:
        sequences: list[int] = []
        for at in range(8, len(body) - 3, 4):
            first, mask = _NACK.unpack_from(body, at)
            sequences.append(first)
            sequences += [first + bit + 1 & 0xFFFF for bit in range(16) if mask >> bit & 1]
        return Nack(sender, media, tuple(sequences))
    if fmt == _FMT_TWCC:
        return TransportFeedback(sender, media, *twcc.parse(body[8:]))
    return None


def _read_payload_feedback(fmt: int, body: bytes) -> Packet | None:
    _need(body, 8)
    sender, media = _PAIR.unpack_from(body)
    if fmt == _FMT_PLI:
        return PictureLoss(sender, media)
    if fmt == _FMT_FIR:
        starts = range(8, len(body) - 7, 8)
        return FullIntraRequest(sender, tuple((int.from_bytes(body[at : at + 4]), body[at + 4]) for at in starts))
    if fmt == _FMT_ALFB and body[8:12] == b"REMB":
        _need(body, 16 + body[12] * 4 if len(body) > 12 else 16)
        value = int.from_bytes(body[13:16])
        return BitrateEstimate(sender, (value & 0x3FFFF) << (value >> 18), _words(body, 16, body[12]))
    return None


def _read_extended(_: int, body: bytes) -> Packet:
    _need(body, 4)
    receiver_time: int | None = None
    dlrr: tuple[tuple[int, int, int], ...] = ()
    position = 4
    while position + 4 <= len(body):
        kind, words = _XR_BLOCK.unpack_from(body, position)
        start, position = position + 4, position + 4 + words * 4
        _need(body, position)
        if kind == _XR_RRTR and words >= 2:
            receiver_time = int.from_bytes(body[start : start + 8])
        elif kind == _XR_DLRR:
            values = _words(body, start, words // 3 * 3)
            dlrr = tuple(zip(values[::3], values[1::3], values[2::3], strict=True))
    return ExtendedReport(int.from_bytes(body[:4]), receiver_time, dlrr)


_READERS: dict[int, Callable[[int, bytes], Packet | None]] = {
    SR: _read_sender_report,
    RR: _read_receiver_report,
    SDES: _read_description,
    BYE: _read_goodbye,
    RTPFB: _read_transport_feedback,
    PSFB: _read_payload_feedback,
    XR: _read_extended,
}


def _packet(kind: int, count: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2) + body


def _build_reports(reports: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        _REPORT.pack(
            block.ssrc,
            block.fraction_lost << 24 | block.lost & 0xFFFFFF,
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay,
        )
        for block in reports[:31]
    )


def _build(packet: Packet) -> bytes:
    match packet:
        case SenderReport(ssrc, ntp, rtp_time, packets, octets, reports):
            body = _SENDER.pack(ssrc, ntp, rtp_time & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
            return _packet(SR, min(len(reports), 31), body + _build_reports(reports))
        case ReceiverReport(ssrc, reports):
            return _packet(RR, min(len(reports), 31), ssrc.to_bytes(4) + _build_reports(reports))
        case SourceDescription(names):
            return _packet(SDES, len(names), b"".join(_build_name(ssrc, name) for ssrc, name in names))
        case Goodbye(ssrcs):
            return _packet(BYE, len(ssrcs), b"".join(ssrc.to_bytes(4) for ssrc in ssrcs))
        case ExtendedReport():
            return _build_extended(packet)
        case _:
            return _build_feedback(packet)


def _build_name(ssrc: int, name: str) -> bytes:
    text = name.encode()[:255]
    chunk = ssrc.to_bytes(4) + bytes((_CNAME, len(text))) + text
    return chunk + bytes(4 - len(chunk) % 4)


def _build_extended(packet: ExtendedReport) -> bytes:
    body = packet.ssrc.to_bytes(4)
    if packet.receiver_time is not None:
        body += _XR_BLOCK.pack(_XR_RRTR, 2) + packet.receiver_time.to_bytes(8)
    if packet.dlrr:
        values = [value for block in packet.dlrr for value in block]
        body += _XR_BLOCK.pack(_XR_DLRR, len(values)) + b"".join(value.to_bytes(4) for value in values)
    return _packet(XR, 0, body)


def _build_feedback(packet: Nack | PictureLoss | FullIntraRequest | BitrateEstimate | TransportFeedback) -> bytes:
    match packet:
        case Nack(sender, media, sequences):
            return _packet(RTPFB, _FMT_NACK, _PAIR.pack(sender, media) + _build_nacks(sequences))
        case TransportFeedback(sender, media, base, count, arrivals):
            return _packet(RTPFB, _FMT_TWCC, _PAIR.pack(sender, media) + twcc.build(base, count, arrivals))
        case PictureLoss(sender, media):
            return _packet(PSFB, _FMT_PLI, _PAIR.pack(sender, media))
        case FullIntraRequest(sender, requests):
            body = b"".join(_PAIR.pack(ssrc, (number & 0xFF) << 24) for ssrc, number in requests)
            return _packet(PSFB, _FMT_FIR, _PAIR.pack(sender, 0) + body)
        case BitrateEstimate(sender, bitrate, ssrcs):
            exponent = max(bitrate.bit_length() - 18, 0)
            value = exponent << 18 | bitrate >> exponent
            body = _PAIR.pack(sender, 0) + b"REMB" + bytes((len(ssrcs),)) + value.to_bytes(3)
            return _packet(PSFB, _FMT_ALFB, body + b"".join(ssrc.to_bytes(4) for ssrc in ssrcs))


def _build_nacks(sequences: Iterable[int]) -> bytes:
    """Pairs of a sequence number and a mask of the 16 behind it (RFC 4585 section 6.2.1)."""
    pairs: list[list[int]] = []
    for sequence in sequences:
        if pairs and 1 <= (ahead := sequence - pairs[-1][0] & 0xFFFF) <= 16:
            pairs[-1][1] |= 1 << ahead - 1
        else:
            pairs.append([sequence & 0xFFFF, 0])
    return b"".join(_NACK.pack(*pair) for pair in pairs)
