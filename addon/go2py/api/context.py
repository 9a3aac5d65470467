"""What the API is given: the running gateway, as far as it may touch it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..config.trust import Gate
from ..config.values import Config
from ..discovery.mdns import Mdns
from ..observe.events import Bus
from ..outputs.play.service import PlayService
from ..streams.registry import Registry
from ..streams.stream import Stream

if TYPE_CHECKING:
    from ..config.store import ConfigStore
    from ..outputs.webrtc.session import WebRtcService


class Snapshot(Protocol):
    """A still picture; `taken` is when, on the wall clock."""

    @property
    def jpeg(self) -> bytes: ...
    @property
    def taken(self) -> float: ...


class Snapshots(Protocol):
    async def take(
        self, stream: Stream, *, width: int = 0, height: int = 0, rotate: int | None = None, poster: bool = False
    ) -> Snapshot:
        """The newest picture, bounded in time. 0 leaves a side open, None the rotation to the stream. Raises
        `SourceError` or `NegotiationError`."""

    def follow(
        self, stream: Stream, *, width: int = 0, height: int = 0, rotate: int | None = None, fps: float
    ) -> AsyncGenerator[Snapshot]:
        """Stills as the stream goes, at most `fps` a second; raises as `take` does, also at the end of the stream."""


@dataclass
class AppContext:
    """Filled by `app`. `config` and `gate` are replaced on reload: look at them when needed, keep no copy.

    The services are made when first asked for. `reload` reads the configuration again and raises `ConfigError`;
    `restart` and `exit` end the process a moment later. `identity` tells this gateway from others, `blocked` which
    outputs did not get their port, and why.
    """

    config: Config
    gate: Gate
    registry: Registry
    store: ConfigStore
    bus: Bus
    webrtc: Callable[[], Awaitable[WebRtcService]]
    snapshots: Callable[[], Awaitable[Snapshots]]
    reload: Callable[[], Awaitable[object]]
    restart: Callable[[], None]
    exit: Callable[[int], None]
    play: PlayService
    blocked: Callable[[], Mapping[str, tuple[str, str]]] = dict
    identity: str = ""
    revision: str = ""
    mdns: Mdns = field(default_factory=Mdns)
