"""SDP (RFC 8866): what cameras call it, read; and that of the RTSP server, written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from ..errors import ProtocolError
from ..media.codec import H264, Codec, Kind
from .sdp_codec import codec_of, fmtp_of, rtpmap_of

MAX_SIZE = 256 << 10
MAX_MEDIAS = 64
MAX_ATTRIBUTES = 256
MAX_PAYLOAD_TYPES = 64

type Direction = Literal["recvonly", "sendonly"]
"""Seen from the viewer, as ONVIF does: `sendonly` is a backchannel."""


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` section. `kind` is `video`, `audio` or `application` (everything else, without codecs).

    `codecs` and `payload_types` are parallel. `control` is the text of `a=control`, empty when absent. `attributes` are
    the `a=` lines of the section as (name, value). `bandwidth` in kbit/s, 0 when unknown; `ssrc` likewise.
    """

    kind: str
    direction: Direction
    control: str
    codecs: tuple[Codec, ...]
    payload_types: tuple[int, ...]
    ssrc: int = 0
    bandwidth: int = 0
    attributes: tuple[tuple[str, str], ...] = ()

    def codec(self, payload_type: int) -> Codec | None:
        """The codec of a payload type."""
        return next((codec for number, codec in self._pairs() if number == payload_type), None)

    def _pairs(self) -> Iterator[tuple[int, Codec]]:
        return zip(self.payload_types, self.codecs, strict=True)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """`control` and `attributes` are those before the first media, `name` is the `s=` text."""

    medias: tuple[Media, ...]
    control: str = ""
    name: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Section:
    """The lines of one media, or those before the first: `head` is the text of `m=`, empty for the latter."""

    head: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value for key, value in self.attributes if key == name]

    def line(self, letter: str) -> str:
        """The first line of this letter."""
        return next((value for key, value in self.lines if key == letter), "")


def sections(text: str | bytes) -> list[Section]:
    """The text cut at its `m=` lines: the session first, then the medias. Lines that make no sense are left out.

    Any line end will do, also none at all behind the last line. Raises `ProtocolError` for an endless text.
    """
    if len(text) > MAX_SIZE:
        raise ProtocolError("SDP is too long")
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    found = [Section()]
    for raw in text.replace("\r", "\n").split("\n"):
        line = raw.strip(" \t\0")
        letter, value = line[:1], line[2:].strip()
        if line[1:2] != "=":
            continue
        if letter == "m":
            if len(found) > MAX_MEDIAS:
                raise ProtocolError("SDP has too many medias")
            found.append(Section(value))
        elif letter == "a":
            name, _, value = value.partition(":")
            if len(found[-1].attributes) < MAX_ATTRIBUTES:
                found[-1].attributes.append((name.strip().lower(), value.strip()))
        elif len(found[-1].lines) < MAX_ATTRIBUTES:
            found[-1].lines.append((letter, value))
    return found


def parse(text: str | bytes) -> SessionDescription:
    """Parse what a camera calls SDP. Raises `ProtocolError` when there is no media.

    A codec nobody knows is listed under its name, a payload type without description under its number.
    """
    session, *medias = sections(text)
    if not medias:
        raise ProtocolError("SDP has no media")
    # This server writes directions from its own point of view.
    reversed_view = session.line("o").startswith("CV-RTSPHandler")
    found = [_media(section, session, medias, listen_only=reversed_view) for section in medias]
    return SessionDescription(tuple(found), _control(session), session.line("s"), tuple(session.attributes))


def _media(section: Section, session: Section, all_sections: Sequence[Section], *, listen_only: bool) -> Media:
    head = section.head.split()
    kind = head[0] if head and head[0] in ("video", "audio") else "application"
    bandwidth = _bandwidth(section)
    types: list[int] = []
    codecs: list[Codec] = []
    if kind != "application":
        maps = _by_payload_type(section, "rtpmap")
        for number in _payload_types(head[3:], maps):
            types.append(number)
            codecs.append(_codec(cast("Kind", kind), number, maps, bandwidth, section, all_sections))
    direction: Direction = "recvonly"
    if kind == "audio" and not listen_only and _says_sendonly(section, session):
        direction = "sendonly"
    return Media(
        kind=kind,
        direction=direction,
        control=_control(section),
        codecs=tuple(codecs),
        payload_types=tuple(types),
        ssrc=_leading_number(section.values("ssrc")),
        bandwidth=bandwidth,
        attributes=tuple(section.attributes),
    )


