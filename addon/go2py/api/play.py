"""Playing into cameras: go2rtc's two forms (`POST /api/streams?dst=`, `/api/ffmpeg`) and all of it, `/api/play`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from ..errors import NegotiationError, ProtocolError, SourceError, StreamNotFound
from ..observe.secret import mask
from ..outputs.play.material import MAX_UPLOAD, Material, material
from ..outputs.play.playback import MAX_VOLUME, Playback
from ..outputs.play.recording import Recording
from ..outputs.play.relay import Relay
from ..outputs.play.service import ENQUEUES, Enqueue
from ..outputs.play.speech import speech
from ..streams.stream import Stream
from ..streams.talk.talk import Talk
from .context import AppContext
from .respond import error, json_response, ok, parse_json, read_body, read_text
from .routes import Route

MAX_TARGETS = 64
MAX_BODY = 64 << 10
MAX_FADE = 10.0
MAX_PRIORITY = 100


class PlayEndpoints:
    """What a request wants is in its query, or, for `/api/play`, in a JSON body; any other body is the sound itself."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._registry = context.registry

    def routes(self) -> Sequence[Route]:
        play = {"GET": self.read, "POST": self.play, "PATCH": self.change, "DELETE": self.stop}
        return (
            Route("api/play", play, "streams"),
            Route("api/ffmpeg", {"POST": self.ffmpeg}, "ffmpeg"),
            Route("api/intercom", {"POST": self.connect, "DELETE": self.disconnect}, "streams"),
        )

    async def close(self) -> None:
        """The service is closed by who made it."""

    async def read(self, request: web.Request) -> web.Response:
        return self._told(self._names(request))

    def _told(self, names: Sequence[str]) -> web.Response:
        return json_response({name: self._context.play.status(name) for name in names})

    async def play(self, request: web.Request) -> web.Response:
        """Begin: answered when the cameras listen, or when it is in the queue."""
        wish: Mapping[str, Any] = request.query
        sound: bytes = b""
        if request.content_type == "application/json":
            wish = {**request.query, **parse_json(await read_text(request, MAX_BODY))}
        elif request.can_read_body:
            sound = await read_body(request, MAX_UPLOAD)
        names = self._names(request, wish.get("dst") if "dst" not in request.query else None)
        await self._begin(names, wish, sound)
        return self._told(names)

    async def change(self, request: web.Request) -> web.Response:
        volume = _number(request.query, "volume", 1.0, MAX_VOLUME)
        for name in self._names(request):
            self._context.play.volume(name, volume)
        return await self.read(request)

    async def stop(self, request: web.Request) -> web.Response:
        for name in self._names(request):
            self._context.play.stop(name)
        return await self.read(request)

    async def ffmpeg(self, request: web.Request) -> web.Response:
        """go2rtc's: `file` or `live` for an address or a file, `text` to be spoken."""
        query = request.query
        source = query.get("file") or query.get("live")
        if not source and not query.get("text"):
            return error(400, "file, live or text is needed")
        await self._begin(self._names(request), query if source is None else {**query, "src": source}, b"")
        return ok()

    async def from_streams(self, request: web.Request) -> None:
        """go2rtc's `POST /api/streams?dst=&src=`; an empty `src` ends what is playing."""
        names = self._names(request)
        if request.query.get("src"):
            await self._begin(names, request.query, b"")
        else:
            for name in names:
                self._context.play.stop(name)

    async def connect(self, request: web.Request) -> web.Response:
        """Two streams hear each other: `src` and `dst`."""
        first, second = self._pair(request)
        talks = [await stream.find_talk() for stream in (first, second)]
        await self._context.play.play(_relay({first.name: talks[0]}, second))
        try:
            await self._context.play.play(_relay({second.name: talks[1]}, first))
        except BaseException:
            self._context.play.stop(first.name)
            raise
        return ok()

    async def disconnect(self, request: web.Request) -> web.Response:
        for stream in self._pair(request):
            self._context.play.stop(stream.name)
        return ok()

    def _pair(self, request: web.Request) -> tuple[Stream, Stream]:
        first, second = (self._registry.require(request.query.get(key, "")) for key in ("src", "dst"))
        return first, second

    def _names(self, request: web.Request, body: Any = None) -> list[str]:
        """The cameras: `dst` of the query, which may repeat, or of a JSON body, a text or a list of them."""
        given = [body] if isinstance(body, str) else body if isinstance(body, list) else request.query.getall("dst", [])
        names = list(dict.fromkeys(map(str, given)))[:MAX_TARGETS]
        if not names:
            raise ProtocolError("dst is needed")
        for name in names:
            self._registry.require(name)
        return names

    async def _begin(self, names: Sequence[str], wish: Mapping[str, Any], sound: bytes) -> None:
        text, source = str(wish.get("text") or ""), str(wish.get("src") or "")
        volume = _number(wish, "volume", 1.0, MAX_VOLUME)
        priority = int(_number(wish, "priority", 0, MAX_PRIORITY))
        fade = _number(wish, "fade", 0.0, MAX_FADE)
        enqueue = _enqueue(str(wish.get("enqueue") or "replace"))
        if sum(map(bool, (text, source, sound))) != 1:
            raise ProtocolError("one of src, text or a body with sound is needed")
        talks = await self._talks(names)
        playback: Playback
        if (stream := self._live(source)) is not None:
            playback = _relay(talks, stream, priority)
        else:
            title, make = self._material(source, text, str(wish.get("voice") or ""), sound)
            playback = Recording(talks, title, make, volume=volume, priority=priority, fade=fade)
        await self._context.play.play(playback, enqueue)

    async def _talks(self, names: Sequence[str]) -> dict[str, Talk]:
        """Those that can be spoken to; raises why none of them can."""
        finding = (self._registry.require(name).find_talk() for name in names)
        found = dict(zip(names, await asyncio.gather(*finding, return_exceptions=True), strict=True))
        talks: dict[str, Talk] = {}
        for name, one in found.items():
            if isinstance(one, Talk):
                if one not in talks.values():  # two names of one camera
                    talks[name] = one
            elif not isinstance(one, NegotiationError | SourceError) or len(found) == 1:
                raise one
        if not talks:
            raise next(one for one in found.values() if isinstance(one, BaseException))
        return talks

    def _live(self, source: str) -> Stream | None:
        """A stream by its name, or made of the address of a camera."""
        scheme = source.partition(":")[0]
        if not source or scheme in ("http", "https", "ffmpeg", "file") or source.startswith("/"):
            return self._registry.get(source) if source else None
        try:
            return self._registry.get_or_patch(source)
        except StreamNotFound:
            if "://" in source:
                raise
            return None

    def _material(
        self, source: str, text: str, voice: str, sound: bytes
    ) -> tuple[str, Callable[[], Awaitable[Material]]]:
        config = self._context.config
        if source.startswith("ffmpeg:tts?"):  # go2rtc's name of spoken text
            said = dict(parse_qsl(source.partition("?")[2].partition("#")[0]))
            text, voice = said.get("text", ""), said.get("voice", "")
        if text:
            return "speech", lambda: speech(text, voice, config.play, config.app.exec_paths)

        async def make() -> Material:
            return Material("upload", data=sound) if sound else await material(source, config.play.folders)

        return ("upload" if sound else mask(source)), make


def _relay(talks: Mapping[str, Talk], source: Stream, priority: int = 0) -> Relay:
    if any(slot.session is not None and slot.session.talk in talks.values() for slot in source.slots):
        raise ProtocolError("a camera cannot talk to itself")
    return Relay(talks, source, priority=priority)


def _number(wish: Mapping[str, Any], key: str, default: float, most: float) -> float:
    value = wish.get(key)
    if value in (None, ""):
        return default
    try:
        number = float(value)
    except TypeError, ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise ProtocolError(f"{key} is a number from 0 to {most:g}")
    return number


def _enqueue(text: str) -> Enqueue:
    for word in ENQUEUES:
        if text == word:
            return word
    raise ProtocolError("enqueue is replace, next or add")
