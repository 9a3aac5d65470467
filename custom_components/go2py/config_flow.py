"""Adding a gateway: by hand, found by mDNS, the app's; a new password or address later."""

from collections.abc import Mapping
from typing import Any, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    SubentryFlowContext,
)
from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow, FlowResultType
from homeassistant.helpers.selector import BooleanSelector
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from yarl import URL

from .camera_flow import CameraFlow
from .client import GatewayInfo
from .const import CAMERA, CONF_APP, CONF_MANAGED, DEFAULT_PORT, DOMAIN
from .discovered_flow import DiscoveredCamera, hint, moved
from .errors import GatewayError, GatewayLocked, GatewayUnauthorized, NotGo2py
from .forms import PASSWORD, TEXT, USER
from .hosted_flow import HostedSteps
from .session import passing_client

_LOGIN = {vol.Optional(CONF_USERNAME): USER, vol.Optional(CONF_PASSWORD): PASSWORD}
_LOGIN_SCHEMA = vol.Schema(_LOGIN)
_GATEWAY_SCHEMA = vol.Schema(
    {vol.Required(CONF_URL): TEXT, **_LOGIN, vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector()}
)
_EVERYWHERE = frozenset({"0.0.0.0", "::"})


class InvalidUrl(ValueError):
    """This is no address of a gateway."""


class Go2pyConfigFlow(HostedSteps, DiscoveredCamera, domain=DOMAIN):
    """One entry for each gateway; its cameras are subentries, also those that were found."""

    VERSION = 1
    MINOR_VERSION = 1

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Cameras."""
        return {CAMERA: CameraFlow}

    # --- by hand ------------------------------------------------------------------------------------------------------

    async def async_step_remote(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Address, user and password of a gateway."""
        errors: dict[str, str] = {}
        data = user_input or {}
        if user_input is not None:
            data, info = await self._check(user_input, errors)
            if info is not None:
                return await self._create(data, info)
        return self.async_show_form(
            step_id="remote",
            data_schema=self.add_suggested_values_to_schema(_GATEWAY_SCHEMA, data),
            errors=errors,
            description_placeholders=_placeholders(data),
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Another address, user or password of the same gateway."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        data: Mapping[str, Any] = entry.data
        if user_input is not None:
            data, info = await self._check(user_input, errors)
            if info is not None:
                if info.id and entry.unique_id != info.id and not _by_address(entry):
                    return self.async_abort(reason="another_gateway")
                unique_id = info.id or _address(data)
                self._abort_if_taken(entry, unique_id)
                return self.async_update_and_abort(entry, unique_id=unique_id, data=data)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(_GATEWAY_SCHEMA, _without_password(data)),
            errors=errors,
            description_placeholders=_placeholders(data),
        )

    # --- a new password -----------------------------------------------------------------------------------------------

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """The gateway does not take the password any more."""
        if CONF_MANAGED in entry_data:  # another gateway took the port of ours, which gets another
            self.hass.config_entries.async_schedule_reload(self.context["entry_id"])
            return self.async_abort(reason="reauth_successful")
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for it."""
        entry = self._get_reauth_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            data, info = await self._check({**entry.data, **_login(user_input)}, errors)
            if info is not None:
                return self.async_update_and_abort(entry, data=data)
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=self.add_suggested_values_to_schema(
                _LOGIN_SCHEMA, {CONF_USERNAME: entry.data.get(CONF_USERNAME, "")}
            ),
            errors=errors,
            description_placeholders={"name": entry.title, **_placeholders(entry.data)},
        )

    # --- found --------------------------------------------------------------------------------------------------------

    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """A gateway announces itself in the network; or something that may be a camera does."""
        if not discovery_info.type.startswith("_go2py."):
            hint(self)
            return self.async_abort(reason="searching")
        properties = discovery_info.properties
        address = discovery_info.ip_address
        url = URL.build(
            scheme="https" if properties.get("https") == "true" else "http",
            host=str(address),
            port=discovery_info.port or DEFAULT_PORT,
            path=properties.get("path") or "/",
        )
        self._data = {CONF_URL: normalize(str(url)), CONF_VERIFY_SSL: True}
        self._name = discovery_info.name.partition(".")[0]
        return await self._found(str(properties.get("id") or ""))

    async def async_step_dhcp(self, discovery_info: DhcpServiceInfo) -> ConfigFlowResult:
        """A camera of ours has an address, maybe another one than before."""
        moved(self, discovery_info.macaddress, discovery_info.ip)
        return self.async_abort(reason="already_configured")

    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """The app says where its gateway is, and how to log in."""
        self._data[CONF_APP] = discovery_info.slug
        self._name = discovery_info.name
        return await self._found(self._take_announced(discovery_info.config))

    async def async_step_app_ready(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The app that was asked for is there; a form only shows if its gateway does not answer."""
        self._name = "go2py"
        self._take_announced(self._announced)
        return await self.async_step_found_confirm({})

    def _take_announced(self, config: Mapping[str, Any]) -> str:
        """Keep where the app's gateway is; its identity."""
        url = URL(normalize(str(config[CONF_URL])))
        if url.host in _EVERYWHERE:
            url = url.with_host("127.0.0.1")  # the app shares the host's network
        self._data |= {CONF_URL: str(url), CONF_VERIFY_SSL: True, **_login(config)}
        return str(config.get("id") or "")

    async def _found(self, gateway_id: str) -> ConfigFlowResult:
        known = await self.async_set_unique_id(gateway_id or _address(self._data))
        if known is not None and CONF_APP in known.data and CONF_APP not in self._data:
            return self.async_abort(reason="already_configured")  # the app itself tells where it is, and better
        self._abort_if_unique_id_configured(updates=dict(self._data), reload_on_update=False)
        self._async_abort_entries_match({CONF_URL: self._data[CONF_URL]})
        self.context["title_placeholders"] = {"name": self._name}
        return await self.async_step_found_confirm()

    async def async_step_found_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the gateway that was found; a password is asked for only if there has to be one."""
        errors: dict[str, str] = {}
        data = {**self._data, **_login(user_input or {})}
        asks = CONF_PASSWORD not in self._data
        if user_input is not None:
            data, info = await self._check(data, errors)
            if info is not None:
                return await self._create(data, info)
            asks = True
        self._set_confirm_only()
        return self.async_show_form(
            step_id="found_confirm",
            data_schema=self.add_suggested_values_to_schema(_LOGIN_SCHEMA, _without_password(data)) if asks else None,
            errors=errors,
            description_placeholders={"name": self._name, **_placeholders(data)},
        )

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _create(self, data: dict[str, Any], info: GatewayInfo) -> ConfigFlowResult:
        await self.async_set_unique_id(info.id or _address(data), raise_on_progress=False)
        self._abort_if_unique_id_configured(updates=data, reload_on_update=False)
        self._async_abort_entries_match({CONF_URL: data[CONF_URL]})
        return self.async_create_entry(title=self._name or f"go2py {URL(data[CONF_URL]).host}", data=data)

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with the first camera at once."""
        if "next_flow" in ConfigFlowResult.__annotations__ and hasattr(FlowType, "CONFIG_SUBENTRIES_FLOW"):
            flow = await self.hass.config_entries.subentries.async_init(
                (result["result"].entry_id, CAMERA), context=SubentryFlowContext(source=SOURCE_USER)
            )
            if flow["type"] is not FlowResultType.ABORT:  # the gateway is there
                result["next_flow"] = (FlowType.CONFIG_SUBENTRIES_FLOW, flow["flow_id"])
        return result

    async def _check(
        self, given: Mapping[str, Any], errors: dict[str, str]
    ) -> tuple[dict[str, Any], GatewayInfo | None]:
        """The entry's data from a form, and what answers there; else the reason in `errors`."""
        data = {**given, **_login(given)}
        try:
            data[CONF_URL] = normalize(given[CONF_URL])
            with passing_client(self.hass, data) as client:
                return data, await client.info()
        except InvalidUrl:
            errors[CONF_URL] = "invalid_url"
        except GatewayUnauthorized:
            errors["base"] = "invalid_auth" if data.get(CONF_USERNAME) else "auth_needed"
        except GatewayLocked:
            errors["base"] = "locked"
        except NotGo2py:
            errors["base"] = "not_go2py"
        except GatewayError:
            errors["base"] = "cannot_connect"
        return data, None

    def _abort_if_taken(self, entry: ConfigEntry, unique_id: str) -> None:
        """Two entries must not end up at one gateway."""
        for other in self._async_current_entries(include_ignore=False):
            if other.entry_id != entry.entry_id and other.unique_id == unique_id:
                raise AbortFlow("already_configured")


