"""The camera entity."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from typing import Any, override

from aiohttp import ClientError, ClientResponse, hdrs, web
from homeassistant.components import camera as camera_component
from homeassistant.components.camera import Camera as CameraEntity
from homeassistant.components.camera import CameraEntityFeature, WebRTCSendMessage
from homeassistant.components.stream import Orientation, Stream
from homeassistant.core import HomeAssistant, ServiceResponse, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from webrtc_models import RTCIceCandidateInit

from . import share
from .const import LOGGER
from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .entity import Go2pyEntity
from .errors import GatewayError
from .webrtc import WebRtcSession

PARALLEL_UPDATES = 0
_FRAME_SECONDS = 9.0
"""Home Assistant gives a picture 10 s, the camera's start included."""
_LAST_GOOD_SECONDS = 10.0
_REASON_SECONDS = 75.0
"""Between two reasons: Home Assistant keeps this attribute in its registry, and warns of 100 changes an hour."""
_ORIENTATIONS = {
    0: Orientation.NO_TRANSFORM,
    90: Orientation.ROTATE_RIGHT,
    180: Orientation.ROTATE_180,
    270: Orientation.ROTATE_LEFT,
}

_CAPABILITIES: Callable[..., Any] | None = getattr(camera_component, "CameraEntityCapabilities", None)
"""Home Assistant knows two-way audio since 2026.11."""

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
    """A stream of the gateway: WebRTC passed through, stills, MJPEG and RTSP from the gateway.

    Off means that the gateway has closed the camera's connections, those of the small picture too. Home Assistant asks
    nothing of a camera that is off, and says so itself.
    """

    _attr_supported_features = CameraEntityFeature.STREAM | CameraEntityFeature.ON_OFF
    _unrecorded_attributes = frozenset({"reason"})

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera, key: str = "") -> None:
        CameraEntity.__init__(self)
        Go2pyEntity.__init__(self, coordinator, camera, key)
        self._sessions: dict[str, tuple[WebRtcSession, asyncio.Task[None]]] = {}
        self._pictures: dict[Size, asyncio.Task[bytes]] = {}
        """Requests on their way: many dashboards ask for the same picture at once."""
        self._last: dict[Size, tuple[float, bytes]] = {}
        self._moving: set[ClientResponse] = set()
        """MJPEG that passes through."""
        self._reason, self._reason_since = "", -_REASON_SECONDS
        self._look = True, camera.rotate
        """Whether there is a picture, and how it is turned."""
        self._take_over()

    @property
    @override
    def available(self) -> bool:
        recorder_works = self.stream is None or self.stream.available
        return recorder_works and super().available and not self._problem

    @property
    def _problem(self) -> str:
        return self.gateway_stream.problem if self.gateway_stream else ""

    @property
    @override
    def capability_attributes(self) -> dict[str, Any] | None:
        """Why there is no picture, in a word; other attributes are hidden while the entity is unavailable."""
        return {"reason": self._reason} if self._reason else None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._take_over()
        super()._handle_coordinator_update()

    def _take_over(self) -> None:
        stream = self.gateway_stream
        self._attr_is_streaming = bool(stream and stream.viewers)
        self._attr_is_on = not (stream and stream.paused)
        self._note_reason(stream.problem_code if stream else "")
        if _CAPABILITIES is not None:
            hears = self.coordinator.talkers.knows(self.stream_name)
            self._attr_camera_entity_capabilities = _CAPABILITIES(two_way_audio=hears)
        look = self._attr_is_on, self.camera.rotate
        if look != self._look:
            self._look = look
            self._last.clear()
            self._end_stream()

    def _note_reason(self, code: str) -> None:
        """One that comes too soon after another is left to the next attempt."""
        if code and code != self._reason:
            if time.monotonic() - self._reason_since < _REASON_SECONDS:
                return
            self._reason_since = time.monotonic()
        self._reason = code

    @override
    async def async_will_remove_from_hass(self) -> None:
        for session_id in tuple(self._sessions):
            self.close_webrtc_session(session_id)
        for response in tuple(self._moving):
            response.close()
        if self.stream is not None:
            await _stop(self.stream)
        await super().async_will_remove_from_hass()

    # --- on and off ---------------------------------------------------------------------------------------------------

    @override
    async def async_turn_on(self) -> None:
        """Let the camera be connected again, both its pictures."""
        await self.set_paused(paused=False)

    @override
    async def async_turn_off(self) -> None:
        """Close the camera's connections and keep them closed, whoever asks."""
        await self.set_paused(paused=True)

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
        if self.gateway_stream is not None and self.gateway_stream.paused:
            return None  # meanwhile
        self._last = {size: (time.monotonic(), picture)}
        return picture

    async def _picture(self, size: Size) -> bytes:
        width, height = size
        rotate = self.camera.rotate
        if rotate in {90, 270}:
            width, height = height, width  # the gateway scales, then turns
        client = self.coordinator.client
        return await client.frame(self.stream_name, width, height, rotate=rotate, limit=_FRAME_SECONDS)

    def _arrived(self, size: Size, task: asyncio.Task[bytes]) -> None:
        self._pictures.pop(size, None)
        if not task.cancelled():
            task.exception()  # known here, should everybody who waited have left

    @override
    async def handle_async_mjpeg_stream(self, request: web.Request) -> web.StreamResponse | None:
        """The gateway's MJPEG, for who cannot play anything better."""
        try:
            async with self.coordinator.client.mjpeg(self.stream_name, self.camera.rotate) as source:
                return await self._pass_through(request, source)
        except (GatewayError, ClientError, TimeoutError) as error:
            LOGGER.debug("%s has no moving picture now: %s", self.entity_id, error)
            return None

    async def _pass_through(self, request: web.Request, source: ClientResponse) -> web.StreamResponse:
        """Hand on what comes until one side leaves or this entity goes."""
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: source.headers[hdrs.CONTENT_TYPE], hdrs.CACHE_CONTROL: "no-store"}
        )
        await response.prepare(request)
        self._moving.add(source)
        try:
            async for chunk in source.content.iter_any():
                await response.write(chunk)
        except (ClientError, TimeoutError) as error:
            LOGGER.debug("%s: the moving picture ended: %s", self.entity_id, error)
        finally:
            self._moving.discard(source)
        return response

    # --- Home Assistant's own reader: recording, HLS, casting ---------------------------------------------------------

    @override
    async def stream_source(self) -> str | None:
        """RTSP of the gateway; None where it serves none."""
        port = self.coordinator.info.rtsp_port
        return self.coordinator.client.rtsp_url(self.stream_name, port) if port else None

    @override
    async def async_create_stream(self) -> Stream | None:
        """Turned as the camera is, unless the user chose something in Home Assistant's own settings."""
        stream = await super().async_create_stream()
        if stream is not None and (settings := stream.dynamic_stream_settings).orientation == Orientation.NO_TRANSFORM:
            turned = _ORIENTATIONS[self.camera.rotate]
            stream.dynamic_stream_settings = replace(settings, orientation=turned)  # the original is the user's
        return stream

    def _end_stream(self) -> None:
        """Otherwise it would go on asking, and call a camera broken that is off."""
        if self.stream is not None:
            self.hass.async_create_task(_stop(self.stream), f"{self.entity_id} changed")
            self.stream = None

    # --- WebRTC -------------------------------------------------------------------------------------------------------

    @override
    async def async_handle_async_webrtc_offer(
        self, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        """Pass the offer to the gateway; the answer and what follows come through `send_message`."""
        client = self.coordinator.client
        session = WebRtcSession(self.hass, client, self.stream_name, send_message, self.camera)
        self.coordinator.note_offer(self.stream_name, offer_sdp)
        configuration = self.async_get_webrtc_client_configuration().configuration
        servers = [server.to_dict() for server in configuration.ice_servers]
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

    # --- actions ------------------------------------------------------------------------------------------------------

    async def async_stream_info(self) -> ServiceResponse:
        """What the gateway knows of the stream, and what a viewer would get."""
        stream = self.gateway_stream
        assert stream is not None  # actions pass over what is unavailable
        try:
            plan = await self.coordinator.client.plan(self.stream_name)
        except GatewayError as error:
            raise self.failure(error) from error
        return {
            "stream": self.stream_name,
            "state": "off" if stream.paused else "live" if stream.live else "idle",
            "sources": [asdict(source) for source in stream.sources],
            "video": asdict(stream.video),
            "audio": asdict(stream.audio),
            "viewers": stream.viewers,
            "readers": [*sorted(stream.readers.values())],
            "plan": dict(plan),
        }

    async def async_create_share_link(self, kind: str, duration: timedelta) -> ServiceResponse:
        """A link to this camera that needs no login and ends by itself."""
        return share.link(self.hass, self.entity_id, kind, duration)


async def _stop(stream: Stream) -> None:
    """End Home Assistant's reader with its outputs, also one that is meant to run for ever (preload)."""
    stream.dynamic_stream_settings = replace(stream.dynamic_stream_settings, preload_stream=False)
    for output in stream.outputs().values():
        await stream.remove_provider(output)
    await stream.stop()


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
