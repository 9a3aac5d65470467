"""SDP of WebRTC peers: offers parsed, answers written (RFC 8866, 8829, 9143).

An offer is read into values of which every length and count is bounded; what is not understood is left out, what is
contradictory raises `ProtocolError`. An answer is written from the offer and one `Answered` per m-line, so its m-lines
stand in the order of the offer with the offer's mids, as RFC 3264 section 6 demands.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import ProtocolError

MAX_SIZE = 256 * 1024
MAX_LINES = 8192
MAX_SECTIONS = 64
MAX_FORMATS = 128
MAX_CANDIDATES = 128

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"

DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
REPAIR = frozenset({"RTX", "RED", "ULPFEC", "FLEXFEC-03", "CN", "TELEPHONE-EVENT"})
"""Formats that carry no media of their own."""

STREAM_ID = "go2rtc"
"""The msid that clients of go2rtc see."""

_STATIC = {
    0: ("PCMU", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
}
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,256}\Z")
_ICE = re.compile(r"[A-Za-z0-9+/=_-]{4,256}\Z")
_DIGITS = re.compile(r"[0-9]{1,9}\Z")
_FINGERPRINT = re.compile(r"([a-z0-9-]{3,16}) ((?:[0-9A-F]{2}:){15,63}[0-9A-F]{2})\Z", re.IGNORECASE)
_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP", "TCP/DTLS/RTP/SAVPF"})


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of an m-line. `name` is the RTP encoding name in upper case, `channels` 0 for video."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 0
    fmtp: str = ""
    feedback: tuple[str, ...] = ()

    def parameter(self, key: str) -> str:
        """A parameter of `fmtp`, case kept, empty when absent."""
        for part in self.fmtp.split(";"):
            name, _, value = part.strip().partition("=")
            if name.lower() == key:
                return value.strip()
        return ""


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line of an offer. `direction` is empty where the offer names none; `extensions` maps URI to id."""

    kind: str
    port: int
    protocol: str
    format_text: str
    mid: str = ""
    direction: str = ""
    formats: tuple[Format, ...] = ()
    extensions: Mapping[str, int] = field(default_factory=dict)
    bundle_only: bool = False
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    setup: str = ""
    ice_ufrag: str = ""
    ice_pwd: str = field(default="", repr=False)
    fingerprints: tuple[tuple[str, str], ...] = ()
    candidates: tuple[str, ...] = ()

    @property
    def rejected(self) -> bool:
        return self.port == 0 and not self.bundle_only

    @property
    def is_media(self) -> bool:
        """RTP over DTLS in a form that can be answered."""
        return self.kind in ("video", "audio") and self.protocol in _PROTOCOLS and bool(self.formats)

    def media_formats(self) -> tuple[Format, ...]:
        """The formats that carry media, in the offerer's order of preference."""
        return tuple(one for one in self.formats if one.name not in REPAIR)

    def repair(self, payload_type: int) -> int | None:
        """The RTX payload type that belongs to a media payload type (RFC 4588)."""
        for one in self.formats:
            if one.name == "RTX" and one.parameter("apt") == str(payload_type):
                return one.payload_type
        return None


@dataclass(frozen=True, slots=True)
class Offer:
    """A parsed offer. `transport` is the section whose ICE and DTLS parameters serve the whole bundle."""

    sections: tuple[Section, ...]
    bundle: tuple[str, ...]
    transport: Section
    ice_lite: bool = False

    def shares_transport(self, section: Section) -> bool:
        """Whether an m-line runs over the one transport that is answered."""
        return section is self.transport or (bool(section.mid) and section.mid in self.bundle)


