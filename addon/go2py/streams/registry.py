"""All streams by name, and the sessions that they share."""

import asyncio
import re
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from weakref import WeakSet

from ..config.pauses import Pauses
from ..config.settings import StreamSettings
from ..config.values import StreamConfig
from ..errors import ConfigError, Go2pyError, Paused, SourceError, StreamNotFound, Unsupported
from ..observe.events import Bus
from ..observe.log import get_logger
from .preload import Preload
from .pressure import Budget
from .session import KINDS, Session
from .slot import Slot, mirror, refers_to
from .source import Dialer, SourceSpec, SourceUrl
from .stream import Stream

_log = get_logger("streams")

INSECURE = frozenset({"exec", "echo", "expr"})
"""Schemes that run commands: from the config file only."""
MAX_STREAMS = 4096
MAX_SOURCES = 32
MAX_SOURCE_TEXT = 8192

_TEMPLATE = "{input}"
_RAW_SPACES = re.compile(r"#raw=-vf (hflip|vflip|transpose=[12],vflip)(?=#|$)")
"""The only texts with a space that Home Assistant's orientation settings make."""


class Registry:
    """Names, streams, sessions, preloads. Two names may be aliases of one stream."""

    def __init__(
        self,
        dial: Dialer,
        schemes: Iterable[str],
        settings: StreamSettings,
        bus: Bus,
        pauses: Pauses | None = None,
    ) -> None:
        self.schemes = frozenset(schemes)
        self.settings = settings
        self.budget = Budget(settings.budget_bytes)
        self.bus = bus
        self.pauses = pauses or Pauses()
        self._dial = dial
        self._streams: dict[str, Stream] = {}
        self._configs: dict[str, StreamConfig] = {}
        self._configured: set[str] = set()
        """Names that came from the configuration; the others live until the process ends."""
        self._sessions: dict[str, Session] = {}
        self._preloads: dict[str, Preload] = {}
        self._superseded: WeakSet[Stream] = WeakSet()
        """Replaced by another of their name, while readers of them may be left."""
        self._closing: set[asyncio.Task[object]] = set()

    def __iter__(self) -> Iterator[tuple[str, Stream]]:
        return iter(tuple(self._streams.items()))

    def __len__(self) -> int:
        return len(self._streams)

    def get(self, name: str) -> Stream | None:
        return self._streams.get(name)

    def require(self, name: str) -> Stream:
        """The stream of exactly this name; raises `StreamNotFound`."""
        stream = self._streams.get(name)
        if stream is None:
            raise StreamNotFound(name)
        return stream

    # --- configuration ---------------------------------------------------------------------------------------------

    def apply(self, configs: Iterable[StreamConfig]) -> None:
        """Make the streams those of the configuration; only what changed is touched, readers of the rest see nothing.

        Streams made at run time stay, unless the configuration now has their name.
        """
        wanted = {config.name: config for config in configs}
        for name in self._configured - wanted.keys():
            self.delete(name)
        self._configured = set(wanted)
        for name, config in wanted.items():
            if self._configs.get(name) != config:
                self._replace(config)

    def refused(self) -> Iterator[str]:
        """Of each source that can never be dialled its stream and why."""
        for name, stream in self:
            for slot in stream.slots:
                if isinstance(slot.error, Unsupported):
                    yield f"{name}: {slot.error}"

    def _replace(self, config: StreamConfig, *, end: bool = True) -> Stream:
        """A new stream under this name; readers of the old one are told to come back, if `end`."""
        old = self._streams.pop(config.name, None)
        stream = self._make(config)
        self._streams[config.name] = stream
        self._configs[config.name] = config
        if old is not None:
            self._superseded.add(old)
            if end:
                self._retire(old, "the stream was changed")
        self._collect()
        self.bus.publish("stream.changed" if old else "stream.added", stream=config.name)
        return stream

    def _make(self, config: StreamConfig) -> Stream:
        slots: list[Slot] = []
        for text in config.sources:
            slot = self._slot(SourceUrl(text), config.name, slots)
            try:
                slot.check()
            except Unsupported as error:
                slot = Slot(slot.url, None, error)
            slots.append(slot)
        settings = self.settings
        stream = Stream(
            config.name, slots, self.bus, rotate=config.rotate, wait=settings.wait, transcode=settings.transcode
        )
        stream.paused = config.name in self.pauses
        return stream

    def _slot(self, url: SourceUrl, stream: str, others: Sequence[Slot]) -> Slot:
        if _TEMPLATE in url.raw:
            return Slot(url, None, SourceError("the template has no input yet"))
        if refers_to(url, stream):
            return mirror(url, others)
        try:
            spec = self._dial(url)
        except SourceError as error:
            return Slot(url, None, error)
        session = self._sessions.get(spec.key)
        if session is None:
            session = self._sessions[spec.key] = Session(spec, self.settings, self.bus)
        return Slot(url, session)

    def _retire(self, stream: Stream, reason: str) -> None:
        if stream not in self._streams.values():
            stream.end(reason)

    def _collect(self) -> None:
        """End sessions that no stream refers to and nobody reads; the others end with their last reader."""
        used = {slot.session for stream in self._streams.values() for slot in stream.slots}
        self._set_demands()
        for key, session in tuple(self._sessions.items()):
            if session in used or session.readers:
                continue
            del self._sessions[key]
            self._background(session.close())

    def _background(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _set_demands(self) -> None:
        """Each session runs on without readers for as long, and brings as much, as the most demanding of its streams
        says. Paused ones say nothing: a session that only they refer to must not run."""
        for session in self._sessions.values():
            users = {name: stream for name, stream in self._streams.items() if _uses(stream, session)}
            awake = {name: stream for name, stream in users.items() if not stream.paused}
            slots = [slot for stream in awake.values() for slot in stream.slots if slot.session is session]
            session.kinds = frozenset(kind for kind in KINDS if any(slot.lets_through(kind) for slot in slots))
            configs = [self._configs[name] for name in awake if name in self._configs]
            lingers = [config.linger for config in configs if config.linger is not None]
            session.linger = max(lingers, default=self.settings.linger)
            session.keep = any(config.keep for config in configs)
            if session.talk is not None:
                session.talk.settings = next((config.talk for config in configs), session.talk.settings)
            old = [stream for stream in self._superseded if stream.attachments and _uses(stream, session)]
            together = (*users.values(), *old)
            session.allow(not together or not all(stream.paused for stream in together))
            session.stay()

    # --- the API's verbs ---------------------------------------------------------------------------------------------

    def news(self, name: str, sources: Sequence[str]) -> bool:
        """Whether `put` would change anything. Raises `ConfigError` as it does."""
        self._check_name(name)
        if len(sources) > MAX_SOURCES:
            raise ConfigError(f"a stream takes at most {MAX_SOURCES} sources")
        for source in sources:
            self.validate(source)
        present = self._streams.get(name)
        return present is None or present.sources != tuple(sources)

    def put(self, name: str, sources: Sequence[str]) -> bool:
        """go2rtc's PUT: a stream of this name with these sources; false if it is there already, just so.

        Raises `ConfigError` for sources that must not come from outside or that nobody speaks.
        """
        if not self.news(name, sources):
            return False
        config = self._configs.get(name)
        new = replace(config, sources=tuple(sources)) if config else StreamConfig(name, tuple(sources))
        self._replace(new, end=False)
        return True

    def patch(self, name: str, source: str) -> Stream:
        """go2rtc's PATCH: an alias, a template filled, or new sources; in memory only."""
        self._check_name(name)
        scheme, _, rest = source.partition("://")
        target = source
        if scheme == "rtsp":
            target = rest.partition("/")[2].partition("?")[0]
        for candidate in (target, source):
            if candidate in self._streams:
                stream = self._streams[candidate]
                if self._streams.get(name) is not stream:
                    kind = "stream.changed" if name in self._streams else "stream.added"
                    self._streams[name] = stream
                    self._configs.pop(name, None)
                    if (name in self.pauses) != stream.paused:
                        self._note((name,), paused=stream.paused)
                        self._background(self.pauses.save())
                    self._collect()
                    self.bus.publish(kind, stream=name)
                return stream
        self.validate(source)
        present = self._streams.get(name)
        if present is None:
            return self._replace(StreamConfig(name, (source,)), end=False)
        old = self._configs.get(name) or StreamConfig(name, present.sources)
        if any(_TEMPLATE in text for text in old.sources):
            sources = tuple(t.replace(_TEMPLATE, source, 1) if _TEMPLATE in t else source for t in old.sources)
        else:
            sources = (source,)
        if present.sources == sources:
            return present
        stream = self._replace(replace(old, sources=sources), end=False)
        self._configs[name] = old  # templates stay templates
        return stream

    def get_or_patch(self, src: str, name: str = "", *, trusted: bool = True) -> Stream:
        """The stream named `src`; else one made of `src` as a URL, under `name` or itself. Raises `StreamNotFound`.

        Only trusted callers may bring a URL.
        """
        stream = self._streams.get(src)
        if stream is not None:
            return stream
        if not trusted or ":" not in src:
            raise StreamNotFound(src)
        try:
            return self.patch(name or src, src)
        except Go2pyError as error:
            _log.info("a source given by URL was refused: %s", error)
            raise StreamNotFound(src) from error

    def delete(self, name: str) -> bool:
        """Forget a name; the stream's readers are told that it is gone. False if there was none."""
        stream = self._streams.pop(name, None)
        self._configs.pop(name, None)
        if stream is None:
            return False
        self.unload(name)
        if self.pauses.discard((name,)):
            self._background(self.pauses.save())
        self._retire(stream, "the stream was removed")
        self._collect()
        self.bus.publish("stream.removed", stream=name)
        return True

    def validate(self, source: str) -> None:
        """Refuse a source from outside that runs commands, hides something in blanks or has a scheme nobody speaks."""
        scheme = SourceUrl(source).scheme
        if len(source) > MAX_SOURCE_TEXT:
            raise ConfigError("streams: the source is too long")
        if scheme in INSECURE:
            raise ConfigError("streams: source from insecure producer")
        rest = _RAW_SPACES.sub("", source) if scheme == "ffmpeg" else source
        if any(char.isspace() or not char.isprintable() for char in rest):
            raise ConfigError("streams: source with spaces may be insecure")
        if scheme not in self.schemes:
            raise ConfigError("streams: source not supported")

    def _check_name(self, name: str) -> None:
        if not name or len(name) > MAX_SOURCE_TEXT or not name.isprintable():
            raise ConfigError("streams: a name of printable characters is needed")
        if len(self._streams) >= MAX_STREAMS and name not in self._streams:
            raise ConfigError(f"streams: there are {MAX_STREAMS} streams already")

    # --- pause -------------------------------------------------------------------------------------------------------

    async def pause(self, name: str) -> bool:
        """Privacy: end the stream's readers, let its cameras go and open neither again until `resume`.

        A camera stays connected while a stream that is not paused uses it. Returns when the cameras are let go, with
        whether it will still be so after a restart. Raises `StreamNotFound`.
        """
        stream = self.require(name)
        self._set_paused(stream, paused=True)
        sessions = {slot.session for slot in stream.slots if slot.session is not None}
        await asyncio.gather(*(session.stopped() for session in sessions if not session.allowed))
        return await self.pauses.save()

    async def resume(self, name: str) -> bool:
        """The end of `pause`; returns whether a restart will know. Raises `StreamNotFound`."""
        self._set_paused(self.require(name), paused=False)
        return await self.pauses.save()

    def check_pause(self, spec: SourceSpec) -> None:
        """Raises `Paused` if all streams with this camera are."""
        session = self._sessions.get(spec.key)
        if session is not None and not session.allowed:
            raise Paused

    def _set_paused(self, stream: Stream, *, paused: bool) -> None:
        names = [name for name, one in self._streams.items() if one is stream]
        self._note(names, paused=paused)
        if stream.paused == paused:
            return
        stream.paused = paused
        if paused:
            for one in (stream, *(old for old in self._superseded if old.name in names)):
                one.paused = True
                one.end(str(Paused()))
        self._collect()
        for name in names:
            if not paused and (preload := self._preloads.get(name)) is not None:
                self.preload(name, preload.query)
            self.bus.publish("stream.state", stream=name, **stream.state)

    def _note(self, names: Iterable[str], *, paused: bool) -> None:
        if paused:
            self.pauses.add(names)
        else:
            self.pauses.discard(names)

    # --- preload -----------------------------------------------------------------------------------------------------

    @property
    def preloads(self) -> Mapping[str, Preload]:
        return self._preloads

    def preload(self, name: str, query: str) -> None:
        """Keep the tracks that `query` (`video&audio`) names running, from now on and over every failure."""
        self.require(name)
        self.unload(name)
        self._preloads[name] = Preload(self, name, query or "video&audio")

    def unload(self, name: str) -> bool:
        """End a preload; false if there was none."""
        preload = self._preloads.pop(name, None)
        if preload is not None:
            preload.close()
        return preload is not None

    async def close(self) -> None:
        """End every reader, preload and session."""
        for name in tuple(self._preloads):
            self.unload(name)
        for stream in set(self._streams.values()):
            stream.end("the gateway stops")
        await asyncio.gather(*(session.close() for session in self._sessions.values()), *self._closing)
        self._sessions.clear()
        self._streams.clear()


def _uses(stream: Stream, session: Session) -> bool:
    return any(slot.session is session for slot in stream.slots)
