"""The configuration file as a store: shown masked, replaced, merged into, and changed value by value."""

import asyncio
import hashlib
from collections import abc
from collections.abc import Callable
from pathlib import Path

from ..errors import ConfigError
from .document import Mapping, Node, Sequence, compose
from .edit import Editor
from .emit import Value, value_of
from .files import locked, write
from .load import ConfigFiles, read_text
from .masking import masked_text, restore
from .substitute import PATTERN

_BOM = "\ufeff"
"""A file's is taken off by `read_text`; libyaml does not count it, and offsets would be one off."""


def digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class ConfigStore:
    """Changes to one file, one after the other; nobody else's is lost, those of other processes neither.

    Every method raises `ConfigError` when it cannot do what was asked, and then nothing was written. `known` is the
    digest of the text that the running configuration is; `set` and `delete` carry it along, because who calls them
    changes the running configuration himself.
    """

    def __init__(self, files: ConfigFiles) -> None:
        self._files = files
        self._lock = asyncio.Lock()
        self.path = files.path
        self.known = b""

    async def masked(self) -> str | None:
        """The file's text with its secrets masked, None when there is no file."""
        path = self._path()

        def read() -> str | None:
            text = read_text(path)
            return None if text is None else masked_text(text, path.name)

        return await asyncio.to_thread(read)

    async def replace(self, text: str) -> None:
        """Make this the file's text, masks standing for what is stored. It must be a configuration that would start."""
        name = self._path().name

        def change(old: str) -> str:
            new = restore(text.removeprefix(_BOM), old, name)
            self._files.load(new)
            return new

        await self._change(change)

    async def patch(self, body: str) -> None:
        """Merge a mapping (YAML or JSON) into the file: mappings key by key, lists and scalars replace what stands.

        Comments and order stay. The result must be a configuration that would start.
        """
        name = self._path().name

        def change(old: str) -> str:
            editor = Editor(old, name)
            root = compose(restore(body.removeprefix(_BOM), old, "PATCH"), "PATCH")
            if not isinstance(root, Mapping):
                raise ConfigError("a mapping is expected", file="PATCH")
            _merge(editor, (), root)
            self._files.load(editor.text)
            return editor.text

        await self._change(change)

    async def set(self, path: abc.Sequence[str], value: Value) -> None:
        """Write a single value, like `("streams", "door")`; the top key is made when it is missing."""
        if _holds_reference(value) or any(PATTERN.search(key) for key in path):
            raise ConfigError("cannot be stored: ${…} means something else in the file", key=".".join(path))

        def change(old: str) -> str:
            editor = Editor(old, self._path().name)
            if not editor.says(path, value):
                editor.set(path, value)
            return editor.text

        await self._change(change, applied=True)

    async def delete(self, path: abc.Sequence[str]) -> None:
        """Remove a single value; what is not there needs no removing."""

        def change(old: str) -> str:
            editor = Editor(old, self._path().name)
            if editor.node(path) is not None:
                editor.delete(path)
            return editor.text

        await self._change(change, applied=True)

    def _path(self) -> Path:
        if self.path is None:
            raise ConfigError("config file disabled")
        return self.path

    async def _change(self, change: Callable[[str], str], *, applied: bool = False) -> None:
        path = self._path()
        async with self._lock:
            # A caller that is cancelled leaves the thread behind; the lock on the folder still keeps the order.
            old, new = await asyncio.to_thread(_changed, path, change)
        if applied and digest(old) == self.known:
            self.known = digest(new)


def _changed(path: Path, change: Callable[[str], str]) -> tuple[str, str]:
    """Read, change, write; the texts before and after."""
    with locked(path):
        stored = read_text(path, path.name)
        old = stored or ""
        new = change(old)
        if new != stored:
            try:
                write(path, new.encode("utf-8"))
            except UnicodeEncodeError:
                raise ConfigError("holds characters that no file can hold", file=path.name) from None
            except OSError as error:
                raise ConfigError(f"cannot be written: {error.strerror}", file=path.name) from None
    return old, new


def _merge(editor: Editor, path: tuple[str, ...], patch: Mapping) -> None:
    for name, (_, new) in patch.entries().items():
        here = (*path, name)
        old = editor.node(here)
        _refuse_conflict(here, old, new)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            _merge(editor, here, new)
        else:
            value = value_of(new)
            if not editor.says(here, value):
                editor.set(here, value)


def _refuse_conflict(path: tuple[str, ...], old: Node | None, new: Node) -> None:
    if old is None or getattr(old, "is_null", False):
        return
    for kind, name in ((Mapping, "a mapping"), (Sequence, "a list")):
        if isinstance(old, kind) and not isinstance(new, kind):
            raise ConfigError(f"is {name} in the file, and {name} is expected", file="PATCH", line=new.line,
                              key=".".join(path))  # fmt: skip
    if isinstance(new, Mapping) and not isinstance(old, Mapping):
        raise ConfigError("is no mapping in the file", file="PATCH", line=new.line, key=".".join(path))


def _holds_reference(value: Value) -> bool:
    if isinstance(value, str):
        return bool(PATTERN.search(value))
    if isinstance(value, abc.Mapping):
        return any(PATTERN.search(str(key)) or _holds_reference(item) for key, item in value.items())
    return isinstance(value, abc.Sequence) and any(map(_holds_reference, value))
