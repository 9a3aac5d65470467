"""The integration's own actions."""

from typing import Final

import voluptuous as vol
from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service, async_register_platform_entity_service

from .const import DOMAIN
from .coordinator import Go2pyConfigEntry, Go2pyCoordinator
from .errors import GatewayError
from .failure import failure
from .share import LIVE, MAX_DURATION, STILL

_ENTRY: Final = "config_entry_id"
_NAME: Final = "name"
_SOURCE: Final = "source"
_NAME_SCHEMA: Final = vol.Schema(
    {vol.Optional(_ENTRY): cv.string, vol.Required(_NAME): vol.All(cv.string, vol.Length(1, 128))}
)
_ADD_SCHEMA: Final = _NAME_SCHEMA.extend({vol.Required(_SOURCE): vol.All(cv.string, vol.Length(1, 8192))})


@callback
def register(hass: HomeAssistant) -> None:
    """Make all actions known. Home Assistant itself checks a user's right to an entity."""
    async_register_platform_entity_service(
        hass,
        DOMAIN,
        "stream_info",
        entity_domain=CAMERA_DOMAIN,
        schema=None,
        func="async_stream_info",
        supports_response=SupportsResponse.ONLY,
    )
    async_register_platform_entity_service(
        hass,
        DOMAIN,
        "create_share_link",
        entity_domain=CAMERA_DOMAIN,
        schema={
            vol.Optional("kind", default=LIVE): vol.In((STILL, LIVE)),
            vol.Optional("duration", default={"hours": 1}): vol.All(
                cv.positive_time_period, vol.Range(max=MAX_DURATION)
            ),
        },
        func="async_create_share_link",
        supports_response=SupportsResponse.ONLY,
    )
    for name, action, schema in (("add_stream", _add, _ADD_SCHEMA), ("remove_stream", _remove, _NAME_SCHEMA)):
        async_register_admin_service(hass, DOMAIN, name, action, schema, supports_response=SupportsResponse.OPTIONAL)


async def _add(call: ServiceCall) -> ServiceResponse:
    """A stream for now: it ends with the gateway's next start. Names that exist are left alone."""
    gateway = _gateway(call)
    name = call.data[_NAME]
    if name in gateway.data:
        raise _wrong("stream_exists", name=name)
    try:
        await gateway.client.try_stream(name, call.data[_SOURCE])
    except GatewayError as error:
        raise failure(gateway.client, error) from error
    gateway.added.add(name)
    port = gateway.info.rtsp_port
    return {"name": name, "rtsp": gateway.client.rtsp_url(name, port, login=False) if port else None}


async def _remove(call: ServiceCall) -> ServiceResponse:
    """Only what `add_stream` made: others belong to cameras or to the gateway's configuration file."""
    gateway = _gateway(call)
    name = call.data[_NAME]
    if name not in gateway.added:
        raise _wrong("stream_not_added", name=name)
    try:
        await gateway.client.delete_stream(name)
    except GatewayError as error:
        raise failure(gateway.client, error) from error
    gateway.added.discard(name)
    return {"name": name}


def _gateway(call: ServiceCall) -> Go2pyCoordinator:
    """The one that is named, or the only one."""
    entries: list[Go2pyConfigEntry] = call.hass.config_entries.async_entries(DOMAIN)
    if (wanted := call.data.get(_ENTRY)) is not None:
        entries = [entry for entry in entries if entry.entry_id == wanted]
    if len(entries) != 1:
        raise _wrong("which_gateway")
    (entry,) = entries
    if entry.state is not ConfigEntryState.LOADED or not entry.runtime_data.connected:
        raise _wrong("gateway_away", name=entry.title)
    return entry.runtime_data


def _wrong(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
    )
