"""mDNS: the one zeroconf instance of the gateway, made when first needed, and the search for cameras with it."""

import asyncio
import importlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..observe.log import get_logger
from .found import Sighting
from .makers import is_camera, maker_of

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

_log = get_logger("discovery")

TYPES = {
    "_rtsp._tcp.local.": "rtsp",
    "_onvif._tcp.local.": "onvif",
    "_axis-video._tcp.local.": "axis",
    "_axis-nvr._tcp.local.": "axis",
    "_psia._tcp.local.": "psia",
    "_cgi._tcp.local.": "cgi",
}
MAX_SERVICES = 256
RESOLVE_MS = 2000
_MAC = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}(?![0-9a-f])", re.IGNORECASE)


class Mdns:
    """Owns zeroconf, which brings some 5 MB and a socket on port 5353: `get` makes it, `close` ends it."""

    def __init__(self, interfaces: list[str] | None = None) -> None:
        self._interfaces = interfaces
        self._zeroconf: AsyncZeroconf | None = None
        self._lock = asyncio.Lock()
        self.error: type[Exception] = OSError
        """What zeroconf raises, once it is loaded."""

    async def get(self) -> AsyncZeroconf:
        """Raises `OSError` where no multicast socket can be had."""
        async with self._lock:
            if self._zeroconf is None:
                module = await asyncio.to_thread(importlib.import_module, "zeroconf.asyncio")
                made: AsyncZeroconf = (
                    module.AsyncZeroconf(interfaces=self._interfaces) if self._interfaces else module.AsyncZeroconf()
                )
                self._zeroconf = made
                self.error = importlib.import_module("zeroconf").Error
            return self._zeroconf

    async def close(self) -> None:
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            await zeroconf.async_close()


async def search(mdns: Mdns, seconds: float, seen: Callable[[Sighting], None]) -> None:
    """Browse for `seconds`; one call of `seen` for every camera that announces itself."""
    try:
        zeroconf = await mdns.get()
    except OSError as error:
        _log.debug("mDNS: %s", error)
        return
    module = importlib.import_module("zeroconf.asyncio")  # loaded by now
    async with asyncio.TaskGroup() as group:
        names: set[str] = set()

        async def resolve(type_: str, name: str) -> None:
            info = module.AsyncServiceInfo(type_, name)
            try:
                known = await info.async_request(zeroconf.zeroconf, RESOLVE_MS)
            except mdns.error as error:
                _log.debug("mDNS: %s: %s", name, error)
                return
            if known and (found := sighting(info)):
                seen(found)

        def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            if state_change.name == "Added" and name not in names and len(names) < MAX_SERVICES:
                names.add(name)
                group.create_task(resolve(service_type, name))

        browser = module.AsyncServiceBrowser(zeroconf.zeroconf, list(TYPES), handlers=[changed])
        try:
            await asyncio.sleep(seconds)
        finally:
            await browser.async_cancel()


def sighting(info: AsyncServiceInfo) -> Sighting | None:
    """What a resolved service says; None if it is none of a camera, or has no IPv4 address."""
    addresses = info.parsed_addresses()
    host = next((address for address in addresses if ":" not in address), "")
    if not host:
        return None
    via = TYPES.get(info.type, "")
    name = info.name.removesuffix(f".{info.type}")[:100]
    properties = _texts(info.properties)
    maker = maker_of(properties.get("manufacturer", ""), properties.get("model", ""), name) or (
        maker_of("axis") if via == "axis" else None
    )
    if via in ("psia", "cgi") and not is_camera(maker, name, info.server or ""):
        return None
    source = ""
    if via == "rtsp":
        port = f":{info.port}" if info.port not in (None, 0, 554) else ""
        path = properties.get("path", "")
        source = f"rtsp://{host}{port}/{path.lstrip('/')}" if path else ""
    elif via == "onvif":
        source = f"onvif://{host}{f':{info.port}' if info.port not in (None, 0, 80) else ''}"
    mac = _mac(properties.get("macaddress", "") or properties.get("mac", "") or name)
    return Sighting(host, "mdns", "", mac, name, maker.name if maker else "", properties.get("model", "")[:100], source)


def _texts(properties: Mapping[bytes, bytes | None]) -> dict[str, str]:
    return {
        key.decode("utf-8", "replace").lower(): (value or b"").decode("utf-8", "replace")[:200]
        for key, value in properties.items()
    }


def _mac(text: str) -> str:
    found = _MAC.search(text)
    digits = re.sub("[:-]", "", found[0]).lower() if found else ""
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
