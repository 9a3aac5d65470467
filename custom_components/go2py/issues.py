"""Repairs: what only the user can put right, raised when it lasts and withdrawn when it is over."""

from collections import Counter
from datetime import datetime
from functools import partial
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN, HELP_URL
from .coordinator import Camera, Go2pyCoordinator
from .models import Stream
from .reasons import INVALID_AUTH, reason_key

UNREACHABLE_SECONDS: Final = 30 * 60
REFUSALS: Final = 3
"""Attempts to speak to a camera, in vain, until the user is told."""


class Issues:
    """Watches a gateway and all its cameras."""

    def __init__(self, coordinator: Go2pyCoordinator) -> None:
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._waiting: dict[str, CALLBACK_TYPE] = {}
        """Cameras that are away, and how to stop the clock."""
        self._raised: dict[str, str] = {}
        """The camera's id by the issue's; empty where the gateway is meant."""
        self._talk: dict[str, str] = {}
        """How talk with a camera stood, by its id."""
        self._refusals: Counter[str] = Counter()
        """How often in a row it did not let itself be spoken to."""
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
        for issue_id, camera_id in tuple(self._raised.items()):
            if camera_id and camera_id not in cameras:
                self._withdraw(issue_id)
        for camera in cameras.values():
            stream = self._coordinator.stream(camera.stream)
            if stream is not None:  # else it is the gateway's trouble, which its entry shows
                self._judge_connection(camera, stream)
                self._judge_picture(camera, stream)
                self._judge_talk(camera)
        self._judge_ports()

    def _judge_connection(self, camera: Camera, stream: Stream) -> None:
        if not stream.problem:
            if stream.live or stream.paused:
                self._waiting.pop(camera.id, _nothing)()
                self._withdraw(f"camera_auth_{camera.id}")
                self._withdraw(f"camera_away_{camera.id}")
        elif reason_key(stream.problem_code) == INVALID_AUTH and camera.sources:
            self._raise(INVALID_AUTH, camera, fixable=True)
        elif camera.id not in self._waiting:
            self._waiting[camera.id] = async_call_later(self._hass, UNREACHABLE_SECONDS, partial(self._away, camera.id))

    @callback
    def _away(self, camera_id: str, _: datetime) -> None:
        """The camera has been without a picture for long."""
        self._waiting[camera_id] = _nothing
        camera = self._coordinator.cameras[camera_id]
        stream = self._coordinator.stream(camera.stream)
        self._raise("camera_away", camera, detail=stream.problem if stream is not None else "")

    def _judge_picture(self, camera: Camera, stream: Stream) -> None:
        if stream.live and stream.video.key_overdue:
            self._raise("no_key_picture", camera)
        else:
            self._withdraw(f"no_key_picture_{camera.id}")
        wanted = camera.stream in self._coordinator.wanted and "H265" not in self._coordinator.playable
        if wanted and stream.video.codec == "H265":
            self._raise("h265_not_playable", camera)
        elif stream.video.codec:  # while nobody looks it is not known
            self._withdraw(f"h265_not_playable_{camera.id}")

    def _judge_talk(self, camera: Camera) -> None:
        """Once may be a camera that restarts, or an app that holds its line."""
        talk = self._coordinator.data.talk(camera.stream) or {}
        state, before = talk.get("state", ""), self._talk.get(camera.id)
        self._talk[camera.id] = state
        if state == "talking":
            self._refusals[camera.id] = 0
            self._withdraw(f"talk_refused_{camera.id}")
        elif state == "refused" != before:
            self._refusals[camera.id] += 1
            if self._refusals[camera.id] >= REFUSALS:
                self._raise("talk_refused", camera, detail=str(talk.get("reason", "")))

    def _judge_ports(self) -> None:
        """Only what is connected tells whether it got its ports."""
        gateway = self._coordinator
        found = set()
        for port in gateway.info.blocked:
            found.add(issue_id := f"port_taken_{gateway.config_entry.entry_id}_{port.name}")
            if issue_id not in self._raised:
                self._raised[issue_id] = ""
                self._create(
                    issue_id, "port_taken", name=gateway.name, port=port.address, output=port.name, detail=port.problem
                )
        for issue_id, camera_id in tuple(self._raised.items()):
            if not camera_id and issue_id not in found:
                self._withdraw(issue_id)

    def _raise(self, key: str, camera: Camera, *, fixable: bool = False, detail: str = "") -> None:
        issue_id = f"{key}_{camera.id}"
        if issue_id not in self._raised:
            self._raised[issue_id] = camera.id
            data: dict[str, str | int | float | None] = {
                "entry": self._coordinator.config_entry.entry_id,
                "camera": camera.id,
            }
            self._create(issue_id, key, data if fixable else None, name=camera.title, detail=detail)

    def _create(
        self, issue_id: str, key: str, fix: dict[str, str | int | float | None] | None = None, **texts: str
    ) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            data=fix,
            is_fixable=fix is not None,
            learn_more_url=None if fix else HELP_URL,
            severity=ir.IssueSeverity.ERROR if fix else ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders=texts,
        )

    def _withdraw(self, issue_id: str) -> None:
        if self._raised.pop(issue_id, None) is not None:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)


def _nothing() -> None:
    """A clock that has run out."""
