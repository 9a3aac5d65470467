"""Values as YAML text, in the form that a person would have written."""

import json
import re
from collections import abc

from .document import Mapping, Node, Scalar, Sequence, as_number, target

type Value = bool | int | float | str | abc.Sequence[Value] | abc.Mapping[str, Value] | None

_PRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", "", ".nan", "<<", "="})
_OTHER = re.compile(r"[-+]?\.inf|\d+(:\d+)+|\d{4}-\d\d?-\d\d?.*|\d[\d_.]*", re.IGNORECASE)


_STRUCTURE = re.compile(r"^\s|:\s|:$|\s#|\s$|^---|^\.\.\.")
_INDICATORS = "-?:,[]{}#&*!|>'\"%@`"


class Plain(str):
    """A text that is written as it is, because it means something (`true`, `0x10`)."""

    __slots__ = ()


def value_of(node: Node | None) -> Value:
    """A tree as values that `flow` and `block` write the same way; aliases are followed, so bound its size before."""
    node = target(node) if node else None
    if isinstance(node, Mapping):
        return {key: value_of(value) for key, (_, value) in node.entries().items()}
    if isinstance(node, Sequence):
        return [value_of(item) for item in node.items]
    if not isinstance(node, Scalar) or node.is_null:
        return None
    meant = not node.style and (node.text.lower() in _WORDS or as_number(node) is not None)
    return Plain(node.text) if meant else node.text


def scalar(value: str | float | bool | None, *, flow: bool = False) -> str:
    """A scalar on one line; a text is plain where every YAML parser then reads the same text, else in double quotes."""
    if value is None:
        return "null" if flow else ""
    if not isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Plain):
        return value
    return value if _is_plain(value, flow=flow) else _quoted(value)


def _is_plain(text: str, *, flow: bool) -> bool:
    if text.lower() in _WORDS or _PRINTABLE.search(text) or _OTHER.fullmatch(text) or _STRUCTURE.search(text):
        return False
    if flow and any(part in text for part in (",", "[", "]", "{", "}", ":?")):  # libyaml refuses the last one there
        return False
    if text[0] in _INDICATORS and (flow or text[0] != ":"):  # `:8554` is plain to every parser
        return False
    return as_number(Scalar("", 0, 0, 0, text)) is None


def _quoted(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        code = ord(match[0])
        short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(match[0])
        return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")

    return '"' + _PRINTABLE.sub(escape, text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def flow(value: Value) -> str:
    """A value in flow style: `{a: [b, c]}`."""
    if isinstance(value, abc.Mapping):
        return "{" + ", ".join(f"{scalar(str(key), flow=True)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, abc.Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value, flow=True)


def block(value: Value, column: int) -> list[str]:
    """What stands behind a key of this column: the rest of its line, then the lines below, without line ends."""
    indent = " " * (column + 2)
    if isinstance(value, abc.Mapping):
        if not value:
            return [" {}"]
        lines = [""]
        for key, item in value.items():
            first, *rest = block(item, column + 2)
            lines += [f"{indent}{scalar(str(key))}:{first}", *rest]
        return lines
    if isinstance(value, abc.Sequence) and not isinstance(value, str):
        if not value:
            return [" []"]
        return ["", *(f"{indent}- {_item(item)}" for item in value)]
    text = scalar(value)
    return [f" {text}" if text else ""]


def _item(value: Value) -> str:
    """An item of a list on one line; what has parts is written in flow style."""
    if isinstance(value, abc.Mapping) or (isinstance(value, abc.Sequence) and not isinstance(value, str)):
        return flow(value)
    return "null" if value is None else scalar(value)
