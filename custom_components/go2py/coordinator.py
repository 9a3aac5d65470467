"""What is known of a gateway, fed by its events; and which cameras it has been given."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .client import GatewayClient, GatewayInfo
from .const import (
    CAMERA,
    CONF_ADDRESS,
    CONF_DEVICE,
    CONF_KEEP,
    CONF_MAKER,
    CONF_MODEL,
    CONF_ROTATE,
    CONF_SOURCES,
    CONF_STREAM,
    CONF_SUB_SOURCES,
    DOMAIN,
    EVENT_SCHEMA,
    LOGGER,
    MIN_VERSION,
)
from .errors import GatewayError, GatewayRefused, GatewayUnauthorized, GatewayUnreachable, NotGo2py
from .models import Stream, Streams

if TYPE_CHECKING:
    from .finder import Finder
    from .talkers import Talkers

_BACK_OFF = (1, 2, 4, 8, 15, 30)
_INFO_INTERVAL = timedelta(minutes=5)
_VIDEO_CODEC = re.compile(r"^a=rtpmap:\d+ (H26[45])/90000", re.MULTILINE | re.IGNORECASE)
_SNAPSHOT_SECONDS = 10.0

type Go2pyConfigEntry = ConfigEntry[Go2pyCoordinator]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera's subentry."""

    id: str
    title: str
    stream: str
    sources: tuple[str, ...]
    sub_sources: tuple[str, ...]
    maker: str
    model: str
    device: str = ""
    address: str = ""
    rotate: int = 0
    keep: bool = False

    @classmethod
    def of(cls, subentry: ConfigSubentry) -> Camera:
        data = subentry.data
        return cls(
            subentry.subentry_id,
            subentry.title,
            data[CONF_STREAM],
            tuple(data.get(CONF_SOURCES, ())),
            tuple(data.get(CONF_SUB_SOURCES, ())),
            data.get(CONF_MAKER, ""),
            data.get(CONF_MODEL, ""),
            data.get(CONF_DEVICE, ""),
            data.get(CONF_ADDRESS, ""),
            data.get(CONF_ROTATE, 0),
            data.get(CONF_KEEP, False),
        )

    @property
    def mac(self) -> str:
        """Its hardware address, if that is its identity."""
        return self.device if re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", self.device) else ""

    @property
    def sub_stream(self) -> str:
        """The small picture's stream."""
        return f"{self.stream}_sub"

    @property
    def owned(self) -> dict[str, tuple[str, ...]]:
        """Sources of the streams that the gateway has from us, by name."""
        streams = {self.stream: self.sources, self.sub_stream: self.sub_sources}
        return {name: sources for name, sources in streams.items() if sources}

    @property
    def streams(self) -> tuple[str, ...]:
        """The main stream and, where there is one, the small one."""
        return (self.stream, self.sub_stream) if self.sub_sources else (self.stream,)


def cameras_of(entry: ConfigEntry[Any]) -> dict[str, Camera]:
    """All cameras of a gateway by their subentry's id."""
    return {key: Camera.of(one) for key, one in entry.subentries.items() if one.subentry_type == CAMERA}


class OtherSchema(GatewayError):
    """The gateway's events mean something else than they did."""


