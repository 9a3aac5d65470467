"""RTSP URLs as users and cameras write them."""

import re
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import unquote

from ..errors import ProtocolError

DEFAULT_PORT = 554
"""Of every scheme, as go2rtc has it, TLS included."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_MAPPED_ADDRESS = re.compile(r"(::ffff:\d+\.\d+\.\d+\.\d+)(?::(\d*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """`scheme://user:password@host:port/path?query`; `path` is the rest behind the host, as written.

    `port` is 0 where the URL has none. `str()` is the form for the wire: no credentials, `rtspx` as `rtsps`.
    """

    scheme: str
    host: str
    port: int = 0
    path: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ProtocolError` for what has no scheme or host. User and password are percent-decoded."""
        scheme = _SCHEME.match(text)
        if scheme is None:
            raise ProtocolError("an RTSP URL begins with rtsp://, rtsps:// or rtspx://")
        rest = text[scheme.end() :]
        end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
        password = rest[:end].partition(":")[2]
        if "@" not in rest[:end] and (at := rest.find("@")) >= 0 and password and not password.isdigit():
            # a slash or question mark in an unescaped password; a port would be digits
            end = next((i for i in range(at, len(rest)) if rest[i] in "/?#"), len(rest))
        userinfo, _, authority = rest[:end].rpartition("@")
        user, _, password = userinfo.partition(":")
        host, port = _host_and_port(authority)
        if not host:
            raise ProtocolError("an RTSP URL names a host behind rtsp://")
        path = rest[end:].partition("#")[0]
        return cls(scheme[1].lower(), host, port, path, unquote(user), unquote(password))

    @property
    def address(self) -> str:
        """`host:port` for people."""
        return f"{self._bracketed}:{self.port or DEFAULT_PORT}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def moved(self, location: str) -> Self:
        """Where a redirect leads; credentials stay unless the new URL has its own. Raises `ProtocolError`."""
        target = type(self).parse(location)
        if target.scheme not in ("rtsp", "rtsps", "rtspx"):
            raise ProtocolError(f"{self.address} redirects to something that is not RTSP")
        if target.user or target.password:
            return target
        return replace(target, user=self.user, password=self.password)

    def __str__(self) -> str:
        scheme = "rtsps" if self.scheme == "rtspx" else self.scheme
        port = f":{self.port}" if self.port else ""
        return f"{scheme}://{self._bracketed}{port}{self.path}"


def _host_and_port(authority: str) -> tuple[str, int]:
    if mapped := _MAPPED_ADDRESS.fullmatch(authority):
        return mapped[1], int(mapped[2] or 0)
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(\d{0,5}))?", authority)
    plain = bracketed or re.fullmatch(r"([^:]*)(?::(\d{0,5}))?", authority)
    if plain is None or int(plain[2] or 0) > 65535:
        raise ProtocolError("an RTSP URL has a malformed host or port")
    return plain[1], int(plain[2] or 0)


def base_url(content_base: str, requested: RtspUrl) -> str:
    """The URL that `a=control` is relative to, from what the camera calls `Content-Base`; the requested URL where
    that is missing or beyond repair. Never with credentials."""
    text = content_base.strip()
    if not text:
        return str(requested)
    while (inner := _SCHEME.match(text)) and _SCHEME.match(text[inner.end() :]):
        text = text[inner.end() :]  # rtsp://rtsp://host
    if not _SCHEME.match(text):
        text = f"{requested.scheme}://{text}"  # host:port/
    try:
        return str(RtspUrl.parse(text))
    except ProtocolError:
        return str(requested)


def control_url(base: str, control: str) -> str:
    """The URL for SETUP: an absolute control as it is, else joined to the base as text by exactly one slash, as
    cameras expect it, behind a query too."""
    if _SCHEME.match(control):
        return control
    return f"{base.rstrip('/')}/{'' if control == '*' else control.lstrip('/')}"
