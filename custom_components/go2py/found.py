"""What the gateway finds on the network, as values (docs/discovery.md). Unknown fields are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from .models import Media


@dataclass(frozen=True, slots=True)
class Device:
    """A camera that the gateway saw. `streams` are those of the gateway that come from its address already."""

    id: str
    address: str
    name: str
    maker: str = ""
    model: str = ""
    hint: str = ""
    streams: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        address, maker, model = (str(data.get(key) or "") for key in ("address", "maker", "model"))
        told = str(data.get("name") or "")
        name = " ".join(dict.fromkeys(filter(None, (maker, model)))) if maker else told or model
        return cls(
            str(data.get("id") or address),
            address,
            name,
            maker,
            model,
            str(data.get("hint") or ""),
            tuple(str(stream) for stream in data.get("streams") or ()),
        )

    @property
    def lasting(self) -> bool:
        """Whether it would be known again at another address."""
        return self.id != self.address

    @property
    def label(self) -> str:
        """Maker, model and address."""
        return f"{self.name} ({self.address})" if self.name not in {"", self.address} else self.address


@dataclass(frozen=True, slots=True)
class SurveyedStream:
    """One stream of a camera; `source` has no credentials."""

    source: str
    video: str = ""
    width: int = 0
    height: int = 0

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            str(data["source"]),
            str(data.get("video") or ""),
            int(data.get("width") or 0),
            int(data.get("height") or 0),
        )

    @property
    def picture(self) -> str:
        """Codec and size, as far as they are known."""
        size = f"{self.width}×{self.height}" if self.width and self.height else ""
        return " ".join(filter(None, (self.video, size)))


@dataclass(frozen=True, slots=True)
class Survey:
    """What the gateway found out about one camera."""

    address: str
    maker: str
    model: str
    mac: str
    talk: bool
    """Whether it takes sound."""
    streams: Mapping[str, SurveyedStream]
    """By role, `main`, `sub` or `other`."""
    problem: str
    """Code of the first thing in the way; empty if there is none."""
    message: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        problem: Mapping[str, Any] = next(iter(data.get("problems") or ()), {})
        streams = reversed(data.get("streams") or ())  # the first of a role counts
        address, maker, model, mac = (str(data.get(key) or "") for key in ("address", "maker", "model", "mac"))
        return cls(
            address,
            maker,
            model,
            mac,
            bool(data.get("talk")),
            {str(one.get("role")): SurveyedStream.parse(one) for one in streams if one.get("source")},
            str(problem.get("code", "")),
            str(problem.get("message", "")),
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """What came of opening one source; `problem` and `message` as in a `Survey`."""

    media: Media
    problem: str
    message: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        problem: Mapping[str, Any] = next(iter(data.get("problems") or ()), {})
        video: Mapping[str, Any] = data.get("video") or {}
        media = Media.parse({"producers": [{"medias": data.get("medias")}]})
        media = replace(media, width=int(video.get("width") or 0), height=int(video.get("height") or 0))
        return cls(media, str(problem.get("code", "")), str(problem.get("message", "")))
