"""From what stood behind `-c` to a `Config`: files, inline texts and single keys, merged in their order."""

import os
import re
from collections import abc
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ConfigError
from ..observe.secret import remember
from . import schema
from .document import Mapping, Node, Scalar, compose, merge, scalars, target
from .section import Report
from .substitute import PATTERN, Substituted, lookup, placeheld, substitute
from .values import Config

DEFAULT = "go2py.yaml"
GO2RTC = "go2rtc.yaml"
INLINE = "-c"
"""The name of inline texts in errors."""

_SINGLE_KEY = re.compile(r"(?P<key>[^=/\\\s{]+\.[^=/\\\s{]+)=(?P<value>.*)", re.DOTALL)
_INLINE = re.compile(r"\s*\{|[\w.-]+:\s|.*\n", re.DOTALL)
_ENV = re.compile(r"^\s*[\"']?env[\"']?\s*:|[{,]\s*[\"']?env[\"']?\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    shown: str
    """As it was given: what errors name."""


class ConfigFiles:
    """Where the configuration comes from.

    Arguments are those of `-c`: empty (skipped), `{…}` or other inline YAML, `log.level=trace`, else a file. The first
    file, existing or not, is the one that saves go to (`path`). Without arguments it is `go2py.yaml` in `directory`,
    or a `go2rtc.yaml` that is there instead.
    """

    def __init__(
        self,
        arguments: abc.Sequence[str] = (),
        *,
        directory: Path | None = None,
        environ: abc.Mapping[str, str] | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        directory = directory or Path.cwd()
        if not arguments:
            name = GO2RTC if not (directory / DEFAULT).exists() and (directory / GO2RTC).exists() else DEFAULT
            arguments = [name]
        self._sources: list[_File | str] = [
            argument if self._is_inline(argument, directory) else _File(directory / argument, argument)
            for argument in arguments
            if argument
        ]
        self.files = tuple(source.path for source in self._sources if isinstance(source, _File))
        self.path = self.files[0] if self.files else None

    @staticmethod
    def _is_inline(argument: str, directory: Path) -> bool:
        if argument.lstrip().startswith("{") or "\n" in argument:
            return True
        looks = _SINGLE_KEY.fullmatch(argument) or _INLINE.match(argument)
        return bool(looks) and not (directory / argument).exists()

    def load(self, text: str | None = None) -> Config:
        """Read, merge and validate everything; `text` takes the place of what `path` holds.

        Raises `ConfigError` for what must not be ignored: a file that is there and cannot be read or is not YAML, a
        mistake in what protects something.
        """
        root: Node | None = None
        env: dict[str, str] = {}
        pasted: dict[tuple[str, int], str] = {}
        for source in self._sources:
            if isinstance(source, _File):
                content = (
                    text if text is not None and source.path == self.path else read_text(source.path, source.shown)
                )
                node = self._file(content or "", source.shown, env, pasted)
            else:
                node = _inline(source)
            if node is not None and not isinstance(node, Mapping) and not (isinstance(node, Scalar) and node.is_null):
                raise ConfigError(
                    "a mapping is expected (`streams:` and so on)",
                    file=getattr(source, "shown", INLINE),
                    line=node.line,
                )
            root = merge(root, node)
        report = Report(pasted)
        return replace(schema.read(root, report), path=self.path, files=self.files)

    def _file(self, text: str, shown: str, env: dict[str, str], pasted: dict[tuple[str, int], str]) -> Node | None:
        """The tree of one file after substitution; its `env:` counts for itself and the files after it."""
        if _ENV.search(text):
            env.update(_own_env(text, shown, self._environ, env))
        result = substitute(text, lookup(self._environ, env))
        root = compose(result.text, shown, result.lines)
        if result.pasted:
            pasted |= {(shown, line): name for line, name in _torn(result, root).items()}
        return root


def read_text(path: Path, shown: str = "") -> str | None:
    """A file's text, None when it is missing. Raises `ConfigError` when it is there and cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=shown or path.name) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", file=shown or path.name, line=line) from None


def _inline(text: str) -> Node | None:
    """The tree of an inline text or of `a.b=value`."""
    single = None if text.lstrip().startswith("{") else _SINGLE_KEY.fullmatch(text)
    if not single:
        return compose(text, INLINE)
    node = compose(single["value"], INLINE)
    if node is None:
        node = Scalar(INLINE, 1, 0, 0, "", "'")
    for name in reversed(single["key"].split(".")):
        node = Mapping(INLINE, 1, 0, 0, [(Scalar(INLINE, 1, 0, 0, name), node)])
    return node


def _own_env(text: str, shown: str, environ: abc.Mapping[str, str], env: abc.Mapping[str, str]) -> dict[str, str]:
    """The values of a file's section `env:`, which may use each other; each is a secret from now on."""
    known: dict[str, str] = {}
    for _ in range(4):
        result = substitute(text, lookup(environ, {**env, **known}))
        found = _env(compose(placeheld(result.text), shown, result.lines), result.text)
        if found == known:
            break
        known = found
    for value in known.values():
        remember(value)
    return known


def _env(root: Node | None, text: str) -> dict[str, str]:
    section = root.entries().get("env") if isinstance(root, Mapping) else None
    values: dict[str, str] = {}
    if section and isinstance(section[1], Mapping):
        for name, (_, value) in section[1].entries().items():
            node = target(value)
            if isinstance(node, Scalar) and not node.is_null:
                source = text[node.start : node.end]
                values[name] = source.strip("'\"") if PATTERN.search(source) else node.text
    return values


def _torn(result: Substituted, root: Node | None) -> dict[int, str]:
    """Substituted values, by line, that no scalar of their line holds whole: they were read as YAML syntax."""
    held: dict[int, list[str]] = {}
    for scalar in scalars(root):
        held.setdefault(scalar.line, []).append(scalar.text)
    return {
        line: name
        for line, values in result.pasted.items()
        for name, value in values
        if value and not any(value in text for text in held.get(line, ()))
    }
