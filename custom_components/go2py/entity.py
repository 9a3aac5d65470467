"""What all entities of a camera share."""

import asyncio
from collections.abc import Callable
from typing import Any, override

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.device_registry import CONNECTION_NETWORK_MAC, DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import Camera, Go2pyCoordinator
from .errors import GatewayError
from .failure import failure
from .models import Stream

_DEVICES_OF_ONE = "via_device_id" in DeviceInfo.__annotations__
"""Whether a device is one integration's, as since Home Assistant 2026.8; before, a hardware address merged them."""


def connections_of(camera: Camera) -> set[tuple[str, str]]:
    """So that Home Assistant's DHCP discovery tells where the camera went."""
    return {(CONNECTION_NETWORK_MAC, camera.mac)} if camera.mac and _DEVICES_OF_ONE else set()


class Go2pyEntity(CoordinatorEntity[Go2pyCoordinator]):
    """An entity of one camera, updated when the camera's stream changes."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera, key: str = "") -> None:
        super().__init__(coordinator)
        self._id = camera.id
        self._camera = camera
        self._seen: object = self  # no stream, so that the first update counts
        self._attr_unique_id = f"{camera.id}_{key}" if key else camera.id
        via: dict[str, Any] = (
            {"via_device_id": coordinator.device_id, "connections": connections_of(camera)}
            if _DEVICES_OF_ONE
            else {"via_device": (DOMAIN, coordinator.config_entry.entry_id)}  # before Home Assistant 2026.8
        )
        make: Callable[..., DeviceInfo] = DeviceInfo
        self._attr_device_info = make(
            identifiers={(DOMAIN, camera.id)},
            name=camera.title,
            manufacturer=camera.maker or None,
            model=camera.model or None,
            **via,
        )

    @property
    def camera(self) -> Camera:
        """The camera as it is configured now; as it was, once it is removed."""
        self._camera = self.coordinator.cameras.get(self._id, self._camera)
        return self._camera

    @property
    def stream_name(self) -> str:
        """The stream's name in the gateway."""
        return self.camera.stream

    @property
    def gateway_stream(self) -> Stream | None:
        return self.coordinator.stream(self.stream_name)

    @property
    @override
    def available(self) -> bool:
        return self.gateway_stream is not None

    async def set_paused(self, *, paused: bool) -> None:
        """Close the camera's connections, those of both pictures, and keep them closed, or end that."""
        known = [name for name in self.camera.streams if name in self.coordinator.data]
        results = await asyncio.gather(
            *(self.coordinator.client.set_paused(name, paused=paused) for name in known), return_exceptions=True
        )
        for error in results:  # all were tried: half a privacy is none
            if isinstance(error, GatewayError):
                raise self.failure(error) from error
            if error is not None:
                raise error

    def failure(self, error: GatewayError) -> HomeAssistantError:
        """What to tell whoever wanted something of the gateway."""
        return failure(self.coordinator.client, error)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Nothing is written while the stream stays the same object."""
        if (stream := self.gateway_stream) is not self._seen:
            self._seen = stream
            super()._handle_coordinator_update()
