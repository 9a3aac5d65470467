"""What a benchmark finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `target` is the most (or, with `at_least`, the least) that is wanted; None where nothing is promised.

    `floor` is what the same work costs on this machine at the very least, measured in the same run: the ratio of the
    two compares between machines.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    floor: float | None = None
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None


@dataclass(frozen=True, slots=True)
class Run:
    """What benchmarks share: the yardstick of this run, and `scale` (1 is the usual time of measuring)."""

    yardstick: dict[str, float]
    scale: float = 1.0

    def seconds(self, usual: float) -> float:
        return usual * self.scale


type Benchmark = Callable[[Run], Iterator[Row]]
