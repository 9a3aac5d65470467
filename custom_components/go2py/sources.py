"""Source texts: what a user types, credentials and addresses in and out of them."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote

MAX_LENGTH: Final = 8192
COMMANDS: Final = frozenset({"exec", "echo", "expr"})
"""Schemes that the gateway takes from its own file only."""

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:\[[0-9a-f:.%]+\]|[\w.-]+)(?::\d{1,5})?/?", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(?<=://)(?P<user>[^/@:?#\s]*)(?::(?P<password>[^/?#\s]*))?@")
_HOST: Final = re.compile(r"(://(?:[^/?#\s]*@)?)(?:\[([^\]/]+)\]|([^:/?#\s\[\]]+))")
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


def is_link(text: str) -> bool:
    """Whether this is a source, as opposed to an address and to anything else."""
    try:
        return not is_address(text)
    except InvalidSource:
        return False


def runs_commands(source: str) -> bool:
    """Whether the gateway would have to start a program that the text names."""
    found = _SCHEME.match(source)
    return found is not None and found[1].lower() in COMMANDS


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


def hosts_of(sources: Sequence[str]) -> frozenset[str]:
    """Names and addresses of all machines in the texts, without ports and brackets, in small letters."""
    return frozenset((found[2] or found[3]).lower() for source in sources for found in _HOST.finditer(source))


def with_host(source: str, old: str, new: str) -> str:
    """The source with another address wherever the old one stands; ports, paths and credentials stay."""

    def moved(found: re.Match[str]) -> str:
        if (found[2] or found[3]).lower() != old.lower():
            return found[0]
        return found[1] + (f"[{new}]" if ":" in new else new)

    return _HOST.sub(moved, source)


def masked(source: str) -> str:
    """The source without anything secret, for diagnostics."""
    return _SECRETS.sub(r"\1***", _USERINFO.sub("***@", source))
