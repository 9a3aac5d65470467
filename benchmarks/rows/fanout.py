"""One camera, many viewers."""

from collections.abc import Iterator

from ..camera import Cameras
from ..clips import Shape
from ..gateway import Gateway, free_ports
from ..measure import percentile
from ..readers import Readers
from ..row import Row, Run
from ..viewers import Viewers
from ..watch import least, watch
from ..worker import Worker

VIEWERS = 50
GATEWAY_CORE, LOAD_CORE = 0, 1


def webrtc(run: Run) -> Iterator[Row]:
    """CPU for each packet that a viewer got."""
    for name, sha1, feedback, target in (
        ("GCM", False, False, 4.0),
        ("SHA1_80", True, False, 5.0),
        ("GCM, browsers' feedback", False, True, None),
    ):
        [port] = free_ports(1)
        with (
            Worker(Cameras, port=port, shape=Shape()),
            Gateway({"door": f"rtsp://127.0.0.1:{port}/door"}) as gateway,
            Worker(Viewers, api=gateway.api, port=gateway.webrtc, sha1=sha1, feedback=feedback) as viewers,
        ):
            viewers.ask("join", stream="door", count=VIEWERS)
            windows = watch(gateway, viewers, run.seconds(6))
            cost, detail = least(windows, lambda window: window.cpu * 1e6 / window.counts["packets"])
            floor = run.yardstick["send"] + run.yardstick["protect_sha1" if sha1 else "protect_gcm"]
            yield Row(
                f"WebRTC, {VIEWERS} viewers, {name}: CPU per packet", cost, "µs", target, floor=floor, detail=detail
            )  # fmt: skip


def per_core(run: Run) -> Iterator[Row]:
    """How many viewers one core serves, by a line through two loads; the viewers have the other core."""
    used: dict[int, float] = {}
    for count in (200, 400):
        [port] = free_ports(1)
        shape = Shape(bitrate=1_000_000)
        with (
            Worker(Cameras, cores={LOAD_CORE}, port=port, shape=shape),
            Gateway({"door": f"rtsp://127.0.0.1:{port}/door"}, cores={GATEWAY_CORE}) as gateway,
            Worker(Viewers, cores={LOAD_CORE}, api=gateway.api, port=gateway.webrtc) as viewers,
        ):
            viewers.ask("join", stream="door", count=count, at_once=16)
            windows = watch(gateway, viewers, run.seconds(6))
            used[count], detail = least(windows, lambda window: window.cpu / window.seconds)
            seconds = sum(window.seconds for window in windows)
            delivered = detail["pictures"] / (count * shape.fps * seconds)
            delays = viewers.ask("delays")
        yield Row(
            f"WebRTC, {count} viewers of 1 Mbit/s on a core: added latency p99", percentile(delays, 0.99), "ms", 100,
            detail={"p50": percentile(delays, 0.5), "core": used[count], "delivered": delivered},
        )  # fmt: skip
        yield Row(f"WebRTC, {count} viewers of 1 Mbit/s on a core: lost packets", detail["lost"], "", 0)
    each = (used[400] - used[200]) / 200
    yield Row(
        "WebRTC, viewers of 1 Mbit/s per core, fitted", (1 - (used[200] - 200 * each)) / each, "", 1500,
        at_least=True, detail={str(count): share for count, share in used.items()},
    )  # fmt: skip


def mse(run: Run) -> Iterator[Row]:
    """CPU for each megabyte that a viewer got."""
    [port] = free_ports(1)
    with (
        Worker(Cameras, port=port, shape=Shape()),
        Gateway({"door": f"rtsp://127.0.0.1:{port}/door"}) as gateway,
        Worker(Readers, api=gateway.api, rtsp=gateway.rtsp) as readers,
    ):
        readers.ask("join_mse", stream="door", count=VIEWERS)
        windows = watch(gateway, readers, run.seconds(6))
        cost, detail = least(windows, lambda window: window.cpu * 1e3 / (window.counts["bytes"] / 1e6))
        yield Row(f"MSE, {VIEWERS} viewers: CPU per MB", cost, "ms", 1.0, detail=detail)