def normalize(text: str) -> str:
    """A URL from what a user types: `192.168.1.20`, `go2py.local:1984`, `https://…`. Raises `InvalidUrl`."""
    text = text.strip()
    try:
        url = URL(text if "://" in text else f"http://{text}")
        explicit = url.explicit_port
        if url.scheme not in {"http", "https"} or not url.host or url.user:
            raise InvalidUrl
        if explicit is None and "://" not in text:
            url = url.with_port(DEFAULT_PORT)
    except ValueError:
        raise InvalidUrl from None
    return str(url.with_query(None).with_fragment(None).with_path(url.path.rstrip("/") + "/"))


def _address(data: Mapping[str, Any]) -> str:
    """Identity of a gateway that has none of its own."""
    url = URL(data[CONF_URL])
    return f"{url.host}:{url.port}"


def _by_address(entry: ConfigEntry) -> bool:
    return CONF_MANAGED in entry.data or entry.unique_id == _address(entry.data)


def _login(data: Mapping[str, Any]) -> dict[str, Any]:
    """User and password, both or none."""
    username = str(data.get(CONF_USERNAME) or "").strip()
    if not username:
        return {}
    return {CONF_USERNAME: username, CONF_PASSWORD: str(data.get(CONF_PASSWORD) or "")}


def _without_password(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != CONF_PASSWORD}


def _placeholders(data: Mapping[str, Any]) -> dict[str, str]:
    """For texts and errors; all have the same, whichever they use."""
    text = str(data.get(CONF_URL, ""))
    try:
        host = URL(text if "://" in text else f"http://{text}").host or text
    except ValueError:
        host = text
    return {"host": host, "example": "192.168.1.20", "port": str(DEFAULT_PORT)}
