"""The arrows between the gateway's rooms point one way, and modules stay small enough to be read at one go.

`ALLOWED` is the drawing of docs/architecture.md in a form that can be checked.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "addon" / "go2py"
MAX_LINES = 450

MIDDLE = frozenset({"streams", "protocols", "media", "config", "transcode"})
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "observe": frozenset(),
    "media": frozenset(),
    "protocols": frozenset({"media"}),
    "config": frozenset({"media"}),
    "transcode": frozenset({"media", "config"}),
    "streams": frozenset({"media", "config", "transcode"}),
    "sources": MIDDLE,
    "outputs": MIDDLE,
    "discovery": frozenset({"protocols", "config"}),
    "homekit": MIDDLE | {"outputs"},
    "api": frozenset({"streams", "outputs", "discovery", "config", "media"}),
}
FOR_ALL = frozenset({"errors", "observe"})
LEAVES = FOR_ALL  # import nothing of ours, not even each other
TOP = frozenset({"app", "__main__"})  # import everything; nobody imports them, but the command the app
DOOR = {("api", "sources"): "go2py.sources.registry"}  # the one module through which an arrow may pass


class Import(NamedTuple):
    importer: str
    line: int
    target: str  # absolute dotted name, `go2py.sources.rtsp`, maybe with the imported name at its end

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def imports(source: str, module: str, *, package: bool) -> Iterator[Import]:
    """All imports of our own in a module: at its top, in functions, under TYPE_CHECKING, by import_module("…")."""
    here = module.split(".") if package else module.split(".")[:-1]

    def absolute(name: str, level: int) -> str:
        return ".".join([*here[: len(here) - level + 1], *filter(None, [name])]) if level else name

    for node in ast.walk(ast.parse(source)):
        targets: list[str] = []
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(module=name, names=names, level=level):
                base = absolute(name or "", level)
                targets = [f"{base}.{alias.name}" for alias in names]
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                dots = len(name) - len(name.lstrip("."))
                targets = [absolute(name.lstrip("."), dots)]
            case _:
                continue
        for target in targets:
            if target.split(".")[0] == "go2py":
                yield Import(module, node.lineno, target)


def room(dotted: str) -> str:
    """The room a dotted name lies in; "" for the package itself (`go2py`, `go2py.__version__`)."""
    _, _, inner = dotted.partition(".")
    return inner.partition(".")[0].replace("__version__", "")


def refusal(found: Import) -> str | None:
    """Why an import must not be, or None."""
    source, target = room(found.importer), room(found.target)
    if target in {"", source}:
        return None
    if target in TOP:
        return None if (source, target) == ("__main__", "app") else f"nobody imports {target}"
    if source in TOP:
        return None
    if source == "":
        return "the package's __init__ imports none of its rooms"
    if source not in ALLOWED:
        return f"{source} is no room of design.md section 2; name its arrows in ALLOWED first"
    if target in FOR_ALL and source not in LEAVES:
        return None
    if door := DOOR.get((source, target)):
        return None if f"{found.target}.".startswith(f"{door}.") else f"{source} reaches {target} only through {door}"
    if target not in ALLOWED[source]:
        allowed = ALLOWED[source] if source in LEAVES else ALLOWED[source] | FOR_ALL
        return f"{source} may import {', '.join(sorted(allowed)) or 'nothing of ours'}"
    return None


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_imports_follow_the_arrows() -> None:
    assert modules(), f"no modules under {PACKAGE}"
    found = [
        statement
        for path in modules()
        for statement in imports(path.read_text("utf-8"), dotted_name(path), package=path.name == "__init__.py")
    ]
    wrong = [f"{statement} — {why}" for statement in found if (why := refusal(statement))]
    assert not wrong, "\n" + "\n".join(wrong)


def test_modules_stay_readable() -> None:
    sizes = {dotted_name(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    long = [f"{name}: {lines} lines" for name, lines in sizes.items() if lines > MAX_LINES]
    assert not long, f"over {MAX_LINES} lines, split by noun:\n" + "\n".join(long)


SAMPLE = """
import aiohttp
import go2py.media.unit
from go2py import __version__
from .. import errors
from . import registry as r
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from go2py.streams.stream import Stream
def late():
    from ..protocols.rtsp import parse
    importlib.import_module("go2py.outputs.webrtc")
    import_module("..app")
"""


def test_reader_sees_every_form_of_import() -> None:
    expected = [
        "go2py.__version__",
        "go2py.app",
        "go2py.errors",
        "go2py.media.unit",
        "go2py.outputs.webrtc",
        "go2py.protocols.rtsp.parse",
        "go2py.sources.registry",
        "go2py.streams.stream.Stream",
    ]
    assert sorted(i.target for i in imports(SAMPLE, "go2py.sources.rtsp", package=False)) == expected


def test_relative_import_in_a_package_starts_at_itself() -> None:
    (found,) = imports("from .rtp import Packet", "go2py.protocols", package=True)
    assert found.target == "go2py.protocols.rtp.Packet"


@pytest.mark.parametrize(
    ("importer", "target", "allowed"),
    [
        ("go2py.media.unit", "go2py.media.codec", True),
        ("go2py.media.unit", "go2py.errors.ProtocolError", True),
        ("go2py.media.unit", "go2py.protocols.sdp", False),
        ("go2py.protocols.sdp", "go2py.streams.stream", False),
        ("go2py.observe.log", "go2py.errors", False),
        ("go2py.errors", "go2py.observe", False),
        ("go2py.api.routes", "go2py.sources", False),
        ("go2py.api.routes", "go2py.sources.rtsp", False),
        ("go2py.api.routes", "go2py.sources.registry.schemes", True),
        ("go2py.api.routes", "go2py.sources.registry_of_mine", False),
        ("go2py.api.routes", "go2py.protocols.sdp", False),
        ("go2py.api.routes", "go2py.__version__", True),
        ("go2py.outputs.webrtc", "go2py.sources.registry", False),
        ("go2py.homekit.server", "go2py.outputs.srtp", True),
        ("go2py.app", "go2py.sources.rtsp", True),
        ("go2py.__main__", "go2py.app.main", True),
        ("go2py.api.routes", "go2py.app", False),
        ("go2py.app", "go2py.__main__", False),
        ("go2py.gadgets.new", "go2py.media", False),
        ("go2py", "go2py.app", False),
    ],
)
def test_arrow(importer: str, target: str, *, allowed: bool) -> None:
    assert (refusal(Import(importer, 1, target)) is None) is allowed