def _payload_types(words: Sequence[str], maps: dict[int, str]) -> list[int]:
    """Those of the `m=` line, or, where they are no numbers, those that are described."""
    listed = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 4 and int(word) < 128]
    return list(dict.fromkeys(listed or maps))[:MAX_PAYLOAD_TYPES]


def _codec(
    kind: Kind, number: int, maps: dict[int, str], bandwidth: int, section: Section, all_sections: Sequence[Section]
) -> Codec:
    rtpmap = maps.get(number, "")
    if not rtpmap and number >= 96 and len(maps) == 1 and not bandwidth:
        rtpmap = next(iter(maps.values()))  # described under another number
    fmtp = _by_payload_type(section, "fmtp").get(number, "")
    if not fmtp and rtpmap.upper().startswith(H264):
        # Some cameras put it into another section.
        fmtp = next((text for other in all_sections if (text := _by_payload_type(other, "fmtp").get(number))), "")
    return codec_of(kind, number, rtpmap, fmtp, bandwidth)


def _by_payload_type(section: Section, name: str) -> dict[int, str]:
    """`rtpmap` or `fmtp` texts by payload type; the last one counts."""
    found: dict[int, str] = {}
    for value in section.values(name):
        number, _, text = value.partition(" ")
        if number.isascii() and number.isdigit() and len(number) < 4:
            found[int(number)] = text.strip()
    return found


def _says_sendonly(section: Section, session: Section) -> bool:
    for attributes in (section.attributes, session.attributes):
        for name, _ in attributes:
            if name in ("sendonly", "recvonly", "sendrecv", "inactive"):
                return name == "sendonly"
    return False


def _control(section: Section) -> str:
    """The last `a=control` that names a track: some cameras repeat the session's in front of it."""
    values = section.values("control")
    return next((value for value in reversed(values) if value != "*"), values[-1] if values else "")


def _bandwidth(section: Section) -> int:
    values = [value.partition(":")[2] for letter, value in section.lines if letter == "b" and value.startswith("AS:")]
    return _leading_number(values)


def _leading_number(values: Sequence[str]) -> int:
    word = values[0].split(maxsplit=1)[0] if values and values[0].strip() else ""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 10 else 0


@dataclass(frozen=True, slots=True)
class Announced:
    """A track of the RTSP server's description; `control` e.g. `trackID=0`."""

    codec: Codec
    payload_type: int
    control: str
    direction: Direction = "recvonly"


def build(name: str, tracks: Sequence[Announced]) -> str:
    """The description of an RTSP server in go2rtc's form, with CRLF line ends; `name` goes into `s=`.

    Tracks that follow each other with the same `control` share a section: the alternative codecs of a backchannel.
    """
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", f"s={' '.join(name.split()) or '-'}", "c=IN IP4 0.0.0.0", "t=0 0"]
    groups: list[list[Announced]] = []
    for track in tracks:
        if groups and groups[-1][0].control == track.control:
            groups[-1].append(track)
        else:
            groups.append([track])
    for group in groups:
        lines += _section_lines(group)
    return "\r\n".join(lines) + "\r\n"


def _section_lines(group: Sequence[Announced]) -> list[str]:
    first = group[0]
    types = " ".join(str(track.payload_type) for track in group)
    lines = [f"m={first.codec.kind} 0 RTP/AVP {types}"]
    for track in group:
        lines.append(f"a=rtpmap:{track.payload_type} {rtpmap_of(track.codec)}")
        if fmtp := fmtp_of(track.codec):
            lines.append(f"a=fmtp:{track.payload_type} {fmtp}")
    return [*lines, f"a={first.direction}", f"a=control:{first.control}"]
