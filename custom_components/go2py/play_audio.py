"""The action `go2py.play_audio`: a sound or a text into one camera or several, in step."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.service import async_extract_entity_ids

from .const import DOMAIN
from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .errors import GatewayError
from .failure import failure
from .sounds import address_of, factor_of, spoken

_TTS: Final = "tts"
_MEDIA: Final = vol.Any(cv.string, vol.Schema({vol.Required("media_content_id"): cv.string}, extra=vol.ALLOW_EXTRA))
_SCHEMA: Final = cv.make_entity_service_schema(
    {
        vol.Exclusive("media", "sound"): _MEDIA,
        vol.Exclusive("message", "sound"): vol.All(cv.string, vol.Length(1, 4096)),
        vol.Optional("tts_entity"): cv.entity_domain(_TTS),
        vol.Optional("volume"): cv.small_float,
        vol.Optional("priority", default=0): vol.All(vol.Coerce(int), vol.Range(0, 100)),
        vol.Optional("enqueue", default="replace"): vol.In(("replace", "next", "add")),
        vol.Optional("fade", default=0): vol.All(vol.Coerce(float), vol.Range(0, 10)),
    }
)

type Group = tuple[Go2pyCoordinator, float]
"""A gateway and a volume: those play in step."""


@callback
def register(hass: HomeAssistant) -> None:
    """Make the action known."""
    hass.services.async_register(DOMAIN, "play_audio", _play, _SCHEMA, SupportsResponse.OPTIONAL)


async def _play(call: ServiceCall) -> ServiceResponse:
    """Tells what plays then, and what waits, by entity."""
    groups: dict[Group, dict[str, str]] = {}
    for entity_id, gateway, camera in await _cameras(call):
        volume = call.data.get("volume")
        factor = factor_of(volume) if volume is not None else gateway.talkers.volumes.get(camera.id, 1.0)
        groups.setdefault((gateway, factor), {})[entity_id] = camera.stream
    if not groups:
        raise _wrong("no_camera")
    wishes = [{**await _sound(call, gateway), "volume": factor} for gateway, factor in groups]
    how = {key: call.data[key] for key in ("priority", "enqueue", "fade")}
    answers = await asyncio.gather(
        *(
            _begin(gateway, streams, wish | how)
            for ((gateway, _), streams), wish in zip(groups.items(), wishes, strict=True)
        ),
        return_exceptions=True,
    )
    told: dict[str, Any] = {}
    for answer in answers:  # all were tried
        if isinstance(answer, BaseException):
            raise answer
        told |= answer
    return told if call.return_response else None


async def _begin(
    gateway: Go2pyCoordinator, streams: Mapping[str, str], wish: Mapping[str, Any]
) -> Mapping[str, Mapping[str, Any]]:
    try:
        playing = await gateway.client.play(list(dict.fromkeys(streams.values())), wish)
    except GatewayError as error:
        raise failure(gateway.client, error) from error
    return {entity_id: playing.get(stream, {}) for entity_id, stream in streams.items()}


async def _sound(call: ServiceCall, gateway: Go2pyCoordinator) -> dict[str, Any]:
    """What to play, in the gateway's words. Without an engine of Home Assistant, a text is spoken by the gateway's."""
    if (message := call.data.get("message")) is not None:
        engine = call.data.get("tts_entity") or next(iter(sorted(call.hass.states.async_entity_ids(_TTS))), None)
        if engine is None:
            return {"text": message}
        media: Any = spoken(message, engine)
    else:
        media = call.data.get("media")
    if isinstance(media, Mapping):
        media = media["media_content_id"]
    if not media:
        raise _wrong("no_sound")
    return {"src": await address_of(call.hass, gateway, media, None)}


async def _cameras(call: ServiceCall) -> Iterator[tuple[str, Go2pyCoordinator, Camera]]:
    """Ours among the targets, each camera once, whether it is named by itself or by its speaker."""
    registry = er.async_get(call.hass)
    found: dict[str, tuple[str, Go2pyCoordinator, Camera]] = {}
    for entity_id in sorted(await async_extract_entity_ids(call)):
        one = registry.async_get(entity_id)
        if one is None or one.platform != DOMAIN or one.domain not in {CAMERA_DOMAIN, MEDIA_PLAYER_DOMAIN}:
            continue
        await _check(call, entity_id)
        entry: Go2pyConfigEntry | None = call.hass.config_entries.async_get_entry(one.config_entry_id or "")
        if entry is None or entry.state is not ConfigEntryState.LOADED or not entry.runtime_data.connected:
            raise _wrong("gateway_away", name=entry.title if entry else entity_id)
        camera = entry.runtime_data.cameras[str(one.config_subentry_id)]
        found.setdefault(camera.id, (entity_id, entry.runtime_data, camera))
    return iter(found.values())


async def _check(call: ServiceCall, entity_id: str) -> None:
    """Whether the user may do that. Raises `Unauthorized`."""
    if call.context.user_id is None:
        return
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None or not user.permissions.check_entity(entity_id, POLICY_CONTROL):
        raise Unauthorized(context=call.context, entity_id=entity_id, permission=POLICY_CONTROL)


def _wrong(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
    )
