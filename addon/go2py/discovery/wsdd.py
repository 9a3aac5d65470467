"""ONVIF devices by WS-Discovery."""

import uuid
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from ..errors import ProtocolError
from ..observe.log import get_logger
from ..protocols import wsdd
from ..protocols.onvif.url import DEFAULT_PATH, OnvifUrl
from .found import Sighting
from .multicast import ask
from .networks import Link

_log = get_logger("discovery")


async def search(links: Sequence[Link], seconds: float, seen: Callable[[Sighting], None], host: str = "") -> None:
    """Ask everybody on these networks, or only `host`, for `seconds`; one call of `seen` for every device that
    answers."""
    ids = [str(uuid.uuid4()) for _ in wsdd.KINDS]
    questions = [wsdd.probe(message_id, kind) for message_id, kind in zip(ids, wsdd.KINDS, strict=True)]

    def heard(data: bytes, sender: str) -> None:
        try:
            found = wsdd.matches(data, ids, sender)
        except ProtocolError as error:
            _log.debug("search: %s: %s", sender, error)
            return
        for match in found:
            seen(_sighting(match, sender))

    await ask(questions, (host or wsdd.GROUP, wsdd.PORT), links, seconds, heard)


def _sighting(match: wsdd.Match, sender: str) -> Sighting:
    """The address that answered is one that can be reached; what devices write into their URLs often is not."""
    url = next((url for url in match.urls if urlsplit(url).hostname == sender), match.urls[0])
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    source = OnvifUrl(sender, port, parts.path if parts.path != "/" else DEFAULT_PATH).text()
    return Sighting(sender, "onvif", match.endpoint, match.mac, match.name, "", match.hardware, source)
