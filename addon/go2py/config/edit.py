"""Changes single values in YAML text and leaves every other character as it is: comments, order, quotes.

The text is composed to learn where things stand, spliced there, and composed again; a change is only accepted when
the new text then says exactly what was meant. `${…}` is held by placeholders of the same length meanwhile.
"""

from collections import abc

from ..errors import ConfigError
from .document import Alias, Mapping, Node, Scalar, Sequence, as_number, compose, target
from .emit import Plain, Value, block, flow, scalar
from .substitute import placeheld

type Pair = tuple[Node, Node]
type Shape = object


class Editor:
    """A YAML text under change. `set` and `delete` raise `ConfigError` and then leave the text as it was."""

    def __init__(self, text: str, file: str = "") -> None:
        self._file = file
        self.text = text
        self.root = self._compose(text)

    def node(self, path: abc.Sequence[str]) -> Node | None:
        """What stands at a path, aliases and merge keys followed."""
        node: Node | None = self.root
        for name in path:
            node = target(node) if node else None
            if not isinstance(node, Mapping) or name not in node.entries():
                return None
            node = node.entries()[name][1]
        return target(node) if node else None

    def says(self, path: abc.Sequence[str], value: Value) -> bool:
        """Whether this is what stands there already."""
        node = self.node(path)
        return node is not None and _shape(node) == _shape_of(value)

    def set(self, path: abc.Sequence[str], value: Value) -> None:
        """Write a value. Of its parents only the top one is made when it is missing, and only for a path of two."""
        *parents, key = path
        table = self.root
        if table is None:
            if len(path) > 2:
                raise self._error(path, "yaml: path not exist")
            written: Value = {key: value} if parents else value
            self._accept(self._appended(path[0], written), path, value)
            return
        for depth, name in enumerate(parents):
            pair = _find(table, name)
            last = depth == len(parents) - 1
            if pair is None or _is_null(pair[1]):
                if not last or (pair is None and depth):
                    raise self._error(path, "yaml: path not exist")
                inner: Value = {key: value}
                text = self._replaced(table, pair, inner) if pair else self._inserted(table, name, inner)
                self._accept(text, path, value)
                return
            table = self._child(pair, path)
        pair = _find(table, key)
        self._accept(self._replaced(table, pair, value) if pair else self._inserted(table, key, value), path, value)

    def delete(self, path: abc.Sequence[str]) -> None:
        """Remove a key with all that belongs to it. Its parent stays, even if it is then empty."""
        table = self.root
        for name in path[:-1]:
            pair = _find(table, name) if table else None
            if pair is None or _is_null(pair[1]):
                raise self._error(path, "yaml: path not exist")
            table = self._child(pair, path)
        pair = _find(table, path[-1]) if table else None
        if table and pair:
            self._accept(self._removed(table, pair), path, None, delete=True)

    # -- the text as lines -------------------------------------------------------------------------------------------

    def _line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def _line_end(self, offset: int) -> int:
        """Behind the line end of the line that `offset` is in."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end + 1

    def _column(self, node: Node) -> int:
        return node.start - self._line_start(node.start)

    def _indent(self, start: int) -> int | None:
        """Blanks that a line begins with, None for a blank line."""
        line = self.text[start : self._line_end(start)]
        return len(line) - len(line.lstrip(" ")) if line.strip() else None

    def _end(self, pair: Pair) -> int:
        """Behind the last line of an entry: its value and whatever is indented more deeply than its key."""
        column = self._column(pair[0])
        end = position = self._line_end(max(pair[0].end, self._leaf_end(pair[1]) - 1))
        while position < len(self.text):
            indent = self._indent(position)
            position = self._line_end(position)
            if indent is None:
                continue
            if indent <= column:
                break
            end = position
        return end

    def _leaf_end(self, node: Node) -> int:
        """Where the text of a node ends; libyaml counts what follows a block to it."""
        if isinstance(node, Sequence) and not node.flow and node.items:
            return self._leaf_end(node.items[-1])
        if isinstance(node, Mapping) and not node.flow and node.pairs:
            return self._leaf_end(node.pairs[-1][1])
        if isinstance(node, Scalar) and node.style in {"|", ">"}:
            return node.start + len(self.text[node.start : node.end].rstrip())
        return node.end

    def _lines(self, lines: abc.Sequence[str]) -> str:
        newline = "\r\n" if "\r\n" in self.text else "\n"
        return "".join(line + newline for line in lines)

    # -- the four changes --------------------------------------------------------------------------------------------

    def _appended(self, key: str, value: Value) -> str:
        first, *rest = block(value, 0)
        before = self._lines([self.text]) if self.text and not self.text.endswith("\n") else self.text
        return before + self._lines([f"{scalar(key)}:{first}", *rest])

    def _inserted(self, table: Mapping, key: str, value: Value) -> str:
        if table.flow:
            entry = f"{scalar(key, flow=True)}: {flow(value)}"
            if table.pairs:
                end = table.pairs[-1][1].end
                return f"{self.text[:end]}, {entry}{self.text[end:]}"
            start = self.text.index("{", table.start) + 1
            return self.text[:start] + entry + self.text[start:]
        column = self._column(table.pairs[0][0])
        if table is self.root and not column:
            return self._appended(key, value)
        first, *rest = block(value, column)
        end = position = self._end(table.pairs[-1])
        while position < len(self.text) and (indent := self._indent(position)) != 0:
            position = self._line_end(position)
            if indent is None:
                continue
            if indent < column:
                break
            end = position  # a comment at the end of the mapping
        before = self.text[:end]
        if not before.endswith("\n"):
            before = self._lines([before])
        return before + self._lines([f"{' ' * column}{scalar(key)}:{first}", *rest]) + self.text[end:]

    def _replaced(self, table: Mapping, pair: Pair, value: Value) -> str:
        key, old = pair
        if table.flow:
            between = self.text[key.end : old.start]
            gap = "" if old.end > old.start or between.endswith(" ") else " "
            if ":" not in between:  # {door}
                gap = ": "
            return self.text[: old.start] + gap + flow(value) + self.text[old.end :]
        first, *rest = block(value, self._column(key))
        one_line = "\n" not in self.text[key.end : old.end] and not _is_block(old)
        if one_line and not rest:
            gap = "" if old.end > old.start and first else first[:1]
            return self.text[: old.start] + gap + first.lstrip(" ") + self.text[old.end :]
        begin = old.end if one_line else self.text.index(":", key.end) + 1
        comment = self.text[begin : self._line_end(begin)].strip()
        comment = f"  {comment}" if comment.startswith("#") and not _is_literal(old) else ""
        end = self._end(pair)
        text = self._lines([f"{self.text[key.start : key.end]}:{first}{comment}", *rest])
        if end == len(self.text) and not self.text.endswith("\n"):
            text = text.rstrip("\r\n")
        return self.text[: key.start] + text + self.text[end:]

    def _removed(self, table: Mapping, pair: Pair) -> str:
        key, old = pair
        if not table.flow:
            return self.text[: self._line_start(key.start)] + self.text[self._end(pair) :]
        index = table.pairs.index(pair)
        if index + 1 < len(table.pairs):
            return self.text[: key.start] + self.text[table.pairs[index + 1][0].start :]
        start = table.pairs[index - 1][1].end if index else key.start
        rest = self.text[old.end :]
        if not index and rest.lstrip().startswith(","):
            rest = rest.lstrip()[1:]
        return self.text[:start] + rest

    # -- the check ---------------------------------------------------------------------------------------------------

    def _accept(self, text: str, path: abc.Sequence[str], value: Value, *, delete: bool = False) -> None:
        """Take the new text if it says what was meant."""
        try:
            root = self._compose(text)
        except ConfigError:
            raise self._error(path, "cannot be changed in place; edit the file") from None
        meant = _changed(_shape(self.root), path, value, delete=delete)
        if _shape(root) != meant:
            raise self._error(path, "cannot be changed in place; edit the file")
        self.text, self.root = text, root

    def _compose(self, text: str) -> Mapping | None:
        root = compose(placeheld(text), self._file)
        if root is None or (_is_null(root) and root.start == root.end):
            return None
        if not isinstance(root, Mapping):
            raise ConfigError("yaml: can't patch", file=self._file, line=root.line)
        return root

    def _child(self, pair: Pair, path: abc.Sequence[str]) -> Mapping:
        if isinstance(pair[1], Mapping):
            return pair[1]
        kind = "an alias" if isinstance(pair[1], Alias) else "no mapping"
        raise ConfigError(f"stands below {kind}; edit the file", file=self._file, line=pair[1].line, key=".".join(path))

    def _error(self, path: abc.Sequence[str], message: str) -> ConfigError:
        return ConfigError(message, file=self._file, key=".".join(path))


def _find(table: Mapping, name: str) -> Pair | None:
    """The entry that is written in this mapping itself."""
    return next((pair for pair in table.pairs if isinstance(pair[0], Scalar) and pair[0].text == name), None)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def _is_block(node: Node) -> bool:
    return _is_literal(node) or (isinstance(node, Mapping | Sequence) and not node.flow)


def _is_literal(node: Node) -> bool:
    return isinstance(node, Scalar) and node.style in {"|", ">"}


def _shape(node: Node | None) -> Shape:
    """What a tree says, comparable; aliases stay names, an empty mapping is as good as none."""
    if isinstance(node, Mapping):
        return [(_shape(key), _shape(value)) for key, value in node.pairs] or None
    if isinstance(node, Sequence):
        return ("list", [_shape(item) for item in node.items])
    if isinstance(node, Alias):
        return ("alias", node.name)
    if not isinstance(node, Scalar) or node.is_null:
        return None
    return ("scalar", node.text, not node.style and as_number(node) is not None)


def _shape_of(value: Value) -> Shape:
    if value is None:
        return None
    if isinstance(value, abc.Mapping):
        return [(_shape_of(key), _shape_of(item)) for key, item in value.items()] or None
    if isinstance(value, abc.Sequence) and not isinstance(value, str):
        return ("list", [_shape_of(item) for item in value])
    text = placeheld(value) if isinstance(value, str) else scalar(value)
    plain = isinstance(value, Plain) or not isinstance(value, str)
    return ("scalar", text, plain and as_number(Scalar("", 0, 0, 0, text)) is not None)


def _changed(shape: Shape, path: abc.Sequence[str], value: Value, *, delete: bool) -> Shape:
    """The shape after the change; entries added come last."""
    entries = list(shape) if isinstance(shape, list) else []
    name, *rest = path
    index = next((i for i, (key, _) in enumerate(entries) if isinstance(key, tuple) and key[1] == name), None)
    if delete and not rest:
        if index is not None:
            del entries[index]
        return entries or None
    old = entries[index][1] if index is not None else None
    new = (_shape_of(name), _changed(old, rest, value, delete=delete) if rest else _shape_of(value))
    if index is None:
        entries.append(new)
    else:
        entries[index] = (entries[index][0], new[1])
    return entries
