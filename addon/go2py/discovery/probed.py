"""What a probe is told by others, and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .makers import Maker

type Role = Literal["main", "sub", "other"]
type Code = Literal[
    "unreachable", "closed", "credentials_needed", "unauthorized", "onvif_unauthorized", "busy", "no_stream", "failed"
]


class ExploredStream(Protocol):
    """What ONVIF tells of a stream; see `sources.explored`."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def direct(self) -> Sequence[str]: ...
    @property
    def video(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def fps(self) -> int: ...
    @property
    def audio(self) -> str: ...
    @property
    def talk(self) -> bool: ...


class Explored(Protocol):
    """What ONVIF tells of a device."""

    @property
    def maker(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def firmware(self) -> str: ...
    @property
    def serial(self) -> str: ...
    @property
    def streams(self) -> Sequence[ExploredStream]: ...
    @property
    def snapshot(self) -> str: ...
    @property
    def clock(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What opening a stream shows: codec names, pixels, and whether sound can be sent to it."""

    video: str = ""
    size: tuple[int, int] = (0, 0)
    audio: str = ""
    talk: bool = False


@dataclass(frozen=True, slots=True)
class FoundStream:
    """`source` and `onvif` are texts to configure, without credentials; either may be empty. The user info has to be
    put behind `://`, and both where `{user}` and `{password}` stand; all percent-encoded."""

    name: str
    role: Role
    via: Literal["onvif", "path"]
    source: str
    onvif: str = ""
    look: Look = Look()
    fps: int = 0
    checked: bool = False
    """Whether it was opened."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What stands in the way: a code for programs, a sentence for people."""

    code: Code
    message: str


@dataclass(slots=True)
class Result:
    host: str
    maker: Maker | None = None
    maker_name: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    mac: str = ""
    streams: list[FoundStream] = field(default_factory=list)
    snapshot: str = ""
    clock: float = 0.0
    problems: list[Problem] = field(default_factory=list)

    def problem(self, code: Code, message: str) -> None:
        found = Problem(code, message)
        if found not in self.problems:
            self.problems.append(found)
