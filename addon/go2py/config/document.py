"""YAML text as a tree of nodes that know where they stand.

libyaml scans; the tree is our own, because three things are needed that a loader of plain values throws away: the line
of every key (for errors), the span of every value (for edits that keep comments), and the text of a scalar as it was
written (`password: 0123` is the text `0123`, `local_auth: on` a boolean). What a scalar means is decided by who
reads it, as Go's parser does, on which the files in the wild were tried (YAML 1.2's core schema plus the old booleans).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..errors import ConfigError

MAX_TEXT = 4 << 20
MAX_NODES = 200_000
MAX_DEPTH = 64

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"([-+]?)0([0-7_]+)")


@dataclass(slots=True, eq=False)
class Node:
    """`start` and `end` are offsets into the text (0 where nothing was written), `line` counts from 1."""

    file: str
    line: int
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Scalar(Node):
    text: str
    style: str = ""
    """Empty when plain, else the character that began it: `'`, `"`, `|` or `>`."""

    @property
    def is_null(self) -> bool:
        return not self.style and self.text in _NULL


@dataclass(slots=True, eq=False)
class Sequence(Node):
    items: list[Node]
    flow: bool = False


@dataclass(slots=True, eq=False)
class Mapping(Node):
    pairs: list[tuple[Node, Node]]
    flow: bool = False
    _entries: dict[str, tuple[Node, Node]] | None = field(default=None, repr=False)

    def entries(self, depth: int = 0) -> dict[str, tuple[Node, Node]]:
        """Key and value node by key text; merge keys (`<<`) applied, of doubled keys the first."""
        if self._entries is not None:
            return self._entries
        if depth > MAX_DEPTH:
            raise ConfigError("merge keys are nested too deeply", file=self.file, line=self.line)
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        for key, value in self.pairs:
            if not isinstance(key, Scalar):
                raise ConfigError("a key must be a text", file=key.file, line=key.line)
            if key.text != "<<" or key.style:
                own.setdefault(key.text, (key, target(value)))
                continue
            base = target(value)
            for part in base.items if isinstance(base, Sequence) else [base]:
                mapping = target(part)
                if not isinstance(mapping, Mapping):
                    raise ConfigError("a merge key takes a mapping or a list of them", file=key.file, line=key.line)
                for name, entry in mapping.entries(depth + 1).items():
                    merged.setdefault(name, entry)
        self._entries = own | {name: entry for name, entry in merged.items() if name not in own}
        return self._entries

    def doubles(self) -> Iterator[Scalar]:
        """Keys that stand a second time."""
        seen: set[str] = set()
        for key, _ in self.pairs:
            if isinstance(key, Scalar):
                if key.text in seen and key.text != "<<":
                    yield key
                seen.add(key.text)


@dataclass(slots=True, eq=False)
class Alias(Node):
    name: str
    node: Node


def target(node: Node) -> Node:
    """The node itself, or what an alias stands for."""
    return node.node if isinstance(node, Alias) else node


class _Composer:
    """Builds the tree from libyaml's events; nesting and size are bounded, aliases share their node."""

    def __init__(self, text: str, file: str, lines: list[int] | None) -> None:
        self._file = file
        self._lines = lines
        self._loader = _LOADER(text)
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def document(self) -> Node | None:
        loader = self._loader
        loader.get_event()  # stream start
        if loader.check_event(yaml.StreamEndEvent):
            return None
        loader.get_event()  # document start
        root = self._node(loader.get_event(), 0)
        loader.get_event()  # document end
        if not loader.check_event(yaml.StreamEndEvent):
            line = self.line(loader.peek_event().start_mark)
            raise ConfigError("a second YAML document begins; one is read", file=self._file, line=line)
        return root

    def dispose(self) -> None:
        self._loader.dispose()

    def line(self, mark: Any) -> int:
        line: int = mark.line
        return self._lines[line] if self._lines and line < len(self._lines) else line + 1

    def _node(self, event: Any, depth: int) -> Node:
        start, end = event.start_mark, event.end_mark
        line = self.line(start)
        where = (self._file, line, start.index, end.index)
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            what = "too many values" if self._count > MAX_NODES else "nested too deeply"
            raise ConfigError(what, file=self._file, line=line)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                # A password that begins with `*` ends here as well: the name is not repeated.
                raise ConfigError("an alias (*name) without its anchor (&name)", file=self._file, line=line)
            return Alias(*where, event.anchor, self._anchors[event.anchor])
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(*where, event.value, event.style or ("" if event.implicit[0] else "!"))
        elif isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not self._loader.check_event(yaml.SequenceEndEvent):
                items.append(self._node(self._loader.get_event(), depth + 1))
            node = Sequence(*where, items, bool(event.flow_style))
            node.end = self._loader.get_event().end_mark.index
        else:
            pairs: list[tuple[Node, Node]] = []
            while not self._loader.check_event(yaml.MappingEndEvent):
                key = self._node(self._loader.get_event(), depth + 1)
                pairs.append((key, self._node(self._loader.get_event(), depth + 1)))
            node = Mapping(*where, pairs, bool(event.flow_style))
            node.end = self._loader.get_event().end_mark.index
        if event.anchor:
            self._anchors[event.anchor] = node
        return node


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(text: str, file: str = "", lines: list[int] | None = None) -> Node | None:
    """The tree of a YAML text, None when it holds nothing; `lines` are the numbers to tell instead of the text's own.

    Raises `ConfigError` with the line of what is not YAML.
    """
    if len(text) > MAX_TEXT:
        raise ConfigError(f"larger than {MAX_TEXT >> 20} MB", file=file)
    composer = None
    try:
        composer = _Composer(text, file, lines)
        return composer.document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        line = lines[line - 1] if lines and line <= len(lines) else line
        raise ConfigError("a character that YAML does not allow", file=file, line=line) from None
    except yaml.MarkedYAMLError as error:
        # Only libyaml's fixed sentences: a snippet of the text could be a password.
        mark = error.problem_mark or error.context_mark
        says = re.sub(r"['\"].+['\"]", "…", " ".join(filter(None, (error.problem, error.context))))
        raise ConfigError(
            f"not YAML: {says}", file=file, line=composer.line(mark) if mark and composer else 0
        ) from None
    except UnicodeError, yaml.YAMLError, ValueError:
        raise ConfigError("not YAML", file=file) from None
    finally:
        if composer:
            composer.dispose()


