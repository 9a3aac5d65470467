"""Settings → System → Repairs → System information."""

from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import Go2pyConfigEntry


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Say what is told about go2py."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    entries: list[Go2pyConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    gateways = [entry.runtime_data for entry in entries]
    cameras = [gateway.stream(camera.stream) for gateway in gateways for camera in gateway.cameras.values()]
    return {
        "gateways": len(hass.config_entries.async_entries(DOMAIN)),
        "connected": sum(gateway.connected for gateway in gateways),
        "versions": ", ".join(sorted({gateway.info.version for gateway in gateways})),
        "cameras": len(cameras),
        "cameras_live": sum(stream.live for stream in cameras if stream),
        "viewers": sum(stream.viewers for stream in cameras if stream),
    }
