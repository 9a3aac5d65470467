"""Memory and start."""

import time
from collections.abc import Iterator

from ..camera import Cameras
from ..clips import Shape
from ..gateway import Gateway, free_ports
from ..measure import percentile
from ..row import Row, Run
from ..viewers import Viewers
from ..worker import Worker
from .many import CAMERAS, streams

VIEWERS = 60


def memory(run: Run) -> Iterator[Row]:
    """Resident memory of the process."""
    for name, configured, target in (
        ("", {}, 60),
        (", a stream configured", {"door": "rtsp://127.0.0.1:1/door"}, None),
    ):
        with Gateway(configured) as gateway:
            time.sleep(3)
            yield Row(f"memory, idle{name}", gateway.memory, "MB", target)
    [port] = free_ports(1)
    configured = streams(port)
    with (
        Worker(Cameras, port=port, shape=Shape(bitrate=2_000_000)),
        Gateway(configured, preload=dict.fromkeys(configured, "video")) as gateway,
    ):
        time.sleep(run.seconds(8))
        yield Row(f"memory, {CAMERAS} cameras of 2 Mbit/s, GOP 2 s", gateway.memory, "MB", 80)
        with Worker(Viewers, api=gateway.api, port=gateway.webrtc) as viewers:
            for number in range(VIEWERS):
                viewers.ask("join", stream=f"camera{number % CAMERAS}", count=1)
            time.sleep(run.seconds(5))
            yield Row(f"memory, and {VIEWERS} WebRTC viewers", gateway.memory, "MB", 130)


def start(run: Run) -> Iterator[Row]:
    """From the start of the process to the first byte of an answer, bytecode present."""
    times = []
    for _ in range(max(2, round(run.seconds(6)))):
        with Gateway({"demo": "demo:"}) as gateway:
            times.append(gateway.start_seconds)
    yield Row("start to first API answer, median", percentile(times, 0.5), "s", 0.4, detail={"most": max(times)})
