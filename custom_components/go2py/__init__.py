"""go2py: cameras through the go2py gateway."""

from homeassistant.const import CONF_URL, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .coordinator import Go2pyConfigEntry, Go2pyCoordinator, forget_cameras
from .issues import Issues
from .session import client_for, passing_client

PLATFORMS = (Platform.BINARY_SENSOR, Platform.CAMERA, Platform.SENSOR)


async def async_setup_entry(hass: HomeAssistant, entry: Go2pyConfigEntry) -> bool:
    """Connect to a gateway."""
    coordinator = Go2pyCoordinator(hass, entry, client_for(hass, entry.data))
    await coordinator.start()
    gateway = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        entry_type=dr.DeviceEntryType.SERVICE,
        name=entry.title,
        manufacturer="go2py",
        model="Gateway",
        sw_version=coordinator.info.version,
        configuration_url=entry.data[CONF_URL],
    )
    coordinator.device_id = gateway.id
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(Issues(coordinator).close)
    entry.async_on_unload(entry.add_update_listener(_updated))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: Go2pyConfigEntry) -> bool:
    """Leave a gateway; its streams stay."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: Go2pyConfigEntry) -> None:
    """Take our cameras out of a gateway that is removed."""
    with passing_client(hass, entry.data) as client:
        await forget_cameras(client, entry)


async def _updated(hass: HomeAssistant, entry: Go2pyConfigEntry) -> None:
    """Another address or password needs a new connection; another camera does not."""
    coordinator = entry.runtime_data
    if dict(entry.data) != coordinator.applied:
        hass.config_entries.async_schedule_reload(entry.entry_id)
    else:
        coordinator.follow_subentries()
