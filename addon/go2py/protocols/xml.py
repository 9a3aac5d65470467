"""XML from strangers as a small tree of local names.

Expat does the work, without what makes XML dangerous: a document type ends the parse, therefore nothing can be
declared, expanded or fetched; size, depth and number of elements are bounded. (That is what defusedxml would do.)
Namespaces are not looked at, since many cameras get them wrong, and what cameras commonly break is mended first.
"""

import re
from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape as _escape

from ..errors import ProtocolError

MAX_BYTES = 1 << 20
MAX_DEPTH = 48
MAX_ELEMENTS = 20_000

_DECLARATION = re.compile(r"\s*<\?xml[^>]{0,200}\?>")
_ENCODING = re.compile(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,20})[\"']")
_ENCODINGS = {
    "big5": "big5",
    "euc-kr": "euc-kr",
    "gb2312": "gb18030",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "shift_jis": "shift_jis",
    "windows-1252": "cp1252",
}
"""The codec by declared name; everything else counts as UTF-8."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")


class Element:
    """One element: its name and attributes without prefixes, the text directly in it, its children in order."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str] | None = None) -> None:
        self.name = name
        self.attributes = attributes or {}
        self.children: list[Element] = []
        self.text = ""

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in the order of the document."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, *names: str) -> Iterator[Element]:
        """Every element below with one of these names, at any depth."""
        return (element for element in self.walk() if element is not self and element.name in names)

    def first(self, *path: str) -> Element | None:
        """The first element below with this name, and in it the next name, and so on; each at any depth."""
        found: Element | None = self
        for name in path:
            found = next(found.all(name), None) if found is not None else None
        return found

    def value(self, *path: str) -> str:
        """The text of `first`, trimmed; empty where there is none."""
        found = self.first(*path)
        return found.text.strip() if found is not None else ""

    def number(self, *path: str) -> int:
        """The text of `first` as a whole number up to nine digits; 0 where it is none."""
        match = re.match(r"\d{1,9}(?!\d)", self.value(*path), re.ASCII)
        return int(match[0]) if match else 0


def escape(text: str) -> str:
    """Text fit to stand in an element or a quoted attribute; what XML cannot hold is left out."""
    return _escape(_CONTROL.sub("", text.encode("utf-8", "replace").decode()), {'"': "&quot;"})


def parse(data: bytes) -> Element:
    """The root element. Raises `ProtocolError` for what is no XML, is too large or declares a document type.

    What follows a complete root is ignored, as some cameras send two documents or the end of an older answer.
    """
    if len(data) > MAX_BYTES:
        raise ProtocolError("XML of more than a megabyte")
    builder = _Builder()
    try:
        builder.parser.Parse(_mended(data), True)  # noqa: FBT003  takes no keyword
    except expat.ExpatError as error:
        if builder.stack or builder.root is None:
            raise ProtocolError(f"broken XML: {expat.ErrorString(error.code)}") from None
    if builder.root is None:
        raise ProtocolError("XML without an element")
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self.stack: list[Element] = []
        self._count = 0
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _doctype(self, *_: object) -> NoReturn:
        raise ProtocolError("XML with a document type is refused")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self.stack) >= MAX_DEPTH:
            raise ProtocolError("XML with too many elements")
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        if self.stack:
            self.stack[-1].children.append(element)
        else:
            self.root = element
        self.stack.append(element)

    def _end(self, _name: str) -> None:
        self.stack.pop()

    def _text(self, text: str) -> None:
        self.stack[-1].text += text


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _mended(data: bytes) -> str:
    """The document as text: its declaration removed, stray control characters too, bare ampersands escaped."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        declared = _ENCODING.match(data.lstrip()[:200])
        encoding = _ENCODINGS.get(declared[1].decode().lower(), "utf-8") if declared else "utf-8"
        text = data.decode(encoding, "replace")
    text = _DECLARATION.sub("", text.lstrip("\ufeff"), count=1).lstrip()
    text = _CONTROL.sub("", text)
    text = _REFERENCE.sub(lambda match: match[0] if _is_character(match) else "", text)
    return _BARE_AMPERSAND.sub("&amp;", text)


def _is_character(match: re.Match[str]) -> bool:
    code = int(match[1], 16) if match[1] else int(match[2])
    return code in {9, 10, 13} or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
