"""Privacy: the same as the camera's own on and off, but also while no picture comes from it.

Home Assistant passes over an entity that is unavailable. A camera that is restarting while everybody comes home would
stay on, and show the room as soon as it is back; this switch can be turned then, too.
"""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .entity import Go2pyEntity

PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: Go2pyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add what there is to a camera, now and when cameras come."""
    coordinator = entry.runtime_data

    def add(camera: Camera) -> None:
        async_add_entities([PrivacySwitch(coordinator, camera)], config_subentry_id=camera.id)

    coordinator.each_camera(add)


class PrivacySwitch(Go2pyEntity, SwitchEntity):
    """On while the camera's connections are closed."""

    _attr_translation_key = "privacy"
    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera) -> None:
        super().__init__(coordinator, camera, "privacy")

    @property
    @override
    def is_on(self) -> bool | None:
        stream = self.gateway_stream
        return stream.paused if stream else None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Close the camera's connections and keep them closed."""
        await self.set_paused(paused=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Let the camera be connected again."""
        await self.set_paused(paused=False)
