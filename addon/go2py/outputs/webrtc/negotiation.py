"""From an offer to what is sent: wants for the stream, payload types for its tracks, answers for the m-lines.

Pure functions over `protocols.webrtc_sdp`; directions follow RFC 3264 section 6.1 seen from the gateway.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import NegotiationError
from ...media import codec as names
from ...media.codec import Codec, Kind
from ...protocols import webrtc_sdp as sdp
from ...protocols.sdp_codec import codec_of
from ...protocols.webrtc_sdp import Answered, Format, Offer, Section
from ...streams.negotiate import CodecWish, Want
from ...streams.track import Track
from .form import SendForm

VIDEO = frozenset({names.H264, names.H265})
AUDIO = frozenset({names.OPUS, names.PCMA, names.PCMU, names.G722, names.L16})
_FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"})
_H264_PREFERENCE = {
    0x42: (0x42, 0x4D, 0x64),
    0x4D: (0x4D, 0x64, 0x42),
    0x64: (0x64, 0x4D, 0x42, 0xF4),
}
"""Profiles to look for in an offer, by the profile_idc of the camera: its own, then what decodes most of it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One m-line that takes part: its index in the offer, what it wants to see, whether it wants to talk."""

    index: int
    section: Section
    view: Want | None
    talk: Want | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A track on its way into one m-line."""

    slot: Slot
    track: Track
    format: Format
    repair: int | None
    form: SendForm


def slots_of(offer: Offer) -> tuple[Slot, ...]:
    """The m-lines that can be served over the bundle, video first. Raises `NegotiationError` when there is none."""
    found = [
        slot
        for index, section in enumerate(offer.sections)
        if section.is_media and not section.rejected and offer.shares_transport(section)
        if (slot := _slot(index, section)) is not None
    ]
    if not found:
        raise NegotiationError("webrtc: the offer wants no video or audio that can be served")
    return tuple(sorted(found, key=lambda slot: slot.section.kind != "video"))


def wants_of(slots: Sequence[Slot]) -> tuple[Want, ...]:
    """What to attach with: everything to be seen and heard, or the microphone alone where nothing else is asked for.

    A microphone beside a picture opens nothing: its backchannel is found when somebody speaks.
    """
    views = tuple(slot.view for slot in slots if slot.view is not None)
    return views or tuple(slot.talk for slot in slots if slot.talk is not None)


def _slot(index: int, section: Section) -> Slot | None:
    known = VIDEO if section.kind == "video" else AUDIO
    kind: Kind = "video" if section.kind == "video" else "audio"
    wishes = tuple(dict.fromkeys(_wish(one) for one in section.media_formats() if one.name in known))
    direction = section.direction or "sendrecv"
    if not wishes:
        return None
    view = Want(kind, wishes) if direction in ("recvonly", "sendrecv") else None
    talks = kind == "audio" and direction in ("sendonly", "sendrecv")
    talk = Want(kind, wishes, "sendonly") if talks else None
    return Slot(index, section, view, talk) if view or talk else None


def _wish(one: Format) -> CodecWish:
    if one.name in VIDEO or one.name == names.OPUS:
        return CodecWish(one.name)
    return CodecWish(one.name, one.clock_rate, one.channels if one.channels > 1 else 0)


def outgoing(slot: Slot, track: Track, rotation: int = 0) -> Outgoing | None:
    """How a track goes into an m-line; None when no offered payload type fits it."""
    chosen = _choose(slot.section, track.codec)
    if chosen is None:
        return None
    chosen = replace(chosen, feedback=tuple(one for one in chosen.feedback if one in _FEEDBACK))
    has = slot.section.extensions
    wide = has.get(sdp.TRANSPORT_CC, 0) if "transport-cc" in chosen.feedback and track.codec.is_video else 0
    if not wide:
        chosen = replace(chosen, feedback=tuple(one for one in chosen.feedback if one != "transport-cc"))
    form = SendForm(
        payload_type=chosen.payload_type,
        playout_delay=has.get(sdp.PLAYOUT_DELAY, 0) if track.codec.is_video else 0,
        transport_cc=wide,
        abs_send_time=has.get(sdp.ABS_SEND_TIME, 0) if "goog-remb" in chosen.feedback and not wide else 0,
        orientation=has.get(sdp.VIDEO_ORIENTATION, 0) if rotation else 0,
        rotation=rotation,
    )
    repair = slot.section.repair(chosen.payload_type) if "nack" in chosen.feedback else None
    return Outgoing(slot, track, chosen, repair, form)


