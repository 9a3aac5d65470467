"""The way out of a camera's wrong password; that of an old app is in `app_repair`."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.const import CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant

from .app_repair import AppUpdateFlow
from .const import CONF_APP, CONF_SOURCES, CONF_SUB_SOURCES
from .coordinator import Go2pyConfigEntry, cameras_of
from .forms import PASSWORD, TEXT
from .probe import NO_ERROR, Look, ProbeError
from .sources import credentials_of, with_credentials


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: Mapping[str, Any] | None) -> RepairsFlow:
    """A form for each issue that can be put right here."""
    assert data is not None
    if CONF_APP in data:
        return AppUpdateFlow(str(data["entry"]), str(data[CONF_APP]))
    return CameraPasswordFlow(str(data["entry"]), str(data["camera"]))


class CameraPasswordFlow(RepairsFlow):
    """Asks for the camera's user and password, tries them and keeps them."""

    def __init__(self, entry_id: str, camera_id: str) -> None:
        super().__init__()
        self._entry_id, self._camera_id = entry_id, camera_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin; what comes here is the issue's data."""
        return await self.async_step_login()

    async def async_step_login(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """The only form."""
        entry: Go2pyConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
        subentry = entry.subentries.get(self._camera_id) if entry else None
        if entry is None or subentry is None:
            return self.async_abort(reason="camera_gone")
        camera = cameras_of(entry)[self._camera_id]
        username, _ = credentials_of(camera.sources)
        errors: dict[str, str] = {}
        placeholders = {"name": camera.title, **NO_ERROR}
        if user_input is not None:
            username = user_input[CONF_USERNAME]
            sources = [with_credentials(one, username, user_input[CONF_PASSWORD]) for one in camera.sources]
            look = Look(entry.runtime_data.client)
            try:
                await look.check_all(sources)
            except ProbeError as error:
                errors["base"] = error.key
                placeholders |= error.placeholders
            finally:
                await look.close()
            if not errors:
                subs = [with_credentials(one, *credentials_of(sources)) for one in camera.sub_sources]
                data = {**subentry.data, CONF_SOURCES: sources, CONF_SUB_SOURCES: subs}
                self.hass.config_entries.async_update_subentry(entry, subentry, data=data)
                return self.async_create_entry(data={})
        schema = vol.Schema(
            {vol.Required(CONF_USERNAME, default=username): TEXT, vol.Required(CONF_PASSWORD): PASSWORD}
        )
        return self.async_show_form(
            step_id="login", data_schema=schema, errors=errors, description_placeholders=placeholders
        )
