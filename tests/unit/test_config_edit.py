"""Single values change in place: vectors of go2rtc, and what it does not handle."""

import pytest

from go2py.config.edit import Editor
from go2py.config.emit import Plain, Value
from go2py.errors import ConfigError

CAMERA = ("streams", "camera1")
PAIRINGS = ("homekit", "camera1", "pairings")


def changed(text: str, path: tuple[str, ...], value: Value) -> str:
    editor = Editor(text)
    editor.set(path, value)
    return editor.text


def deleted(text: str, path: tuple[str, ...]) -> str:
    editor = Editor(text)
    editor.delete(path)
    return editor.text


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("", CAMERA, "val1", "streams:\n  camera1: val1\n"),
        ("#dummy", CAMERA, "val1", "#dummy\nstreams:\n  camera1: val1\n"),
        (
            "streams:\n  camera1:\n    url1\n    url2\n  camera2: url2", CAMERA, "val1",
            "streams:\n  camera1: val1\n  camera2: url2",
        ),
        ("", CAMERA, ["val1", "val2"], "streams:\n  camera1:\n    - val1\n    - val2\n"),
        (
            "homekit:\n  camera1:\nstreams:\n  camera1: url1", PAIRINGS, ["val1"],
            "homekit:\n  camera1:\n    pairings:\n      - val1\nstreams:\n  camera1: url1",
        ),
    ],
)  # fmt: skip
def test_vectors(before: str, path: tuple[str, ...], value: Value, after: str) -> None:
    assert changed(before, path, value) == after


def test_delete_vectors() -> None:
    two = "streams:\n  camera1: url1\n  camera2: url2"
    assert deleted(two, CAMERA) == "streams:\n  camera2: url2"
    before = "homekit:\n  camera1:\nstreams:\n  camera1: url1"
    assert deleted(changed(before, PAIRINGS, ["val1"]), PAIRINGS) == before


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("streams:\n  camera1: old # front\n  # tail\n", "new", "streams:\n  camera1: new # front\n  # tail\n"),
        ("streams:\n  camera1: old # front\n", ["a"], "streams:\n  camera1:  # front\n    - a\n"),
        ("streams:\n  camera1:\n  - a # x\n  - b\n  c: d", "new", "streams:\n  camera1: new\n  c: d"),
        ("streams:\n  a: b\n  # tail\n\nx: 1", "v", "streams:\n  a: b\n  # tail\n  camera1: v\n\nx: 1"),
        ("streams: # all\nx: 1", "v", "streams:  # all\n  camera1: v\nx: 1"),
        ("streams: ~\n", "v", "streams:\n  camera1: v\n"),
        ("streams:\n  camera1: |\n    a\n    b\n\n# c\nd: 1", "v", "streams:\n  camera1: v\n\n# c\nd: 1"),
        ("streams: {a: b} # c", "v: 1", 'streams: {a: b, camera1: "v: 1"} # c'),
        ("streams: {}", ["x", "y,z"], 'streams: {camera1: [x, "y,z"]}'),
        ("streams: {camera1: a, b: c}", "v", "streams: {camera1: v, b: c}"),
        ("streams:\r\n    a: b\r\n", "v", "streams:\r\n    a: b\r\n    camera1: v\r\n"),
        ("😀: é\nstreams:\n  camera1: ü\n", "ß", "😀: é\nstreams:\n  camera1: ß\n"),
        ("x: {y: ${A}}\nstreams:\n  a: ${B}\n", "v", "x: {y: ${A}}\nstreams:\n  a: ${B}\n  camera1: v\n"),
        ("streams:\n  a: &x b\n  camera1: *x # c", "v", "streams:\n  a: &x b\n  camera1: v # c"),
    ],
)
def test_all_else_stays(before: str, value: Value, after: str) -> None:
    assert changed(before, CAMERA, value) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("streams: {camera1: a, b: c}", "streams: {b: c}"),
        ("streams: {b: c, camera1: a}", "streams: {b: c}"),
        ("streams: {camera1: a}", "streams: {}"),
        ("streams:\n  # head\n  camera1:\n    - a\n    # in\n  # tail\n", "streams:\n  # head\n  # tail\n"),
        ("streams:\n  a: b\n", "streams:\n  a: b\n"),
    ],
)
def test_delete(before: str, after: str) -> None:
    assert deleted(before, CAMERA) == after


