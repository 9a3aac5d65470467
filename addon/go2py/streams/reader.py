"""A reader attached to a stream: what it gets, what it took, and how it is told that this is over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..media.codec import Codec
from .negotiate import Plan, Want
from .track import Track, next_id


@dataclass(slots=True)
class ReaderInfo:
    """Who reads, as the API tells it. `source` is the loop marker: the source with this text is left out for it."""

    format_name: str
    protocol: str = ""
    remote_addr: str = ""
    user_agent: str = ""
    source: str = ""
    sdp: str = ""
    details: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Sender:
    """Counters of one track on its way to one reader."""

    track: Track
    id: int = field(default_factory=next_id)
    bytes: int = 0
    units: int = 0
    drops: int = 0


@dataclass(slots=True)
class Receiver:
    """Counters of what a reader says to the camera."""

    codec: Codec
    id: int = field(default_factory=next_id)
    bytes: int = 0
    packets: int = 0
    lost: int = 0


class Releasable(Protocol):
    """What an attachment keeps running until it is closed."""

    def release(self) -> None: ...


class Attachment:
    """A reader's hold on its tracks. Whoever attached closes it; set `on_end` to be told that the stream ended first.

    `tracks` has each track once, video first; `by_want` runs parallel to the wants (None where nothing fits).
    """

    def __init__(
        self,
        info: ReaderInfo,
        wants: Sequence[Want],
        plan: Plan,
        by_want: Sequence[Track | None],
        tracks: Sequence[Track],
        holds: Sequence[Releasable],
        on_close: Callable[[Attachment], None],
    ) -> None:
        self.id = next_id()
        self.info = info
        self.wants = tuple(wants)
        self.plan = plan
        self.by_want = tuple(by_want)
        self.tracks = tuple(tracks)
        self.senders = {track: Sender(track) for track in self.tracks}
        self.receiver: Receiver | None = None
        """Of its microphone, once something came."""
        self.on_end: Callable[[str], None] | None = None
        self.ended: str | None = None
        """Why the stream ended under this reader; check it after setting `on_end`."""
        self._holds = tuple(holds)
        self._on_close = on_close
        self._closed = False

    @property
    def name(self) -> str:
        """Who it is, for the log."""
        return f"{self.info.format_name} {self.info.remote_addr}".strip()

    def track(self, kind: str) -> Track | None:
        """The first track of this kind."""
        return next((track for track in self.tracks if track.kind == kind), None)

    def sent(self, track: Track, size: int, units: int = 1) -> None:
        sender = self.senders[track]
        sender.bytes += size
        sender.units += units

    def dropped(self, track: Track, units: int = 1) -> None:
        self.senders[track].drops += units

    def heard(self, codec: Codec, size: int, packets: int, lost: int) -> None:
        """What came of its microphone so far."""
        receiver = self.receiver = self.receiver or Receiver(codec)
        receiver.codec, receiver.bytes, receiver.packets, receiver.lost = codec, size, packets, lost

    def end(self, reason: str) -> None:
        """The stream is over for this reader; called by the stream."""
        if self.ended is None and not self._closed:
            self.ended = reason
            if self.on_end is not None:
                self.on_end(reason)

    def close(self, reason: str = "") -> None:
        """Detach; safe to call more than once. A `reason` is for who listens on events."""
        if self._closed:
            return
        self._closed = True
        self.ended = self.ended or reason or None
        for hold in self._holds:
            hold.release()
        self._on_close(self)
