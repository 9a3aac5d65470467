"""A camera on the network that nobody added yet: a card, its password, a look at its picture, and it is in.

Home Assistant starts no subentry's form by itself, so the card is a form of the integration that ends with a subentry.
"""

from typing import Any, override

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState, ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr

from .cameras import add_camera
from .const import DOMAIN
from .coordinator import Go2pyConfigEntry
from .finder import Discovered, known_devices, withdraw
from .probe import NO_ERROR
from .sources import hosts_of
from .trial import LOGIN, NAME_SCHEMA, Trial, without_password

_LOGIN_SCHEMA = vol.Schema(LOGIN)


class DiscoveredCamera(ConfigFlow):
    """The steps of a card."""

    _card: Discovered
    _trial: Trial | None = None

    async def async_step_integration_discovery(  # type: ignore[override]  # only the finder starts it
        self, discovery_info: Discovered
    ) -> ConfigFlowResult:
        """The gateway's search found a camera."""
        self._card = discovery_info
        device = discovery_info.device
        withdraw(self.hass, lambda card: card.device.id == device.id and card.device.address != device.address)
        await self.async_set_unique_id(device.id)
        self._abort_if_unique_id_configured()
        self.context["title_placeholders"] = {"name": device.label}
        return await self.async_step_discovered()

    async def async_step_discovered(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """User and password of the camera."""
        device = self._card.device
        errors: dict[str, str] = {}
        placeholders = dict(NO_ERROR)
        if user_input is not None:
            if (gateway := self._gateway()) is None:
                return self.async_abort(reason="gateway_not_connected")
            self._trial = self._trial or Trial(self.hass, gateway)
            if await self._trial.find(device.address, user_input):
                return await self.async_step_discovered_confirm()
            errors["base"], error_placeholders = self._trial.error
            placeholders |= error_placeholders
        return self.async_show_form(
            step_id="discovered",
            data_schema=self.add_suggested_values_to_schema(_LOGIN_SCHEMA, without_password(user_input)),
            errors=errors,
            description_placeholders={**placeholders, "name": device.label, "hint": device.hint},
        )

    async def async_step_discovered_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The picture, what the camera has, and its name."""
        trial, device = self._trial, self._card.device
        assert trial is not None
        assert trial.found is not None
        errors: dict[str, str] = {}
        placeholders = dict(NO_ERROR)
        if user_input is not None:
            gateway = self._gateway()
            if gateway is None:
                return self.async_abort(reason="gateway_not_connected")
            if device.id in known_devices(self.hass):
                return self.async_abort(reason="already_configured")
            known = device.lasting and device.address.lower() in hosts_of(trial.found.sources)
            camera = await trial.keep(user_input[CONF_NAME], device.id if known else "", device.address)
            if camera is not None:
                await self.async_set_unique_id()  # this card ends by itself; others about the camera are withdrawn
                add_camera(self.hass, gateway, camera)
                return self.async_abort(reason="camera_added", description_placeholders={"name": camera.title})
            errors["base"], error_placeholders = trial.error
            placeholders |= error_placeholders
        return self.async_show_form(
            step_id="discovered_confirm",
            data_schema=self.add_suggested_values_to_schema(NAME_SCHEMA, user_input or {CONF_NAME: trial.name}),
            errors=errors,
            description_placeholders={**placeholders, **trial.shown()},
        )

    @callback
    @override
    def async_remove(self) -> None:
        """The card was closed, with or without a camera."""
        if self._trial is not None:
            self._trial.end()

    def _gateway(self) -> Go2pyConfigEntry | None:
        """The entry of the gateway that saw the camera, while it is connected."""
        entry = self.hass.config_entries.async_get_entry(self._card.entry_id)
        return entry if entry is not None and entry.state is ConfigEntryState.LOADED else None


@callback
def hint(flow: ConfigFlow) -> None:
    """Have all gateways look for cameras soon."""
    entries: list[Go2pyConfigEntry] = flow.hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        entry.runtime_data.finder.hint()


@callback
def moved(flow: ConfigFlow, mac: str, address: str) -> None:
    """Tell all gateways where a known camera is now; `mac` as Home Assistant's DHCP discovery writes it."""
    entries: list[Go2pyConfigEntry] = flow.hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        entry.runtime_data.finder.moved(dr.format_mac(mac), address)
