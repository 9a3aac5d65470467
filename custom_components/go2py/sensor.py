"""Facts about a camera's stream."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfDataRate
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .entity import Go2pyEntity
from .models import IDLE, Stream
from .talkers import TALK, TALK_STATES, TalkEntity

PARALLEL_UPDATES = 0
_MAX_STATE = 255


@dataclass(frozen=True, kw_only=True)
class Go2pySensorDescription(SensorEntityDescription):
    """Where the value comes from."""

    value: Callable[[Stream], StateType]
    noisy: bool = False


SENSORS = (
    Go2pySensorDescription(
        key="viewers",
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda stream: stream.viewers,
    ),
    Go2pySensorDescription(key="video_codec", value=lambda stream: stream.video.codec or None),
    Go2pySensorDescription(key="audio_codec", value=lambda stream: stream.audio.codec or None),
    Go2pySensorDescription(key="resolution", value=lambda stream: stream.video.resolution or None),
    Go2pySensorDescription(
        key="last_error",
        value=lambda stream: stream.problem[:_MAX_STATE] or None,
    ),
    Go2pySensorDescription(
        key="restarts",
        state_class=SensorStateClass.TOTAL_INCREASING,
        value=lambda stream: stream.restarts,
        noisy=True,
    ),
    Go2pySensorDescription(
        key="frame_rate",
        native_unit_of_measurement="fps",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value=lambda stream: stream.video.frame_rate or None,
        noisy=True,
    ),
    Go2pySensorDescription(
        key="bit_rate",
        device_class=SensorDeviceClass.DATA_RATE,
        native_unit_of_measurement=UnitOfDataRate.BITS_PER_SECOND,
        suggested_unit_of_measurement=UnitOfDataRate.MEGABITS_PER_SECOND,
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda stream: stream.video.bit_rate or None,
        noisy=True,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: Go2pyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add what there is to a camera, now and when cameras come."""
    coordinator = entry.runtime_data

    def add(camera: Camera) -> None:
        sensors = [Go2pySensor(coordinator, camera, description) for description in SENSORS]
        async_add_entities(sensors, config_subentry_id=camera.id)

    def add_talk(camera: Camera) -> None:
        async_add_entities([TalkSensor(coordinator, camera)], config_subentry_id=camera.id)

    coordinator.each_camera(add)
    coordinator.talkers.each_camera(add_talk)


class Go2pySensor(Go2pyEntity, SensorEntity):
    """One fact; those that change all the time are off by default."""

    entity_description: Go2pySensorDescription
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera, description: Go2pySensorDescription) -> None:
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description
        self._attr_translation_key = description.key
        self._attr_entity_registry_enabled_default = not description.noisy

    @property
    @override
    def native_value(self) -> StateType:
        stream = self.gateway_stream
        return self.entity_description.value(stream) if stream else None


class TalkSensor(TalkEntity, SensorEntity):
    """Whether somebody speaks to the camera, and who."""

    _attr_translation_key = "talk"
    _attr_device_class = SensorDeviceClass.ENUM
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera) -> None:
        super().__init__(coordinator, camera, TALK)
        self._attr_options = list(TALK_STATES)

    @property
    def _talk(self) -> Mapping[str, Any]:
        return self.coordinator.data.talk(self.stream_name) or {}

    @override
    def told(self) -> object:
        return tuple(self._talk.get(key) for key in ("state", "reason", "by"))  # the level changes all the time

    @property
    @override
    def native_value(self) -> StateType:
        state = self._talk.get("state", IDLE)
        return state if state in TALK_STATES else None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        return {key: self._talk.get(key, "") for key in ("by", "reason")}
