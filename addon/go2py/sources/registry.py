"""Which module speaks which scheme. Modules are imported when a source of theirs is first dialled.

A source is a module or package here with a function `spec(url: SourceUrl) -> SourceSpec`, and a line in `_MODULES`.
"""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Final, cast

from ..errors import Unsupported
from ..streams.source import SourceSpec, SourceUrl
from .explored import Explored

_MODULES: Final = {
    "demo": "demo",
    "http": "http",
    "https": "http",
    "httpx": "http",
    "onvif": "onvif",
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "rtspx": "rtsp",
}

_NOT_YET: Final = frozenset((
    "alsa", "bubble", "doorbird", "dvrip", "echo", "eseecloud", "exec", "expr", "ffmpeg", "flussonic", "gopro", "hass",
    "homekit", "isapi", "ivideon", "kasa", "multitrans", "nest", "ring", "roborock",
    "rtmp", "rtmps", "rtmpx", "tapo", "tcp", "tuya", "v4l2", "vigi", "webrtc", "webtorrent", "wyoming", "wyze",
    "xiaomi", "yandex",
))  # fmt: skip

_EXPLORERS: Final = frozenset({"onvif"})
"""Schemes of devices or accounts that can be asked for all streams they have: `explore` in a module of that name."""

SCHEMES: Final = tuple(sorted(_NOT_YET | _MODULES.keys()))
"""All that a source may begin with. Clients look their cameras' schemes up here, so those to come are listed too."""


def dial(url: SourceUrl) -> SourceSpec:
    """How to reach the camera behind a configured text. Raises `Unsupported`."""
    scheme = url.scheme
    if module := _MODULES.get(scheme):
        spec = cast("Callable[[SourceUrl], SourceSpec]", import_module(f"{__package__}.{module}").spec)
        return spec(url)
    if scheme == "ffmpeg" and (copied := _copied(url)) is not None:
        return dial(copied)
    if scheme in _NOT_YET:
        raise Unsupported(f"{scheme}: is not spoken by go2py yet; the other sources of this stream serve meanwhile")
    raise Unsupported(f"streams: unsupported scheme: {url.masked}")


def _copied(url: SourceUrl) -> SourceUrl | None:
    """What `ffmpeg:<URL>` reads where no option follows: ffmpeg would only copy it, so none is started. Home Assistant
    writes its generic cameras so."""
    read = SourceUrl(url.url.partition(":")[2])
    return read if read.scheme in _MODULES and not url.parameters.keys() - {"query"} else None


async def explore(url: SourceUrl) -> Explored:
    """Ask the device or account behind a text for what it has; nothing is opened. Raises `SourceError`,
    `ProtocolError`."""
    if url.scheme not in _EXPLORERS:
        raise Unsupported(f"{url.masked}: only {', '.join(sorted(_EXPLORERS))} can be asked for its streams")
    module = import_module(f"{__package__}.{url.scheme}.explore")
    return await cast("Callable[[SourceUrl], Awaitable[Explored]]", module.explore)(url)
