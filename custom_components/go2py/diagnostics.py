"""What a bug report needs, without anything secret."""

from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import DOMAIN
from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .sources import masked

_SECRET = {CONF_PASSWORD, CONF_USERNAME}


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: Go2pyConfigEntry) -> dict[str, Any]:
    """The gateway and all its cameras."""
    coordinator = entry.runtime_data
    data = async_redact_data(dict(entry.data), _SECRET)
    return {
        "entry": {**data, CONF_URL: masked(str(coordinator.client.url))},
        "gateway": {**asdict(coordinator.info), "connected": coordinator.connected},
        "cameras": [_camera(coordinator, camera) for camera in coordinator.cameras.values()],
        "other_streams": len(
            coordinator.data.keys()
            - {name for camera in coordinator.cameras.values() for name in (camera.stream, camera.sub_stream)}
        ),
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: Go2pyConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """One camera; the gateway's device tells of all."""
    coordinator = entry.runtime_data
    ids = {identifier for domain, identifier in device.identifiers if domain == DOMAIN}
    cameras = [camera for camera in coordinator.cameras.values() if camera.id in ids]
    if not cameras:
        return await async_get_config_entry_diagnostics(hass, entry)
    return _camera(coordinator, cameras[0])


def _camera(coordinator: Go2pyCoordinator, camera: Camera) -> dict[str, Any]:
    stream = coordinator.data.get(camera.stream)
    return {
        "title": camera.title,
        "stream": camera.stream,
        "configured": [masked(source) for source in camera.sources],
        "configured_sub": [masked(source) for source in camera.sub_sources],
        "sources": [asdict(source) for source in stream.sources] if stream else None,
        "readers": sorted(stream.readers.values()) if stream else None,
        "video": asdict(stream.video) if stream else None,
        "audio": asdict(stream.audio) if stream else None,
        "paused": stream.paused if stream else None,
        "rotate": camera.rotate,
        "keep_connected": camera.keep,
    }
