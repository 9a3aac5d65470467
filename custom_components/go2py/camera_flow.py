"""Adding a camera to a gateway, and changing one: everything is tried through the gateway before it is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, override

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import callback
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode
from homeassistant.util import slugify

from . import preview
from .client import GatewayError
from .const import CONF_MAKER, CONF_MODEL, CONF_SOURCES, CONF_STREAM, CONF_SUB_SOURCES
from .coordinator import Camera, Go2pyConfigEntry, cameras_of
from .forms import PASSWORD, TEXT, TEXTS, USER
from .models import Device, Media
from .probe import NO_ERROR, Found, Look, ProbeError
from .sources import credentials_of, host_of, with_credentials, without_credentials

_SOURCE = "source"
_DEVICE = "device"
_LOGIN = {vol.Optional(CONF_USERNAME): USER, vol.Optional(CONF_PASSWORD): PASSWORD}
_ADDRESS_SCHEMA = vol.Schema({vol.Required(_SOURCE): TEXT, **_LOGIN})
_CHANGE_SCHEMA = vol.Schema({vol.Required(CONF_NAME): TEXT, vol.Required(CONF_SOURCES): TEXTS, **_LOGIN})
_NAME_SCHEMA = vol.Schema({vol.Required(CONF_NAME): TEXT})


class CameraFlow(ConfigSubentryFlow):
    """One camera: where it is, then a look at its picture."""

    def __init__(self) -> None:
        self._look: Look | None = None
        self._found: Found | None = None
        self._devices: list[Device] = []
        self._name = ""
        self._stream = ""
        """A stream that the gateway has by itself."""

    @property
    def _entry(self) -> Go2pyConfigEntry:
        return self._get_entry()

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Which way, if there is a choice."""
        if (abort := self._not_loaded()) is not None:
            return abort
        existing = ["existing"] if self._others() else []
        return self.async_show_menu(step_id="user", menu_options=["search", "address", *existing])

    # --- somewhere in the network -------------------------------------------------------------------------------------

    async def async_step_search(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """One of those that the gateway sees, with user and password."""
        errors: dict[str, str] = {}
        placeholders = dict(NO_ERROR)
        if user_input is None:
            try:
                found = await self._entry.runtime_data.client.search()
            except GatewayError as error:
                return self.async_abort(reason="search_failed", description_placeholders={"detail": str(error)})
            self._devices = [device for device in found if device.address and not device.known]
            if not self._devices:
                return await self.async_step_nothing_found()
        elif await self._try(user_input[_DEVICE], user_input, errors, placeholders):
            return await self.async_step_confirm()
        options = [
            SelectOptionDict(value=one.address, label=f"{one.name} ({one.address})" if one.name else one.address)
            for one in self._devices
        ]
        selector = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))
        schema = vol.Schema({vol.Required(_DEVICE): selector, **_LOGIN})
        return self.async_show_form(
            step_id="search",
            data_schema=self.add_suggested_values_to_schema(schema, _without_password(user_input)),
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
            data_schema=self.add_suggested_values_to_schema(_ADDRESS_SCHEMA, _without_password(user_input)),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def _try(
        self, text: str, given: Mapping[str, Any], errors: dict[str, str], placeholders: dict[str, str]
    ) -> bool:
        """Look at the camera; if that fails, what to say of it."""
        login = given.get(CONF_USERNAME, "").strip(), given.get(CONF_PASSWORD, "")
        try:
            self._found = await self._new_look().find(text, *login)
        except ProbeError as error:
            errors[_SOURCE if error.key == "camera_source" else "base"] = error.key
            placeholders |= error.placeholders
            return False
        self._name = " ".join(filter(None, (self._found.maker, self._found.model))) or _usual_name(
            self._found.sources[0]
        )
        return True

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """The picture, what the camera has, and its name."""
        assert self._found is not None
        assert self._look is not None
        errors: dict[str, str] = {}
        placeholders = dict(NO_ERROR)
        if user_input is not None:
            name = user_input[CONF_NAME].strip() or self._name
            stream = self._free_stream(name)
            data = {
                CONF_STREAM: stream,
                CONF_SOURCES: list(self._found.sources),
                CONF_SUB_SOURCES: list(self._found.sub_sources),
                CONF_MAKER: self._found.maker,
                CONF_MODEL: self._found.model,
            }
            try:
                await self._look.client.put_stream(stream, self._found.sources)
            except GatewayError as error:
                errors["base"] = "gateway_refused"
                placeholders["detail"] = str(error)
            else:
                await self._look.close()
                return self.async_create_entry(title=name, data=data, unique_id=stream)
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.add_suggested_values_to_schema(_NAME_SCHEMA, user_input or {CONF_NAME: self._name}),
            errors=errors,
            description_placeholders={
                **placeholders,
                "preview": preview.show(self.hass, self._look),
                "source": without_credentials(self._found.sources[0]),
                **_media_placeholders(self._found.media),
            },
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
        shown: Mapping[str, Any] = {CONF_NAME: camera.title, CONF_SOURCES: bare, CONF_USERNAME: username}
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
            try:
                if tuple(sources) != camera.sources:
                    await self._new_look().check_all(sources)
            except ProbeError as error:
                errors[CONF_SOURCES if error.key == "camera_source" else "base"] = error.key
                placeholders |= error.placeholders
            else:
                await self._end_look()
                subs = [with_credentials(source, *credentials_of(sources)) for source in camera.sub_sources]
                title = user_input[CONF_NAME].strip() or camera.title
                return self.async_update_and_abort(
                    self._entry, subentry, title=title, data_updates={CONF_SOURCES: sources, CONF_SUB_SOURCES: subs}
                )
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(_CHANGE_SCHEMA, _without_password(shown)),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_rename(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """The gateway's own stream: only its name here can change."""
        subentry = self._get_reconfigure_subentry()
        if user_input is not None:
            title = user_input[CONF_NAME].strip() or subentry.title
            return self.async_update_and_abort(self._entry, subentry, title=title)
        return self.async_show_form(
            step_id="rename",
            data_schema=self.add_suggested_values_to_schema(_NAME_SCHEMA, {CONF_NAME: subentry.title}),
            description_placeholders={"name": subentry.title},
        )

    # --- helpers ------------------------------------------------------------------------------------------------------

    @callback
    @override
    def async_remove(self) -> None:
        """The form was closed, with or without a camera."""
        if self._look is not None:
            preview.hide(self.hass, self._look)
            self.hass.async_create_task(self._look.close(), "go2py look", eager_start=True)

    def _new_look(self) -> Look:
        if self._look is None:
            self._look = Look(self._entry.runtime_data.client)
        return self._look

    async def _end_look(self) -> None:
        if self._look is not None:
            await self._look.close()

    def _not_loaded(self) -> SubentryFlowResult | None:
        if self._entry.state is ConfigEntryState.LOADED:
            return None
        return self.async_abort(reason="gateway_not_connected")

    def _others(self) -> list[str]:
        """The gateway's streams that are no cameras here yet."""
        taken = {camera.stream for camera in cameras_of(self._entry).values()}
        return sorted(name for name in self._entry.runtime_data.data if name not in taken and not Look.owns(name))

    def _free_stream(self, name: str) -> str:
        """A name for the gateway, made of the camera's, that nobody has."""
        taken = self._entry.runtime_data.data.keys() | {one.stream for one in cameras_of(self._entry).values()}
        wanted = slugify(name)
        number = 1
        stream = wanted
        while stream in taken:
            number += 1
            stream = f"{wanted}_{number}"
        return stream


def _taken_apart(sources: Sequence[str]) -> tuple[str, str, list[str]]:
    """User, password and bare sources; whole sources where each has its own."""
    if len({credentials_of([source]) for source in sources}) != 1:
        return "", "", list(sources)
    return *credentials_of(sources), [without_credentials(source) for source in sources]


def _usual_name(source: str) -> str:
    scheme = source.partition(":")[0]
    return host_of(source) if "://" in source else scheme.capitalize()


def _media_placeholders(media: Media) -> dict[str, str]:
    """Technical words that are the same in every language."""
    video = " ".join(part for part in (media.video, media.resolution) if part)
    return {"video": video or "–", "audio": media.audio or "–", "talk": media.talk or "–"}


def _without_password(data: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (data or {}).items() if key != CONF_PASSWORD}
