"""The camera's loudspeaker."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, override

from homeassistant.components import media_source
from homeassistant.components.media_player import (
    BrowseMedia,
    MediaPlayerDeviceClass,
    MediaPlayerEnqueue,
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    MediaType,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import ExtraStoredData, RestoreEntity
from homeassistant.util import dt as dt_util

from .coordinator import Camera, Go2pyConfigEntry, Go2pyCoordinator
from .errors import GatewayError
from .models import Play
from .sounds import address_of, factor_of, name_of
from .talkers import SPEAKER, TalkEntity

PARALLEL_UPDATES = 0
_STATES = {"starting": MediaPlayerState.BUFFERING, "playing": MediaPlayerState.PLAYING}
_ENQUEUE = {MediaPlayerEnqueue.ADD: "add", MediaPlayerEnqueue.NEXT: "next"}


async def async_setup_entry(
    hass: HomeAssistant, entry: Go2pyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the loudspeakers of cameras that have one, now and when they are found."""
    coordinator = entry.runtime_data

    def add(camera: Camera) -> None:
        async_add_entities([Speaker(coordinator, camera)], config_subentry_id=camera.id)

    coordinator.talkers.each_camera(add)


@dataclass(frozen=True)
class Loudness(ExtraStoredData):
    """What is remembered over restarts, also of a camera that is away then."""

    level: float = 1.0
    muted: bool = False

    @override
    def as_dict(self) -> dict[str, Any]:
        return {"level": self.level, "muted": self.muted}

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(float(data.get("level", 1.0)), bool(data.get("muted")))


class Speaker(TalkEntity, MediaPlayerEntity, RestoreEntity):
    """Plays into the camera what Home Assistant has: texts, files, radio. Off while the camera is off."""

    _attr_translation_key = "speaker"
    _attr_device_class = MediaPlayerDeviceClass.SPEAKER
    _attr_media_content_type = MediaType.MUSIC
    _attr_supported_features = (
        MediaPlayerEntityFeature.PLAY_MEDIA
        | MediaPlayerEntityFeature.STOP
        | MediaPlayerEntityFeature.MEDIA_ANNOUNCE
        | MediaPlayerEntityFeature.MEDIA_ENQUEUE
        | MediaPlayerEntityFeature.BROWSE_MEDIA
        | MediaPlayerEntityFeature.VOLUME_SET
        | MediaPlayerEntityFeature.VOLUME_STEP
        | MediaPlayerEntityFeature.VOLUME_MUTE
    )

    def __init__(self, coordinator: Go2pyCoordinator, camera: Camera) -> None:
        super().__init__(coordinator, camera, SPEAKER)
        self._loudness = Loudness()
        self._title = "", ""
        """What was asked for last and how its source calls it."""
        self._play = Play()
        self._take_over()

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        if (stored := await self.async_get_last_extra_data()) is not None:
            self._loudness = Loudness.parse(stored.as_dict())
        self.coordinator.talkers.volumes[self.camera.id] = self._factor

    @property
    @override
    def extra_restore_state_data(self) -> Loudness:
        return self._loudness

    # --- what it shows ------------------------------------------------------------------------------------------------

    @override
    def told(self) -> object:
        self._take_over()
        return self._play

    def _take_over(self) -> None:
        play = self.coordinator.data.play(self.stream_name)
        if play == self._play:
            return
        self._play = play
        self._attr_media_position_updated_at: datetime | None = None
        self._attr_media_position = self._attr_media_duration = None
        self._attr_media_title = None
        if play.state in _STATES:
            self._attr_media_title = (self._title[1] if play.title == self._title[0] else name_of(play.title)) or None
            if play.duration:
                self._attr_media_duration = round(play.duration)
                self._attr_media_position = round(play.position)
                self._attr_media_position_updated_at = dt_util.utcnow()

    @property
    @override
    def available(self) -> bool:
        stream = self.gateway_stream
        return stream is not None and not stream.problem

    @property
    @override
    def state(self) -> MediaPlayerState:
        if (stream := self.gateway_stream) and stream.paused:
            return MediaPlayerState.OFF
        return _STATES.get(self._play.state, MediaPlayerState.IDLE)

    @property
    @override
    def volume_level(self) -> float:
        return self._loudness.level

    @property
    @override
    def is_volume_muted(self) -> bool:
        return self._loudness.muted

    @property
    def _factor(self) -> float:
        return 0.0 if self._loudness.muted else factor_of(self._loudness.level)

    # --- what it does -------------------------------------------------------------------------------------------------

    @override
    async def async_play_media(
        self,
        media_type: MediaType | str,
        media_id: str,
        enqueue: MediaPlayerEnqueue | None = None,
        announce: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Play at once or in its turn; back when the camera listens. An announcement ends what is playing."""
        source = await address_of(self.hass, self.coordinator, media_id, self.entity_id)
        metadata = (kwargs.get("extra") or {}).get("metadata") or {}
        self._title = source, str(metadata.get("title") or name_of(source))
        how = _ENQUEUE.get(enqueue, "replace") if enqueue is not None else "replace"
        wish = {"src": source, "volume": self._factor, "enqueue": how}
        try:
            await self.coordinator.client.play([self.stream_name], wish)
        except GatewayError as error:
            raise self.failure(error) from error

    @override
    async def async_media_stop(self) -> None:
        """End what plays, and forget what waits."""
        try:
            await self.coordinator.client.stop_playing(self.stream_name)
        except GatewayError as error:
            raise self.failure(error) from error

    @override
    async def async_set_volume_level(self, volume: float) -> None:
        """Of what plays and of all that will."""
        await self._set(Loudness(volume, self._loudness.muted))

    @override
    async def async_mute_volume(self, mute: bool) -> None:
        """What plays goes on unheard."""
        await self._set(Loudness(self._loudness.level, mute))

    async def _set(self, loudness: Loudness) -> None:
        self._loudness = loudness
        self.coordinator.talkers.volumes[self.camera.id] = self._factor
        self.async_write_ha_state()
        try:
            await self.coordinator.client.set_play_volume(self.stream_name, self._factor)
        except GatewayError as error:
            raise self.failure(error) from error

    @override
    async def async_browse_media(
        self, media_content_type: MediaType | str | None = None, media_content_id: str | None = None
    ) -> BrowseMedia:
        """Home Assistant's sounds."""
        return await media_source.async_browse_media(
            self.hass, media_content_id, content_filter=lambda item: item.media_content_type.startswith("audio/")
        )