@pytest.mark.parametrize(
    ("before", "path"),
    [
        ("- a", CAMERA),
        ("a: 1", ("b", "c", "d")),
        ("streams: text", CAMERA),
        ("streams:\n  camera1: &x b\n  d: *x", CAMERA),
        ("y: &x\n  a: b\nstreams: *x", CAMERA),
        ("streams: [", CAMERA),
    ],
)
def test_refused(before: str, path: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        changed(before, path, "v")


def test_delete_below_nothing_is_an_error() -> None:
    with pytest.raises(ConfigError, match="path not exist"):
        deleted("a: 1", CAMERA)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("rtsp://u:p@h/x#audio=opus", "rtsp://u:p@h/x#audio=opus"),
        (":8554", ":8554"),
        ("yes", '"yes"'),
        ("0x10", '"0x10"'),
        ("12:30", '"12:30"'),
        ("1.9.15", '"1.9.15"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("*", '"*"'),
        ("- x", '"- x"'),
        ("", '""'),
        (' "\\\n\x07\x85😀', '" \\"\\\\\\n\\x07\\x85😀"'),
        (True, "true"),
        (5, "5"),
        (Plain("0x10"), "0x10"),
    ],
)
def test_scalars(value: Value, text: str) -> None:
    assert changed("", ("a",), value) == f"a: {text}\n"


def test_nested_values() -> None:
    value: Value = {"listen": ":1", "list": [{"a": "b"}, []], "empty": {}, "none": None}
    expected = "api:\n  listen: :1\n  list:\n    - {a: b}\n    - []\n  empty: {}\n  none:\n"
    assert changed("", ("api",), value) == expected


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("streams: {camera1: rtsp://a/b}\n", "rtsp://u:p@c/d?e={f}", 'streams: {camera1: "rtsp://u:p@c/d?e={f}"}\n'),
        ("streams: {camera1: rtsp://a/b}\n", ["x:1", "y:2"], "streams: {camera1: [x:1, y:2]}\n"),
        ("streams: {door: rtsp://a/b} # mine\n", "new", "streams: {door: rtsp://a/b, camera1: new} # mine\n"),
        ("{streams: {door: x:1}}\n", "new", "{streams: {door: x:1, camera1: new}}\n"),
        ("streams: {}\n", "new", "streams: {camera1: new}\n"),
        ("streams: {}\n", "demo:?fps=5", 'streams: {camera1: "demo:?fps=5"}\n'),
        ("streams: {camera1}\n", "new", "streams: {camera1: new}\n"),
        ("streams: {camera1: }\n", "new", "streams: {camera1: new}\n"),
        (
            "streams: {\n  door: x:1, # first\n  camera1: y:1,\n}\n",
            "new",
            "streams: {\n  door: x:1, # first\n  camera1: new,\n}\n",
        ),
    ],
)
def test_flow_style(before: str, value: Value, after: str) -> None:
    assert changed(before, CAMERA, value) == after
    assert changed(after, CAMERA, value) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("streams: {camera1: [a, b]}\n", "streams: {}\n"),
        ("streams: {camera1: [a, b], }\n", "streams: { }\n"),
        ("streams: {camera1: a, door: b}\n", "streams: {door: b}\n"),
        ("streams: {door: b, camera1: a, }\n", "streams: {door: b, }\n"),
        ("streams: {camera1}\n", "streams: {}\n"),
    ],
)
def test_delete_in_flow_style(before: str, after: str) -> None:
    assert deleted(before, CAMERA) == after
