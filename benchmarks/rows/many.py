"""Many cameras, a reader each."""

import time
from collections.abc import Iterator

from ..camera import Cameras
from ..clips import Shape
from ..gateway import Gateway, free_ports
from ..measure import percentile
from ..readers import Readers
from ..row import Row, Run
from ..watch import SETTLE, least, watch
from ..worker import Worker

CAMERAS = 16
SHAPE = Shape(bitrate=2_000_000)


def streams(port: int, count: int = CAMERAS) -> dict[str, str]:
    """Configuration of so many cameras at this port."""
    return {f"camera{number}": f"rtsp://127.0.0.1:{port}/camera{number}" for number in range(count)}


def cameras(run: Run) -> Iterator[Row]:
    """CPU for a camera in and a reader out."""
    [port] = free_ports(1)
    with (
        Worker(Cameras, port=port, shape=SHAPE),
        Gateway(streams(port)) as gateway,
        Worker(Readers, api=gateway.api, rtsp=gateway.rtsp) as readers,
    ):
        readers.ask("join_rtsp", streams=list(streams(port)))
        windows = watch(gateway, readers, run.seconds(8))
        share, detail = least(windows, lambda window: window.cpu / window.seconds / CAMERAS * 100)
        yield Row(
            f"{CAMERAS} cameras of 2 Mbit/s, {CAMERAS} RTSP readers: CPU per camera", share, "%", 0.4, detail=detail
        )


def latency(run: Run) -> Iterator[Row]:
    """From the camera's write to the reader's whole picture; without a gateway between, the load's own."""
    [port] = free_ports(1)
    names = list(streams(port))
    with Worker(Cameras, port=port, shape=SHAPE):
        with Worker(Readers, api=0, rtsp=port) as readers:
            direct = _delays(readers, names, run.seconds(4))
        with Gateway(streams(port)) as gateway, Worker(Readers, api=gateway.api, rtsp=gateway.rtsp) as readers:
            through = _delays(readers, names, run.seconds(8))
    for share, target in ((0.5, 0.4), (0.99, 2.0)):
        without = percentile(direct, share)
        yield Row(
            f"latency through the gateway, {CAMERAS} cameras, p{share * 100:.0f}", percentile(through, share), "ms",
            target, floor=without, detail={"without": without, "pictures": len(through)},
        )  # fmt: skip


def _delays(readers: Worker, names: list[str], seconds: float) -> list[float]:
    readers.ask("join_rtsp", streams=names)
    time.sleep(SETTLE)
    readers.ask("reset")
    time.sleep(seconds)
    delays: list[float] = readers.ask("delays")
    return delays
