"""Repairs: what only the user can put right, raised when it lasts and withdrawn when it is over."""

from datetime import datetime
from functools import partial
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN
from .coordinator import Camera, Go2pyCoordinator
from .reasons import INVALID_AUTH, reason_key

UNREACHABLE_SECONDS: Final = 30 * 60


class Issues:
    """Watches all cameras of a gateway."""

    def __init__(self, coordinator: Go2pyCoordinator) -> None:
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._waiting: dict[str, CALLBACK_TYPE] = {}
        """Cameras that are away, and how to stop the clock."""
        self._raised: dict[str, Camera] = {}
        """By the issue's id."""
        self._stop = coordinator.async_add_listener(self._look)
        self._look()

    @callback
    def close(self) -> None:
        """Nothing is watched any more, so nothing can be told."""
        self._stop()
        for camera_id in tuple(self._waiting):
            self._waiting.pop(camera_id)()
        for issue_id in tuple(self._raised):
            self._withdraw(issue_id)

    @callback
    def _look(self) -> None:
        cameras = self._coordinator.cameras
        for camera_id in self._waiting.keys() - cameras.keys():
            self._waiting.pop(camera_id)()
        for issue_id, camera in tuple(self._raised.items()):
            if camera.id not in cameras:
                self._withdraw(issue_id)
        for camera in cameras.values():
            self._judge(camera)

    def _judge(self, camera: Camera) -> None:
        stream = self._coordinator.stream(camera.stream)
        if stream is None:
            return  # the gateway's trouble, which its entry shows
        if not (problem := stream.problem):
            if stream.live:
                self._waiting.pop(camera.id, _nothing)()
                self._withdraw(_auth_issue(camera.id))
                self._withdraw(_away_issue(camera.id))
            return
        if reason_key(problem) == INVALID_AUTH and camera.sources:
            self._raise(_auth_issue(camera.id), INVALID_AUTH, camera, fixable=True)
        elif camera.id not in self._waiting:
            self._waiting[camera.id] = async_call_later(self._hass, UNREACHABLE_SECONDS, partial(self._away, camera.id))

    @callback
    def _away(self, camera_id: str, _: datetime) -> None:
        """The camera has been without a picture for long."""
        self._waiting[camera_id] = _nothing
        camera = self._coordinator.cameras[camera_id]
        stream = self._coordinator.stream(camera.stream)
        self._raise(_away_issue(camera_id), "camera_away", camera, detail=stream.problem if stream is not None else "")

    def _raise(self, issue_id: str, key: str, camera: Camera, *, fixable: bool = False, detail: str = "") -> None:
        if issue_id in self._raised:
            return
        self._raised[issue_id] = camera
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            data={"entry": self._coordinator.config_entry.entry_id, "camera": camera.id},
            is_fixable=fixable,
            severity=ir.IssueSeverity.ERROR if fixable else ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders={"name": camera.title, "detail": detail},
        )

    def _withdraw(self, issue_id: str) -> None:
        if self._raised.pop(issue_id, None) is not None:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)


def _auth_issue(camera_id: str) -> str:
    return f"camera_auth_{camera_id}"


def _away_issue(camera_id: str) -> str:
    return f"camera_away_{camera_id}"


def _nothing() -> None:
    """A clock that has run out."""
