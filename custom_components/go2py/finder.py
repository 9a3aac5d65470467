"""Cameras on the network, looked for now and then: new ones become *Discovered* cards, known ones are followed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY, ConfigFlowContext
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.start import async_at_started

from .const import DOMAIN, LOGGER
from .coordinator import Go2pyConfigEntry, Go2pyCoordinator, cameras_of
from .errors import GatewayError, GatewayUnreachable
from .follow import follow, learn
from .found import Device
from .probe import Look

INTERVAL: Final = timedelta(minutes=30)
_HINT_SECONDS: Final = 60.0
"""Between searches that Home Assistant's own discovery asks for."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a card is about: a camera, and the gateway's entry that saw it."""

    entry_id: str
    device: Device


class Finder:
    """One gateway's searches. Whoever asks while one is under way gets its result."""

    def __init__(self, coordinator: Go2pyCoordinator) -> None:
        self._coordinator = coordinator
        self._hass, self._entry = coordinator.hass, coordinator.config_entry
        self._search: asyncio.Task[list[Device]] | None = None
        self._following = asyncio.Lock()
        self._hints = Debouncer(
            self._hass, LOGGER, cooldown=_HINT_SECONDS, immediate=False, function=self._look, background=True
        )
        self._swept = coordinator.cameras
        for stop in (
            self._hints.async_shutdown,
            async_at_started(self._hass, self._now),
            async_track_time_interval(self._hass, self._now, INTERVAL),
            coordinator.async_add_listener(self._sweep),
        ):
            self._entry.async_on_unload(stop)
        self._entry.async_create_background_task(self._hass, self._tidy(), "go2py forgotten looks")

    async def close(self) -> None:
        """The entry is about to be unloaded: nothing of its open forms stays in the gateway."""
        withdraw(self._hass, lambda card: card.entry_id == self._entry.entry_id)
        await Look.end_all(self._coordinator.client)

    async def search(self) -> list[Device]:
        """Cameras on the gateway's networks. Raises `GatewayError`."""
        if self._search is None or self._search.done():
            self._search = self._entry.async_create_background_task(
                self._hass, self._coordinator.client.search(), f"go2py search {self._entry.title}"
            )
        search = self._search
        await asyncio.wait([search])
        if search.cancelled():
            raise GatewayUnreachable("the search was given up")
        return [device for device in search.result() if device.address]

    @callback
    def hint(self) -> None:
        """Something on the network may be a new camera: look, but not for every sign of life."""
        self._hints.async_schedule_call()

    @callback
    def moved(self, mac: str, address: str) -> None:
        """A device has this address now; `mac` with colons, in small letters."""
        self._entry.async_create_background_task(
            self._hass, self._follow([Device(mac, address, "")]), "go2py moved camera"
        )

    @callback
    def _now(self, _: HomeAssistant | datetime) -> None:
        self._entry.async_create_background_task(self._hass, self._look(), f"go2py look {self._entry.title}")

    async def _tidy(self) -> None:
        """Take away what a Home Assistant that was stopped in the middle of a form left in the gateway."""
        with suppress(GatewayError):
            for name in Look.forgotten(self._coordinator.data):
                await self._coordinator.client.delete_stream(name)

    async def _look(self) -> None:
        if not self._coordinator.connected:
            return
        try:
            devices = await self.search()
        except GatewayError as error:
            LOGGER.debug("%s: no search now: %s", self._entry.title, error)
            return
        await learn(self._coordinator, devices)
        self._offer(devices)
        await self._follow(devices)

    async def _follow(self, devices: list[Device]) -> None:
        async with self._following:
            await follow(self._coordinator, devices)

    @callback
    def _offer(self, devices: list[Device]) -> None:
        """A card for each new camera. Home Assistant drops those that were ignored."""
        known = known_devices(self._hass)
        for device in devices:
            used = [name for name in device.streams if not Look.owns(name)]
            if not used and device.id not in known:
                discovery_flow.async_create_flow(
                    self._hass,
                    DOMAIN,
                    ConfigFlowContext(source=SOURCE_INTEGRATION_DISCOVERY),
                    Discovered(self._entry.entry_id, device),
                    discovery_key=discovery_flow.DiscoveryKey(domain=DOMAIN, key=device.id, version=1),
                )

    @callback
    def _sweep(self) -> None:
        """Cards of cameras that were added in another way go."""
        if self._coordinator.cameras is not self._swept:
            self._swept = self._coordinator.cameras
            known = known_devices(self._hass)
            withdraw(self._hass, lambda card: card.device.id in known)


def known_devices(hass: HomeAssistant) -> frozenset[str]:
    """Lasting identities of all cameras of all gateways."""
    entries: list[Go2pyConfigEntry] = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    return frozenset(camera.device for entry in entries for camera in cameras_of(entry).values() if camera.device)


@callback
def withdraw(hass: HomeAssistant, which: Callable[[Discovered], bool]) -> None:
    """Take cards away, except those that have just added their camera and have no identity any more."""
    manager = hass.config_entries.flow
    for flow in manager.async_progress_by_init_data_type(Discovered, which):
        if flow["context"].get("unique_id"):
            manager.async_abort(flow["flow_id"])
