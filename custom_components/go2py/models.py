"""What the gateway says of its streams, as values. Unknown fields and event types are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

IDLE, CONNECTING, LIVE, WAITING, REFUSED = "idle", "connecting", "live", "waiting", "refused"
OFF = "off"
_NO_VIEWERS = frozenset({"preload", "probe", "plan"})
"""Formats of readers behind which nobody looks."""


@dataclass(frozen=True, slots=True)
class Source:
    """One camera connection of a stream; `id` is None where it cannot be used at all."""

    id: int | None
    state: str
    reason: str
    restarts: int
    code: str = ""
    """The reason in a word; `reasons.reason_key` knows it."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            data.get("source"),
            str(data.get("state", IDLE)),
            str(data.get("reason", "")),
            int(data.get("restarts", 0)),
            str(data.get("code", "")),
        )

    @property
    def failed(self) -> bool:
        """It brings no picture, also while the next attempt is under way."""
        return self.state in {WAITING, REFUSED} or (self.state == CONNECTING and bool(self.reason))

    def after(self, old: Self) -> Self:
        """This as what `old` became: an attempt does not end what was wrong, a picture does."""
        if self.state == CONNECTING and not self.reason:
            return replace(self, reason=old.reason, code=old.code)
        return self


@dataclass(frozen=True, slots=True)
class Video:
    """The picture as it comes. Empty and 0 where it is not known, rates also while nobody looks."""

    codec: str = ""
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    bit_rate: int = 0
    """Bits a second."""
    key_overdue: bool = False
    """No picture has come for long that a player can begin with."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            str(data.get("codec", "")),
            int(data.get("width", 0)),
            int(data.get("height", 0)),
            float(data.get("fps", 0)),
            int(data.get("bit_rate", 0)),
            bool(data.get("key_overdue")),
        )

    @property
    def resolution(self) -> str:
        return f"{self.width}×{self.height}" if self.width and self.height else ""


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound as it comes."""

    codec: str = ""
    sample_rate: int = 0
    channels: int = 0

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data.get("codec", "")), int(data.get("sample_rate", 0)), int(data.get("channels", 0)))


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as its events describe it. It is replaced when something changed: compare with `is`."""

    sources: tuple[Source, ...] = ()
    readers: Mapping[int, str] = field(default_factory=dict)
    """Format by the reader's number."""
    paused: bool = False
    """Switched off for privacy; what its sources say does not count then."""
    video: Video = Video()
    audio: Audio = Audio()

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            tuple(Source.parse(source) for source in data.get("sources") or ()),
            {int(reader["reader"]): str(reader.get("format", "")) for reader in data.get("readers") or ()},
            data.get("state") == OFF,
            Video.parse(data.get("video") or {}),
            Audio.parse(data.get("audio") or {}),
        )

    @property
    def viewers(self) -> int:
        return sum(name not in _NO_VIEWERS for name in self.readers.values())

    @property
    def restarts(self) -> int:
        return sum(source.restarts for source in self.sources)

    @property
    def live(self) -> bool:
        return not self.paused and any(source.state == LIVE for source in self.sources)

    @property
    def problem(self) -> str:
        """Why no picture comes, as a sentence; empty while any source may bring one, or none is to."""
        if self.paused or any(not source.failed for source in self.sources):
            return ""
        return next((source.reason for source in self.sources if source.reason), "")

    @property
    def problem_code(self) -> str:
        """The same in a word."""
        if not self.problem:
            return ""
        return next(source.code or "failed" for source in self.sources if source.reason)


@dataclass(frozen=True, slots=True)
class Play:
    """What plays into a camera. Seconds are 0 where nobody knows them."""

    state: str = IDLE
    title: str = ""
    position: float = 0.0
    duration: float = 0.0

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            str(data.get("state", IDLE)),
            str(data.get("title", "")),
            float(data.get("position", 0)),
            float(data.get("duration", 0)),
        )


