"""Which cameras can be spoken to: found out once each, and what they get then."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Final, override

from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN, LOGGER
from .coordinator import Camera, Go2pyCoordinator
from .entity import Go2pyEntity
from .errors import GatewayError

SPEAKER: Final = "speaker"
TALK: Final = "talk"
TALK_STATES: Final = ("idle", "opening", "talking", "busy", "refused")
_PLATFORMS: Final = {SPEAKER: "media_player", TALK: "sensor"}
_RETRY_SECONDS: Final = 60.0
_AT_ONCE: Final = 2
"""Cameras asked together: there may be sixty."""


class Talkers:
    """Asks every camera once whether it hears, and one that could not be asked when it brings a picture. One that did
    once has its entities from the start, even while it is away; they go when it says that it does not hear any more.
    """

    def __init__(self, coordinator: Go2pyCoordinator) -> None:
        self._coordinator = coordinator
        self._registry = er.async_get(coordinator.hass)
        self.volumes: dict[str, float] = {}
        """How loud a camera's speaker is set, as the gateway's factor, by the camera's id."""
        self._adders: list[Callable[[Camera], None]] = []
        self._asked: dict[str, tuple[tuple[int | None, ...], bool]] = {}
        """Which sources a stream had when its camera was asked, and whether that was final."""
        self._turns = asyncio.Semaphore(_AT_ONCE)
        cameras = coordinator.cameras.values()
        self._equipped = {camera.id for camera in cameras if self._entity(camera, SPEAKER)}
        """Cameras that have the entities."""
        self._hearing = {camera.stream for camera in cameras if camera.id in self._equipped}
        """Streams whose cameras hear."""
        coordinator.config_entry.async_on_unload(coordinator.async_add_listener(self._look))
        self._look()

    def knows(self, stream: str) -> bool:
        """Whether a stream's camera can be spoken to, as far as is known."""
        return stream in self._hearing

    @callback
    def each_camera(self, add: Callable[[Camera], None]) -> None:
        """Call `add` for every camera that hears and that will."""
        self._adders.append(add)
        for camera in self._coordinator.cameras.values():
            if camera.id in self._equipped:
                add(camera)

    @callback
    def _look(self) -> None:
        gateway = self._coordinator
        if not gateway.connected:
            self._asked.clear()  # another gateway or camera may come back
            return
        self._equipped &= gateway.cameras.keys()
        for camera in gateway.cameras.values():
            for name in camera.streams:
                self._judge(name)
            if camera.stream in self._hearing and camera.id not in self._equipped:
                self._equipped.add(camera.id)
                for add in self._adders:
                    add(camera)

    def _judge(self, name: str) -> None:
        gateway = self._coordinator
        if gateway.data.talk(name) is not None:
            self._hearing.add(name)
        elif (stream := gateway.stream(name)) is not None and not stream.paused:
            sources = tuple(source.id for source in stream.sources)
            if self._asked.get(name) not in ((sources, stream.live), (sources, True)):
                self._asked[name] = (sources, stream.live)
                gateway.config_entry.async_create_background_task(
                    gateway.hass, self._ask(name, sources, live=stream.live), f"go2py talk of {name}"
                )

    async def _ask(self, name: str, sources: tuple[int | None, ...], *, live: bool) -> None:
        try:
            async with self._turns:
                hears = await self._coordinator.client.can_hear(name)
        except GatewayError as error:
            LOGGER.debug("Whether %s can be spoken to is asked again later: %s", name, error)
            if live:
                await asyncio.sleep(_RETRY_SECONDS)
                if self._asked.get(name) == (sources, True):
                    del self._asked[name]
        else:
            if self._asked.get(name) == (sources, live):
                self._asked[name] = (sources, True)
            if hears:
                self._hearing.add(name)
            else:
                self._hearing.discard(name)
                self._strip(name)
        self._coordinator.async_update_listeners()

    def _strip(self, name: str) -> None:
        """Home Assistant keeps what the user chose for the entities, should they come back."""
        for camera in self._coordinator.cameras.values():
            if camera.stream == name:
                self._equipped.discard(camera.id)
                for key in _PLATFORMS:
                    if entity_id := self._entity(camera, key):
                        self._registry.async_remove(entity_id)

    def _entity(self, camera: Camera, key: str) -> str | None:
        return self._registry.async_get_entity_id(_PLATFORMS[key], DOMAIN, f"{camera.id}_{key}")


class TalkEntity(Go2pyEntity):
    """An entity that also shows what changes without the camera's stream."""

    _told: object = None

    @abstractmethod
    def told(self) -> object:
        """What it shows of that, as something that can be compared."""

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        if (told := self.told()) != self._told:
            self._told = told
            self._seen = self.gateway_stream
            self.async_write_ha_state()
        else:
            super()._handle_coordinator_update()
