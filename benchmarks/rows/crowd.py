"""A crowd that comes at once must not disturb who watches."""

import time
from collections.abc import Iterator

from ..camera import Cameras
from ..clips import Shape
from ..gateway import Gateway, free_ports
from ..row import Row, Run
from ..viewers import Viewers
from ..worker import Worker

CROWD = 50


def crowd(run: Run) -> Iterator[Row]:
    """The longest time without a picture for one who watches while others join. A picture comes every 40 ms."""
    [port] = free_ports(1)
    with (
        Worker(Cameras, port=port, shape=Shape(bitrate=2_000_000)),
        Gateway({"door": f"rtsp://127.0.0.1:{port}/door"}) as gateway,
        Worker(Viewers, api=gateway.api, port=gateway.webrtc) as watching,
        Worker(Viewers, api=gateway.api, port=gateway.webrtc) as others,
    ):
        watching.ask("join", stream="door", count=1)
        time.sleep(2)
        watching.ask("reset")
        time.sleep(run.seconds(3))
        alone = watching.ask("longest_gap")
        watching.ask("reset")
        before = gateway.cpu
        seconds = others.ask("join", stream="door", count=CROWD, at_once=CROWD)
        spent = gateway.cpu - before
        time.sleep(2)
        gap = watching.ask("longest_gap")
        lost = watching.ask("counts")["lost"]
    yield Row(
        f"{CROWD} viewers join at once: longest gap of one who watches", gap, "ms", 200,
        detail={"alone": alone, "lost": lost},
    )  # fmt: skip
    yield Row(f"{CROWD} viewers join at once: all connected", seconds, "s")
    yield Row("WebRTC join: CPU of a handshake and what comes with it", spent / CROWD * 1000, "ms")
