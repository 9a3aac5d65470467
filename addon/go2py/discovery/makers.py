"""Makers of cameras as data: how they are recognised, where their streams are. Add a line, not code.

`names` are words of a manufacturer, model or product line, in lower case. `paths` are pairs of main and sub stream, the
usual one first; what makes sense for several makers stands in `COMMON`. `cameras_only` says that whatever such a maker
puts on a network is a camera or recorder.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

RTSP_PORTS: Final = (554, 8554, 88, 7447, 10554)
"""Tried in this order; 88 is Foscam's, 7447 UniFi's, 10554 is common among no-name cameras."""
HTTP_PORTS: Final = (80, 2020, 8000, 8899, 8080, 443)

type Pair = tuple[str, str]
"""Paths of main and sub stream; the second is empty where there is none. `{user}` and `{password}` are filled in."""


@dataclass(frozen=True, slots=True)
class Maker:
    name: str
    names: tuple[str, ...]
    paths: tuple[Pair, ...]
    cameras_only: bool = True
    hint: str = ""
    """What users of this maker must know when signing in, as a sentence."""


_DAHUA: Final[Pair] = ("/cam/realmonitor?channel=1&subtype=0", "/cam/realmonitor?channel=1&subtype=1")
_HIKVISION: Final[Pair] = ("/Streaming/Channels/101", "/Streaming/Channels/102")
_XMEYE: Final = "/user={user}_password={password}_channel=1_stream"
"""Of Xiongmai, in cameras of hundreds of names; the credentials stand in the path."""
_TP_LINK: Final[Pair] = ("/stream1", "/stream2")

MAKERS: Final = (
    Maker("Hikvision", ("hikvision", "hilook", "hiwatch", "annke", "safire", "lts"), (
        _HIKVISION, ("/h264/ch1/main/av_stream", "/h264/ch1/sub/av_stream")),
        hint="ONVIF is off by default; where it is on, it has users of its own."),
    Maker("Ezviz", ("ezviz",), (_HIKVISION, ("/h264_stream", "")),
        hint="The user is admin, the password the verification code on the camera's label."),
    Maker("Dahua", ("dahua", "dh-ipc", "empiretech", "loryta", "icrealtime", "intelbras"), (_DAHUA,)),
    Maker("Amcrest", ("amcrest",), (_DAHUA,)),
    Maker("Lorex", ("lorex", "flir systems"), (_DAHUA,)),
    Maker("Imou", ("imou",), (_DAHUA,), hint="The user is admin, the password the safety code on the camera's label."),
    Maker("Axis", ("axis communications", "axis"), (
        ("/axis-media/media.amp", "/axis-media/media.amp?resolution=640x360"),)),
    Maker("Reolink", ("reolink",), (
        ("/h264Preview_01_main", "/h264Preview_01_sub"), ("/Preview_01_main", "/Preview_01_sub")),
        hint="RTSP and ONVIF are off by default on newer models: switch them on under Network, Advanced."),
    Maker("TP-Link", ("tp-link", "tapo", "vigi", "tplink"), (_TP_LINK,), cameras_only=False,
        hint="This is the camera account set in the Tapo app, not your TP-Link ID."),
    Maker("Uniview", ("uniview", "unv", "zhejiang uniview"), (
        ("/media/video1", "/media/video2"), ("/unicast/c1/s0/live", "/unicast/c1/s1/live"))),
    Maker("Hanwha", ("hanwha", "samsung techwin", "wisenet"), (("/profile2/media.smp", "/profile3/media.smp"),)),
    Maker("Foscam", ("foscam",), (("/videoMain", "/videoSub"),)),
    Maker("Bosch", ("bosch",), (("/rtsp_tunnel?inst=1", "/rtsp_tunnel?inst=2"),), cameras_only=False),
    Maker("Vivotek", ("vivotek",), (("/live1s1.sdp", "/live1s2.sdp"), ("/live.sdp", "/live2.sdp"))),
    Maker("i-PRO", ("i-pro", "panasonic"), (("/MediaInput/h264/stream_1", "/MediaInput/h264/stream_2"),),
        cameras_only=False),
    Maker("Sony", ("sony",), (("/media/video1", "/media/video2"),), cameras_only=False),
    Maker("Avigilon", ("avigilon",), (("/defaultPrimary?streamType=u", "/defaultSecondary?streamType=u"),)),
    Maker("Pelco", ("pelco",), (_TP_LINK,)),
    Maker("Milesight", ("milesight",), (("/main", "/sub"),), cameras_only=False),
    Maker("Mobotix", ("mobotix",), (("/mobotix.h264", ""),)),
    Maker("GeoVision", ("geovision",), (("/CH001.sdp", "/CH002.sdp"),)),
    Maker("Tiandy", ("tiandy",), (("/1/1", "/1/2"),)),
    Maker("D-Link", ("d-link", "dlink"), (("/live1.sdp", "/live2.sdp"), ("/play1.sdp", "/play2.sdp")),
        cameras_only=False),
    Maker("Ubiquiti", ("ubiquiti", "unifi", "ubnt"), (("/s0", "/s1"),), cameras_only=False),
    Maker("DoorBird", ("doorbird", "bird home automation"), (
        ("/mpeg/1080p/media.amp", "/mpeg/media.amp"), ("/mpeg/media.amp", "")),
        hint="The user needs the rights to watch always and API operator."),
    Maker("Eufy", ("eufy", "anker"), (("/live0", ""),), cameras_only=False),
    Maker("Aqara", ("aqara", "lumi"), (("/1080p", "/360p"), ("/720p", "")), cameras_only=False),
    Maker("Sonoff", ("sonoff", "ewelink"), (("/av_stream/ch0", "/av_stream/ch1"),), cameras_only=False),
    Maker("Wansview", ("wansview",), (("/live/ch0", "/live/ch1"),)),
    Maker("OpenIPC", ("openipc",), (("/stream=0", "/stream=1"),)),
    Maker("Thingino", ("thingino",), (("/ch0", "/ch1"),)),
    Maker("Grandstream", ("grandstream",), (("/0", "/4"),), cameras_only=False),
)  # fmt: skip

COMMON: Final[Sequence[Pair]] = (
    _HIKVISION,
    _DAHUA,
    _TP_LINK,
    ("/h264Preview_01_main", "/h264Preview_01_sub"),
    ("/live/ch00_0", "/live/ch00_1"),
    (f"{_XMEYE}=0.sdp", f"{_XMEYE}=1.sdp"),
    ("/live/main", "/live/sub"),
    ("/11", "/12"),
    ("/onvif1", "/onvif2"),
    ("/ch0_0.h264", "/ch0_1.h264"),
    ("/live/ch0", "/live/ch1"),
    ("/media/video1", "/media/video2"),
    ("/profile1", "/profile2"),
    ("/videoMain", "/videoSub"),
    ("/live", ""),
    ("/stream", ""),
    ("/", ""),
)
"""For cameras that do not say who made them, likeliest first."""

_CAMERA: Final = re.compile(
    r"\b(?:ip ?cam\w*|network ?(?:camera|video)\w*|camera|webcam|doorbell|nvr|dvr|ipc)\b", re.IGNORECASE
)


def maker_of(*texts: str) -> Maker | None:
    """The maker that one of these texts names, the first text first; the longest name wins."""
    for text in texts:
        said = f" {text.lower()} "
        found = [
            (len(name), maker)
            for maker in MAKERS
            for name in maker.names
            if re.search(rf"(?<![a-z]){re.escape(name)}(?![a-z])", said)
        ]
        if found:
            return max(found, key=lambda item: item[0])[1]
    return None


def is_camera(maker: Maker | None, *texts: str) -> bool:
    """Whether what says this of itself is likely to be a camera or recorder."""
    return (maker is not None and maker.cameras_only) or any(_CAMERA.search(text) for text in texts)


def pairs(maker: Maker | None) -> Iterator[Pair]:
    """Main and sub paths to try, those of the maker first, none twice."""
    yield from dict.fromkeys((*(maker.paths if maker else ()), *COMMON))