@dataclass(frozen=True, slots=True)
class Answered:
    """What is answered to one m-line: a direction seen from here, the formats kept, the extension ids kept.

    `ssrc` 0 announces no stream; `repair_ssrc` is the RTX stream's.
    """

    direction: str
    formats: tuple[Format, ...] = ()
    extensions: Mapping[str, int] = field(default_factory=dict)
    ssrc: int = 0
    repair_ssrc: int = 0
    cname: str = ""


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of the transport. `fingerprint` is `sha-256 AA:BB…`, candidates have no `a=` in front."""

    ice_ufrag: str
    ice_pwd: str = field(repr=False)
    fingerprint: str
    setup: str
    candidates: tuple[str, ...] = ()
    complete: bool = False


def parse_offer(text: str) -> Offer:
    """Read an offer. Raises `ProtocolError` when it is no usable WebRTC offer."""
    if len(text) > MAX_SIZE:
        raise ProtocolError("webrtc: offer is too large")
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        raise ProtocolError("webrtc: offer has too many lines")
    if not lines or lines[0].strip() != "v=0":
        raise ProtocolError("webrtc: offer is no SDP")
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            blocks.append([])
        if line[1:2] == "=":
            blocks[-1].append(line.rstrip())
    if not 1 < len(blocks) <= MAX_SECTIONS + 1:
        raise ProtocolError("webrtc: offer has no media" if len(blocks) == 1 else "webrtc: offer has too many media")
    session = _Attributes(blocks[0])
    sections = tuple(_section(block, session) for block in blocks[1:])
    mids = [section.mid for section in sections if section.mid]
    if len(mids) != len(set(mids)):
        raise ProtocolError("webrtc: offer uses a mid twice")
    bundle = next((tuple(one.split()[1:]) for one in session.all("group") if one.split()[:1] == ["BUNDLE"]), ())
    usable = [section for section in sections if not section.rejected and section.ice_ufrag and section.fingerprints]
    usable = [section for section in usable if section.mid in bundle] or usable
    if not usable:
        raise ProtocolError("webrtc: offer has no ICE credentials or no DTLS fingerprint")
    lite = "ice-lite" in session.values
    return Offer(sections, bundle, next((one for one in usable if one.is_media), usable[0]), lite)


class _Attributes:
    """The `a=` lines of one block, by name. What is not printable ASCII is left out: values go back into answers."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.values: dict[str, list[str]] = {}
        for line in lines:
            if line.startswith("a=") and line.isascii() and line.isprintable():
                name, _, value = line[2:].partition(":")
                self.values.setdefault(name.strip().lower(), []).append(value.strip())

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def first(self, name: str, default: str = "") -> str:
        return self.values.get(name, [default])[0]


def _section(lines: Sequence[str], session: _Attributes) -> Section:
    words = lines[0][2:].split()
    if len(words) < 4 or not _DIGITS.match(words[1].partition("/")[0]) or not _TOKEN.match(words[0]):
        raise ProtocolError("webrtc: offer has a broken m-line")
    own = _Attributes(lines)
    mid = own.first("mid")
    if mid and not _TOKEN.match(mid):
        raise ProtocolError("webrtc: offer has a broken mid")
    protocol = words[2].upper()
    if not re.fullmatch(r"[A-Z0-9/]{1,32}", protocol):
        raise ProtocolError("webrtc: offer has a broken m-line")
    ufrag, pwd = own.first("ice-ufrag", session.first("ice-ufrag")), own.first("ice-pwd", session.first("ice-pwd"))
    if (ufrag and not _ICE.match(ufrag)) or (pwd and not _ICE.match(pwd)):
        raise ProtocolError("webrtc: offer has broken ICE credentials")
    prints = (_FINGERPRINT.match(one) for one in own.all("fingerprint") or session.all("fingerprint"))
    direction = next((one for one in own.values if one in DIRECTIONS), "") or next(
        (one for one in session.values if one in DIRECTIONS), ""
    )
    return Section(
        kind=words[0].lower(),
        port=int(words[1].partition("/")[0]),
        protocol=protocol,
        format_text=next((one for one in words[3:] if _TOKEN.match(one)), "0"),
        mid=mid,
        direction=direction,
        formats=_formats(words[3 : 3 + MAX_FORMATS], own),
        extensions=_extensions(own),
        bundle_only="bundle-only" in own.values,
        rtcp_mux="rtcp-mux" in own.values,
        rtcp_rsize="rtcp-rsize" in own.values,
        setup=own.first("setup", session.first("setup")).lower(),
        ice_ufrag=ufrag if pwd else "",
        ice_pwd=pwd,
        fingerprints=tuple((one[1].lower(), one[2].upper()) for one in prints if one),
        candidates=tuple(f"candidate:{one}" for one in own.all("candidate")[:MAX_CANDIDATES]),
    )


