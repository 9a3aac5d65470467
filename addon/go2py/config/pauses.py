"""Which streams are paused, for privacy: kept over restarts in a file of its own beside the configuration."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import ConfigError
from ..observe.log import fields, get_logger
from .files import locked, write

PAUSES_FILE = "go2py.paused"
MAX_BYTES = 1 << 20
MAX_NAMES = 4096
_log = get_logger("config")


class Pauses:
    """Names of the paused streams. One whose stream is not there (yet) stays: it must not come back with a picture."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read what is kept in `folder`; without one, or where it cannot be written, names live as long as the process.

        A file that makes no sense is put aside and the log names it.
        """
        self._path = folder / PAUSES_FILE if folder else None
        self._names = set(_read(self._path)) if self._path else set()
        self._written = frozenset(self._names)
        self._lock = asyncio.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def add(self, names: Iterable[str]) -> None:
        self._names.update(names)

    def discard(self, names: Iterable[str]) -> bool:
        """Forget names; whether any of them was there."""
        before = len(self._names)
        self._names.difference_update(names)
        return len(self._names) < before

    async def save(self) -> bool:
        """Write the names unless the file has just these; whether they will be there after a restart."""
        if self._path is None:
            return False
        async with self._lock:
            names = frozenset(self._names)
            if names == self._written:
                return True
            try:
                await asyncio.to_thread(_write, self._path, names)
            except (OSError, ConfigError) as error:
                _log.warning(
                    "which streams are paused cannot be kept: the next start forgets it",
                    extra=fields(path=str(self._path), error=str(error)),
                )
                return False
            self._written = names
            return True


def _write(path: Path, names: frozenset[str]) -> None:
    with locked(path):
        write(path, (json.dumps({"paused": sorted(names)}, indent=1) + "\n").encode())


def _read(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return _parse(data)
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.error("%s cannot be read (%s): no stream is paused", path, error.strerror)
        return []
    except ConfigError as error:
        _log.error("%s %s: no stream is paused%s", path, error, _put_aside(path))
        return []


def _parse(data: bytes) -> list[str]:
    """Raises `ConfigError` for what `_write` did not make."""
    try:
        value = json.loads(data) if len(data) <= MAX_BYTES else None
    except ValueError, RecursionError:
        value = None
    names = value.get("paused") if isinstance(value, dict) else None
    if not isinstance(names, list) or len(names) > MAX_NAMES or not all(isinstance(name, str) for name in names):
        raise ConfigError("makes no sense")
    return names


def _put_aside(path: Path) -> str:
    kept = path.with_name(f"{path.name}.broken")
    try:
        path.replace(kept)
    except OSError as error:
        return f" ({error.strerror})"
    return f"; it is kept as {kept.name}"
