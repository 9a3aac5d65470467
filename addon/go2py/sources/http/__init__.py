"""A camera's JPEG or MJPEG over HTTP: `http://`, `https://` (verified unless the host is an IP address), `httpx://`
(TLS, never verified).

A still is asked for again, once a second, while somebody looks. `#header=Name: value` adds a header.
"""

from ...errors import ProtocolError, Unsupported
from ...observe.secret import remember
from ...protocols.rtsp_url import RtspUrl
from ...streams.source import SourceSpec, SourceUrl
from .client import Target
from .source import HttpSource

__all__ = ["spec"]


def spec(url: SourceUrl) -> SourceSpec:
    """The source behind a URL. Raises `Unsupported` with what is wrong with it."""
    try:
        where = RtspUrl.parse(url.url)
    except ProtocolError as error:
        text = str(error).replace("an RTSP URL", "the URL").replace("rtsp://", f"{url.scheme}://")
        raise Unsupported(f"{url.scheme}: {text}") from None
    remember(where.password)
    headers: dict[str, str] = {}
    for text in url.parameters.get("header", ()):
        name, separator, value = text.partition(":")
        if not separator or not name.strip().isascii() or not text.isprintable():
            raise Unsupported(f"{url.scheme}: a header is written Name: value")
        headers[name.strip()] = value.strip()
    target = Target(where, headers)
    key = f"{where.scheme}://{where.user}:{where.password}@{target.address}{where.path}#{sorted(headers.items())}"
    return SourceSpec(key, url, lambda: HttpSource(target))