class Go2pyCoordinator(DataUpdateCoordinator[Streams]):
    """One gateway: its streams as they are now, and the connection over which it tells of changes.

    Listeners are called for every event; an entity looks whether its own stream is another object than before.
    """

    config_entry: Go2pyConfigEntry
    info: GatewayInfo
    device_id: str
    """The gateway's device."""
    finder: Finder
    """Looks for cameras on its network."""
    talkers: Talkers
    """Which of its cameras can be spoken to."""

    def __init__(self, hass: HomeAssistant, entry: Go2pyConfigEntry, client: GatewayClient) -> None:
        super().__init__(hass, LOGGER, config_entry=entry, name=entry.title, update_interval=None, always_update=True)
        self.client = client
        self.applied = dict(entry.data)
        """The entry's data with which the connection was made."""
        self.cameras = cameras_of(entry)
        self.data = Streams()
        self.wanted: set[str] = set()
        """Streams that a browser wanted to play."""
        self.playable: set[str] = set()
        """Codecs that any of the browsers can play, of those that matter here."""
        self._adders: list[Callable[[Camera], None]] = []
        self.added: set[str] = set()
        """Streams that an action made for now."""
        self._owed: set[str] = set()
        """Streams that the gateway still has to be told of; those of no camera are to go."""
        self._unkept: set[str] = set()
        """Streams whose cameras no longer have to stay connected, of which it still has to be told."""
        self._lock = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return self.last_update_success

    def stream(self, name: str) -> Stream | None:
        """A stream; None while the gateway is away or does not know it."""
        return self.data.get(name) if self.connected else None

    # --- connection ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Check the gateway and wait for its first snapshot. Raises the `ConfigEntry…` errors."""
        host = str(self.client.url.host)
        try:
            self.info = await self.client.info()
        except GatewayUnauthorized as error:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key="invalid_auth") from error
        except NotGo2py as error:
            raise ConfigEntryError(
                translation_domain=DOMAIN, translation_key="not_go2py", translation_placeholders={"host": host}
            ) from error
        except GatewayError as error:
            raise self._not_ready(str(error)) from error
        if _version(self.info.version) < MIN_VERSION:
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="gateway_too_old",
                translation_placeholders={"version": self.info.version, "needed": ".".join(map(str, MIN_VERSION))},
            )
        ready: asyncio.Future[None] = self.hass.loop.create_future()
        entry = self.config_entry
        entry.async_create_background_task(self.hass, self._listen(ready), f"go2py events of {host}")
        try:
            async with asyncio.timeout(_SNAPSHOT_SECONDS):
                await ready
        except OtherSchema as error:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="gateway_too_new") from error
        except (TimeoutError, GatewayError) as error:
            raise self._not_ready(str(error)) from error
        entry.async_on_unload(async_track_time_interval(self.hass, self._look_again, _INFO_INTERVAL))

    def _not_ready(self, detail: str) -> ConfigEntryNotReady:
        return ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="gateway_unreachable",
            translation_placeholders={"host": str(self.client.url.host), "detail": detail},
        )

    async def _listen(self, ready: asyncio.Future[None]) -> None:
        """Follow the events for ever; wait longer between attempts while the gateway is away."""
        failures = 0
        while True:
            try:
                async with self.client.events() as events:
                    async for message in events:
                        await self._take(message, ready)
                        failures = 0
                error: GatewayError = GatewayUnreachable("the gateway ended the connection")
            except GatewayUnauthorized as refusal:
                self.async_set_update_error(refusal)
                self.config_entry.async_start_reauth(self.hass)
                return
            except (GatewayError, ValueError, TypeError, KeyError, AttributeError) as failure:
                error = failure if isinstance(failure, GatewayError) else GatewayError(f"odd event: {failure!r}")
            if not ready.done():
                ready.set_exception(error)
                return
            self.async_set_update_error(error)
            await asyncio.sleep(_BACK_OFF[min(failures, len(_BACK_OFF) - 1)])
            failures += 1

    async def _take(self, message: dict[str, Any], ready: asyncio.Future[None]) -> None:
        if message.get("type") == "snapshot" and message["data"].get("schema", 0) > EVENT_SCHEMA:
            raise OtherSchema("it is newer than the integration; update go2py in Home Assistant")
        changed = self.data.apply(message)
        if message.get("type") == "snapshot":
            was_away = not self.connected
            self.async_set_updated_data(self.data)
            if was_away:
                LOGGER.info("%s is back", self.name)
            if not ready.done():
                ready.set_result(None)
            await self.provide()
            await self._look_again()
        elif changed:
            self.async_set_updated_data(self.data)

    async def _look_again(self, _: datetime | None = None) -> None:
        """A gateway that was started anew may have another version, and ports that were taken may be free: the only
        things of which no event tells."""
        if self.connected:
            with suppress(GatewayError):  # the events' connection tells of it, too
                self.info = await self.client.info()
                self.async_update_listeners()

    @callback
    def note_offer(self, stream: str, offer: str) -> None:
        """A browser wants to play a stream: what it could play tells whether it ever will."""
        if "m=video" not in offer:
            return  # it only speaks
        self.wanted.add(stream)
        self.playable |= {name.upper() for name in _VIDEO_CODEC.findall(offer)}
        self.async_update_listeners()

    # --- cameras ------------------------------------------------------------------------------------------------------

    @callback
    def each_camera(self, add: Callable[[Camera], None]) -> None:
        """Call `add` for every camera there is and that will come."""
        self._adders.append(add)
        for camera in self.cameras.values():
            add(camera)

    @callback
    def follow_subentries(self) -> None:
        """Cameras were added, changed or removed in the entry: nothing else is touched."""
        before, self.cameras = self.cameras, cameras_of(self.config_entry)
        for key in before.keys() | self.cameras.keys():
            old, new = before.get(key), self.cameras.get(key)
            had, has = old.owned if old else {}, new.owned if new else {}
            self._owed |= {name for name in had.keys() | has.keys() if had.get(name) != has.get(name)}
            if old is None and new is not None:
                for add in self._adders:
                    add(new)
            elif old is not None and new is not None and new.title != old.title:
                self._rename(new)
            if old is not None and old.keep and (new is None or not new.keep):
                self._unkept.add(old.stream)
        self.async_update_listeners()
        if self._owed or self._unkept or any(camera.keep for camera in self.cameras.values()):
            self.config_entry.async_create_background_task(self.hass, self.provide(), "go2py cameras")

    def _rename(self, camera: Camera) -> None:
        dr.async_get(self.hass).async_get_or_create(
            config_entry_id=self.config_entry.entry_id,
            config_subentry_id=camera.id,
            identifiers={(DOMAIN, camera.id)},
            name=camera.title,
        )

    async def provide(self) -> None:
        """Have the gateway's streams be as the cameras say. What fails now is done when the gateway is back."""
        async with self._lock:
            sources = {name: texts for camera in self.cameras.values() for name, texts in camera.owned.items()}
            for name in sorted(self._owed | (sources.keys() - self.data.keys())):
                try:
                    if name in sources:
                        await self.client.put_stream(name, sources[name])
                    else:
                        await self.client.delete_stream(name)
                except GatewayRefused as error:
                    LOGGER.warning("%s does not take the camera %s: %s", self.name, name, error)
                except GatewayError as error:
                    self._owed.add(name)
                    LOGGER.debug("%s is told of %s later: %s", self.name, name, error)
                    continue
                self._owed.discard(name)
            await self._keep()

    async def _keep(self) -> None:
        """Have cameras stay connected, or no longer. Asking again for what is so changes nothing."""
        kept = {camera.stream for camera in self.cameras.values() if camera.keep}
        self._unkept -= kept
        for name in sorted(kept | self._unkept):
            try:
                await self.client.set_kept(name, kept=name in kept)
            except GatewayRefused as error:
                LOGGER.debug("%s cannot keep %s: %s", self.name, name, error)  # it has no such stream
            except GatewayError as error:
                LOGGER.debug("%s is told later to keep %s: %s", self.name, name, error)
                return
            if name not in kept:  # a choice that was made meanwhile stays to be told
                self._unkept.discard(name)


async def forget_cameras(client: GatewayClient, entry: ConfigEntry[Any]) -> None:
    """Take the streams that the integration made out of the gateway, as far as it can be reached."""
    with suppress(GatewayError):
        for camera in cameras_of(entry).values():
            for name in camera.owned:
                await client.delete_stream(name)


def _version(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split(".")[:2]:
        digits = "".join(char for char in part if char.isdecimal())
        numbers.append(int(digits or 0))
    return tuple(numbers)
