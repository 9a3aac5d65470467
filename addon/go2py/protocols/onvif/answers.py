"""What cameras answer, as values. All of it by local names: any prefix, any namespace, any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self

from ..xml import Element
from .url import service_path

MAX_PROFILES = 64
_SERVICES = {
    "/ver10/device/": "device",
    "/ver10/media/": "media",
    "/ver20/media/": "media2",
    "/ver20/ptz/": "ptz",
    "/ver10/events/": "events",
    "/ver20/imaging/": "imaging",
}
_CODECS = {"H264": "H264", "H265": "H265", "HEVC": "H265", "JPEG": "JPEG", "MPEG4": "MPEG4", "MPV4-ES": "MPEG4"}
_SOUNDS = {"G711": "G711", "PCMU": "PCMU", "PCMA": "PCMA", "AAC": "AAC", "MP4A-LATM": "AAC", "G726": "G726"}


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    maker: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream that a camera has: codec names as in SDP (empty: not told), size in pixels, frames a second.

    `talk` says that the profile takes sound for the loudspeaker.
    """

    token: str
    name: str = ""
    video: str = ""
    width: int = 0
    height: int = 0
    fps: int = 0
    audio: str = ""
    talk: bool = False

    def merged(self, other: Self | None) -> Self:
        """This one; where it says nothing, what the other service said of the same profile."""
        if other is None:
            return self
        seen = self if self.video else other
        return replace(
            self,
            name=self.name or other.name,
            video=seen.video,
            width=seen.width,
            height=seen.height,
            fps=seen.fps,
            audio=self.audio or other.audio,
            talk=self.talk or other.talk,
        )


def device_time(answer: Element) -> float | None:
    """Seconds since 1970 of a GetSystemDateAndTimeResponse; None when it makes no sense."""
    moment = answer.first("UTCDateTime") or answer.first("LocalDateTime")
    if moment is None:
        return None
    parts = [moment.number(name) for name in ("Year", "Month", "Day", "Hour", "Minute", "Second")]
    try:
        return datetime(*parts[:5], min(parts[5], 59), tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]
    except ValueError, OverflowError:
        return None


def http_time(text: str) -> float | None:
    """Seconds since 1970 of an HTTP `Date`; None when it is missing or wrong."""
    try:
        moment = parsedate_to_datetime(text[:64])
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except ValueError, TypeError, OverflowError, IndexError:
        return None


def services(answer: Element) -> dict[str, str]:
    """Paths by service (`media`, `media2`, `ptz` …) of a GetServicesResponse."""
    found: dict[str, str] = {}
    for service in answer.all("Service"):
        namespace = f"{service.value('Namespace')}/"
        name = next((name for part, name in _SERVICES.items() if part in namespace), "")
        path = service_path(service.value("XAddr"))
        if name and path:
            found.setdefault(name, path)
    return found


def capabilities(answer: Element) -> dict[str, str]:
    """The same of a GetCapabilitiesResponse, which knows no media2."""
    names = {"Device": "device", "Media": "media", "PTZ": "ptz", "Events": "events", "Imaging": "imaging"}
    found: dict[str, str] = {}
    for element in answer.all(*names):
        if path := service_path(element.value("XAddr")):
            found.setdefault(names[element.name], path)
    return found


def device_information(answer: Element) -> DeviceInformation:
    def line(name: str) -> str:
        return " ".join(answer.value(name).split())[:100]

    return DeviceInformation(line("Manufacturer"), line("Model"), line("FirmwareVersion"), line("SerialNumber"))


def profiles(answer: Element) -> tuple[Profile, ...]:
    """Those of a GetProfilesResponse, of media or media2, in the camera's order; without a token they are no use."""
    found: dict[str, Profile] = {}
    for element in answer.all("Profiles"):
        token = element.attributes.get("token", "").strip()
        if token and len(token) <= 256 and len(found) < MAX_PROFILES:
            found.setdefault(token, _profile(token, element))
    return tuple(found.values())


def _profile(token: str, element: Element) -> Profile:
    nothing = Element("")
    video = element.first("VideoEncoderConfiguration") or element.first("VideoEncoder") or nothing
    audio = element.first("AudioEncoderConfiguration") or element.first("AudioEncoder") or nothing
    name = next((child.text for child in element.children if child.name == "Name"), "")
    outputs = ("AudioOutputConfiguration", "AudioOutput", "AudioDecoderConfiguration", "AudioDecoder")
    return Profile(
        token,
        " ".join(name.split())[:100],
        _codec(video, _CODECS),
        video.number("Resolution", "Width"),
        video.number("Resolution", "Height"),
        video.number("RateControl", "FrameRateLimit"),
        _codec(audio, _SOUNDS),
        any(element.all(*outputs)),
    )


def _codec(element: Element, names: Mapping[str, str]) -> str:
    said = element.value("Encoding")[:32].upper()
    return names.get(said, said)


def media_uri(answer: Element) -> str:
    """The URI of a GetStreamUri- or GetSnapshotUriResponse; empty where there is none."""
    return answer.value("Uri")


def by_size(found: Iterable[Profile]) -> list[Profile]:
    """Largest picture first; the camera's order among equals."""
    return sorted(found, key=lambda profile: -profile.width * profile.height)
