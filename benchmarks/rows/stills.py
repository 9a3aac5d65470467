"""Pictures of a stream that is running, 1080p with ten seconds between key pictures."""

import time
from collections.abc import Iterator

from ..camera import Cameras
from ..clips import Shape
from ..gateway import Gateway, free_ports
from ..measure import percentile
from ..row import Row, Run
from ..worker import Worker

SHAPE = Shape(gop=250, coded=True)
WARM = 9.0
"""Seconds of the group of pictures that are there when the first still is asked for: nearly the most."""


def snapshot(run: Run) -> Iterator[Row]:
    """The first still, then repeated ones, and what it costs to keep asking."""
    [port] = free_ports(1)
    with (
        Worker(Cameras, port=port, shape=SHAPE),
        Gateway({"door": f"rtsp://127.0.0.1:{port}/door"}, preload={"door": "video"}) as gateway,
    ):
        time.sleep(WARM)
        before = gateway.cpu
        first = _ask(gateway)
        cost = gateway.cpu - before
        again, spent = [], []
        for _ in range(max(3, round(run.seconds(15)))):
            time.sleep(0.4)
            before = gateway.cpu
            again.append(_ask(gateway))
            spent.append((gateway.cpu - before) * 1000)
        before, begin = gateway.cpu, time.monotonic()
        while time.monotonic() - begin < run.seconds(4):
            _ask(gateway)
            time.sleep(1)
        rolling = (gateway.cpu - before) / (time.monotonic() - begin)
    yield Row("snapshot of a warm 1080p stream: first", first, "ms", 1500, detail={"cpu_ms": cost * 1000})
    yield Row(
        "snapshot of a warm 1080p stream: repeated, p95", percentile(again, 0.95), "ms", 150,
        detail={"p50": percentile(again, 0.5), "cpu_ms": percentile(spent, 0.5)},
    )  # fmt: skip
    yield Row("snapshot every second: CPU", rolling * 100, "%")


def _ask(gateway: Gateway) -> float:
    begin = time.monotonic()
    if gateway.get("api/frame.jpeg?src=door")[:2] != b"\xff\xd8":
        raise RuntimeError("no JPEG")
    return (time.monotonic() - begin) * 1000
