"""Streams of a go2rtc.yaml: what can be taken over, and why the rest cannot."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import yaml

from .sources import MAX_LENGTH, runs_commands

MAX_BYTES: Final = 256 << 10
MAX_STREAMS: Final = 256
_MAX_SOURCES: Final = 16
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class InvalidFile(ValueError):
    """This is no configuration with streams; `line` (1-based) where that is known. Holds nothing of the file."""

    def __init__(self, line: int = 0) -> None:
        super().__init__(f"line {line}")
        self.line = line


@dataclass(frozen=True, slots=True)
class FileStream:
    """One name with its sources, and those of the small picture, which has the same name with `_sub`."""

    name: str
    sources: tuple[str, ...]
    sub_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamsFile:
    """What a file has. `skipped` says by name why a stream cannot be had: a key of `REASONS`."""

    streams: tuple[FileStream, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


COMMAND: Final = "command"
REFERENCE: Final = "reference"
EMPTY: Final = "empty"
ODD: Final = "odd"
TAKEN: Final = "taken"
REASONS: Final = (COMMAND, REFERENCE, EMPTY, ODD, TAKEN)
"""Runs commands; needs `${…}`, which only the gateway's own file can have; has no source; is none; is there already."""


class _Texts(yaml.SafeLoader):
    """Scalars stay what is written: go2rtc has streams called `1` and `on`. `<<` is no merge: those multiply."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave it as it is."""


def read_streams(text: str) -> StreamsFile:
    """Take a configuration apart. Takes its time: call it in a thread. Raises `InvalidFile`."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise InvalidFile
    try:
        content = yaml.load(text, Loader=_Texts)  # noqa: S506  it is a safe one
    except yaml.MarkedYAMLError as error:
        raise InvalidFile(error.problem_mark.line + 1 if error.problem_mark else 0) from None
    except yaml.YAMLError, RecursionError, ValueError, TypeError:
        raise InvalidFile from None
    streams = content.get("streams") if isinstance(content, dict) else None
    if not isinstance(streams, dict) or not streams or len(streams) > MAX_STREAMS:
        raise InvalidFile
    usable: dict[str, tuple[str, ...]] = {}
    skipped: dict[str, str] = {}
    for name, value in streams.items():
        sources = _sources(value)
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 200:
            continue
        if reason := _objection(sources):
            skipped[name] = reason
        else:
            usable[name] = tuple(sources or ())
    subs = {name for name in usable if name.endswith("_sub") and name.removesuffix("_sub") in usable}
    found = (FileStream(name, usable[name], usable.get(f"{name}_sub", ())) for name in usable if name not in subs)
    return StreamsFile(tuple(found), skipped)


def _sources(value: Any) -> list[str] | None:
    """A text, a list of texts, or either under `url`; None for anything else."""
    if isinstance(value, dict):
        value = value.get("url")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) > _MAX_SOURCES or not all(isinstance(text, str) for text in texts):
        return None
    return [stripped for text in texts if (stripped := text.strip())]


def _objection(sources: Sequence[str] | None) -> str:
    if sources is None:
        return ODD
    if not sources or list(sources) == ["null"]:
        return EMPTY
    if any(map(runs_commands, sources)):
        return COMMAND
    if any("${" in source for source in sources):
        return REFERENCE
    if any(len(source) > MAX_LENGTH or not _SCHEME.match(source) or not source.isprintable() for source in sources):
        return ODD
    return ""
