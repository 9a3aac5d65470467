"""Whether the camera brings a picture."""

from typing import Any, override

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .entity import Go2pyEntity

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: Go2pyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add what there is to a camera, now and when cameras come."""
    coordinator = entry.runtime_data

    def add(camera: Camera) -> None:
        async_add_entities([ConnectivitySensor(coordinator, camera)], config_subentry_id=camera.id)

    coordinator.each_camera(add)


class ConnectivitySensor(Go2pyEntity, BinarySensorEntity):
    """On while pictures come; a camera that nobody watches keeps what it last was."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _unrecorded_attributes = frozenset({"reason"})

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera) -> None:
        super().__init__(coordinator, camera, "connectivity")
        self._attr_is_on = None

    @property
    @override
    def is_on(self) -> bool | None:
        stream = self.gateway_stream
        if stream is not None and (stream.live or stream.problem):
            self._attr_is_on = stream.live
        return self._attr_is_on

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        return {"reason": self.gateway_stream.problem if self.gateway_stream else ""}
