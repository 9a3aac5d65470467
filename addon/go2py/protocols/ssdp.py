"""SSDP, the discovery of UPnP (Device Architecture 1.1, 1.3), and the description that a device's answer leads to."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..errors import ProtocolError
from .xml import parse

GROUP: Final = "239.255.255.250"
PORT: Final = 1900
MAX_DATAGRAM = 8192

_LOCATION = re.compile(r"http://[!-~]+", re.IGNORECASE)
_STATUS = re.compile(r"HTTP/1\.[01] 200\b")


@dataclass(frozen=True, slots=True)
class Answer:
    """`location` is the URL of the description, at the host that sent this; `name` the device's lasting one."""

    name: str
    location: str
    server: str


@dataclass(frozen=True, slots=True)
class Description:
    maker: str
    model: str
    name: str
    serial: str
    kind: str
    """The device type, like `urn:schemas-upnp-org:device:Basic:1`."""


def search(target: str = "upnp:rootdevice", wait: int = 2) -> bytes:
    """The question; answers come spread over `wait` seconds."""
    return (
        f'M-SEARCH * HTTP/1.1\r\nHOST: {GROUP}:{PORT}\r\nMAN: "ssdp:discover"\r\nMX: {wait}\r\nST: {target}\r\n\r\n'
    ).encode()


def answer(data: bytes, sender: str) -> Answer:
    """What a device answered. Raises `ProtocolError` for anything else, and where its description lies elsewhere."""
    lines = data[:MAX_DATAGRAM].decode("utf-8", "replace").splitlines()
    if not lines or not _STATUS.match(lines[0]):
        raise ProtocolError("no answer to a search")
    fields: dict[str, str] = {}
    for line in lines[1:64]:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip()[:1024])
    location = fields.get("location", "")
    try:
        parts = urlsplit(location)
        own = bool(_LOCATION.fullmatch(location)) and parts.hostname == sender and (parts.port or 80) > 0
    except ValueError:
        own = False
    if not own:
        raise ProtocolError("an answer without a description of its own")
    return Answer(fields.get("usn", "").partition("::")[0][:200], location, fields.get("server", "")[:200])


def description(data: bytes) -> Description:
    """What a device says of itself. Raises `ProtocolError`."""
    device = parse(data).first("device")
    if device is None:
        raise ProtocolError("a description without a device")

    def line(name: str) -> str:
        return " ".join(device.value(name).split())[:100]

    return Description(
        line("manufacturer"), line("modelName"), line("friendlyName"), line("serialNumber"), line("deviceType")
    )
