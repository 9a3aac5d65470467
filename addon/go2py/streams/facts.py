"""What a stream shows and sounds like at present, for people and automations: docs/events.md has the fields."""

import time
from collections.abc import Iterator
from typing import Any

from ..media import codec as names
from ..media import h265
from ..media.codec import Codec, Kind
from ..media.h264 import sps_of
from .stream import Stream
from .track import Track

PROFILES = {0x42: "Baseline", 0x4D: "Main", 0x58: "Extended", 0x64: "High"}
"""Of H.264, by profile_idc."""
_SPOKEN = {names.AAC: "AAC", names.LATM: "AAC", names.MP3: "MP3", names.L16: "PCM", names.PCML: "PCM"}
MEASURED = frozenset({"fps", "bit_rate", "gop_seconds", "key_age"})
"""Fields that change all the time."""


def facts(stream: Stream) -> dict[str, Any]:
    """`state` and `reason`; `video` and `audio` where the camera has told what they are."""
    told: dict[str, Any] = dict(stream.state)
    for kind in ("video", "audio"):
        found = next(_media(stream, kind), None)
        if found is not None:
            codec, track = found
            told[kind] = _video(codec, track) if kind == "video" else describe_codec(codec)
    return told


def _media(stream: Stream, kind: Kind) -> Iterator[tuple[Codec, Track | None]]:
    """What a viewer of this stream would be offered first."""
    for slot in stream.slots:
        for index, offer in enumerate(slot.offers or ()):
            if slot.session is None or (offer.kind, offer.direction) != (kind, "recvonly"):
                continue
            track = slot.session.tracks.get(index)
            yield (track.codec if track and offer.origin is None else offer.codecs[0]), track


def describe_codec(codec: Codec) -> dict[str, Any]:
    """Its name as people know it, and of its parameters those that are known."""
    told: dict[str, Any] = {"codec": _SPOKEN.get(codec.name, codec.name)}
    if codec.is_video:
        return told | _known(profile=_profile(codec), width=codec.width, height=codec.height)
    return told | _known(sample_rate=codec.rate, channels=codec.channels)


def _known(**values: str | int) -> dict[str, str | int]:
    return {key: value for key, value in values.items() if value}


def _video(codec: Codec, track: Track | None) -> dict[str, Any]:
    told = describe_codec(codec)
    meter = track.meter if track is not None else None
    if track is None or meter is None or not meter.running:
        return told
    if track.interval > 0:
        told["fps"] = round(1 / track.interval, 1)
    if meter.bit_rate:
        told["bit_rate"] = _rounded(meter.bit_rate)
    if codec.name != names.JPEG:
        if meter.gop_seconds:
            told["gop_seconds"] = round(meter.gop_seconds, 1)
        now = time.monotonic()
        told["key_age"] = round(max(0.0, now - meter.key_arrived), 1)
        told["key_overdue"] = meter.overdue(now)
    return told


def _profile(codec: Codec) -> str:
    if codec.name == names.H265:
        return h265.profile(codec)
    sps = sps_of(codec) if codec.name == names.H264 else None
    return PROFILES.get(sps[1], "") if sps else ""


def _rounded(bits: float) -> int:
    """Two significant digits: more would be noise."""
    return int(float(f"{bits:.2g}"))
