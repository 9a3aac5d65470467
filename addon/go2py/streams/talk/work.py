"""What goes to the mixing desk and comes back from it, from frame to frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...media.unit import AccessUnit


@dataclass(frozen=True, slots=True)
class Member:
    """What the desk has to know of a voice. `live` is a microphone; the rest is played exactly as it comes."""

    id: int
    priority: int
    live: bool


@dataclass(frozen=True, slots=True)
class Work:
    """One turn of the desk: who takes part, what came of them (None: forget what waits), whether the camera listens and
    how many frames it is to get.

    `opening`: it will listen soon. `warm` makes silent frames and lets the voices wait.
    """

    members: Sequence[Member]
    arrivals: Mapping[int, Sequence[AccessUnit] | None]
    open: bool
    frames: int
    now: float
    opening: bool = False
    warm: bool = False


@dataclass(slots=True)
class Result:
    """What came of it: `units` are due now.

    `heard`: somebody says something in this moment, or what was said is sent. `levels` has those who are having their
    say, pauses included, with how loud they are, 0 to 1; `audible` those that the camera gets. `queued` is in seconds,
    by voice. `failed` tells of voices that cannot be understood, and why.
    """

    units: list[AccessUnit] = field(default_factory=list)
    heard: bool = False
    audible: frozenset[int] = frozenset()
    levels: dict[int, float] = field(default_factory=dict)
    level: float = 0.0
    queued: dict[int, float] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
