"""XML from strangers: what is mended, what is refused."""

import pytest

from go2py.errors import ProtocolError
from go2py.protocols.xml import MAX_BYTES, MAX_DEPTH, escape, parse


def test_names_are_local_and_texts_trimmed() -> None:
    root = parse(b'<?xml version="1.0"?><a:r xmlns:a="x"><b:c d:e="1">\n v \n</b:c><c/><f><g>7</g></f></a:r>')
    assert root.name == "r"
    assert root.value("c") == "v"
    assert root.first("c") is not None
    assert root.first("c").attributes == {"e": "1"}  # type: ignore[union-attr]
    assert root.number("f", "g") == 7
    assert [element.name for element in root.all("c", "g")] == ["c", "c", "g"]
    assert root.value("nothing", "here") == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"<a>x?b=1&c=2&amp;d=3</a>", "x?b=1&c=2&d=3"),
        (b"<a>caf&#233;&#x21;</a>", "caf\xe9!"),
        (b"<a>&nbsp;x</a>", "&nbsp;x"),
        (b"<a>one&#0;&#x1F;two\x0b</a>", "onetwo"),
        (b"<a><![CDATA[<b>&]]></a>", "<b>&amp;"),
        (b"\xef\xbb\xbf \r\n<?xml version='1.0' encoding='utf-8'?><a>x</a>", "x"),
        (b"<a>x</a></b>junk<", "x"),
        (b"<a>x</a><?xml version='1.0'?><a>y</a>", "x"),
        ("<?xml version='1.0' encoding='GB2312'?><a>前门</a>".encode("gb2312"), "前门"),
        ("<?xml version='1.0' encoding='utf-8'?><a>ü</a>".encode("latin-1"), "\ufffd"),
        ("<a>ü</a>".encode("utf-16"), "ü"),
    ],
)
def test_what_cameras_break_is_mended(text: bytes, value: str) -> None:
    root = parse(text)
    assert root.name == "a"
    assert root.text.strip() == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   ",
        b"text",
        b"<a><b></a>",
        b"<a>" * (MAX_DEPTH + 1),
        b"<r>" + b"<a/>" * 30000 + b"</r>",
        b"<a>" + b" " * MAX_BYTES + b"</a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % b SYSTEM "file:///etc/passwd"> %b;]><a/>',
        b"<a b='1' b='2'/>",
    ],
)
def test_what_makes_no_sense_or_harm_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(text)


def test_escaped_text_comes_back() -> None:
    text = "a<b>&\"c'd"
    assert parse(f'<x y="{escape(text)}">{escape(text)}</x>'.encode()).text == text
    assert escape("a\x00b\ud800") == "ab?"
