"""Tells the network by mDNS that this gateway is here: `_go2py._tcp`."""

import asyncio
import contextlib
import importlib
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .. import __version__
from ..config.schema import endpoint
from ..config.values import Config
from ..observe.log import get_logger
from . import networks
from .mdns import Mdns

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo

_log = get_logger("discovery")

TYPE = "_go2py._tcp.local."
_LOOPBACK = re.compile(r"localhost|127\..*|::1")


@dataclass(frozen=True, slots=True)
class Notice:
    """What is announced; `host` is the only address that is listened on, empty for all; `identity` never changes."""

    port: int
    path: str = "/"
    https: bool = False
    host: str = ""
    identity: str = ""

    @property
    def properties(self) -> Mapping[str, str]:
        told = {"version": __version__, "path": self.path, "https": "true" if self.https else "false"}
        return told | ({"id": self.identity} if self.identity else {})


def notice(config: Config, addresses: Sequence[str], identity: str = "") -> Notice | None:
    """What to announce: a listener that others can reach, plain HTTP first; None without one, or where that is off.

    `addresses` are the URLs that are really listened on. A gateway whose paths are limited serves somebody in
    particular and keeps quiet.
    """
    api, app = config.api, config.app
    if not (config.discovery.announce and app.enabled("api") and app.enabled("discovery")):
        return None
    if api.allow_paths is not None:
        return None
    urls = [urlsplit(address) for address in addresses]
    for scheme, listen in (("http", api.listen), ("https", api.tls_listen)):
        where = endpoint(listen)
        if where is None or _LOOPBACK.fullmatch(where.host):
            continue
        ports = [url.port for url in urls if url.scheme == scheme and url.port and where.port in (0, url.port)]
        if ports:
            host = "" if where.host in ("*", "0.0.0.0", "::") else where.host
            return Notice(ports[0], api.base_path or "/", scheme == "https", host, identity)
    return None


class Announcer:
    """Announces one notice at a time: `update` changes or ends that, `close` ends it."""

    def __init__(self, mdns: Mdns) -> None:
        self._mdns = mdns
        self._notice: Notice | None = None
        self._info: AsyncServiceInfo | None = None
        self._lock = asyncio.Lock()

    async def update(self, notice: Notice | None) -> None:
        """Announce this instead of what was announced before. Failure is logged: it makes nobody's picture worse."""
        async with self._lock:
            if notice == self._notice:
                return
            await self._withdraw()
            self._notice = notice
            if notice is not None:
                await self._announce(notice)

    async def close(self) -> None:
        await self.update(None)

    async def _announce(self, notice: Notice) -> None:
        try:
            zeroconf = await self._mdns.get()
            module = importlib.import_module("zeroconf.asyncio")  # loaded by now
            host = socket.gethostname().partition(".")[0] or "go2py"
            links = await asyncio.to_thread(networks.links)
            info = module.AsyncServiceInfo(
                TYPE,
                f"go2py on {host}.{TYPE}",
                port=notice.port,
                properties=dict(notice.properties),
                server=f"go2py-{host}.local.",
                parsed_addresses=[notice.host] if notice.host else [link.address for link in links],
            )
            sent = await zeroconf.async_register_service(info, allow_name_change=True)
            self._info = info
            await sent
        except (OSError, self._mdns.error) as error:
            _log.info("the gateway is not announced on the network: %s", error)

    async def _withdraw(self) -> None:
        info, self._info = self._info, None
        if info is not None:
            with contextlib.suppress(OSError, self._mdns.error):
                sent = await (await self._mdns.get()).async_unregister_service(info)
                await sent
