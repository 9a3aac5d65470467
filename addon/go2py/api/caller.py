"""Who sends a request: pure functions over its headers and its connection."""

import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiohttp import web

from ..config.trust import UNIX, parse_address
from ..streams.reader import ReaderInfo

_FORWARDING = frozenset({"forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"})
_PRIVATE_SUFFIXES = ("localhost", "local", "lan", "home.arpa", "internal", "localdomain")
"""No stranger can make a name below these point to this machine: they are not in the public DNS."""
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]{2,64}(?:%[\w.-]{1,32})?\]|[\w.-]{1,255})(?::\d{1,5})?")
_MAX_AGENT = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """`peer` is an IP address or `@`; `address` the same with its port, and who it says it forwards for."""

    peer: str
    address: str
    user_agent: str
    forwarded: bool

    def reader(self, format_name: str, protocol: str) -> ReaderInfo:
        """How a viewer of this caller is listed."""
        return ReaderInfo(format_name, protocol, self.address, self.user_agent)


def caller_of(request: web.Request) -> Caller:
    headers = request.headers
    name = request.transport.get_extra_info("peername") if request.transport else None
    peer, address = UNIX, UNIX
    if isinstance(name, tuple):
        parsed = parse_address(str(name[0]))
        peer = str(parsed or name[0])
        address = f"[{peer}]:{name[1]}" if ":" in peer else f"{peer}:{name[1]}"
    if (client := headers.get("X-Forwarded-For", "")) and client.isprintable():
        address += f" forwarded {client[:_MAX_AGENT]}"
    agent = headers.get("User-Agent", "")[:_MAX_AGENT]
    return Caller(peer, address, agent if agent.isprintable() else "", is_forwarded(headers))


def is_forwarded(headers: Collection[str]) -> bool:
    """Whether some proxy passed the request on."""
    return any(name in _FORWARDING or name.startswith("x-forwarded-") for name in map(str.lower, headers))


def client_of(headers: Mapping[str, str], proxy: str) -> str:
    """Whom a proxy speaks for: the address that it added itself, at the end of `X-Forwarded-For`; else the proxy."""
    last = headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return last if parse_address(last) is not None else proxy


def host_name(host: str) -> str | None:
    """The name in a `Host` header, lower case, without port, brackets and trailing dot; None if it is malformed."""
    match = _HOST.fullmatch(host)
    return match["name"].strip("[]").rstrip(".").lower() if match else None


def is_own_host(name: str, extra: Collection[str] = ()) -> bool:
    """Whether a name can only mean this machine or one of its network.

    That is what keeps DNS rebinding out: a web page whose name its owner pointed at us comes with that name.
    """
    if parse_address(name) is not None or "." not in name:
        return True
    own = socket.gethostname().lower()
    return name in extra or name == own or name.endswith(tuple(f".{suffix}" for suffix in _PRIVATE_SUFFIXES))


def is_foreign_page(headers: Mapping[str, str], allowed: str, *, behind_proxy: bool = False) -> bool:
    """Whether a page of another origin sends this request. `allowed` `*` lets all in; no `Origin`, no browser.

    go2rtc's rule: the host of the origin, with or without its port, equals `Host`. A proxy that is relied on may
    have changed `Host` and say so in `X-Forwarded-Host`.
    """
    origin = headers.get("Origin")
    if allowed == "*":
        return False
    if origin is None:
        return headers.get("Sec-Fetch-Site", "") in {"cross-site", "same-site"}
    _, separator, place = origin.lower().partition("://")
    hosts = {headers.get("Host", "").lower()}
    if behind_proxy:
        hosts.add(headers.get("X-Forwarded-Host", "").lower())
    without_port = re.sub(r":\d+$", "", place)
    return not separator or not place or not ({place, without_port} & hosts)