def _choose(section: Section, codec: Codec) -> Format | None:
    fitting = [
        one
        for one in section.media_formats()
        if one.name == codec.name and (codec.is_video or codec.name == names.OPUS or one.clock_rate == codec.clock_rate)
    ]
    if codec.name != names.H264 or not fitting:
        return fitting[0] if fitting else None
    preference = _H264_PREFERENCE.get(_profile_of(codec), ())

    def rank(one: Format) -> tuple[bool, int]:
        profile = _hex_profile(one.parameter("profile-level-id") or "42e01f")
        return one.parameter("packetization-mode") != "1", (
            preference.index(profile) if profile in preference else len(preference)
        )

    return min(fitting, key=rank)


def _profile_of(codec: Codec) -> int:
    """The profile_idc in force: the SPS in band, else what the camera announced."""
    for unit in codec.parameter_sets:
        if len(unit) > 3 and unit[0] & 0x1F == 7:
            return unit[1]
    for part in codec.fmtp.split(";"):
        key, _, value = part.strip().partition("=")
        if key.lower() == "profile-level-id":
            return _hex_profile(value)
    return 0x64


def _hex_profile(text: str) -> int:
    try:
        return bytes.fromhex(text)[0] if len(text) == 6 else 0
    except ValueError:
        return 0


def spoken(slots: Sequence[Slot]) -> dict[int, Codec]:
    """What the peer may say something in, by payload type; these are the same in all m-lines of a bundle (RFC 8843
    section 10.1.1), so packets need no other mark."""
    return {
        one.payload_type: codec_of("audio", one.payload_type, f"{one.name}/{one.clock_rate}/{one.channels}", one.fmtp)
        for slot in slots
        if slot.talk is not None
        for one in slot.section.media_formats()
        if one.name in AUDIO
    }


def answer_media(
    offer: Offer,
    slots: Sequence[Slot],
    sent: Sequence[tuple[Outgoing, int, int]],
    cname: str,
    takes: Sequence[Codec] | None = None,
) -> tuple[Answered | None, ...]:
    """One answer per m-line of the offer. `sent` names what goes out with its SSRC and RTX SSRC (0 without), `takes`
    what the camera can be spoken to in: None is not known yet, empty where nobody listens."""
    by_index = {one.slot.index: (one, ssrc, repair) for one, ssrc, repair in sent}
    talks = {slot.index: _speech(slot.section, takes or ()) for slot in slots if slot.talk is not None}
    answers: list[Answered | None] = []
    for index, section in enumerate(offer.sections):
        if section.rejected or not section.is_media or not offer.shares_transport(section):
            answers.append(None)
        elif index in by_index:
            answers.append(_sending(*by_index[index], cname, None if takes == () else talks.get(index)))
        elif index in talks:
            answers.append(Answered("recvonly", talks[index]))
        else:
            answers.append(_inactive(section))
    return tuple(answers)


def _speech(section: Section, takes: Sequence[Codec]) -> tuple[Format, ...]:
    """In which formats the peer should speak, the best first, which is what browsers use: what the camera takes, G.711
    before all, since nobody has to decode it for the camera; else Opus, which bears loss."""
    taken = {(codec.name, codec.clock_rate) for codec in takes}

    def rank(one: Format) -> int:
        if (one.name, one.clock_rate) in taken:
            return 0 if one.name in (names.PCMA, names.PCMU) else 1
        return 2 if one.name == names.OPUS else 3

    known = [replace(one, feedback=()) for one in section.media_formats() if one.name in AUDIO]
    return tuple(sorted(known, key=rank))


def _sending(
    one: Outgoing, ssrc: int, repair_ssrc: int, cname: str, speech: Sequence[Format] | None = None
) -> Answered:
    """With `speech` the peer talks in the same m-line: what is sent comes first, then what else it may speak in."""
    formats = [one.format]
    if one.repair is not None:
        formats.append(Format(one.repair, "RTX", one.format.clock_rate, fmtp=f"apt={one.format.payload_type}"))
    extensions = dict(one.form.extensions())
    formats += [spare for spare in speech or () if spare.payload_type != one.format.payload_type]
    direction = "sendonly" if speech is None else "sendrecv"
    return Answered(direction, tuple(formats), extensions, ssrc, repair_ssrc, cname)


def _inactive(section: Section) -> Answered:
    """An m-line nothing goes through. Players read the answer's codecs (`H265/90000`), so only a plain one is kept."""
    known = (names.H264,) if section.kind == "video" else (names.OPUS, names.PCMU, names.PCMA, names.G722)
    offered = section.media_formats() or section.formats
    kept = tuple(one for one in offered if one.name in known) or offered
    return Answered("inactive", tuple(replace(one, feedback=()) for one in kept[:1]))
