"""RTSP cameras: rtsp, rtsps (TLS, verified unless the host is an IP address), rtspx (TLS, never verified)."""

import re
from functools import partial

from ...errors import ProtocolError, Unsupported
from ...observe.secret import remember
from ...protocols.rtsp_url import DEFAULT_PORT, RtspUrl
from ...streams.source import SourceSpec, SourceUrl
from .backchannel import RtspBackchannel
from .ear import Ear
from .options import Options
from .source import RtspSource

__all__ = ["RtspSource", "spec"]


_PASSWORD = re.compile(r"(?:password|passwd|pass|pwd)=([^&_/?]+)", re.IGNORECASE)
"""How some cameras want it: `/user=admin_password=1234_channel=1`, `?user=admin&pwd=1234`."""


def spec(url: SourceUrl) -> SourceSpec:
    """The source behind an RTSP URL. Raises `Unsupported` with what is wrong with the URL or a `#` parameter.

    `backchannel` is part of the key, since it changes what the camera is asked for; `media` is not: the stream leaves
    out what it does not want. The password is, so that a corrected one is a connection of its own.
    """
    try:
        target = RtspUrl.parse(url.url)
    except ProtocolError as error:
        raise Unsupported(f"{url.scheme}: {error}") from None
    remember(target.password)
    for found in _PASSWORD.finditer(target.path):
        remember(found[1])
    options = Options.parse(url)
    host = f"{target.host.lower()}:{target.port or DEFAULT_PORT}"
    key = (
        f"{target.scheme}://{target.user}:{target.password}@{host}{target.path}"
        f"#{options.transport}#{options.backchannel}"
    )
    ear = Ear()
    backchannel = None if options.backchannel is False else partial(RtspBackchannel, target, options, ear)
    return SourceSpec(key, url, lambda: RtspSource(target, options, ear), backchannel)
