"""WS-Discovery 2005/04 as ONVIF uses it: the question, and the devices that answer. Without a socket."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from .xml import Element, parse

GROUP: Final = "239.255.255.250"
PORT: Final = 3702
MAX_MATCHES = 16
"""Devices in one answer; there is one, unless a proxy answers for others."""
MAX_LIST = 64
"""Scopes or addresses of a device."""

_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_TYPES = {
    "dn:NetworkVideoTransmitter": 'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"',
    "tds:Device": 'xmlns:tds="http://www.onvif.org/ver10/device/wsdl"',
}
_SCOPE = re.compile(r"onvif://www\.onvif\.org/(?P<key>\w{1,32})/(?P<value>.{1,200})", re.IGNORECASE)
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Match:
    """A device: `endpoint` is its lasting name, `scopes` what it says of itself, `urls` where it can be asked."""

    endpoint: str
    scopes: tuple[str, ...]
    urls: tuple[str, ...]

    @property
    def name(self) -> str:
        return self._scope("name")

    @property
    def hardware(self) -> str:
        return self._scope("hardware")

    @property
    def mac(self) -> str:
        """Six bytes in hex with colons, if a scope tells them."""
        said = self._scope("mac") or self._scope("macaddr")
        if not _MAC.fullmatch(said):
            return ""
        digits = re.sub("[:-]", "", said).lower()
        return ":".join(digits[at : at + 2] for at in range(0, 12, 2))

    def _scope(self, key: str) -> str:
        """The value of the first scope of this kind that has one, percent-decoded."""
        for scope in self.scopes:
            found = _SCOPE.fullmatch(scope)
            if found and found["key"].lower() == key:
                value = " ".join(unquote(found["value"], errors="replace").split())
                if value:
                    return value
        return ""


def probe(message_id: str, kind: str = "") -> bytes:
    """A question to all devices of a kind, `dn:NetworkVideoTransmitter` or `tds:Device`; empty: to all there are.

    `message_id` is a UUID; answers name it. Devices take one kind and not the other, so all are asked for.
    """
    namespace = f" {_TYPES[kind]}" if kind else ""
    types = f"<d:Types>{kind}</d:Types>" if kind else "<d:Types/>"
    return (
        '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        f'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="{_DISCOVERY}"{namespace}><s:Header>'
        f'<a:Action s:mustUnderstand="1">{_DISCOVERY}/Probe</a:Action><a:MessageID>urn:uuid:{message_id}</a:MessageID>'
        "<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>'
        f"<s:Body><d:Probe>{types}<d:Scopes/></d:Probe></s:Body></s:Envelope>"
    ).encode()


KINDS: Final = ("", *_TYPES)


def matches(data: bytes, message_ids: Sequence[str], sender: str) -> list[Match]:
    """The ONVIF devices of a datagram from `sender` that answers one of our questions; none of any other datagram.

    Printers and computers answer too: only those count that speak of ONVIF. A URL at 0.0.0.0 is one at the sender's.
    Raises `ProtocolError` for what is no XML.
    """
    root = parse(data)
    related = root.value("RelatesTo")
    if related and not any(message_id in related for message_id in message_ids):
        return []
    found = []
    for element in [*root.all("ProbeMatch")][:MAX_MATCHES]:
        match = _match(element, sender)
        said = " ".join((element.value("Types"), *match.scopes, *match.urls)).lower()
        if match.urls and ("onvif" in said or "networkvideotransmitter" in said):
            found.append(match)
    return found


def _match(element: Element, sender: str) -> Match:
    scopes = tuple(element.value("Scopes").split()[:MAX_LIST])
    urls = (_at(text, sender) for text in element.value("XAddrs").split()[:MAX_LIST])
    endpoint = element.value("EndpointReference", "Address") or element.value("Address")
    return Match(endpoint[:200], scopes, tuple(url for url in urls if url))


def _at(url: str, sender: str) -> str:
    """The URL, its host replaced where it has none that is one; empty if it makes no sense."""
    try:
        parts = urlsplit(url[:1024])
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return ""
    host = parts.hostname
    try:
        address = ipaddress.ip_address(host)
        if address.is_unspecified or address.is_loopback:
            host = sender
    except ValueError:
        pass  # a name
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{port}" if port else host
    return f"{parts.scheme.lower()}://{place}{parts.path or '/'}"
