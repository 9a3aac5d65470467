"""go2py: cameras through the go2py gateway."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.typing import ConfigType

from . import actions, card, play_audio, websocket
from .const import DOMAIN
from .coordinator import Go2pyConfigEntry, Go2pyCoordinator
from .finder import Finder
from .hosting import leave, page, reach
from .issues import Issues
from .live_view import LiveView
from .session import client_for
from .share import ShareView
from .talkers import Talkers

PLATFORMS = (Platform.BINARY_SENSOR, Platform.CAMERA, Platform.MEDIA_PLAYER, Platform.SENSOR, Platform.SWITCH)
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Make actions known, whether a gateway is there or not."""
    actions.register(hass)
    play_audio.register(hass)
    hass.http.register_view(ShareView())
    hass.http.register_view(LiveView())
    websocket.register(hass)
    await card.serve(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: Go2pyConfigEntry) -> bool:
    """Connect to a gateway."""
    data = await reach(hass, entry)
    coordinator = Go2pyCoordinator(hass, entry, client_for(hass, data))
    await coordinator.start()
    gateway = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        entry_type=dr.DeviceEntryType.SERVICE,
        name=entry.title,
        manufacturer="go2py",
        model="Gateway",
        sw_version=coordinator.info.version,
        configuration_url=page(entry),
    )
    coordinator.device_id = gateway.id
    entry.runtime_data = coordinator
    coordinator.finder = Finder(coordinator)
    coordinator.talkers = Talkers(coordinator)
    await card.offer(hass)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(Issues(coordinator).close)
    entry.async_on_unload(entry.add_update_listener(_updated))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: Go2pyConfigEntry) -> bool:
    """Leave a gateway; its streams stay."""
    await entry.runtime_data.finder.close()
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: Go2pyConfigEntry) -> None:
    """Take our cameras out of a gateway that is removed."""
    await leave(hass, entry)
    if not hass.config_entries.async_entries(DOMAIN):
        await card.withdraw(hass)


async def _updated(hass: HomeAssistant, entry: Go2pyConfigEntry) -> None:
    """Another address or password needs a new connection; another camera does not."""
    coordinator = entry.runtime_data
    if dict(entry.data) != coordinator.applied:
        hass.config_entries.async_schedule_reload(entry.entry_id)
    else:
        coordinator.follow_subentries()
