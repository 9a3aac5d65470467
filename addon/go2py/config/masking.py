"""The configuration file with its secrets masked, and a masked text made whole again.

`***` takes the place of user infos and secret parameters of URLs, of values under keys like `password` or `tls_key`,
and of everything in `env:`. Who sends `***` back keeps what is stored: at the same place in the document, in a list at
the entry that looks the same.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import ConfigError
from ..observe.secret import MASK, PARAMETER, SENSITIVE, USERINFO, mask
from .document import Mapping, Node, Scalar, Sequence, compose
from .emit import scalar
from .substitute import placeheld

type Path = tuple[str | int, ...]
type Replacement = Callable[[str, str], str]
"""From label and text of a secret to what takes its place."""

_SENSITIVE = re.compile(rf"(?:{SENSITIVE}|pairing)s?", re.IGNORECASE)
_OPEN = frozenset({"local_auth"})
"""Keys that only look sensitive."""
_VAULTS = frozenset({"env", "wyze", "xiaomi"})
"""Sections in which every value is a secret."""
_NAMES = frozenset({"streams", "preload", "publish", "log"})
"""Sections whose keys are names of the user's."""
_REFERENCE = re.compile(r"\$\{[^{}:]+:?\}")
"""`${NAME}`: says nothing, unlike a default behind it."""
_KEY = "\0"
"""Last step of the path of a key itself."""
_COMMENT = re.compile(r"#.*")
_BARE_MASK = re.compile(r"(?<=[:,\[{-] )\*\*\*(?=\s*(?:$|[,\]}]|\s#))", re.MULTILINE)
"""A mask that somebody typed without quotes, which YAML takes for an alias."""
_ASSIGNMENT = re.compile(rf"(?:^|[\s#\"'{{,-]){SENSITIVE}[\"']?\s*[:=]\s*(?P<value>[^\s#].*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Item:
    """A scalar and its place. `source` is its text in the file, `hidden` the same masked."""

    path: Path
    node: Scalar
    source: str
    hidden: str
    whole: bool
    """Whether the whole value is secret."""

    @property
    def look(self) -> str:
        """The masked source without its quotes: by it scalars of different places are compared."""
        return self.hidden.strip("'\"")

    @property
    def text(self) -> str:
        """What the scalar says, `${…}` as written."""
        if "${" not in self.source:
            return self.node.text
        return self.source[1:-1] if self.node.style in {"'", '"'} else self.source


class _Text:
    """A configuration text taken apart: scalars by path, and the comments between them."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.items = [self._item(path, node) for path, node in _walk(compose(placeheld(text), file), ())]
        self.items.sort(key=lambda item: item.node.start)
        self.by_path = {item.path: item for item in self.items}
        self.comments: list[tuple[int, str]] = []
        position = 0
        for start, end in [*((item.node.start, item.node.end) for item in self.items), (len(text), len(text))]:
            found = _COMMENT.finditer(text, position, max(start, position))
            self.comments += [(match.start(), match[0]) for match in found]
            position = max(position, end)

    def _item(self, path: Path, node: Scalar) -> _Item:
        source = self.text[node.start : node.end]
        if node.style in {"|", ">"}:
            source = source.rstrip()
        whole = _is_sensitive(path) and not node.is_null and _REFERENCE.sub("", source) != ""
        hidden = (f"'{MASK}'" if node.text else source) if whole else _replace(source, lambda _label, _secret: MASK)
        if node.style == '"' and "\\" in source and not whole and _secrets(node.text):
            # What is escaped in the file may end a secret where it goes on.
            hidden = scalar(_replace(node.text, lambda _label, _secret: MASK), flow=True)
        return _Item(path, node, source, hidden, whole)


def _walk(node: Node | None, path: Path) -> Iterator[tuple[Path, Scalar]]:
    if isinstance(node, Scalar):
        yield path, node
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _walk(item, (*path, index))
    elif isinstance(node, Mapping):
        seen: dict[str, int] = {}
        for key, value in node.pairs:
            name = mask(key.text) if isinstance(key, Scalar) else ""
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:  # a mistake, but its secrets are not to be mixed up
                name += f"{_KEY}{seen[name]}"
            yield from _walk(key, (*path, name, _KEY))
            yield from _walk(value, (*path, name))


def _is_sensitive(path: Path) -> bool:
    if len(path) < 2 or path[-1] == _KEY:
        return False
    section = str(path[0]).partition(_KEY)[0]
    if section in _VAULTS:
        return True
    names = path[2:] if section in _NAMES else path[1:]
    keys = [name.partition(_KEY)[0] for name in names if isinstance(name, str)]
    return any(key not in _OPEN and _SENSITIVE.fullmatch(key) for key in keys)


def _secrets(text: str) -> list[tuple[int, int, str]]:
    """Start, end and label of what is secret in URLs of a text; what `${…}` stands for is not written there."""
    found = []
    for match in USERINFO.finditer(text):
        rest = _REFERENCE.sub("", match["userinfo"])
        if rest and not rest.endswith(":"):
            found.append((*match.span("userinfo"), "@"))
    found += [
        (*match.span("value"), match["key"].lower())
        for match in PARAMETER.finditer(text)
        if _REFERENCE.sub("", match["value"])
    ]
    found.sort()
    return [span for index, span in enumerate(found) if not index or span[0] >= found[index - 1][1]]


def _replace(text: str, replacement: Replacement) -> str:
    pieces: list[str] = []
    position = 0
    for start, end, label in _secrets(text):
        pieces += text[position:start], replacement(label, text[start:end])
        position = end
    return "".join([*pieces, text[position:]])


def _hide_comment(comment: str) -> str:
    comment = mask(comment)
    if match := _ASSIGNMENT.search(comment):
        comment = comment[: match.start("value")] + MASK
    return comment


def masked_text(text: str, file: str = "") -> str:
    """The text of a configuration file with its secrets masked; it is still YAML if it was."""
    try:
        parts = _Text(text, file)
    except ConfigError:
        return "".join(map(_hide_line, text.splitlines(keepends=True)))
    changes = [(item.node.start, item.source, item.hidden) for item in parts.items]
    changes += [(start, comment, _hide_comment(comment)) for start, comment in parts.comments]
    return _spliced(text, changes)


def _hide_line(line: str) -> str:
    """A line of a file that is not YAML."""
    content = line.rstrip("\r\n")
    return _hide_comment(content) + line[len(content) :]


def _spliced(text: str, changes: list[tuple[int, str, str]]) -> str:
    pieces: list[str] = []
    position = 0
    for start, old, new in sorted(changes):
        if old != new:
            pieces += text[position:start], new
            position = start + len(old)
    return "".join([*pieces, text[position:]])


def restore(text: str, stored: str, file: str = "") -> str:
    """The text with every mask replaced by what `stored` has there.

    Raises `ConfigError` when the text is not YAML or a mask stands for nothing that is stored.
    """
    if MASK not in text:
        return text
    text = _BARE_MASK.sub(f"'{MASK}'", text)
    try:
        old = _Text(stored, file)
    except ConfigError:
        return _restore_lines(text, stored)
    new = _Text(text, file)
    partners = _partners(new, old)
    changes = [
        (item.node.start, item.source, _restored(item, partners.get(item.path), new.text, file))
        for item in new.items
        if MASK in item.text
    ]
    hidden: dict[str, list[str]] = {}
    for _, comment in old.comments:
        hidden.setdefault(_BARE_MASK.sub(f"'{MASK}'", _hide_comment(comment)), []).append(comment)
    for start, comment in new.comments:
        if MASK in comment and (originals := hidden.get(comment)):
            changes.append((start, comment, originals.pop(0) if len(originals) > 1 else originals[0]))
    return _spliced(text, changes)


def _restore_lines(text: str, stored: str) -> str:
    """The same for a stored file that is not YAML: lines that are as they were shown."""
    originals = {_BARE_MASK.sub(f"'{MASK}'", _hide_line(line)).rstrip(): line.rstrip() for line in stored.splitlines()}
    lines = text.splitlines(keepends=True)
    return "".join(
        originals.get(line.rstrip(), line.rstrip()) + line[len(line.rstrip()) :] if MASK in line else line
        for line in lines
    )


def _partners(new: _Text, old: _Text) -> dict[Path, _Item]:
    """Which stored scalar a masked one stands for: in lists the one that looks the same, then the one of the same
    host, then of the same place; elsewhere the same place, then the only one that looks the same."""
    found: dict[Path, _Item] = {}
    lists: dict[Path, list[_Item]] = {}
    for item in new.items:
        if MASK not in item.text:
            continue
        if item.path and isinstance(item.path[-1], int):
            lists.setdefault(item.path[:-1], []).append(item)
        elif item.path in old.by_path:
            found[item.path] = old.by_path[item.path]
    for path, items in lists.items():
        pool = [item for item in old.items if item.path[:-1] == path and isinstance(item.path[-1], int)]
        old_length = len(pool)
        pool = [item for item in pool if item.whole or item.hidden != item.source]
        length = sum(item.path[:-1] == path and isinstance(item.path[-1], int) for item in new.items)
        found |= _pair_up(items, pool, same_length=length == old_length)
    for item in new.items:
        if MASK in item.text and item.path not in found and not item.whole:
            alike = {known.source: known for known in old.items if known.look == item.look}
            if len(alike) == 1:
                found[item.path] = next(iter(alike.values()))
    return found


def _pair_up(items: list[_Item], pool: list[_Item], *, same_length: bool) -> dict[Path, _Item]:
    found: dict[Path, _Item] = {}
    free = list(pool)
    rules: list[Callable[[_Item, _Item], bool]] = [
        lambda a, b: not a.whole and a.look == b.look,
        lambda a, b: not a.whole and _host(a, "#") == _host(b, "#") != "",
        lambda a, b: not a.whole and _host(a, "/") == _host(b, "/") != "",
        lambda a, b: a.path == b.path and (not a.whole or same_length),
    ]
    for rule in rules:
        for item in items:
            partner = next((known for known in free if rule(item, known)), None)
            if item.path not in found and partner:
                found[item.path] = partner
                free.remove(partner)
    return found


def _host(item: _Item, end: str) -> str:
    """The URL behind the user info, up to the first `end`."""
    _, _, rest = item.look.partition("://")
    return rest.removeprefix(f"{MASK}@").partition(end)[0]


def _restored(item: _Item, partner: _Item | None, text: str, file: str) -> str:
    """The source text of a scalar without its masks."""
    nothing = ConfigError(
        f"{MASK} stands for nothing that is stored here; write the value",
        file=file,
        line=item.node.line,
        key=_dotted(item.path),
    )
    if item.text == MASK and (partner is None or partner.whole or partner.text == MASK):
        if partner is None:
            raise nothing
        follows = text[item.node.end : item.node.end + 1]
        if partner.node.style in {"|", ">"} and (
            follows not in {"\r", "\n", ""} or len(partner.path) != len(item.path)
        ):
            return scalar(partner.text, flow=True)
        return partner.source
    if partner and item.source == partner.hidden:
        return partner.source
    stored: dict[str, list[str]] = {}
    known = partner.text if partner else ""
    for start, end, label in _secrets(known):
        stored.setdefault(label, []).append(known[start:end])

    def open_mask(label: str, secret: str) -> str:
        if secret != MASK and not secret.endswith(f":{MASK}"):
            return secret
        if not stored.get(label):
            raise nothing
        kept = stored[label].pop(0)
        return kept if secret == MASK else secret[: -len(MASK)] + kept.partition(":")[2]

    whole = _replace(item.text, open_mask)
    if whole == item.text:
        return item.source
    if item.node.style == "'":
        return "'" + whole.replace("'", "''") + "'"
    return scalar(whole, flow=True)


def _dotted(path: Path) -> str:
    return mask(".".join(str(step) for step in path if step != _KEY))
