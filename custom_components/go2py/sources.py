"""Source texts: what a user types, credentials in and out of them, usual paths of makers."""

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, unquote

MAX_LENGTH: Final = 8192

PATHS: Final = (
    ("Reolink", "h264Preview_01_main"),
    ("Hikvision", "Streaming/Channels/101"),
    ("Dahua, Amcrest, Lorex", "cam/realmonitor?channel=1&subtype=0"),
    ("Tapo, Vigi, Kasa", "stream1"),
    ("Axis", "axis-media/media.amp"),
    ("Foscam", "videoMain"),
    ("Ubiquiti", "s0"),
    ("Uniview", "media/video1"),
    ("Hanwha", "profile2/media.smp"),
    ("Bosch, Sony", "video1"),
    ("Annke, Sannce, XMeye", "user={user}_password={password}_channel=0_stream=0.sdp"),
    ("Wyze, Dafang", "live"),
    ("many others", "live/ch00_0"),
    ("many others", "11"),
    ("many others", ""),
)
"""Where cameras keep their main stream, by maker. A camera that has several of them gets the first."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9a-f:.%]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?/?", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(?<=://)(?P<user>[^/@:?#\s]*)(?::(?P<password>[^/?#\s]*))?@")
_SECRETS: Final = re.compile(r"(?i)(?<=[?&#_])([a-z_]*(?:pass|pwd|token|secret|key|auth)[a-z_]*=)[^&#\s]*")


class InvalidSource(ValueError):
    """The text is neither an address nor a source."""


def candidates(text: str, username: str = "", password: str = "") -> Iterator[str]:
    """Sources to try for what the user typed: itself, or the usual paths at an address. Raises `InvalidSource`."""
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise InvalidSource
    address = _ADDRESS.fullmatch(text)
    if address is None or (address["port"] is None and text.endswith(":")):
        if not _SCHEME.match(text):
            raise InvalidSource
        yield with_credentials(text, username, password)
        return
    where = address["host"] + (f":{address['port']}" if address["port"] else "")
    user, secret = quote(username, safe=""), quote(password, safe="")
    for _, path in PATHS:
        path = path.replace("{user}", user).replace("{password}", secret)
        yield with_credentials(f"rtsp://{where}/{path}", username, password)


def with_credentials(source: str, username: str, password: str) -> str:
    """The source with this user and password instead of those it has; unchanged where none are given."""
    if not username:
        return source
    userinfo = f"{quote(username, safe='')}:{quote(password, safe='')}@"
    bare = _USERINFO.sub("", source, count=1)
    return bare.replace("://", f"://{userinfo}", 1)


def credentials_of(sources: Sequence[str]) -> tuple[str, str]:
    """User and password of the first source that has them."""
    for source in sources:
        if found := _USERINFO.search(source):
            return unquote(found["user"]), unquote(found["password"] or "")
    return "", ""


def without_credentials(source: str) -> str:
    """The source as it may be shown in a form; `with_credentials` undoes it."""
    return _USERINFO.sub("", source)


def host_of(source: str) -> str:
    """The camera's address for texts, or the source itself where it has none."""
    bare = without_credentials(source)
    host = bare.partition("://")[2].partition("/")[0].partition("#")[0].partition("?")[0]
    return host or bare


def masked(source: str) -> str:
    """The source without anything secret, for diagnostics."""
    return _SECRETS.sub(r"\1***", _USERINFO.sub("***@", source))