def scalars(node: Node | None) -> Iterator[Scalar]:
    """All scalars that are written in a tree, keys included, aliases not followed."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from scalars(item)
    elif isinstance(node, Mapping):
        for key, value in node.pairs:
            yield from scalars(key)
            yield from scalars(value)


def merge(old: Node | None, new: Node | None) -> Node | None:
    """`new` over `old`: mappings key by key, all else replaced. A null says nothing, so that what stands stays."""
    if new is None or (isinstance(new, Scalar) and new.is_null and old is not None):
        return old
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    entries = dict(old.entries())
    for name, (key, value) in new.entries().items():
        before = entries.get(name)
        entries[name] = (key, merge(before[1], value) or value) if before else (key, value)
    return Mapping(new.file, new.line, 0, 0, list(entries.values()), _entries=entries)


def as_bool(node: Node) -> bool | None:
    """A boolean as Go's parser reads one (`true`, `on`, `yes`, `y` …, here in any case), else None."""
    text = node.text.lower() if isinstance(node, Scalar) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def as_number(node: Node) -> int | float | None:
    """A number as Go's parser reads one: decimal, `0x`, `0o`, `0b`, octal with a leading zero, underscores; or None."""
    if not isinstance(node, Scalar) or len(node.text) > 64:
        return None
    text = node.text
    if octal := _OCTAL.fullmatch(text):
        text = f"{octal[1]}0o{octal[2]}"
    try:
        return int(text, 0)
    except ValueError:
        pass
    if not _FLOAT.fullmatch(text):
        return None
    try:
        value = float(text)
    except ValueError:  # `1_`
        return None
    return value if math.isfinite(value) else None
