"""What the gateway writes about itself: console lines as go2rtc's clients read them, JSON lines, and a ring in memory.

A logger is named after its room: `go2py.rtsp` writes `09:26:03.123 INF [rtsp] listen addr=:8554`. Fields come with
`extra=fields(addr=…)`. Formatting and masking happen where the line is logged; writing happens on a thread, so that an
output nobody reads never stops the gateway.
"""

import logging
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, override

from .lines import console_line, json_line
from .ring import Ring
from .secret import mask, masked
from .writer import Writer

TRACE = 5
PANIC = 60
DISABLED = 100

LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": PANIC,
    "disabled": DISABLED,
}

ROOT = "go2py"
ring = Ring()
"""What `/api/log` shows, whatever the configured output."""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`log:`. `level` and the levels by module are names of `LEVELS`; `output` is `stdout`, `stderr`, `file[:path]` or
    anything else for memory only; `format` is empty, `color`, `text` or `json`; `time` is `UNIXMS`, `UNIXMICRO`,
    `UNIXNANO`, a layout of Go's or empty for no time."""

    level: str = "info"
    format: str = ""
    output: str = "stdout"
    time: str = "UNIXMS"
    modules: Mapping[str, str] = field(default_factory=dict)


def get_logger(module: str = "") -> logging.Logger:
    """The logger of a module; without a name the gateway's own, whose lines have no module in brackets."""
    return logging.getLogger(f"{ROOT}.{module}" if module else ROOT)


def fields(**values: object) -> dict[str, dict[str, object]]:
    """What `extra=` takes: `log.info("listen", extra=fields(addr=":8554"))`. A field `error` is written first."""
    return {"fields": values}


class Handler(logging.Handler):
    """Turns records into lines: one for the ring, one for the output."""

    def __init__(self, config: LogConfig, writer: Writer | None, *, color: bool) -> None:
        super().__init__()
        self._json = config.format == "json"
        self._time = config.time
        self._color = color
        self._writer = writer

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            text, values = self._content(record)
            line = json_line(record.levelno, record.created, text, values, self._time)
            ring.append(line.encode("utf-8", "backslashreplace"))
            if self._writer:
                shown = line
                if not self._json:
                    when = record.created if self._time else None
                    shown = console_line(record.levelno, when, text, values, color=self._color)
                self._writer.write(shown)
        except Exception:  # noqa: BLE001  whatever a caller hands over: logging must not break what is logged
            self.handleError(record)

    def _content(self, record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
        """Message and fields, masked."""
        text = mask(record.getMessage())
        name = record.name
        module = name.split(".")[1] if name.startswith(f"{ROOT}.") else "" if name == ROOT else name
        values = masked(_plain(getattr(record, "fields", {})))
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            values.setdefault("error", mask(f"{type(error).__name__}: {error}"))
            values["stack"] = mask("".join(traceback.format_exception(error)))
        return f"[{module}] {text}" if module else text, values


def _plain(values: Any) -> Any:
    """A field as JSON: what is not of JSON becomes its text (a `Secret` prints as `***`)."""
    if isinstance(values, dict):
        return {str(key): _plain(value) for key, value in values.items()}
    if isinstance(values, list | tuple | set | frozenset):
        return [_plain(value) for value in values]
    if values is None or isinstance(values, str | int | float):
        return values
    return str(values)


class Log:
    """The logging that is set up; `close` writes what is waiting (for at most a second) and takes it down."""

    def __init__(self, handler: Handler, writer: Writer | None, problems: tuple[str, ...]) -> None:
        self.problems = problems
        """Settings that could not be followed, as sentences."""
        self._handler = handler
        self._writer = writer

    def close(self) -> None:
        logging.getLogger().removeHandler(self._handler)
        if self._writer:
            self._writer.close(timeout=1.0)
            self._writer = None


_active: Log | None = None


def setup(config: LogConfig = LogConfig()) -> Log:
    """Log as configured from now on; an earlier set-up is replaced. Libraries are heard from warnings on."""
    global _active  # noqa: PLW0603  logging is the process's
    if _active:
        _active.close()
    problems: list[str] = []
    fd = _open(config.output, problems)
    color = config.format == "color" or (config.format == "" and fd is not None and os.isatty(fd))
    writer = Writer(fd, owned=fd not in {1, 2}) if fd is not None else None
    handler = Handler(config, writer, color=color)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _set_levels(config, problems)
    _active = Log(handler, writer, tuple(problems))
    return _active


def shutdown() -> None:
    """Write what is waiting and end the logging that is in force."""
    if _active:
        _active.close()


def _set_levels(config: LogConfig, problems: list[str]) -> None:
    for value, name in zip((TRACE, logging.DEBUG), ("TRACE", "DEBUG"), strict=True):
        logging.addLevelName(value, name)
    for name, logger in tuple(logging.Logger.manager.loggerDict.items()):
        if name.startswith(f"{ROOT}.") and isinstance(logger, logging.Logger):
            logger.setLevel(logging.NOTSET)
    for module, level in {"": config.level, **config.modules}.items():
        if level in LEVELS:
            get_logger(module).setLevel(LEVELS[level])
        else:
            problems.append(f"log.{module or 'level'}: no level {level!r}; levels are {', '.join(LEVELS)}")
            if not module:
                get_logger().setLevel(logging.INFO)


def _open(output: str, problems: list[str]) -> int | None:
    """The file descriptor that lines go to, if any."""
    if output in {"stdout", "stderr"}:
        return 1 if output == "stdout" else 2
    kind, _, path = output.partition(":")
    if kind != "file":
        return None
    path = path or "go2rtc.log"
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        problems.append(f"log.output: cannot append to {path}: {error.strerror}; stderr takes its place")
        return 2
