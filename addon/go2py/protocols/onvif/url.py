"""`onvif://user:password@host[:port][/path][?subtype=token][&snapshot]`, and the URIs that cameras answer with."""

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import parse_qsl, quote, urlsplit

from ...errors import ProtocolError
from ..rtsp_url import RtspUrl

DEFAULT_PATH = "/onvif/device_service"
HTTPS_PORT = 443
_TARGET = re.compile(r"[!-~]{0,512}")
_SCHEMES = ("rtsp", "rtsps", "http", "https")


@dataclass(frozen=True, slots=True)
class OnvifUrl:
    """A device, and with `subtype` (a profile's token, or its index) or `snapshot` what is wanted of it.

    `port` is 0 where none was written. `str()` is without credentials; `text()` can be configured.
    """

    host: str
    port: int = 0
    path: str = DEFAULT_PATH
    user: str = ""
    password: str = field(default="", repr=False)
    subtype: str = ""
    snapshot: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ProtocolError` with what is wrong."""
        scheme, _, rest = text.partition("://")
        if scheme.lower() != "onvif" or not rest:
            raise ProtocolError("an ONVIF source begins with onvif://")
        try:
            url = RtspUrl.parse(f"rtsp://{rest}")
        except ProtocolError as error:
            raise ProtocolError(str(error).replace("RTSP", "ONVIF").replace("rtsp://", "onvif://")) from None
        path, _, query = url.path.partition("?")
        values = dict(parse_qsl(query, keep_blank_values=True))
        return cls(
            url.host,
            url.port,
            path if path not in ("", "/") else DEFAULT_PATH,
            url.user,
            url.password,
            values.get("subtype", ""),
            "snapshot" in values,
        )

    @property
    def address(self) -> str:
        """`host:port` for people."""
        return f"{_bracketed(self.host)}:{self.port or 80}"

    def endpoint(self, path: str = "") -> str:
        """The URL that a service is asked at."""
        scheme = "https" if self.port == HTTPS_PORT else "http"
        return f"{scheme}://{self.address}{path or self.path}"

    def profile(self, token: str, *, snapshot: bool = False) -> Self:
        """The same device, one of its profiles."""
        return replace(self, subtype=token, snapshot=snapshot)

    def text(self, *, credentials: bool = True) -> str:
        """As it is configured."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if credentials and self.user else ""
        port = f":{self.port}" if self.port not in (0, 80) else ""
        path = self.path if self.path != DEFAULT_PATH else ""
        query = [f"subtype={quote(self.subtype, safe='')}"] if self.subtype else []
        query += ["snapshot"] if self.snapshot else []
        return f"onvif://{who}{_bracketed(self.host)}{port}{path}{'?' if query else ''}{'&'.join(query)}"

    def __str__(self) -> str:
        return self.text(credentials=False)


def service_path(xaddr: str) -> str:
    """The path of a service's address; host and port in it are often those of another network. Empty if malformed."""
    try:
        parts = urlsplit(xaddr.strip())
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc or not _TARGET.fullmatch(parts.path):
        return ""
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query and _TARGET.fullmatch(parts.query) else path


def media_urls(uri: str, asked: OnvifUrl) -> tuple[str, ...]:
    """Where a stream or picture may be had, best first, with the asker's credentials where the URI has none.

    First at the host that answered us: what cameras call themselves is 0.0.0.0, a name, or an address behind a
    router. Then, if it can be reached at all, at the host that the URI names. Raises `ProtocolError` for what is no
    URL of a stream or picture.
    """
    scheme, _, _ = uri.strip().partition("://")
    if scheme.lower() not in _SCHEMES or re.search(r"[\s\x00-\x1f#]", uri.strip()):
        raise ProtocolError(f"{asked.address} answered with something that is no URL of a stream")
    url = RtspUrl.parse(uri.strip())
    if not url.user and not url.password:
        url = replace(url, user=asked.user, password=asked.password)
    here = _text(replace(url, host=asked.host))
    return (here,) if _same_host(url.host, asked.host) or not _reachable(url.host) else (here, _text(url))


def _text(url: RtspUrl) -> str:
    """With credentials; the scheme as it is."""
    scheme, _, rest = str(url).partition("://")
    who = f"{quote(url.user, safe='')}:{quote(url.password, safe='')}@" if url.user or url.password else ""
    return f"{scheme}://{who}{rest}"


def _same_host(one: str, other: str) -> bool:
    return one.strip("[]").lower() == other.strip("[]").lower()


def _reachable(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." in host  # a name without a dot is the camera's own idea of itself
    return not (address.is_unspecified or address.is_loopback or address.is_link_local or address.is_multicast)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
