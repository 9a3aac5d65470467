"""JPEG pictures one after the other: those of a camera as they are, or made of its video, once for all viewers.

A viewer that is slow gets fewer pictures, never older ones.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from ..errors import Go2pyError
from ..media import codec as names
from ..media.unit import AccessUnit
from ..streams.reader import Attachment, ReaderInfo
from ..streams.signal import Signal
from ..streams.stream import Stream
from ..streams.track import Track
from .rolling import WANTS

BOUNDARY = "frame"
DEFAULT_FPS = 5.0
MAX_FPS = 10.0
"""Of pictures that have to be made; a camera's own come as they come."""


class Picture(Protocol):
    @property
    def jpeg(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Form:
    """How the pictures are wanted: pixels (0: open), clockwise degrees (None: the stream's), `fps` 0: the usual."""

    width: int = 0
    height: int = 0
    rotate: int | None = None
    fps: float = 0.0


type Maker = Callable[[Stream, Form], AsyncGenerator[Picture]]
"""Makes pictures of a stream until it ends, which raises `Go2pyError`."""


def part(jpeg: bytes) -> bytes:
    """A part of `multipart/x-mixed-replace`, with the boundary behind it: browsers show it only when that has come. The
    very first part wants `OPENING` in front."""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
    return b"".join((head, jpeg, b"\r\n", OPENING))


OPENING = f"--{BOUNDARY}\r\n".encode()


class Feed:
    """The newest picture, as a part, for any number of viewers."""

    def __init__(self) -> None:
        self.viewers = 0
        self.number = 0
        self.newest = b""
        self.reason: str | None = None
        self.changed = Signal()
        self.stop: Callable[[], object] = lambda: None

    def put(self, jpeg: bytes) -> None:
        self.newest = part(jpeg)
        self.number += 1
        self.changed.notify()

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.changed.notify()


class Viewer:
    """One who looks at a feed."""

    def __init__(self, feed: Feed, attachment: Attachment) -> None:
        self._feed, self._attachment = feed, attachment
        self._seen = 0
        self.reason: str | None = None
        """Why it is over."""
        attachment.on_end = self._end
        if attachment.ended is not None:
            self._end(attachment.ended)

    async def part(self, patience: float) -> bytes | None:
        """The newest part not seen yet; None at the end, empty when none came for `patience` seconds."""
        feed = self._feed
        try:
            async with asyncio.timeout(patience):
                while feed.number == self._seen:
                    self.reason = self.reason or feed.reason
                    if self.reason is not None:
                        return None
                    await feed.changed.wait()
        except TimeoutError:
            return b""
        if self.reason is not None:
            return None
        track = self._attachment.tracks[0]
        missed = feed.number - self._seen - 1
        if self._seen and missed:
            self._attachment.dropped(track, missed)
        self._seen = feed.number
        self._attachment.sent(track, len(feed.newest))
        return feed.newest

    def _end(self, reason: str) -> None:
        self.reason = reason
        self._feed.changed.notify()


class Mjpeg:
    """All feeds. `make` is used for video that is no JPEG, and for JPEG that is to be changed."""

    def __init__(self, make: Maker) -> None:
        self._make = make
        self._feeds: dict[tuple[Track, Form], Feed] = {}

    @asynccontextmanager
    async def view(self, stream: Stream, info: ReaderInfo, form: Form) -> AsyncIterator[Viewer]:
        """Attach a viewer for the time of the block. Raises `SourceError` or `NegotiationError`."""
        attachment = await stream.attach(info, WANTS)
        try:
            feed = self._feed(stream, attachment.tracks[0], form)
            feed.viewers += 1
            try:
                yield Viewer(feed, attachment)
            finally:
                feed.viewers -= 1
                if not feed.viewers:
                    feed.stop()
        finally:
            attachment.close()

    def _feed(self, stream: Stream, track: Track, form: Form) -> Feed:
        key = (track, form)
        feed = self._feeds.get(key)
        if feed is not None and feed.reason is None:
            return feed
        feed = self._feeds[key] = Feed()
        turned = stream.rotate if form.rotate is None else form.rotate
        if track.codec.name == names.JPEG and not (form.width or form.height or turned or form.fps):
            cancel = _pass_on(track, feed)
        else:
            cancel = asyncio.create_task(self._fill(feed, stream, form), name=f"mjpeg of {stream.name}").cancel

        def stop() -> None:
            cancel()
            if self._feeds.get(key) is feed:
                del self._feeds[key]

        feed.stop = stop
        return feed

    async def _fill(self, feed: Feed, stream: Stream, form: Form) -> None:
        try:
            async with aclosing(self._make(stream, form)) as pictures:
                async for picture in pictures:
                    feed.put(picture.jpeg)
        except Go2pyError as error:
            feed.end(str(error))
        finally:
            feed.end("no more pictures are made")


def _pass_on(track: Track, feed: Feed) -> Callable[[], object]:
    """The camera's own pictures."""

    def take(_track: Track, units: Sequence[AccessUnit]) -> None:
        feed.put(units[-1].units[0])

    with contextlib.suppress(IndexError):
        take(track, track.gop.units())
    return track.subscribe(take)
