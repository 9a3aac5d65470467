"""What was found: sightings of the several ways of searching, merged into devices."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from .makers import maker_of

MAX_DEVICES = 512


@dataclass(frozen=True, slots=True)
class Sighting:
    """One answer. `host` is the address it came from, `via` the way of searching, `id` a lasting name in that way;
    `source` the text that a stream could have, as far as that is known."""

    host: str
    via: str
    id: str = ""
    mac: str = ""
    name: str = ""
    maker: str = ""
    model: str = ""
    source: str = ""


@dataclass(slots=True)
class Device:
    """One thing on the network that is likely to be a camera. `id` stays the same for as long as anything of it does:
    its hardware address if told, else its name in one of the protocols, else its address."""

    host: str
    sightings: dict[str, Sighting] = field(default_factory=dict)

    @property
    def id(self) -> str:
        if mac := self._first("mac"):
            return mac
        return next((f"{one.via}:{one.id}" for one in self._ordered() if one.id), self.host)

    @property
    def source(self) -> str:
        return self._first("source")

    def to_json(self) -> dict[str, Any]:
        name, model = self._first("name"), self._first("model")
        maker = maker_of(*(one.maker for one in self._ordered()), model, name)
        return {
            "id": self.id,
            "address": self.host,
            "mac": self._first("mac"),
            "name": name or model or self.host,
            "maker": maker.name if maker else self._first("maker"),
            "model": model,
            "hint": maker.hint if maker else "",
            "source": self.source,
            "via": [one.via for one in self._ordered()],
        }

    def _first(self, key: str) -> str:
        return next((value for one in self._ordered() if (value := getattr(one, key))), "")

    def _ordered(self) -> list[Sighting]:
        """Those that tell most first."""
        ranks = ("onvif", "axis", "upnp", "mdns", "port")
        return sorted(self.sightings.values(), key=lambda one: ranks.index(one.via) if one.via in ranks else len(ranks))


class Devices:
    """All devices of one search; two sightings with the same hardware address, lasting name or address are one."""

    def __init__(self) -> None:
        self._devices: list[Device] = []

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices)

    def add(self, sighting: Sighting) -> Device | None:
        """The device that this sighting belongs to; None if it says nothing new."""
        device = next((device for device in self._devices if _same(device, sighting)), None)
        if device is None:
            if len(self._devices) >= MAX_DEVICES:
                return None
            device = Device(sighting.host)
            self._devices.append(device)
        known = device.sightings.get(sighting.via)
        new = sighting if known is None else _filled(known, sighting)
        if new == known:
            return None
        device.sightings[sighting.via] = new
        return device


def _same(device: Device, sighting: Sighting) -> bool:
    for known in device.sightings.values():
        if sighting.mac and known.mac:
            return sighting.mac == known.mac
        if sighting.via == known.via and sighting.id and known.id:
            return sighting.id == known.id
    return device.host == sighting.host


def _filled(known: Sighting, other: Sighting) -> Sighting:
    """What is known, its gaps filled by a later answer."""
    gaps = {key: getattr(other, key) for key in ("id", "mac", "name", "maker", "model", "source")}
    return replace(known, **{key: value for key, value in gaps.items() if value and not getattr(known, key)})
