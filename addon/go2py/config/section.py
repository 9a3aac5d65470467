"""One mapping of the configuration, read key by key.

Two kinds of mistake: in what protects something a wrong value is a `ConfigError` and nothing starts (*strict*),
anywhere else it is a `Problem`, the value counts as not written and the rest is followed.
"""

import re
from collections import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NoReturn

from ..errors import ConfigError
from ..observe.secret import Secret, mask
from .document import Mapping, Node, Scalar, Sequence, as_bool, as_number, target
from .substitute import PATTERN
from .values import Problem

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SIZE = re.compile(r"(\d+) ?([kKMG]?)i?B?")
_POWERS = {"": 0, "k": 10, "K": 10, "M": 20, "G": 30}


@dataclass(slots=True)
class Report:
    """What was found while reading. `pasted` are names by file and line whose value broke the YAML around it."""

    pasted: abc.Mapping[tuple[str, int], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, message: str, key: str, node: Node) -> None:
        self.problems.append(Problem(mask(message), mask(key), node.file, node.line))

    def refuse(self, message: str, key: str, node: Node) -> NoReturn:
        raise ConfigError(mask(message), file=node.file, line=node.line, key=mask(key))


class Section:
    """Reads the keys of a mapping; `done` reports those that nobody asked for.

    `strict` are the keys whose mistakes end the start; a key that looks like one of them but is unknown is a mistake.
    """

    def __init__(self, report: Report, name: str, node: Node | None, *, strict: frozenset[str] | None = None) -> None:
        """`strict` None: no key is; an empty `name` is the top of the document."""
        self.report = report
        self.name = name
        self._strict = strict or frozenset()
        self._entries: dict[str, tuple[Node, Node]] = {}
        self._asked: set[str] = set()
        node = target(node) if node else None
        if isinstance(node, Mapping):
            self._entries = node.entries()
            for double in node.doubles():
                self._double(double)
        elif node is not None and not (isinstance(node, Scalar) and node.is_null):
            message = "a mapping (`key: value` lines) is expected"
            if strict is not None or not name:
                report.refuse(message, name, node)
            report.problem(message, name, node)

    def _double(self, key: Scalar) -> None:
        path, message = self.path(key.text), "stands here a second time; one of the two must go"
        if not self.name or key.text in self._strict:
            self.report.refuse(message, path, key)
        self.report.problem(message + ", until then the first counts", path, key)

    def path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def __iter__(self) -> Iterator[str]:
        """The keys as they stand."""
        return iter(self._entries)

    def node(self, key: str) -> Node | None:
        """The value of a key; None when it is absent or null."""
        self._asked.add(key)
        if key not in self._entries:
            return None
        value = self._entries[key][1]
        return None if isinstance(value, Scalar) and value.is_null else value

    def key_node(self, key: str) -> Node:
        return self._entries[key][0]

    def wrote(self, key: str) -> bool:
        """Whether the key stands there, be its value null."""
        return key in self._entries

    def fail(self, key: str, message: str, node: Node | None = None) -> None:
        """Refuse or report, as the key demands."""
        where = node or self.key_node(key)
        if key in self._strict:
            self.report.refuse(message, self.path(key), where)
        self.report.problem(message, self.path(key), where)

    def text(self, key: str, default: str = "", *, fallback: str | None = None) -> str:
        """A text, numbers and booleans as they are written; `fallback` takes the place of a value that is no text."""
        node = self.node(key)
        if node is None:
            return default
        text = self._text(key, node)
        return text if text is not None else default if fallback is None else fallback

    def _text(self, key: str, node: Node) -> str | None:
        node = target(node)
        if not isinstance(node, Scalar):
            self.fail(key, "a text is expected", node)
            return None
        if key in self._strict:
            if name := PATTERN.search(node.text):
                self.fail(
                    key, f"nothing has a value for {name[0]}: set it, or write a default (${{NAME:default}})", node
                )
            if pasted := self.report.pasted.get((node.file, node.line)):
                self.fail(
                    key, f"the value of {pasted} is YAML syntax itself: put single quotes around ${{{pasted}}}", node
                )
        return node.text

    def secret(self, key: str) -> Secret:
        return Secret(self.text(key))

    def boolean(self, key: str, default: bool = False) -> bool:
        node = self.node(key)
        if node is None:
            return default
        value = as_bool(node)
        if value is None:
            self.fail(key, "true or false is expected", node)
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts, a single text being a list of one; None when it is not written.

        In a strict key a null is a mistake: it reads like a list that allows nothing and would allow everything.
        """
        node = self.node(key)
        if node is None:
            if key in self._strict and self.wrote(key):
                self.fail(key, "a list is expected; [] is the empty one")
            return None
        items = node.items if isinstance(node, Sequence) else [node]
        found = []
        for item in items:
            if isinstance(target(item), Scalar) and not (isinstance(item, Scalar) and item.is_null):
                text = self._text(key, item)
                if text is not None:
                    found.append(text)
            else:
                self.fail(key, "a list of texts is expected", item)
        return tuple(found)

    def number(self, key: str, default: float, parse: Callable[[Node], float | None], form: str) -> float:
        """A number ≥ 0 in one of the forms that `parse` knows; `form` says which."""
        node = self.node(key)
        if node is None:
            return default
        value = parse(node)
        if value is None or value < 0:
            self.fail(key, f"{form} is expected", node)
            return default
        return value

    def integer(self, key: str, default: int) -> int:
        return int(self.number(key, default, whole, "a whole number, 0 or more,"))

    def seconds(self, key: str, default: float) -> float:
        return self.number(key, default, duration, "seconds (10, 0.5) or a time (500ms, 2m)")

    def size(self, key: str, default: int) -> int:
        return int(self.number(key, default, size, "a number of bytes (65536, 16MB)"))

    def done(self, hint: str = "is unknown and ignored") -> None:
        """Report the keys that were not asked for."""
        for key, (node, _) in self._entries.items():
            if key in self._asked:
                continue
            near = get_close_matches(key.lower(), self._asked, n=1, cutoff=0.75)
            meant = f"; is {near[0]} meant?" if near else ""
            if near and near[0] in self._strict:
                self.report.refuse(f"is unknown{meant}", self.path(key), node)
            self.report.problem(hint + meant, self.path(key), node)


def whole(node: Node) -> int | None:
    value = as_number(node)
    return value if isinstance(value, int) else None


def duration(node: Node) -> float | None:
    """Seconds from a number or a text of Go's (`1m30s`, `500ms`)."""
    value = as_number(node)
    if value is not None:
        return float(value)
    if not isinstance(node, Scalar) or not node.text or len(node.text) > 64 or _DURATION.sub("", node.text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(node.text))


def size(node: Node) -> int | None:
    """Bytes from a number or a text with a unit (`64k`, `16MB`, `1GiB`), all powers of 1024."""
    value = as_number(node)
    if isinstance(value, int):
        return value
    match = _SIZE.fullmatch(node.text) if isinstance(node, Scalar) and len(node.text) <= 64 else None
    return int(match[1]) << _POWERS[match[2]] if match else None