class Streams(dict[str, Stream]):
    """All streams by name, kept up to date by events (docs/events.md)."""

    def __init__(self) -> None:
        super().__init__()
        self._plays: dict[str, Play] = {}
        self._talks: dict[int, Mapping[str, Any]] = {}
        """By source. Not in `Stream`, of which entities would write a state each time somebody's voice gets louder."""

    def talk(self, name: str) -> Mapping[str, Any] | None:
        """How it stands with speaking to a camera; None where that is not possible, or not known yet."""
        sources = self[name].sources if name in self else ()
        return next((self._talks[one.id] for one in sources if one.id is not None and one.id in self._talks), None)

    def play(self, name: str) -> Play:
        """What plays into a camera; like talk, it changes without the stream."""
        return self._plays.get(name, Play())

    def _note(self, name: str, stream: Mapping[str, Any]) -> None:
        """What is known of a stream besides itself."""
        for source in stream.get("sources") or ():
            if isinstance(source.get("talk"), Mapping):
                self._note_talk(source["source"], source["talk"])
        if isinstance(stream.get("play"), Mapping):
            self._plays[name] = Play.parse(stream["play"])

    def _note_talk(self, source: Any, talk: Mapping[str, Any]) -> None:
        if talk.get("codecs") == []:  # it was asked, and takes nothing
            self._talks.pop(int(source), None)
        else:
            self._talks[int(source)] = talk

    def apply(self, message: Mapping[str, Any]) -> frozenset[str]:
        """Take an event in; the names of the streams that it changed."""
        data = message.get("data")
        if not isinstance(data, Mapping):
            return frozenset()
        name = str(data.get("stream", ""))
        match message.get("type"):
            case "snapshot":
                return self._anew(data.get("streams", {}))
            case "stream.added" | "stream.changed":
                self._note(name, data)
                self[name] = Stream.parse(data)
            case "stream.removed":
                self.pop(name, None)
                self._plays.pop(name, None)
            case "stream.state" if name in self:
                self[name] = replace(self[name], paused=data.get("state") == OFF)
            case "stream.media" if name in self:
                video, audio = Video.parse(data.get("video") or {}), Audio.parse(data.get("audio") or {})
                self[name] = replace(self[name], video=video, audio=audio)
            case "talk.state" if isinstance(data.get("talk"), Mapping):
                self._note_talk(data["source"], data["talk"])
                number = data["source"]
                return frozenset(name for name, one in self.items() if any(two.id == number for two in one.sources))
            case "play.state" if name in self:
                self._plays[name] = Play.parse(data)
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

    def _anew(self, streams: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
        """Everything as it is; all that was and all that is has changed."""
        before = set(self)
        for known in (self, self._talks, self._plays):
            known.clear()
        for name, stream in streams.items():
            self._note(str(name), stream)
            self[str(name)] = Stream.parse(stream)
        return frozenset(before | self.keys())

    def _source(self, new: Source) -> frozenset[str]:
        """Streams with the same camera share the connection."""
        touched = {name: stream for name, stream in self.items() if any(old.id == new.id for old in stream.sources)}
        for name, stream in touched.items():
            sources = tuple(new.after(old) if old.id == new.id else old for old in stream.sources)
            self[name] = replace(stream, sources=sources)
        return frozenset(touched)


@dataclass(frozen=True, slots=True)
class Media:
    """What a camera that was just asked offers. Empty and 0 where it does not tell."""

    video: str = ""
    audio: str = ""
    talk: str = ""
    """Codecs that the camera takes to speak."""
    width: int = 0
    height: int = 0

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
        )

    @property
    def resolution(self) -> str:
        return f"{self.width}×{self.height}" if self.width and self.height else ""


def _codecs(labels: list[str], kind: str) -> str:
    """Codecs of one kind without repetition: `H264, H265`."""
    found = [codec for label in labels if label.startswith(kind) for codec in label.removeprefix(kind).split(", ")]
    return ", ".join(dict.fromkeys(found))
