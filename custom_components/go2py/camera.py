"""The camera entity."""

import asyncio
import time
from functools import partial
from typing import Any, override

from homeassistant.components.camera import Camera as CameraEntity
from homeassistant.components.camera import CameraEntityFeature, WebRTCSendMessage
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from webrtc_models import RTCIceCandidateInit

from .client import GatewayError
from .const import LOGGER
from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .entity import Go2pyEntity
from .webrtc import WebRtcSession

PARALLEL_UPDATES = 0
_FRAME_SECONDS = 9.0
"""Home Assistant gives a picture 10 s, the camera's start included."""
_LAST_GOOD_SECONDS = 10.0

type Size = tuple[int, int]


async def async_setup_entry(
    hass: HomeAssistant, entry: Go2pyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add what there is to a camera, now and when cameras come."""
    coordinator = entry.runtime_data

    def add(camera: Camera) -> None:
        entities: list[Go2pyCamera] = [MainCamera(coordinator, camera)]
        if camera.sub_sources:
            entities.append(SubCamera(coordinator, camera))
        async_add_entities(entities, config_subentry_id=camera.id)

    coordinator.each_camera(add)


class Go2pyCamera(Go2pyEntity, CameraEntity):
    """A stream of the gateway: WebRTC passed through, stills and RTSP from the gateway."""

    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera, key: str = "") -> None:
        CameraEntity.__init__(self)
        Go2pyEntity.__init__(self, coordinator, camera, key)
        self._sessions: dict[str, tuple[WebRtcSession, asyncio.Task[None]]] = {}
        self._pictures: dict[Size, asyncio.Task[bytes]] = {}
        """Requests on their way: many dashboards ask for the same picture at once."""
        self._last: dict[Size, tuple[float, bytes]] = {}
        self._take_over()

    @property
    @override
    def available(self) -> bool:
        return (self.stream is None or self.stream.available) and super().available and not self._problem

    @property
    def _problem(self) -> str:
        return self.gateway_stream.problem if self.gateway_stream else ""

    @property
    @override
    def capability_attributes(self) -> dict[str, Any] | None:
        """Why there is no picture; other attributes are hidden while the entity is unavailable."""
        return {"reason": self._problem} if self._problem else None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._take_over()
        super()._handle_coordinator_update()

    def _take_over(self) -> None:
        self._attr_is_streaming = bool(self.gateway_stream and self.gateway_stream.viewers)

    @override
    async def async_will_remove_from_hass(self) -> None:
        for session_id in tuple(self._sessions):
            self.close_webrtc_session(session_id)
        await super().async_will_remove_from_hass()

    # --- pictures -----------------------------------------------------------------------------------------------------

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        """The newest picture in about this size; a very recent one if the camera does not answer now."""
        size = width or 0, height or 0
        task = self._pictures.get(size)
        if task is None:
            task = self._pictures[size] = self.hass.async_create_task(self._picture(size), eager_start=False)
            task.add_done_callback(partial(self._arrived, size))
        try:
            picture = await asyncio.shield(task)
        except GatewayError as error:
            LOGGER.debug("%s has no picture now: %s", self.entity_id, error)
            taken, last = self._last.get(size, (0.0, b""))
            return last if last and time.monotonic() - taken < _LAST_GOOD_SECONDS else None
        self._last = {size: (time.monotonic(), picture)}
        return picture

    async def _picture(self, size: Size) -> bytes:
        return await self.coordinator.client.frame(self.stream_name, *size, limit=_FRAME_SECONDS)

    def _arrived(self, size: Size, task: asyncio.Task[bytes]) -> None:
        self._pictures.pop(size, None)
        if not task.cancelled():
            task.exception()  # known here, should everybody who waited have left

    @override
    async def stream_source(self) -> str | None:
        """RTSP of the gateway, for recording, HLS and casting; None where the gateway serves none."""
        port = self.coordinator.info.rtsp_port
        return self.coordinator.client.rtsp_url(self.stream_name, port) if port else None

    # --- WebRTC -------------------------------------------------------------------------------------------------------

    @override
    async def async_handle_async_webrtc_offer(
        self, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        """Pass the offer to the gateway; the answer and what follows come through `send_message`."""
        configuration = self.async_get_webrtc_client_configuration().configuration
        servers = [server.to_dict() for server in configuration.ice_servers]
        session = WebRtcSession(self.hass, self.coordinator.client, self.stream_name, send_message)
        task = self.coordinator.config_entry.async_create_background_task(
            self.hass, session.run(offer_sdp, servers), f"go2py WebRTC {session_id}"
        )
        self._sessions[session_id] = session, task
        task.add_done_callback(lambda _: self._sessions.pop(session_id, None))

    @override
    async def async_on_webrtc_candidate(self, session_id: str, candidate: RTCIceCandidateInit) -> None:
        """Pass a viewer's candidate on."""
        if session_id in self._sessions:
            await self._sessions[session_id][0].candidate(candidate.candidate)

    @callback
    @override
    def close_webrtc_session(self, session_id: str) -> None:
        """The viewer left."""
        if session_id in self._sessions:
            self._sessions.pop(session_id)[1].cancel()


class MainCamera(Go2pyCamera):
    """The camera at its best; it is named after the device."""

    _attr_name = None


class SubCamera(Go2pyCamera):
    """The camera's small picture, for tiles and old tablets."""

    _attr_translation_key = "sub"
    _attr_entity_registry_enabled_default = False

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera) -> None:
        super().__init__(coordinator, camera, "sub")

    @property
    @override
    def stream_name(self) -> str:
        return self.camera.sub_stream
