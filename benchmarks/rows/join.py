"""How soon a new viewer sees something, on a camera with ten seconds between key pictures."""

import time
from collections.abc import Iterator

from ..camera import Cameras
from ..clips import Shape
from ..gateway import Gateway, free_ports
from ..measure import percentile
from ..readers import Readers
from ..row import Row, Run
from ..viewers import Viewers
from ..worker import Worker

SHAPE = Shape(gop=250)
WARM = 5.0
JOINS = 12
PATIENCE = 4.0
TARGETS = {"WebRTC": 300, "MSE": 100, "RTSP": 100}


def join(run: Run) -> Iterator[Row]:
    """To the first whole key picture, and until the picture is live."""
    [port] = free_ports(1)
    first: dict[str, list[float]] = {kind: [] for kind in TARGETS}
    live: dict[str, list[float]] = {kind: [] for kind in TARGETS}
    with (
        Worker(Cameras, port=port, shape=SHAPE),
        Gateway({"door": f"rtsp://127.0.0.1:{port}/door"}, preload={"door": "video"}) as gateway,
        Worker(Viewers, api=gateway.api, port=gateway.webrtc) as viewers,
        Worker(Readers, api=gateway.api, rtsp=gateway.rtsp) as readers,
    ):
        time.sleep(WARM)
        for _ in range(max(2, round(run.seconds(JOINS)))):
            for kind in TARGETS:
                load = viewers if kind == "WebRTC" else readers
                seen, fresh = load.ask("first_picture", kind=kind, stream="door", patience=PATIENCE)
                first[kind].append(seen * 1000)
                live[kind].append(fresh * 1000)
            time.sleep(0.25)
    for kind, target in TARGETS.items():
        yield Row(
            f"join on a GOP of 10 s, {kind}: first key picture p95", percentile(first[kind], 0.95), "ms", target,
            detail={"p50": percentile(first[kind], 0.5), "joins": len(first[kind])},
        )  # fmt: skip
        yield Row(
            f"join on a GOP of 10 s, {kind}: live p95", percentile(live[kind], 0.95), "ms", 2000,
            detail={"p50": percentile(live[kind], 0.5)},
        )  # fmt: skip
