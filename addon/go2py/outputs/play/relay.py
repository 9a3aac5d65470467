"""The sound of a stream into cameras: an intercom, a radio."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import override

from ...errors import Unreachable
from ...media.unit import AccessUnit
from ...observe.secret import mask
from ...streams.negotiate import ANY, CodecWish, Want
from ...streams.reader import Attachment, ReaderInfo
from ...streams.stream import Stream
from ...streams.talk.talk import Talk
from ...streams.track import Track
from .playback import Playback


class Relay(Playback):
    """The sound of another stream, as it comes: an intercom, a radio that is a stream."""

    def __init__(self, talks: Mapping[str, Talk], source: Stream, *, priority: int = 0) -> None:
        super().__init__(talks, mask(source.name), priority=priority)
        self._source = source
        self._attachment: Attachment | None = None
        self._cancel: Callable[[], None] | None = None
        self._ended = asyncio.get_running_loop().create_future()

    @override
    async def begin(self) -> None:
        want = Want("audio", (CodecWish(ANY),))
        self._attachment = await self._source.attach(ReaderInfo("talk"), [want])
        self._attachment.on_end = self._end
        for name, talk in self.talks.items():
            self.voices[name] = talk.voice(f"stream {self.title}", priority=self._priority)
        self._cancel = self._attachment.tracks[0].subscribe(self._take)
        self.tell("playing")

    @override
    async def run(self) -> None:
        assert self._attachment is not None
        if self._attachment.ended is None:
            await self._ended
        if self._attachment.ended is not None:
            raise Unreachable(self._attachment.ended)

    def _take(self, track: Track, units: Sequence[AccessUnit]) -> None:
        assert self._attachment is not None
        self._attachment.sent(track, sum(unit.size for unit in units), len(units))
        for voice in self.voices.values():
            voice.push(units)
        if all(voice.closed for voice in self.voices.values()):
            self._end("")

    def _end(self, _reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    @override
    def close(self) -> None:
        super().close()
        if self._cancel is not None:
            self._cancel()
        if self._attachment is not None:
            self._attachment.close()
