"""What the API tells of streams: go2rtc's JSON and graph, with state and reasons added."""

from collections.abc import Iterable
from typing import Any

from ..media import codec as names
from ..media.codec import Codec
from ..media.h264 import profile_level_id, sps_of
from ..observe.secret import mask
from .derived import derived
from .facts import PROFILES, facts
from .reader import Attachment, Receiver
from .session import Session
from .slot import Slot
from .source import Offer
from .stream import Stream
from .track import Track

_FFPROBE_NAMES = {
    names.H264: "h264",
    names.H265: "hevc",
    names.JPEG: "mjpeg",
    names.PCMA: "pcm_alaw",
    names.PCMU: "pcm_mulaw",
    names.L16: "pcm_s16be",
    names.PCML: "pcm_s16le",
    names.AAC: "aac",
    names.LATM: "aac_latm",
    names.OPUS: "opus",
    names.FLAC: "flac",
    names.MP3: "mp3",
    names.G722: "adpcm_g722",
    names.ADPCM: "adpcm_ima_wav",
    **dict.fromkeys(names.G726, "adpcm_g726"),
}


def stream_info(stream: Stream) -> dict[str, Any]:
    """go2rtc's stream object, producers and consumers, always lists; and what go2py knows beyond it."""
    return {
        "producers": [_producer(slot, stream) for slot in stream.slots],
        "consumers": [_consumer(attachment) for attachment in stream.attachments.values()],
        **facts(stream),
    }


def _codec_info(codec: Codec) -> dict[str, Any]:
    info: dict[str, Any] = {"codec_name": _FFPROBE_NAMES.get(codec.name, codec.name), "codec_type": codec.kind}
    if codec.name == names.H264:
        sps = sps_of(codec)
        profile, _, level = sps[1:4] if sps else bytes.fromhex(profile_level_id(codec))
        info["profile"] = PROFILES.get(profile, f"{profile:02x}")
        info["level"] = level
    if codec.kind == "audio":
        info["sample_rate"] = codec.rate
    if codec.channels:
        info["channels"] = codec.channels
    if codec.width and codec.height:
        info["width"], info["height"] = codec.width, codec.height
    return info


def _producer(slot: Slot, stream: Stream) -> dict[str, Any]:
    session = slot.session
    if session is not None and slot.mirror:
        medias = [offer.label() for offer in slot.offers or () if offer.direction != "hidden"]
        return {"url": slot.url.masked, "state": session.state, "medias": medias}
    if session is None:
        return {"url": slot.url.masked, "state": "refused", "reason": str(slot.error), "code": _code(slot)}
    head: dict[str, Any] = {"url": slot.url.masked, "state": session.state}
    if session.reason:
        head["reason"], head["code"] = session.reason, session.code
    if session.restarts:
        head["restarts"] = session.restarts
    if session.talk is not None and session.talk.codecs:
        head["talk"] = session.talk.to_json()
    if session.info is None:
        return head
    return _without_empty({"id": session.id, **_connection(session), **head, **_receivers(slot, session, stream)}) | {
        "url": slot.url.masked
    }


def _code(slot: Slot) -> str:
    return slot.error.code if slot.error is not None else ""


def _connection(session: Session) -> dict[str, Any]:
    info = session.info
    assert info is not None
    return {
        "format_name": info.format_name,
        "protocol": info.protocol,
        "remote_addr": info.remote_addr,
        "sdp": mask(info.sdp),
        "user_agent": info.user_agent,
        **info.details,
    }


def _receivers(slot: Slot, session: Session, stream: Stream) -> dict[str, Any]:
    receivers = []
    tracks = [(one, parent) for track in session.tracks.values() for one, parent in _family(track)]
    for track, parent in tracks:
        children = [
            attachment.senders[track].id for attachment in stream.attachments.values() if track in attachment.senders
        ]
        children += [one.id for one in derived(track)]
        receiver: dict[str, Any] = {"id": track.id, "codec": _codec_info(track.codec), "childs": children}
        if parent is not None:
            receiver["parent"] = parent.id
        receiver |= {"bytes": track.bytes, "packets": track.units, "lost": track.lost}
        if track.interval and track.kind == "video":
            receiver["fps"] = round(1 / track.interval, 2)
        if track.gop.cut:
            receiver["gop_cut"] = True
        receivers.append(_without_empty(receiver))
    return {
        "medias": _medias(slot, session),
        "receivers": receivers,
        "bytes_recv": session.intake.bytes,
    }


