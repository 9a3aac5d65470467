"""A changed configuration takes effect without a restart: noticed, validated, compared, handed on."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields

from ..errors import ConfigError, Go2pyError
from ..observe.log import fields as log_fields
from ..observe.log import get_logger
from .load import ConfigFiles, read_text
from .store import ConfigStore, digest
from .values import Config, StreamConfig

_log = get_logger("config")

type _Signature = tuple[tuple[int, int, int, int] | None, ...]

SECTIONS = tuple(field.name for field in fields(Config) if field.name not in {"streams", "path", "files", "problems"})


@dataclass(frozen=True, slots=True)
class ConfigDiff:
    """What differs between two configurations. `sections` are names of `Config`'s fields, streams not among them."""

    added: tuple[StreamConfig, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[StreamConfig, ...] = ()
    sections: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.sections)


def diff(old: Config, new: Config) -> ConfigDiff:
    """What has to be done to get from one configuration to the other."""
    return ConfigDiff(
        added=tuple(stream for name, stream in new.streams.items() if name not in old.streams),
        removed=tuple(name for name in old.streams if name not in new.streams),
        changed=tuple(
            stream for name, stream in new.streams.items() if name in old.streams and old.streams[name] != stream
        ),
        sections=frozenset(name for name in SECTIONS if getattr(old, name) != getattr(new, name)),
    )


_reported: set[tuple[str, str]] = set()
"""Keys and messages; lines move."""


def report(config: Config) -> None:
    """Log what the configuration says and is not followed, each sentence once in the life of the process."""
    for problem in config.problems:
        if (problem.key, problem.message) not in _reported:
            _reported.add((problem.key, problem.message))
            _log.warning("%s", problem)


class Watcher:
    """Keeps the configuration in force: `apply` is called with each new one and what differs.

    A file that is wrong or has vanished changes nothing: the running configuration stays, and the log says so. What
    the API wrote by `ConfigStore.set` and `delete` is not applied again, if the store is known here.
    """

    def __init__(
        self,
        files: ConfigFiles,
        config: Config,
        apply: Callable[[Config, ConfigDiff], None],
        *,
        store: ConfigStore | None = None,
        interval: float = 1.0,
    ) -> None:
        self.config = config
        self._files = files
        self._apply = apply
        self._store = store
        self._interval = interval
        self._lock = asyncio.Lock()
        self._triggered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._seen = self._signature()
        self._present = self._seen
        """The signature of what is in force."""
        self._loaded = b""
        with suppress(ConfigError):  # broke since it was read: the next look says so
            self._loaded = digest(read_text(files.path) or "") if files.path else b""
        if store:
            store.known = self._loaded

    def start(self) -> None:
        """Look once in `interval` seconds until `close`."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="config watcher")

    def close(self) -> None:
        if self._task:
            self._task.cancel()

    def trigger(self) -> None:
        """Look at once, changed or not (SIGHUP)."""
        self._triggered.set()

    async def _run(self) -> None:
        """A change counts when it has stood still for one interval: not every editor writes a file in one piece."""
        before = self._seen
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._triggered.wait()
            signature = self._signature()
            if self._triggered.is_set() or (signature != self._seen and signature == before):
                self._triggered.clear()
                with suppress(Go2pyError):  # `reload` has logged it
                    await self.reload()
            before = signature

    async def reload(self) -> ConfigDiff:
        """Read the files now and apply what differs. Raises `ConfigError`: nothing changed then, and it is logged."""
        async with self._lock:
            self._seen = signature = self._signature()
            try:
                if any(was and not now for was, now in zip(self._present, signature, strict=True)):
                    raise ConfigError("a configuration file has vanished")
                text, config = await asyncio.to_thread(self._read)
                changes = await self._take(text, config, alone=signature[1:] == self._present[1:])
            except Go2pyError as error:
                _log.error("the running configuration stays in force", extra=log_fields(error=str(error)))
                raise
            self._present = signature
            return changes

    async def _take(self, text: str, config: Config, *, alone: bool) -> ConfigDiff:
        """`alone`: no other file than the first changed."""
        report(config)
        changes = diff(self.config, config)
        now = digest(text)
        if alone and self._store and now == self._store.known != self._loaded:
            changes = ConfigDiff()  # written by the API, which has applied it itself
        if changes:
            _log.info("reload", extra=log_fields(
                added=[stream.name for stream in changes.added], removed=list(changes.removed),
                changed=[stream.name for stream in changes.changed], sections=sorted(changes.sections),
            ))  # fmt: skip
            self._apply(config, changes)
        self.config = config
        self._loaded = now
        if self._store:
            self._store.known = now
        return changes

    def _read(self) -> tuple[str, Config]:
        path = self._files.path
        text = (read_text(path, path.name) or "") if path else ""
        return text, self._files.load(text)

    def _signature(self) -> _Signature:
        """Changes whenever a file does; missing files are None."""
        found: list[tuple[int, int, int, int] | None] = []
        for path in self._files.files:
            try:
                stat = os.stat(path)  # noqa: PTH116  once a second
            except OSError:
                found.append(None)
            else:
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_dev))
        return tuple(found)
