"""`${NAME}` and `${NAME:default}` in the text of a configuration file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..observe.secret import remember

PATTERN = re.compile(r"\$\{([^{}]+)\}")
MAX_SECRET = 64 << 10

type Find = Callable[[str], str | None]


@dataclass(slots=True)
class Substituted:
    """A text after substitution. `lines[n]` is the file's line (from 1) that line n (from 0) of `text` came from,
    `pasted` are name and value of what was found, by line of the file."""

    text: str
    lines: list[int]
    pasted: dict[int, list[tuple[str, str]]] = field(default_factory=dict, repr=False)


def placeheld(text: str) -> str:
    """The text with every `${…}` replaced by as many underscores, so that it is YAML and all offsets hold."""
    return PATTERN.sub(lambda match: re.sub(r"[^\n]", "_", match[0]), text)


def lookup(environ: Mapping[str, str], env: Mapping[str, str]) -> Find:
    """Where values come from: `env:` of the files, the credentials directory of systemd and Docker, the environment."""
    directory = environ.get("CREDENTIALS_DIRECTORY", "")

    def find(name: str) -> str | None:
        if name in env:
            return env[name]
        if directory and "/" not in name and "\0" not in name and name not in {".", ".."}:
            try:
                with (Path(directory) / name).open(encoding="utf-8") as file:
                    return file.read(MAX_SECRET).strip()
            except OSError, UnicodeDecodeError:
                pass  # not a credential of this service: the environment may have it
        return environ.get(name)

    return find


def substitute(text: str, find: Find) -> Substituted:
    """Replace by what `find` knows, else by the default, else leave it. Values found become secrets of the log."""
    pieces: list[str] = []
    lines = [1]
    line = 1
    pasted: dict[int, list[tuple[str, str]]] = {}
    position = 0
    for match in PATTERN.finditer(text):
        between = text[position : match.start()]
        after = line + between.count("\n")
        lines.extend(range(line + 1, after + 1))
        line, position = after, match.end()
        name, default = match[1], match[0]
        if (colon := name.find(":")) > 0:
            name, default = name[:colon], name[colon + 1 :]
        value = find(name)
        if value is not None:
            remember(value)
            pasted.setdefault(line, []).append((name, value))
        replacement = default if value is None else value
        pieces += between, replacement
        lines.extend([line] * replacement.count("\n"))
        line += match[0].count("\n")
    rest = text[position:]
    lines.extend(range(line + 1, line + rest.count("\n") + 1))
    return Substituted("".join([*pieces, rest]), lines, pasted)
