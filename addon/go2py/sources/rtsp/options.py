"""The `#` parameters of an RTSP source."""

import math
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from ...errors import Unsupported
from ...observe.secret import remember
from ...streams.source import SourceUrl

TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """`transport` is `tcp`, `udp`, `http` or a ws:// or wss:// URL; `timeout` in seconds: for connecting, for an
    answer, and how long a camera may be silent before it is asked whether it is there."""

    transport: str = field(default="tcp", repr=False)
    timeout: float = TIMEOUT
    backchannel: bool | None = None
    """True: viewing asks for it; False: nobody may speak; None: asked for when somebody does."""

    @classmethod
    def parse(cls, url: SourceUrl) -> Self:
        """Raises `Unsupported` with what would be right; parameters of other kinds of sources are ignored."""
        transport = url.parameter("transport") or "tcp"
        if transport not in ("tcp", "udp", "http") and not re.match(r"wss?://[^/]", transport):
            raise Unsupported("rtsp: #transport= must be tcp, udp, http, ws://… or wss://…")
        if transport.startswith("ws"):
            try:
                remember(urlsplit(transport).password or "")
            except ValueError:
                raise Unsupported("rtsp: #transport= is no valid WebSocket URL") from None
        return cls(transport, _seconds(url.parameter("timeout")), _flag(url))


def _seconds(text: str) -> float:
    try:
        value = float(text) if text else TIMEOUT
    except ValueError:
        value = math.nan
    if not 0 < value <= 3600:
        raise Unsupported("rtsp: #timeout= must be a number of seconds up to 3600")
    return value


def _flag(url: SourceUrl) -> bool | None:
    if "backchannel" not in url.parameters:
        return None
    return url.parameter("backchannel") not in ("", "0")
