"""What all entities of a camera share."""

from collections.abc import Callable
from typing import Any, override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import Camera, Go2pyCoordinator
from .models import Media, Stream

_UNKNOWN = Media()


class Go2pyEntity(CoordinatorEntity[Go2pyCoordinator]):
    """An entity of one camera, updated when the camera's stream changes."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera, key: str = "") -> None:
        super().__init__(coordinator)
        self._id = camera.id
        self._camera = camera
        self._seen: tuple[object, ...] = ()
        self._attr_unique_id = f"{camera.id}_{key}" if key else camera.id
        via: dict[str, Any] = (
            {"via_device_id": coordinator.device_id}
            if "via_device_id" in DeviceInfo.__annotations__
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
    def media(self) -> Media:
        """What the stream carries, as far as it is known."""
        return self.coordinator.media.get(self.stream_name, _UNKNOWN)

    @property
    @override
    def available(self) -> bool:
        return self.gateway_stream is not None

    def _view(self) -> tuple[object, ...]:
        """What the state is made of: nothing is written while it stays the same object."""
        return (self.gateway_stream,)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        view = self._view()
        if len(view) != len(self._seen) or any(new is not old for new, old in zip(view, self._seen, strict=True)):
            self._seen = view
            super()._handle_coordinator_update()
