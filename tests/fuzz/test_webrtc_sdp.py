"""Offers and trickle fragments: any text gives a value or one `ProtocolError`, and an offer read can be answered."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from go2py.errors import NegotiationError, ProtocolError
from go2py.outputs.webrtc.negotiation import answer_media, slots_of, wants_of
from go2py.protocols.webrtc_sdp import MAX_SIZE, Local, build_answer, parse_fragment, parse_offer

OFFERS = [
    path.read_text() for path in sorted((Path(__file__).resolve().parents[1] / "captures" / "offers").glob("*.sdp"))
]
LOCAL = Local("ufrag", "password", "sha-256 AA", "passive")
SPLINTERS = [
    "m=",
    "a=",
    "a=mid:",
    "a=rtpmap:",
    "a=group:BUNDLE ",
    "\0",
    "\r\n",
    ":",
    "/",
    " ",
    "999999999999",
    "-1",
    "٣",
]
SPLINTERS += [
    "a=extmap:1 ",
    "a=fmtp:96 apt=",
    "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n",
    "\u2028",
    "H264/90000",
    "a=sendrecv\r\n",
]
SECONDS = 1.5


def mutations(samples: list[str]) -> Iterator[str]:
    chance = random.Random(3)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        text = chance.choice(samples)
        for _ in range(chance.randint(1, 6)):
            at, kind = chance.randrange(len(text) + 1), chance.randrange(4)
            if kind == 0:
                text = text[:at] + chance.choice(SPLINTERS) + text[at:]
            elif kind == 1:
                text = text[:at] + text[at + chance.randint(1, 80) :]
            elif kind == 2:
                lines = text.split("\n")
                chance.shuffle(lines)
                text = "\n".join(lines)
            else:
                text = text[:at] + chr(chance.randrange(0x250)) + text[at + 1 :]
        yield text


def test_offers() -> None:
    read = 0
    for text in mutations(OFFERS):
        try:
            offer = parse_offer(text)
            slots = slots_of(offer)
        except ProtocolError, NegotiationError:
            continue
        read += 1
        wants_of(slots)
        answer = build_answer(offer, answer_media(offer, slots, [], "cname"), LOCAL, 1)
        assert answer.isascii()
        lines = answer.split("\r\n")
        assert sum(line.startswith("m=") for line in lines) == len(offer.sections)
        assert all(line[1] == "=" for line in lines if line)
    assert read > 50


def test_fragments() -> None:
    sample = "a=ice-ufrag:BT4l\r\na=ice-pwd:x\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\na=end-of-candidates\r\n"
    for text in mutations([sample, *OFFERS[:2]]):
        try:
            parse_fragment(text)
        except ProtocolError:
            continue


@pytest.mark.parametrize(
    "text", ["m=" * MAX_SIZE, "v=0\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\n" * 65, "v=0\n" * 9000, ""]
)
def test_oversized(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_offer(text)
