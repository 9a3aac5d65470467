"""What the card asks Home Assistant over its WebSocket, beyond Home Assistant's own commands."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol
from homeassistant.components import websocket_api
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.event import async_track_state_change_event

from .camera import Go2pyCamera
from .const import DOMAIN
from .coordinator import Go2pyCoordinator
from .models import IDLE, LIVE, OFF, REFUSED, WAITING
from .seen import camera_for

_GATEWAY = "gateway"
"""The state of a camera whose gateway is away."""
_RANKS = {state: rank for rank, state in enumerate((LIVE, "connecting", WAITING, REFUSED, IDLE))}


@callback
def register(hass: HomeAssistant) -> None:
    """Make the commands known."""
    websocket_api.async_register_command(hass, subscribe_camera)


@websocket_api.websocket_command(
    {vol.Required("type"): f"{DOMAIN}/camera/subscribe", vol.Required("entity_id"): cv.entity_id}
)
@callback
def subscribe_camera(hass: HomeAssistant, connection: websocket_api.ActiveConnection, message: dict[str, Any]) -> None:
    """Tell how a camera is and how it stands with speaking to it, now and whenever that changes.

    An event is `{state, reason, code, sound, talk}`: `state` is that of the stream's best source (docs/events.md),
    `off` or `gateway`; `talk` is null where the camera cannot be spoken to.
    """
    entity_id, number = message["entity_id"], message["id"]
    if camera_for(hass, connection.user, entity_id) is None:
        connection.send_error(number, websocket_api.ERR_NOT_FOUND, "This is no camera of go2py")
        return

    @callback
    def tell(view: Mapping[str, Any]) -> None:
        connection.send_event(number, view)

    @callback
    def find() -> Go2pyCamera | None:
        return camera_for(hass, connection.user, entity_id)

    connection.send_result(number)
    watch = _Watch(hass, entity_id, find, tell)
    connection.subscriptions[number] = watch.close


class _Watch:
    """Follows a camera through reloads of its gateway's entry, which bring another coordinator."""

    def __init__(self, hass: HomeAssistant, entity_id: str, find: Any, tell: Any) -> None:
        self._find, self._tell = find, tell
        self._told: Mapping[str, Any] | None = None
        self._coordinator: Go2pyCoordinator | None = None
        self._leave: CALLBACK_TYPE | None = None
        self._untrack = async_track_state_change_event(hass, entity_id, self._changed)
        self._look()

    @callback
    def close(self) -> None:
        self._untrack()
        if self._leave is not None:
            self._leave()

    @callback
    def _changed(self, _: Event[EventStateChangedData]) -> None:
        self._look()

    @callback
    def _look(self) -> None:
        camera = self._find()
        coordinator = camera.coordinator if camera is not None else None
        if coordinator is not self._coordinator:
            if self._leave is not None:
                self._leave()
            self._coordinator = coordinator
            self._leave = coordinator.async_add_listener(self._look) if coordinator is not None else None
        view = view_of(camera)
        if view != self._told:
            self._told = view
            self._tell(view)


def view_of(camera: Go2pyCamera | None) -> dict[str, Any]:
    """What is told of a camera; of one that is being reloaded, that its gateway is away."""
    view = {"state": _GATEWAY, "reason": "", "code": "", "sound": False, "talk": None}
    if camera is None or (stream := camera.gateway_stream) is None:
        return view
    talk = camera.coordinator.data.talk(camera.stream_name)
    if talk is None and camera.coordinator.talkers.knows(camera.stream_name):
        talk = {"state": IDLE}
    view |= {"sound": bool(stream.audio.codec), "talk": dict(talk) if talk is not None else None}
    if stream.paused:
        return view | {"state": OFF, "code": "paused"}
    best = min(stream.sources, key=lambda source: _RANKS.get(source.state, len(_RANKS)), default=None)
    if best is None:
        return view | {"state": IDLE}
    return view | {"state": best.state, "reason": best.reason, "code": best.code}
