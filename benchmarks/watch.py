"""Measuring a gateway under load: in several windows, since on a busy machine the least disturbed one tells most."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .gateway import Gateway
from .worker import Worker

SETTLE = 2.0
WINDOW = 2.0
"""Seconds: a whole group of pictures, so that every window has as many key pictures."""


@dataclass(frozen=True, slots=True)
class Window:
    """CPU seconds of the gateway, seconds that passed, and what the load counted meanwhile."""

    cpu: float
    seconds: float
    counts: dict[str, int]


def watch(gateway: Gateway, load: Worker, seconds: float) -> list[Window]:
    """As many windows as fit into so many seconds, once everything runs evenly."""
    time.sleep(SETTLE)
    return [_window(gateway, load) for _ in range(max(1, round(seconds / WINDOW)))]


def least(windows: Sequence[Window], cost: Callable[[Window], float]) -> tuple[float, dict[str, float]]:
    """The least cost of all windows, and for the record the mean and what was counted in total."""
    costs = [cost(window) for window in windows]
    totals = {name: float(sum(window.counts[name] for window in windows)) for name in windows[0].counts}
    return min(costs), {"mean": sum(costs) / len(costs)} | totals


def _window(gateway: Gateway, load: Worker) -> Window:
    load.ask("reset")
    before, begin = gateway.cpu, time.monotonic()
    time.sleep(WINDOW)
    counts = load.ask("counts")
    return Window(gateway.cpu - before, time.monotonic() - begin, counts)
