"""The benchmarks, a name each."""

from ..row import Benchmark
from .crowd import crowd
from .fanout import mse, per_core, webrtc
from .join import join
from .many import cameras, latency
from .resources import memory, start
from .stills import snapshot
from .talk import talk
from .transcode import transcode

BENCHMARKS: dict[str, Benchmark] = {
    "webrtc": webrtc,
    "viewers-per-core": per_core,
    "mse": mse,
    "cameras": cameras,
    "latency": latency,
    "join": join,
    "crowd": crowd,
    "snapshot": snapshot,
    "talk": talk,
    "transcode": transcode,
    "memory": memory,
    "start": start,
}
