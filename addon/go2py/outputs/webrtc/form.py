"""How packets of one track look on the wire: payload type and header extensions, the same for a group of viewers."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from ...protocols import webrtc_sdp as sdp

MAX_PACKET = 1200
"""Bytes of an RTP packet: with SRTP's tag, RTX's two bytes, UDP and IPv6 it fits the smallest MTU of IPv6 (1280)."""

_ROTATIONS = {0: 0, 90: 1, 180: 2, 270: 3}


@dataclass(frozen=True, slots=True)
class SendForm:
    """Payload type and ids of header extensions, 0 where not negotiated. `rotation`: degrees clockwise."""

    payload_type: int
    playout_delay: int = 0
    transport_cc: int = 0
    abs_send_time: int = 0
    orientation: int = 0
    rotation: int = 0

    def extensions(self) -> Iterator[tuple[str, int]]:
        """URI and id of everything negotiated."""
        for uri, number in (
            (sdp.PLAYOUT_DELAY, self.playout_delay),
            (sdp.TRANSPORT_CC, self.transport_cc),
            (sdp.ABS_SEND_TIME, self.abs_send_time),
            (sdp.VIDEO_ORIENTATION, self.orientation),
        ):
            if number:
                yield uri, number


class Header:
    """Packs the headers of one picture's packets (RFC 3550 section 5.1, one-byte extensions of RFC 8285).

    `key` adds what a viewer needs once (no playout delay), `numbered` the transport-wide number. All headers of one
    object have the same size.
    """

    __slots__ = ("_extended", "_first", "_form", "_numbered", "_rest", "_struct", "_words", "size")

    def __init__(self, form: SendForm, *, key: bool, numbered: bool) -> None:
        self._form = form
        self._numbered = bool(form.transport_cc) and numbered
        rest = b""
        if form.abs_send_time and numbered:
            rest += bytes((form.abs_send_time << 4 | 2, 0, 0, 0))
        if form.playout_delay and key:
            rest += bytes((form.playout_delay << 4 | 2, 0, 0, 0))
        if form.orientation:
            rest += bytes((form.orientation << 4, _ROTATIONS.get(form.rotation % 360, 0)))
        used = len(rest) + (3 if self._numbered else 0)
        self._rest = rest + bytes(-used % 4)
        self._words = (used + 3) // 4
        self._extended = used > 0
        self._first = 0x90 if used else 0x80
        tail = f"{len(self._rest)}s"
        self._struct = Struct((">BBHIIHHBH" if self._numbered else ">BBHIIHH") + tail if self._extended else ">BBHII")
        self.size = self._struct.size

    def pack(
        self,
        payloads: tuple[bytes, ...],
        marker: bool,
        sequence: int,
        timestamp: int,
        step: int,
        ssrc: int,
        number: int,
        now: float,
    ) -> tuple[bytes, ...]:
        """Whole packets; the counters start at `sequence` and `number` and wrap at 16 bits, `timestamp` at 32."""
        pack, first, kind = self._struct.pack, self._first, self._form.payload_type
        rest = self._rest
        if self._form.abs_send_time and rest[:1] == bytes((self._form.abs_send_time << 4 | 2,)):
            rest = rest[:1] + (int(now * 262144) & 0xFFFFFF).to_bytes(3) + rest[4:]
        last = len(payloads) - 1 if marker else -1
        element = self._form.transport_cc << 4 | 1
        if self._numbered:
            return tuple(
                [
                    pack(
                        first, kind | 0x80 if i == last else kind, (sequence + i) & 0xFFFF,
                        (timestamp + i * step) & 0xFFFFFFFF, ssrc, 0xBEDE, self._words, element, (number + i) & 0xFFFF,
                        rest,
                    ) + payload
                    for i, payload in enumerate(payloads)
                ]
            )  # fmt: skip
        tail = (0xBEDE, self._words, rest) if self._extended else ()
        return tuple(
            [
                pack(
                    first, kind | 0x80 if i == last else kind, (sequence + i) & 0xFFFF,
                    (timestamp + i * step) & 0xFFFFFFFF, ssrc, *tail,
                ) + payload
                for i, payload in enumerate(payloads)
            ]
        )  # fmt: skip


def retransmission(packet: bytes, payload_type: int, ssrc: int, sequence: int, original: int) -> bytes:
    """The RTX packet for a sent one (RFC 4588 section 4): header without extensions, original number, payload."""
    body = 12
    if packet[0] & 0x10:
        body += 4 + int.from_bytes(packet[14:16]) * 4
    head = _PLAIN.pack(0x80, packet[1] & 0x80 | payload_type, sequence, int.from_bytes(packet[4:8]), ssrc, original)
    return head + packet[body:]


_PLAIN = Struct(">BBHIIH")
