"""ONVIF cameras: `onvif://user:password@host[:port][/path][?subtype=token][&snapshot]#parameters`.

The device is asked for the URI of the profile, which is then opened as the source that it is. Parameters behind `#` go
on to that one. Events and PTZ have their place beside `source.py`, on the same client; they are not built yet.
"""

from functools import partial
from urllib.parse import quote

from ...errors import ProtocolError, Unsupported
from ...observe.secret import remember
from ...protocols.onvif.url import OnvifUrl
from ...streams.source import SourceSpec, SourceUrl
from .backchannel import OnvifBackchannel
from .source import Found, OnvifSource

__all__ = ["spec"]


def spec(url: SourceUrl) -> SourceSpec:
    """The source behind an ONVIF URL. Raises `Unsupported` with what is wrong with it.

    The key is that of the question, as the answer is not known before a viewer comes: streams with the same device and
    profile share one connection; an `rtsp://` source of the same camera is another.
    """
    try:
        target = OnvifUrl.parse(url.url)
    except ProtocolError as error:
        raise Unsupported(f"onvif: {error}") from None
    remember(target.password)
    parameters = url.raw.partition("#")[2]
    found = Found()
    profile = quote(target.subtype or "0", safe="")
    key = (
        f"onvif://{target.user}:{target.password}@{target.host.lower()}:{target.port or 80}{target.path}"
        f"?{profile}{'&snapshot' if target.snapshot else ''}#{parameters}"
    )
    silent = target.snapshot or url.parameter("backchannel", "1") in ("", "0")
    backchannel = None if silent else partial(OnvifBackchannel, target, parameters, found)
    return SourceSpec(key, url, lambda: OnvifSource(target, parameters, found), backchannel)
