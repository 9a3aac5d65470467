"""Adding a camera to a gateway, and changing one: everything is tried through the gateway before it is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, override

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState, SubentryFlowResult
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import callback
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode

from .camera_options import OPTIONS, options_of, shown_options
from .const import CONF_ADDRESS, CONF_DEVICE, CONF_SOURCES, CONF_STREAM, CONF_SUB_SOURCES
from .coordinator import Camera, cameras_of
from .errors import GatewayError
from .finder import known_devices
from .forms import TEXT, TEXTS
from .found import Device
from .many_flow import ManySteps
from .probe import NO_ERROR, Look, ProbeError
from .sources import credentials_of, hosts_of, with_credentials, with_host, without_credentials
from .takeover import others
from .trial import LOGIN, NAME_SCHEMA, SUB_SOURCE, Trial, without_password

_SOURCE = "source"
_DEVICE = "device"
_ADDRESS_SCHEMA = vol.Schema({vol.Required(_SOURCE): TEXT, vol.Optional(SUB_SOURCE): TEXT, **LOGIN})
_FIELDS = {"camera_source": _SOURCE, "camera_sub_source": SUB_SOURCE}
"""Where a form says what is wrong, if not above all fields."""
_CHANGE_SCHEMA = vol.Schema({vol.Required(CONF_NAME): TEXT, vol.Required(CONF_SOURCES): TEXTS, **LOGIN, **OPTIONS})
_RENAME_SCHEMA = NAME_SCHEMA.extend(OPTIONS)


class CameraFlow(ManySteps):
    """One camera: where it is, then a look at its picture; or many at once."""

    def __init__(self) -> None:
        self._trial: Trial | None = None
        self._devices: list[Device] = []

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Which way, if there is a choice."""
        if (abort := self._not_loaded()) is not None:
            return abort
        existing = ["existing"] if self._others() else []
        takeover = ["takeover"] if next(others(self.hass), None) else []
        options = ["search", "address", *existing, *takeover, "import_file"]
        return self.async_show_menu(step_id="user", menu_options=options)

    # --- somewhere in the network -------------------------------------------------------------------------------------

    async def async_step_search(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """One of those that the gateway sees, with user and password."""
        errors: dict[str, str] = {}
        placeholders = dict(NO_ERROR)
        if user_input is None:
            try:
                found = await self._entry.runtime_data.finder.search()
            except GatewayError as error:
                return self.async_abort(reason="search_failed", description_placeholders={"detail": str(error)})
            known = known_devices(self.hass)
            self._devices = [device for device in found if not device.streams and device.id not in known]
            if not self._devices:
                return await self.async_step_nothing_found()
        elif await self._try(user_input[_DEVICE], user_input, errors, placeholders):
            return await self.async_step_confirm()
        options = [SelectOptionDict(value=one.address, label=one.label) for one in self._devices]
        selector = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))
        schema = vol.Schema({vol.Required(_DEVICE): selector, **LOGIN})
        return self.async_show_form(
            step_id="search",
            data_schema=self.add_suggested_values_to_schema(schema, without_password(user_input)),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_nothing_found(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """No camera answers; it may still be there."""
        return self.async_show_menu(step_id="nothing_found", menu_options=["search", "address"])

    async def async_step_address(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """An address or a source, with user and password."""
        errors: dict[str, str] = {}
        placeholders = dict(NO_ERROR)
        if user_input is not None and await self._try(user_input[_SOURCE], user_input, errors, placeholders):
            return await self.async_step_confirm()
        return self.async_show_form(
            step_id="address",
            data_schema=self.add_suggested_values_to_schema(_ADDRESS_SCHEMA, without_password(user_input)),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def _try(
        self, text: str, given: Mapping[str, Any], errors: dict[str, str], placeholders: dict[str, str]
    ) -> bool:
        """Look at the camera; if that fails, what to say of it."""
        if self._not_loaded() is not None:
            errors["base"] = "gateway_lost"
            placeholders["detail"] = "–"
            return False
        self._trial = self._trial or Trial(self.hass, self._entry)
        if await self._trial.find(text, given):
            return True
        self._say(errors, placeholders)
        return False

    def _say(self, errors: dict[str, str], placeholders: dict[str, str]) -> None:
        """What went wrong with the camera last."""
        assert self._trial is not None
        key, told = self._trial.error
        errors[_FIELDS.get(key, "base")] = key
        placeholders |= told

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """The picture, what the camera has, and its name."""
        trial = self._trial
        assert trial is not None
        assert trial.found is not None
        errors: dict[str, str] = {}
        placeholders = dict(NO_ERROR)
        if user_input is not None:
            if (abort := self._not_loaded()) is not None:
                return abort
            hosts = hosts_of(trial.found.sources)
            seen = next((one for one in self._devices if one.lasting and one.address.lower() in hosts), None)
            known = (seen.id, seen.address) if seen else ()
            if (camera := await trial.keep(user_input[CONF_NAME], *known)) is not None:
                return self.async_create_entry(title=camera.title, data=camera.data(), unique_id=camera.stream)
            self._say(errors, placeholders)
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.add_suggested_values_to_schema(NAME_SCHEMA, user_input or {CONF_NAME: trial.name}),
            errors=errors,
            description_placeholders={**placeholders, **trial.shown()},
        )

    # --- already in the gateway ---------------------------------------------------------------------------------------

    async def async_step_existing(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """One of the gateway's own streams; it stays the gateway's."""
        if user_input is not None:
            name = user_input[CONF_STREAM]
            return self.async_create_entry(title=name, data={CONF_STREAM: name, CONF_SOURCES: []}, unique_id=name)
        selector = SelectSelector(SelectSelectorConfig(options=self._others(), sort=True))
        return self.async_show_form(step_id="existing", data_schema=vol.Schema({vol.Required(CONF_STREAM): selector}))

    # --- a change -----------------------------------------------------------------------------------------------------

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Other sources, another password, another name; entities and their history stay."""
        if (abort := self._not_loaded()) is not None:
            return abort
        subentry = self._get_reconfigure_subentry()
        camera = Camera.of(subentry)
        if not camera.sources:
            return await self.async_step_rename(user_input)
        errors: dict[str, str] = {}
        placeholders = {"name": camera.title, **NO_ERROR}
        username, password, bare = _taken_apart(camera.sources)
        shown: Mapping[str, Any] = {
            CONF_NAME: camera.title,
            CONF_SOURCES: bare,
            CONF_USERNAME: username,
            **shown_options(camera),
        }
        if user_input is not None:
            shown = user_input
            given = user_input.get(CONF_USERNAME, "").strip()
            if given == username and not user_input.get(CONF_PASSWORD):
                user_input = {**user_input, CONF_PASSWORD: password}
            sources = [
                with_credentials(source.strip(), given, user_input.get(CONF_PASSWORD, ""))
                for source in user_input[CONF_SOURCES]
                if source.strip()
            ]
            look = Look(self._entry.runtime_data.client)
            try:
                if tuple(sources) != camera.sources:
                    await look.check_all(sources)
            except ProbeError as error:
                errors[CONF_SOURCES if error.key == "camera_source" else "base"] = error.key
                placeholders |= error.placeholders
            else:
                title = user_input[CONF_NAME].strip() or camera.title
                data = {**subentry.data, **_changed(camera, sources), **options_of(user_input)}
                return self.async_update_and_abort(self._entry, subentry, title=title, data=data)
            finally:
                await look.end()
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(_CHANGE_SCHEMA, without_password(shown)),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_rename(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """The gateway's own stream: its sources are the gateway's."""
        subentry = self._get_reconfigure_subentry()
        if user_input is not None:
            title = user_input[CONF_NAME].strip() or subentry.title
            return self.async_update_and_abort(self._entry, subentry, title=title, data_updates=options_of(user_input))
        shown = {CONF_NAME: subentry.title, **shown_options(Camera.of(subentry))}
        return self.async_show_form(
            step_id="rename",
            data_schema=self.add_suggested_values_to_schema(_RENAME_SCHEMA, shown),
            description_placeholders={"name": subentry.title},
        )

    # --- helpers ------------------------------------------------------------------------------------------------------

    @callback
    @override
    def async_remove(self) -> None:
        """The form was closed, with or without a camera."""
        if self._trial is not None:
            self._trial.end()

    def _not_loaded(self) -> SubentryFlowResult | None:
        if self._entry.state is ConfigEntryState.LOADED:
            return None
        return self.async_abort(reason="gateway_not_connected")

    def _others(self) -> list[str]:
        """The gateway's streams that are no cameras here yet."""
        taken = {camera.stream for camera in cameras_of(self._entry).values()}
        return sorted(name for name in self._entry.runtime_data.data if name not in taken and not Look.owns(name))


def _taken_apart(sources: Sequence[str]) -> tuple[str, str, list[str]]:
    """User, password and bare sources; whole sources where each has its own."""
    if len({credentials_of([source]) for source in sources}) != 1:
        return "", "", list(sources)
    return *credentials_of(sources), [without_credentials(source) for source in sources]


def _changed(camera: Camera, sources: list[str]) -> dict[str, Any]:
    """What goes with other sources: login and address of the small picture, and whether the device is another one."""
    subs = [with_credentials(source, *credentials_of(sources)) for source in camera.sub_sources]
    before, after = hosts_of(camera.sources), hosts_of(sources)
    if before == after:
        return {CONF_SOURCES: sources, CONF_SUB_SOURCES: subs}
    if len(before) == len(after) == 1:
        subs = [with_host(source, *before, *after) for source in subs]
    return {CONF_SOURCES: sources, CONF_SUB_SOURCES: subs, CONF_DEVICE: "", CONF_ADDRESS: ""}
