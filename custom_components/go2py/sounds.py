"""What Home Assistant calls a sound, as the gateway can fetch it."""

from posixpath import basename
from typing import Final
from urllib.parse import quote, unquote, urlencode

from homeassistant.components import media_source
from homeassistant.components.media_player import async_process_play_media_url
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from yarl import URL

from .const import CONF_APP, DOMAIN
from .coordinator import Go2pyCoordinator

_SPOKEN: Final = "/api/tts_proxy/"


async def address_of(hass: HomeAssistant, gateway: Go2pyCoordinator, media_id: str, player: str | None) -> str:
    """Where the gateway gets a sound: Home Assistant's own are signed, other addresses stay as they are, as do names of
    the gateway's files and streams.

    Raises `HomeAssistantError` for a media source that has no such sound, or without an address of Home Assistant.
    """
    if media_source.is_media_source_id(media_id):
        media_id = (await media_source.async_resolve_media(hass, media_id, player)).url
    in_app = CONF_APP in gateway.config_entry.data
    try:
        return async_process_play_media_url(hass, media_id, for_supervisor_network=in_app)
    except (ValueError, IndexError) as error:  # no address, or empty
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="odd_sound", translation_placeholders={"address": media_id}
        ) from error


def spoken(message: str, engine: str) -> str:
    """The media source of a text that one of Home Assistant's engines speaks."""
    return f"media-source://tts/{quote(engine)}?{urlencode({'message': message})}"


def factor_of(level: float) -> float:
    """The gateway's volume for Home Assistant's, 0 to 1: as loud as it was recorded at most, half as loud to the ear in
    the middle."""
    return round(level * level, 4)


def name_of(source: str) -> str:
    """What to call a sound without a title. An address may have a signature, which is nobody's business."""
    if "://" not in source:
        return basename(source)
    try:
        path = URL(source).path
    except ValueError:
        return ""
    return "" if path.startswith(_SPOKEN) else unquote(basename(path))
