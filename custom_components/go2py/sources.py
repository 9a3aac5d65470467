"""Source texts: what a user types, credentials in and out of them."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote

MAX_LENGTH: Final = 8192

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:\[[0-9a-f:.%]+\]|[\w.-]+)(?::\d{1,5})?/?", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(?<=://)(?P<user>[^/@:?#\s]*)(?::(?P<password>[^/?#\s]*))?@")
_SECRETS: Final = re.compile(r"(?i)(?<=[?&#_])([a-z_]*(?:pass|pwd|token|secret|key|auth)[a-z_]*=)[^&#\s]*")


class InvalidSource(ValueError):
    """The text is neither an address nor a source."""


def is_address(text: str) -> bool:
    """Whether this is a camera's address, as opposed to a source. Raises `InvalidSource` where it is neither."""
    if len(text) <= MAX_LENGTH:
        if _ADDRESS.fullmatch(text) and not text.endswith(":"):
            return True
        if _SCHEME.match(text) and not text[0].isdigit():
            return False
    raise InvalidSource


def with_credentials(source: str, username: str, password: str) -> str:
    """The source with this user and password instead of those it has; unchanged where none are given."""
    if not username:
        return source
    userinfo = f"{quote(username, safe='')}:{quote(password, safe='')}@"
    bare = _USERINFO.sub("", source, count=1).replace("://", f"://{userinfo}", 1)
    return bare.replace("{user}", quote(username, safe="")).replace("{password}", quote(password, safe=""))


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