def _formats(words: Sequence[str], attributes: _Attributes) -> tuple[Format, ...]:
    maps, parameters = _by_payload(attributes.all("rtpmap")), _by_payload(attributes.all("fmtp"))
    feedback = _by_payload(attributes.all("rtcp-fb"))
    found: dict[int, Format] = {}
    for word in words:
        if not _DIGITS.match(word) or not 0 <= (payload_type := int(word)) < 128 or payload_type in found:
            continue
        name, clock_rate, channels = _STATIC.get(payload_type, ("", 0, 0))
        if word in maps:
            name, clock_rate, channels = _rtpmap(maps[word][0])
        if not name or not clock_rate:
            continue
        answers = tuple(dict.fromkeys([*feedback.get(word, ()), *feedback.get("*", ())]))[:16]
        fmtp = ";".join(parameters.get(word, ()))[:2048]
        found[payload_type] = Format(payload_type, name, clock_rate, channels, fmtp, answers)
    return tuple(found.values())


def _by_payload(values: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for value in values:
        payload_type, _, rest = value.partition(" ")
        found.setdefault(payload_type, []).append(rest.strip())
    return found


def _rtpmap(text: str) -> tuple[str, int, int]:
    name, _, rest = text.partition("/")
    rate, _, channels = rest.partition("/")
    if not _TOKEN.match(name) or not _DIGITS.match(rate):
        return "", 0, 0
    return name.upper(), int(rate), int(channels) if _DIGITS.match(channels) else 0


def _extensions(attributes: _Attributes) -> dict[str, int]:
    """URI to id; ids beyond 14 need two-byte headers (RFC 8285), which are not sent."""
    found: dict[str, int] = {}
    for value in attributes.all("extmap")[:64]:
        number, _, uri = value.partition(" ")
        number = number.partition("/")[0]
        if _DIGITS.match(number) and 1 <= int(number) <= 14 and (words := uri.split()):
            found.setdefault(words[0], int(number))
    return found


def build_answer(offer: Offer, answered: Sequence[Answered | None], local: Local, session_id: int) -> str:
    """Write the answer; `answered` is parallel to the offer's sections, None rejects an m-line."""
    accepted = [(section, one) for section, one in zip(offer.sections, answered, strict=True) if one is not None]
    mids = [section.mid for section, _ in accepted if section.mid in offer.bundle]
    lines = ["v=0", f"o=- {session_id} 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    if mids:
        lines.append(f"a=group:BUNDLE {' '.join(mids)}")
    lines.append(f"a=msid-semantic: WMS {STREAM_ID}")
    first = accepted[0][0] if accepted else None
    for section, one in zip(offer.sections, answered, strict=True):
        if one is None:
            lines += _rejected(section)
        else:
            lines += _accepted(section, one, local, with_candidates=section is first)
    return "\r\n".join(lines) + "\r\n"


def _rejected(section: Section) -> list[str]:
    head = f"m={section.kind} 0 {section.protocol} {section.format_text}"
    lines = [head, "c=IN IP4 0.0.0.0"]
    if section.mid:
        lines.append(f"a=mid:{section.mid}")
    if section.kind in ("video", "audio"):
        lines.append("a=inactive")
    return lines


def _accepted(section: Section, one: Answered, local: Local, *, with_candidates: bool) -> list[str]:
    payloads = " ".join(str(kept.payload_type) for kept in one.formats)
    lines = [f"m={section.kind} 9 {section.protocol} {payloads}", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"]
    lines += [f"a=ice-ufrag:{local.ice_ufrag}", f"a=ice-pwd:{local.ice_pwd}", "a=ice-options:trickle"]
    lines += [f"a=fingerprint:{local.fingerprint}", f"a=setup:{local.setup}"]
    if section.mid:
        lines.append(f"a=mid:{section.mid}")
    lines += [f"a=extmap:{number} {uri}" for uri, number in one.extensions.items()]
    lines.append(f"a={one.direction}")
    if one.ssrc:
        lines.append(f"a=msid:{STREAM_ID} {STREAM_ID}-{section.kind}")
    lines += ["a=rtcp-mux"] if section.rtcp_mux else []
    lines += ["a=rtcp-rsize"] if section.rtcp_rsize else []
    for kept in one.formats:
        lines += _format(kept)
    if one.ssrc:
        lines += _streams(one, f"{STREAM_ID} {STREAM_ID}-{section.kind}")
    if with_candidates:
        lines += [f"a={candidate}" for candidate in local.candidates]
        if local.complete:
            lines.append("a=end-of-candidates")
    return lines


def _format(kept: Format) -> list[str]:
    name = kept.name.lower() if kept.name in ("OPUS", "RTX") else kept.name
    channels = f"/{kept.channels}" if kept.channels > 1 else ""
    lines = [f"a=rtpmap:{kept.payload_type} {name}/{kept.clock_rate}{channels}"]
    lines += [f"a=rtcp-fb:{kept.payload_type} {feedback}" for feedback in kept.feedback]
    if kept.fmtp:
        lines.append(f"a=fmtp:{kept.payload_type} {kept.fmtp}")
    return lines


def _streams(one: Answered, msid: str) -> list[str]:
    numbers = [one.ssrc, one.repair_ssrc] if one.repair_ssrc else [one.ssrc]
    lines = [f"a=ssrc-group:FID {one.ssrc} {one.repair_ssrc}"] if one.repair_ssrc else []
    for ssrc in numbers:
        lines += [f"a=ssrc:{ssrc} cname:{one.cname}", f"a=ssrc:{ssrc} msid:{msid}"]
    return lines


@dataclass(frozen=True, slots=True)
class Fragment:
    """A trickle fragment (RFC 8840, `application/trickle-ice-sdpfrag`): candidates and whether they were the last."""

    ice_ufrag: str
    ice_pwd: str = field(repr=False)
    candidates: tuple[str, ...]
    complete: bool


def parse_fragment(text: str) -> Fragment:
    """Read the body of a WHEP PATCH; an unknown line is skipped. Raises `ProtocolError` when it holds nothing."""
    if len(text) > MAX_SIZE:
        raise ProtocolError("webrtc: fragment is too large")
    found = _Attributes([line.strip() for line in text.splitlines()[:MAX_LINES]])
    ufrag, pwd = found.first("ice-ufrag"), found.first("ice-pwd")
    if (ufrag and not _ICE.match(ufrag)) or (pwd and not _ICE.match(pwd)):
        raise ProtocolError("webrtc: fragment has broken ICE credentials")
    candidates = tuple(f"candidate:{one}" for one in found.all("candidate")[:MAX_CANDIDATES])
    complete = "end-of-candidates" in found.values
    if not (ufrag or candidates or complete):
        raise ProtocolError("webrtc: fragment holds no candidate")
    return Fragment(ufrag, pwd, candidates, complete)


def build_fragment(offer: Offer, local: Local) -> str:
    """Our side after an ICE restart: new credentials, and all candidates (RFC 9725 section 4.3.3)."""
    section = offer.transport
    lines = ["a=ice-options:trickle"]
    if offer.bundle:
        lines.append(f"a=group:BUNDLE {' '.join(offer.bundle)}")
    lines.append(f"m={section.kind} 9 {section.protocol} {section.format_text}")
    if section.mid:
        lines.append(f"a=mid:{section.mid}")
    lines += [f"a=ice-ufrag:{local.ice_ufrag}", f"a=ice-pwd:{local.ice_pwd}"]
    lines += [f"a={candidate}" for candidate in local.candidates]
    return "\r\n".join([*lines, "a=end-of-candidates"]) + "\r\n"
