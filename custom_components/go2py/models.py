"""What the gateway says of its streams, as values. Unknown fields and event types are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

IDLE, LIVE, WAITING, REFUSED = "idle", "live", "waiting", "refused"
_NO_VIEWERS = frozenset({"preload", "probe", "plan"})
"""Formats of readers behind which nobody looks."""


@dataclass(frozen=True, slots=True)
class Source:
    """One camera connection of a stream; `id` is None where it cannot be used at all."""

    id: int | None
    state: str
    reason: str
    restarts: int

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            data.get("source"),
            str(data.get("state", IDLE)),
            str(data.get("reason", "")),
            int(data.get("restarts", 0)),
        )


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as its events describe it. It is replaced when something changed: compare with `is`."""

    sources: tuple[Source, ...] = ()
    readers: Mapping[int, str] = field(default_factory=dict)
    """Format by the reader's number."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            tuple(Source.parse(source) for source in data.get("sources") or ()),
            {int(reader["reader"]): str(reader.get("format", "")) for reader in data.get("readers") or ()},
        )

    @property
    def viewers(self) -> int:
        return sum(name not in _NO_VIEWERS for name in self.readers.values())

    @property
    def restarts(self) -> int:
        return sum(source.restarts for source in self.sources)

    @property
    def live(self) -> bool:
        return any(source.state == LIVE for source in self.sources)

    @property
    def problem(self) -> str:
        """Why no picture comes, as a sentence; empty while any source may bring one."""
        if any(source.state not in {WAITING, REFUSED} for source in self.sources):
            return ""
        return next((source.reason for source in self.sources if source.reason), "")


class Streams(dict[str, Stream]):
    """All streams by name, kept up to date by events (docs/events.md)."""

    def apply(self, message: Mapping[str, Any]) -> frozenset[str]:
        """Take an event in; the names of the streams that it changed."""
        data = message.get("data")
        if not isinstance(data, Mapping):
            return frozenset()
        name = str(data.get("stream", ""))
        match message.get("type"):
            case "snapshot":
                before = set(self)
                self.clear()
                self.update({str(key): Stream.parse(value) for key, value in data.get("streams", {}).items()})
                return frozenset(before | self.keys())
            case "stream.added" | "stream.changed":
                self[name] = Stream.parse(data)
            case "stream.removed":
                self.pop(name, None)
            case "source.state":
                return self._source(Source.parse(data))
            case "reader.added" if name in self:
                readers = {**self[name].readers, int(data["reader"]): str(data.get("format", ""))}
                self[name] = replace(self[name], readers=readers)
            case "reader.removed" if name in self:
                readers = {key: value for key, value in self[name].readers.items() if key != data.get("reader")}
                self[name] = replace(self[name], readers=readers)
            case _:
                return frozenset()
        return frozenset({name})

    def _source(self, new: Source) -> frozenset[str]:
        """Streams with the same camera share the connection."""
        touched = {name: stream for name, stream in self.items() if any(old.id == new.id for old in stream.sources)}
        for name, stream in touched.items():
            self[name] = replace(stream, sources=tuple(new if old.id == new.id else old for old in stream.sources))
        return frozenset(touched)


@dataclass(frozen=True, slots=True)
class Media:
    """What a stream carries at the moment. Empty and 0 where it is not known, as the camera was not asked yet."""

    video: str = ""
    audio: str = ""
    talk: str = ""
    """Codecs that the camera takes to speak."""
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    received: int = 0
    """Bytes from the camera since it was connected."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """From an entry of `/api/streams`."""
        producers = data.get("producers") or ()
        labels = [str(label) for producer in producers for label in producer.get("medias") or ()]
        receivers = [receiver for producer in producers for receiver in producer.get("receivers") or ()]
        video: Mapping[str, Any] = next(
            (one for one in receivers if one.get("codec", {}).get("codec_type") == "video"), {}
        )
        codec = video.get("codec", {})
        return cls(
            video=_codecs(labels, "video, recvonly, "),
            audio=_codecs(labels, "audio, recvonly, "),
            talk=_codecs(labels, "audio, sendonly, "),
            width=int(codec.get("width", 0)),
            height=int(codec.get("height", 0)),
            frame_rate=float(video.get("fps", 0)),
            received=sum(int(producer.get("bytes_recv", 0)) for producer in producers),
        )

    @property
    def resolution(self) -> str:
        return f"{self.width}×{self.height}" if self.width and self.height else ""


@dataclass(frozen=True, slots=True)
class Device:
    """A camera that the gateway saw on the network; `known` if one of its streams comes from there already."""

    address: str
    name: str
    known: bool

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        name = " ".join(dict.fromkeys(str(data[key]) for key in ("maker", "model") if data.get(key)))
        return cls(str(data.get("address", "")), name or str(data.get("name", "")), bool(data.get("streams")))


@dataclass(frozen=True, slots=True)
class Survey:
    """What the gateway found out about one camera. Sources have no credentials."""

    maker: str
    model: str
    sources: Mapping[str, str]
    """By role, `main` or `sub`."""
    problem: str
    """Code of the first thing in the way; empty if there is none."""
    message: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        problem: Mapping[str, Any] = next(iter(data.get("problems") or ()), {})
        streams = reversed(data.get("streams") or ())  # the first of a role counts
        return cls(
            str(data.get("maker", "")),
            str(data.get("model", "")),
            {str(stream.get("role")): str(stream["source"]) for stream in streams if stream.get("source")},
            str(problem.get("code", "")),
            str(problem.get("message", "")),
        )


def _codecs(labels: list[str], kind: str) -> str:
    """Codecs of one kind without repetition: `H264, H265`."""
    found = [codec for label in labels if label.startswith(kind) for codec in label.removeprefix(kind).split(", ")]
    return ", ".join(dict.fromkeys(found))
