"""What a device or an account has, for those who want to add it: the answer of `registry.explore`."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExploredStream:
    """One stream: `source` is the text to configure, `direct` are URLs that lead to the same without asking first.

    Both hold the credentials they were explored with. Codec names as in SDP, empty when not told; pixels; frames a
    second. `talk` says that the device takes sound for its loudspeaker there.
    """

    name: str
    source: str = field(repr=False)
    direct: Sequence[str] = field(default=(), repr=False)
    video: str = ""
    size: tuple[int, int] = (0, 0)
    fps: int = 0
    audio: str = ""
    talk: bool = False


@dataclass(frozen=True, slots=True)
class Explored:
    """A device. `snapshot` is the source of still pictures, if any; `clock` how many seconds its clock is ahead."""

    maker: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    streams: Sequence[ExploredStream] = ()
    snapshot: str = field(default="", repr=False)
    clock: float = 0.0
