"""Tells listeners what streams show and sound like whenever that changes."""

import asyncio
from collections.abc import Callable
from typing import Any

from ..observe.events import Event
from ..streams.facts import MEASURED, facts
from ..streams.registry import Registry
from ..streams.stream import Stream

SECONDS = 10.0
"""Between two looks at what is measured."""

type Media = dict[str, dict[str, Any]]


class MediaNews:
    """From `start` to `stop`: codecs and sizes at once, rates every ten seconds while a camera is live.

    `tell` gets `stream`, `video` and `audio`.
    """

    def __init__(self, registry: Registry, tell: Callable[[dict[str, Any]], None]) -> None:
        self._registry = registry
        self._tell = tell
        self._told: dict[str, Media] = {}
        self._ticker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._told = {name: _media(stream) for name, stream in self._registry}
        self._tick()

    def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    def follow(self, event: Event) -> None:
        """See what an event changed; call it when the event itself was told."""
        data = event.data
        match event.type:
            case "stream.added" | "stream.changed":
                if (stream := self._registry.get(data["stream"])) is not None:
                    self._told[data["stream"]] = _media(stream)
            case "stream.removed":
                self._told.pop(data["stream"], None)
            case "source.state" | "source.media":
                for name, stream in self._registry:
                    if any(slot.session is not None and slot.session.id == data["source"] for slot in stream.slots):
                        self._check(name, stream)
                self._tick()

    def _tick(self) -> None:
        if self._ticker is None and self._any_live():
            self._ticker = asyncio.get_running_loop().create_task(self._look(), name="what streams show")

    async def _look(self) -> None:
        try:
            while self._any_live():
                await asyncio.sleep(SECONDS)
                for name, stream in self._registry:
                    self._check(name, stream, rates=True)
        finally:
            if self._ticker is asyncio.current_task():
                self._ticker = None

    def _any_live(self) -> bool:
        return any(
            slot.session is not None and slot.session.state == "live" for _, s in self._registry for slot in s.slots
        )

    def _check(self, name: str, stream: Stream, *, rates: bool = False) -> None:
        """Tell what is new of a stream; that only a rate moved, if `rates`."""
        old, new = self._told.get(name, {}), _media(stream)
        passing = frozenset({"key_age"}) if rates else MEASURED
        if _without(old, passing) != _without(new, passing):
            self._told[name] = new
            self._tell({"stream": name, **new})


def _media(stream: Stream) -> Media:
    told = facts(stream)
    return {kind: told[kind] for kind in ("video", "audio") if kind in told}


def _without(media: Media, passing: frozenset[str]) -> Media:
    """For comparing: of what passes only whether it is known."""
    return {kind: {key: None if key in passing else value for key, value in of.items()} for kind, of in media.items()}
