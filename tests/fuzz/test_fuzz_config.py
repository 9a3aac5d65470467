"""Any text is a configuration or a `ConfigError`; edits and masks hold whatever the text looks like."""

import contextlib
import random
import re
from pathlib import Path

import pytest

from go2py.config.document import compose
from go2py.config.edit import Editor, _changed, _shape
from go2py.config.emit import Value
from go2py.config.load import ConfigFiles
from go2py.config.masking import masked_text, restore
from go2py.config.substitute import placeheld, substitute
from go2py.errors import ConfigError
from go2py.observe.secret import mask

from .mutate import mutations

SAMPLES = [
    b"streams:\n  a: rtsp://u:canary@h/x # c\n  b: [x, 'y', {url: z}]\n  c: {<<: *d, url: [${A}, ${B:c}]}\n",
    b"api:\n  username: u\n  password: canary\n  allow_paths: [/, '/api']\n  tls_key: |\n    canary\n    x\n",
    b"env: {A: canary, B: ${A}}\nlog: {level: debug, rtsp: trace}\nx: &d {keep: yes}\n? [a]\n: b\n",
    b"webrtc: {listen: ':1/tcp', ice_servers: [{urls: [a], credential: canary}], filters: {udp_ports: [1, 2]}}\r\n",
    b"# c\n---\nhomekit:\n  a:\n    pairings:\n    - canary\n\n# tail password: canary\n...\n",
    '\ufeffü: "\\u00e9\\n"\ngo2py: {linger: 1m, gop_bytes: 1MB}\n😀: >-\n  a\n  b\n'.encode(),
]


def texts(count: int, seed: int) -> list[str]:
    return [data.decode("utf-8", "replace").removeprefix("\ufeff") for data in mutations(SAMPLES, count, seed)]


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.touch()
    good = 0
    for data in mutations(SAMPLES, 4000):
        files = ConfigFiles([str(path)], environ={"A": "va: lue", "B": "b\nc"})
        message = ""
        try:
            files.load(data.decode("utf-8", "surrogateescape"))
            good += 1
        except ConfigError as error:
            message = str(error)
        assert "canary" not in message
    assert good > 100


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "\n".join(" " * depth + "a:" for depth in range(2000)),
        "a: &a [x, x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)),
        "x0: &x0 {a: 1}\n"
        + "".join(f"x{n + 1}: &x{n + 1} {{<<: [*x{n}, *x{n}]}}\n" for n in range(200))
        + "streams: *x200",
        "a: &a [*a]",
        "a: " + "x" * (5 << 20),
        "a: ${" + "x" * 100_000,
        "${" * 100_000,
        "streams: {a: 1" + "0" * 10_000 + "}",
        "rtsp: {pkt_size: 0x" + "f" * 10_000 + "}",
        "go2py: {linger: " + "1m" * 50_000 + "}",
        "a: !!binary x\nb: !foo {}\n%YAML 9.9",
    ],
)
def test_hostile(text: str) -> None:
    for read in (ConfigFiles([], environ={}).load, masked_text, lambda text: restore(f"a: '***'\n{text}", text)):
        with contextlib.suppress(ConfigError):
            read(text)


def test_substitution() -> None:
    for text in texts(3000, 2):
        result = substitute(text, {"A": "1\n2", "B": ""}.get)
        assert len(result.lines) == result.text.count("\n") + 1
        if not re.search(r"\$\{[^{}]*\n[^{}]*\}", text):
            assert result.lines[-1] == text.count("\n") + 1
        assert result.lines == sorted(result.lines)
        assert len(placeheld(text)) == len(text)
        assert placeheld(text).count("\n") == text.count("\n")


def test_masks() -> None:
    restored = 0
    for text in texts(3000, 3):
        shown = masked_text(text)
        try:
            compose(placeheld(text))
        except ConfigError:
            continue
        assert compose(placeheld(shown)) is not None or compose(placeheld(text)) is None
        if "***" not in text:
            assert restore(shown, text) == text
            restored += shown != text
    assert restored > 100


def test_mask() -> None:
    chance = random.Random(4)
    alphabet = "a:/@?#&=[] \"'%password=token://"
    for _ in range(5000):
        text = "".join(chance.choices(alphabet, k=chance.randrange(60)))
        once = mask(text)
        assert mask(once) == once
    for part in ("://", "://a:", "?pass", "#key", ":a@", "&token="):
        mask(part * 20_000)


def test_edit() -> None:
    """A change that is accepted says what was meant and leaves every other line alone."""
    chance = random.Random(6)
    done = 0
    for text in texts(2500, 5):
        try:
            editor = Editor(text)
        except ConfigError:
            continue
        for _ in range(3):
            path = chance.choice([("streams", "a"), ("streams", "b"), ("api", "password"), ("new", "x"), ("env",)])
            value: Value = chance.choice(["plain", "a: b", ["x", "y, z"], {"k": ["v"]}, None, True, "${A}", "ü\n"])
            before, shape, delete = editor.text, _shape(editor.root), chance.random() < 0.3
            try:
                editor.delete(path) if delete else editor.set(path, value)
            except ConfigError:
                assert editor.text == before
                continue
            root = compose(placeheld(editor.text))
            if not delete or editor.text != before:
                assert _shape(root if editor.root else None) == _changed(shape, path, value, delete=delete)
            done += 1
    assert done > 300
