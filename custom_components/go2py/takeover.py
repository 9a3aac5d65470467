"""Cameras that Home Assistant has from other integrations: what the gateway would need to show them too."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.components.camera import async_get_stream_source
from homeassistant.const import CONF_PASSWORD, CONF_USERNAME, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import entity_sources

from .cameras import bare_sources
from .const import DOMAIN, LOGGER
from .coordinator import Go2pyConfigEntry
from .sources import InvalidSource, hosts_of, is_address, runs_commands, with_credentials, without_credentials

_SECONDS: Final = 15.0
_URLS: Final = ("stream_source", "mjpeg_url", "still_image_url")
"""Where integrations such as generic and mjpeg keep an address that plays, the best first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A camera entity of another integration, with the source behind it."""

    entity_id: str
    name: str
    platform: str
    source: str
    maker: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be taken over; names of those that are away, and of those that tell no source that the gateway takes."""

    candidates: tuple[Candidate, ...]
    away: tuple[str, ...]
    closed: tuple[str, ...]


def others(hass: HomeAssistant) -> Iterator[tuple[State, str]]:
    """Camera entities that are not ours, with their integration."""
    sources = entity_sources(hass)
    for state in hass.states.async_all(CAMERA_DOMAIN):
        platform = sources[state.entity_id]["domain"] if state.entity_id in sources else ""
        if platform and platform != DOMAIN:
            yield state, platform


async def offer(hass: HomeAssistant, entry: Go2pyConfigEntry) -> Offer:
    """Ask all of them at once; the entities themselves are not touched."""
    found = sorted(others(hass), key=lambda one: one[0].name.casefold())
    away = tuple(state.name for state, _ in found if state.state == STATE_UNAVAILABLE)
    there = [(state, platform) for state, platform in found if state.state != STATE_UNAVAILABLE]
    sources = await asyncio.gather(*(_source(hass, state.entity_id) for state, _ in there))
    known = bare_sources(entry)
    candidates: list[Candidate] = []
    closed: list[str] = []
    for (state, platform), source in zip(there, sources, strict=True):
        if not _usable(source):
            closed.append(state.name)
        elif without_credentials(source) not in known and not _from_gateway(entry, source):
            candidates.append(Candidate(state.entity_id, state.name, platform, source, *_device(hass, state.entity_id)))
    return Offer(tuple(candidates), away, tuple(closed))


async def _source(hass: HomeAssistant, entity_id: str) -> str:
    """What the entity says, else an address in its integration's settings; empty where there is neither."""
    try:
        async with asyncio.timeout(_SECONDS):
            source = await async_get_stream_source(hass, entity_id)
    except Exception as error:  # noqa: BLE001  another integration's code
        LOGGER.debug("%s tells no source: %s", entity_id, type(error).__name__)
        source = None
    if source:
        return source
    registered = er.async_get(hass).async_get(entity_id)
    settings = hass.config_entries.async_get_entry(registered.config_entry_id or "") if registered else None
    if settings is None:
        return ""
    options: Mapping[str, Any] = {**settings.data, **settings.options}
    url = next((value for key in _URLS if isinstance(value := options.get(key), str) and value), "")
    login = str(options.get(CONF_USERNAME) or ""), str(options.get(CONF_PASSWORD) or "")
    return "" if "{" in url else with_credentials(url, *login)  # a template has no lasting address


def _usable(source: str) -> bool:
    try:
        return not is_address(source) and not runs_commands(source) and not any(map(str.isspace, source))
    except InvalidSource:
        return False


def _from_gateway(entry: Go2pyConfigEntry, source: str) -> bool:
    """Whether the gateway itself serves this: it would look at its own picture."""
    gateway = entry.runtime_data
    port = gateway.info.rtsp_port
    machine = {str(gateway.client.url.host).lower(), "localhost", "127.0.0.1", "::1"}
    return port is not None and f":{port}/" in source and bool(hosts_of([source]) & machine)


def _device(hass: HomeAssistant, entity_id: str) -> tuple[str, str]:
    """Maker and model, where its device tells them."""
    registered = er.async_get(hass).async_get(entity_id)
    device = dr.async_get(hass).async_get(registered.device_id or "") if registered else None
    if not isinstance(device, dr.DeviceEntry):
        return "", ""
    return device.manufacturer or "", device.model or ""
