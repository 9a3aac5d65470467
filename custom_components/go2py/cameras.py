"""New cameras: what their subentries hold, under which name the gateway gets them."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.util import slugify

from .const import (
    CAMERA,
    CONF_ADDRESS,
    CONF_DEVICE,
    CONF_MAKER,
    CONF_MODEL,
    CONF_SOURCES,
    CONF_STREAM,
    CONF_SUB_SOURCES,
)
from .coordinator import Go2pyConfigEntry, cameras_of
from .sources import without_credentials


@dataclass(frozen=True, slots=True)
class NewCamera:
    """A camera that is about to be added; `stream` empty: a free name is made of the title."""

    title: str
    sources: tuple[str, ...]
    sub_sources: tuple[str, ...] = ()
    maker: str = ""
    model: str = ""
    device: str = ""
    address: str = ""
    stream: str = ""

    def data(self) -> dict[str, Any]:
        """What its subentry holds."""
        known = {CONF_DEVICE: self.device, CONF_ADDRESS: self.address} if self.device and self.address else {}
        return {
            CONF_STREAM: self.stream,
            CONF_SOURCES: list(self.sources),
            CONF_SUB_SOURCES: list(self.sub_sources),
            CONF_MAKER: self.maker,
            CONF_MODEL: self.model,
            **known,
        }


def add_camera(hass: HomeAssistant, entry: Go2pyConfigEntry, camera: NewCamera) -> None:
    """Give a gateway one more camera; its entities and streams follow by themselves."""
    data = MappingProxyType(camera.data())
    subentry = ConfigSubentry(data=data, subentry_type=CAMERA, title=camera.title, unique_id=camera.stream)
    hass.config_entries.async_add_subentry(entry, subentry)


def names_in_use(entry: Go2pyConfigEntry) -> set[str]:
    """Streams of the gateway, and those that it is still to get from us."""
    ours = {name for camera in cameras_of(entry).values() for name in (camera.stream, camera.sub_stream)}
    return entry.runtime_data.data.keys() | ours


def free_stream(entry: Go2pyConfigEntry, name: str) -> str:
    """A name for the gateway, made of the camera's, that nobody has."""
    taken = names_in_use(entry)
    wanted = slugify(name)
    number = 1
    stream = wanted
    while taken & {stream, f"{stream}_sub"}:
        number += 1
        stream = f"{wanted}_{number}"
    return stream


def bare_sources(entry: Go2pyConfigEntry) -> frozenset[str]:
    """All sources of a gateway's cameras without credentials, to tell what is there already."""
    cameras = cameras_of(entry).values()
    return frozenset(without_credentials(source) for one in cameras for source in (*one.sources, *one.sub_sources))
