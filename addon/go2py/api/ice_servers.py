"""STUN and TURN servers that a client hands over with its offer."""

from typing import Any

from ..config.values import IceServer
from ..errors import ProtocolError
from ..observe.secret import Secret

MAX_SERVERS = 16
MAX_URLS = 8
MAX_TEXT = 512
SCHEMES = ("stun:", "stuns:", "turn:", "turns:")


def parse_ice_servers(value: Any) -> tuple[IceServer, ...] | None:
    """A list of `{urls, username?, credential?}`; None stays None: use the configured ones. Raises `ProtocolError`."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_SERVERS:
        raise ProtocolError("ice_servers is not a short list")
    servers = []
    for entry in value:
        if not isinstance(entry, dict):
            raise ProtocolError("ice_servers holds something that is no server")
        urls = entry.get("urls")
        urls = [urls] if isinstance(urls, str) else urls
        if not isinstance(urls, list) or len(urls) > MAX_URLS:
            raise ProtocolError("an ICE server needs a short list of urls")
        texts = [_text(url) for url in urls]
        if not all(text.lower().startswith(SCHEMES) for text in texts):
            raise ProtocolError("an ICE server's url starts with stun: or turn:")
        user, credential = _text(entry.get("username")), _text(entry.get("credential"))
        servers.append(IceServer(tuple(texts), user, Secret(credential)))
    return tuple(servers)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ProtocolError("an ICE server has a field that is no short text")
    return value
