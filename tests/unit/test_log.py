"""Log lines as go2rtc's clients read them; never a secret, never a wait."""

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from go2py.observe import log
from go2py.observe.lines import console_line, json_line
from go2py.observe.log import TRACE, Log, LogConfig, fields, get_logger, ring, setup
from go2py.observe.ring import Ring
from go2py.observe.writer import MAX_LINES, Writer

type Lines = Callable[..., list[str]]


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    """Logs to a file as configured and gives its lines."""
    made: list[Log] = []
    root = logging.getLogger()
    level = root.level

    def lines(write: Callable[[], None], **config: Any) -> list[str]:
        path = tmp_path / f"{len(made)}.log"
        made.append(setup(LogConfig(output=f"file:{path}", **config)))
        write()
        made[-1].close()
        return path.read_text().splitlines()

    ring.clear()
    yield lines
    for one in made:
        one.close()
    ring.clear()
    root.setLevel(level)
    get_logger().setLevel(logging.NOTSET)


def listen() -> None:
    get_logger("api").info("listen", extra=fields(addr=":1984"))


def test_the_line_home_assistant_waits_for(lines: Lines) -> None:
    (line,) = lines(listen)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INF \[api\] listen addr=:1984", line)


def test_fields() -> None:
    values = {"b": 'q"u', "a": "two words", "error": "e", "n": 5, "t": True, "l": ["x", 1], "empty": ""}
    assert console_line(logging.WARNING, None, "[x] m", values, color=False) == (
        'WRN [x] m error=e a="two words" b="q\\"u" empty= l=["x",1] n=5 t=true\n'
    )
    assert "\x1b[33mWRN\x1b[0m" in console_line(logging.WARNING, 0, "m", {}, color=True)
    levels = [console_line(level, None, "m", {}, color=False)[:3] for level in log.LEVELS.values()][:-1]
    assert levels == ["TRC", "DBG", "INF", "WRN", "ERR", "FTL", "PNC"]


def test_nothing_from_outside_begins_a_line() -> None:
    line = console_line(logging.INFO, None, "a\nb\r\x1b[2J", {"k": "c\nd\u2028"}, color=False)
    assert line == 'INF a\\nb\\r\\x1b[2J k="c\\nd\\u2028"\n'
    assert json_line(logging.INFO, 0, "a\nb", {}, "").count("\n") == 1


def test_json() -> None:
    assert json_line(logging.INFO, 1700000000, "[api] listen", {"addr": ":1984", "level": "x"}, "UNIXMS") == (
        '{"level":"info","addr":":1984","time":1700000000000,"message":"[api] listen"}\n'
    )
    assert json.loads(json_line(TRACE, 1.5, "m", {}, "UNIXMICRO"))["time"] == 1500000


@pytest.mark.parametrize(
    ("layout", "pattern"),
    [
        ("2006-01-02 15:04:05.000", r"2023-11-1[45] \d\d:\d\d:\d\d\.250"),
        ("2006-01-02T15:04:05.999999Z07:00", r"2023-11-1[45]T\d\d:\d\d:\d\d\.25(Z|[+-]\d\d:\d\d)"),
        ("Mon Jan _2 3:04PM", r"(Tue|Wed) Nov 1[45] \d\d?:\d\d(AM|PM)"),
    ],
)
def test_time_layouts(layout: str, pattern: str) -> None:
    entry = json.loads(json_line(logging.INFO, 1700000000.25, "m", {}, layout))
    assert re.fullmatch(pattern, entry["time"])


def test_levels_by_module(lines: Lines) -> None:
    def write() -> None:
        for module in ("rtsp", "webrtc", "streams.track", ""):
            get_logger(module).log(TRACE, "trace")
            get_logger(module).info("info")
            get_logger(module).error("error")
        logging.getLogger("aiohttp.server").info("quiet")
        logging.getLogger("aiohttp.server").warning("loud")

    found = lines(write, level="warn", modules={"rtsp": "trace", "webrtc": "disabled"}, time="")
    assert found == [
        "TRC [rtsp] trace", "INF [rtsp] info", "ERR [rtsp] error", "ERR [streams] error", "ERR error",
        "WRN [aiohttp.server] loud",
    ]  # fmt: skip
    assert lines(lambda: get_logger("webrtc").info("back"), time="") == ["INF [webrtc] back"]


def test_no_secret_in_any_output(lines: Lines) -> None:
    def write() -> None:
        logger = get_logger("rtsp")
        logger.error("dial rtsp://u:canary@h %s", "http://x/?token=canary", extra=fields(url="a://canary@b"))
        try:
            int("rtsp://u:canary@h")
        except ValueError:
            logger.exception("failed")

    for form in ("text", "json", "color"):
        text = "\n".join(lines(write, format=form))
        assert "***" in text
        assert "canary@" not in text
        assert "token=canary" not in text
    assert b"canary@" not in ring.text()
    assert len(ring.text().splitlines()) == 6


@pytest.mark.usefixtures("lines")
def test_the_ring_has_it_without_an_output() -> None:
    one = setup(LogConfig(output=""))
    listen()
    one.close()
    entry = json.loads(ring.text())
    assert (entry["level"], entry["message"], entry["addr"]) == ("info", "[api] listen", ":1984")


@pytest.mark.usefixtures("lines")
def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    one = setup(LogConfig(output=f"file:{tmp_path}"))
    one.close()
    assert "cannot append" in one.problems[0]


def test_ring_is_bounded() -> None:
    store = Ring()
    for number in range(40_000):
        store.append(b"%099d\n" % number)
    text = store.text()
    assert 15 * 65_000 < len(text) <= 1 << 20
    assert text.endswith(b"39999\n")
    store.append(b"x" * (65 << 10))
    store.clear()
    assert store.text() == b""


def test_an_output_that_nobody_reads_stops_nothing() -> None:
    reading, writing = os.pipe()
    writer = Writer(writing, owned=True)
    for _ in range(MAX_LINES + 5000):
        writer.write("x" * 99 + "\n")
    received = bytearray()

    def read() -> None:
        while data := os.read(reading, 1 << 16):
            received.extend(data)

    thread = threading.Thread(target=read)
    thread.start()
    writer.close(timeout=20)
    thread.join()
    os.close(reading)
    assert b"lines were lost" in received


def test_the_process_ends_although_its_output_is_stuck() -> None:
    code = (
        "from go2py.observe.log import *\n"
        "log = setup()\n"
        "for _ in range(5000): get_logger('x').info('y' * 200)\n"
        "log.close()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.wait(30) == 0
