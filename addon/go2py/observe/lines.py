"""How a log line looks: the console's form and the JSON form, both as go2rtc's clients parse them."""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any

_SHORT = ((60, "PNC"), (50, "FTL"), (40, "ERR"), (30, "WRN"), (20, "INF"), (10, "DBG"), (0, "TRC"))
_LONG = {
    "PNC": "panic", "FTL": "fatal", "ERR": "error", "WRN": "warn", "INF": "info", "DBG": "debug", "TRC": "trace",
}  # fmt: skip
_COLOR = {"PNC": 31, "FTL": 31, "ERR": 31, "WRN": 33, "INF": 32, "DBG": 0, "TRC": 34}
_BARE = re.compile(r"[!#-\[\]-~]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_UNITS = {"UNIXMS": 1e3, "UNIXMICRO": 1e6, "UNIXNANO": 1e9}
_LAYOUT = re.compile(
    r"2006|January|Monday|MST|Jan|Mon|[.,]0+|[.,]9+|Z07:00|-07:00|-0700|PM|pm|0[1-6]|15|2(?!\d)|1|3|4|5|_2"
)
_LAYOUT_PARTS = {
    "2006": "%Y", "06": "%y", "January": "%B", "Jan": "%b", "01": "%m", "1": "%-m", "Monday": "%A", "Mon": "%a",
    "02": "%d", "2": "%-d", "_2": "%e", "15": "%H", "03": "%I", "3": "%-I", "04": "%M", "4": "%-M", "05": "%S",
    "5": "%-S", "PM": "%p", "pm": "%P", "MST": "%Z", "-0700": "%z", "-07:00": "%:z", "Z07:00": "%:z",
}  # fmt: skip


def _short(level: int) -> str:
    return next(name for floor, name in _SHORT if level >= floor)


def console_line(level: int, when: float | None, text: str, values: dict[str, Any], *, color: bool) -> str:
    """`HH:MM:SS.mmm LVL message key=value …` in local time, `error=` first, other keys sorted, with its line end.

    A stack follows as lines of its own. Nothing in a message or value can begin a line or control a terminal.
    """
    short = _short(level)

    def paint(code: int, part: str) -> str:
        return f"\x1b[{code}m{part}\x1b[0m" if color and code else part

    parts = []
    if when is not None:
        clock = time.strftime("%H:%M:%S", time.localtime(when))
        parts.append(paint(90, f"{clock}.{int(when % 1 * 1000):03}"))
    parts += [paint(_COLOR[short], short), _CONTROL.sub(_escape, text)]
    for key in sorted(values, key=lambda key: (key != "error", key)):
        if key != "stack":
            parts.append(paint(36, f"{key}=") + _value(values[key]))
    stack = str(values.get("stack", "")).splitlines()
    return "\n".join([" ".join(parts), *(f"    {_CONTROL.sub(_escape, line)}" for line in stack)]) + "\n"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if _BARE.fullmatch(text) or not isinstance(value, str):
        return text
    return '"' + _CONTROL.sub(_escape, text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "backslashreplace").decode()


def json_line(level: int, when: float, text: str, values: dict[str, Any], layout: str) -> str:
    """`{"level":…,<fields>,"time":…,"message":…}` with its line end; the time as milliseconds or as `layout` says."""
    entry: dict[str, Any] = {"level": _LONG[_short(level)]}
    entry.update((key, values[key]) for key in sorted(values) if key not in {"level", "time", "message"})
    if layout:
        entry["time"] = int(when * _UNITS[layout]) if layout in _UNITS else _by_layout(when, layout)
    entry["message"] = text
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"


def _by_layout(when: float, layout: str) -> str:
    """The local time in a layout of Go's (`2006-01-02 15:04:05.000`)."""
    moment = datetime.fromtimestamp(when, UTC).astimezone()

    def part(match: re.Match[str]) -> str:
        piece = match[0]
        if piece[0] in ".,":
            digits = f"{moment.microsecond:06}000000"[: len(piece) - 1]
            return piece[0] + digits if piece[1] == "0" else (piece[0] + digits).rstrip("0").rstrip(piece[0])
        if piece == "Z07:00" and not moment.utcoffset():
            return "Z"
        return moment.strftime(_LAYOUT_PARTS[piece])

    return _LAYOUT.sub(part, layout)