def _medias(slot: Slot, session: Session) -> list[str]:
    """What the camera sends, and, once that is known, what it takes: clients look here whether it can be spoken to."""
    offers = [offer for offer in slot.offers or () if offer.direction != "hidden"]
    if session.talk is not None and session.talk.codecs and all(one.direction != "sendonly" for one in offers):
        offers.append(Offer(session.talk.codecs, "sendonly"))
    return [offer.label() for offer in offers]


def _family(track: Track) -> list[tuple[Track, Track | None]]:
    """A track and those that are made of it, with what they are made of."""
    return [(track, None), *((one, track) for one in derived(track))]


def _consumer(attachment: Attachment) -> dict[str, Any]:
    info = attachment.info
    senders = []
    for track, sender in attachment.senders.items():
        one = {"id": sender.id, "codec": _codec_info(track.codec), "parent": track.id}
        senders.append(_without_empty(one | {"bytes": sender.bytes, "packets": sender.units, "drops": sender.drops}))
    received = [] if attachment.receiver is None else [_microphone(attachment.receiver)]
    return _without_empty(
        {
            "id": attachment.id,
            "format_name": info.format_name,
            "protocol": info.protocol,
            "remote_addr": info.remote_addr,
            "source": mask(info.source),
            "sdp": info.sdp,
            "user_agent": info.user_agent,
            "medias": [want.label() for want in attachment.wants],
            "receivers": received,
            "senders": senders,
            "bytes_recv": attachment.receiver.bytes if attachment.receiver else 0,
            "bytes_send": sum(sender.bytes for sender in attachment.senders.values()),
            **info.details,
        }
    )


def _microphone(receiver: Receiver) -> dict[str, Any]:
    counts = {"bytes": receiver.bytes, "packets": receiver.packets, "lost": receiver.lost}
    return _without_empty({"id": receiver.id, "codec": _codec_info(receiver.codec), **counts})


def consumer_info(attachment: Attachment) -> dict[str, Any]:
    """go2rtc's connection object of one reader."""
    return _consumer(attachment)


def _without_empty(info: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if value not in ("", 0, None, [], {})}


# --- the graph -------------------------------------------------------------------------------------------------------


def dot(streams: Iterable[Stream]) -> str:
    """go2rtc's graph of connections as Graphviz text."""
    lines: dict[str, None] = {}
    for stream in streams:
        info = stream_info(stream)
        for producer in info["producers"]:
            if "id" in producer:
                _dot_producer(producer, lines)
        for consumer in info["consumers"]:
            _dot_consumer(consumer, lines)
    return "\n".join(["digraph {", *lines, "}"]) + "\n"


def _dot_producer(info: dict[str, Any], lines: dict[str, None]) -> None:
    host = _dot_connection(info, "producer", lines)
    lines[f'{host} -> {info["id"]} [label="{_size(info.get("bytes_recv", 0))}"];'] = None
    for receiver in info.get("receivers", ()):
        codec = receiver["codec"]
        keys = ("codec_name", "sample_rate", "channels", "profile", "level")
        title = "\\n".join(f"{key}={codec[key]}" for key in keys if key in codec)
        parent = receiver.get("parent", info["id"])
        lines[f'{parent} -> {receiver["id"]} [label="{_size(receiver.get("bytes", 0))}"];'] = None
        lines[f'{receiver["id"]} [group=node, label="{_quoted(codec["codec_name"])}", title="{_quoted(title)}"];'] = (
            None
        )


def _dot_consumer(info: dict[str, Any], lines: dict[str, None]) -> None:
    host = _dot_connection(info, "consumer", lines)
    lines[f'{info["id"]} -> {host} [label="{_size(info.get("bytes_send", 0))}"];'] = None
    for sender in info.get("senders", ()):
        lines[f'{sender["parent"]} -> {info["id"]} [label="{_size(sender.get("bytes", 0))}"];'] = None


def _dot_connection(info: dict[str, Any], group: str, lines: dict[str, None]) -> str:
    keys = ("format_name", "protocol", "source", "url", "user_agent")
    title = "\\n".join(f"{key}={info[key]}" for key in keys if info.get(key))
    host = f'"{_quoted(_host(info))}"'
    lines[f"{host} [group=host];"] = None
    lines[f'{info["id"]} [group={group}, label="{_quoted(info["format_name"])}", title="{_quoted(title)}"];'] = None
    return host


def _host(info: dict[str, Any]) -> str:
    if info.get("protocol") == "pipe":
        return "127.0.0.1"
    address = str(info.get("remote_addr", ""))
    if " forwarded " in address:
        return address.partition(" forwarded ")[2]
    address = address.partition(" ")[0]
    return address.rpartition(":")[0].strip("[]") or "unknown"


def _quoted(text: object) -> str:
    return str(text).replace('"', "'").replace("\r", "").replace("\n", "\\n")


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{count} B" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"
