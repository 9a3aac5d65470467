"""What happens in the gateway, told to whoever listens (`/api/events`, the log, tests)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

type Listener = Callable[["Event"], None]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `type` is dotted (`stream.added`, `source.state`, `reader.added`); `data` is JSON."""

    type: str
    data: dict[str, Any]
    time: float = field(default_factory=time.time)


class Bus:
    """Hands every event to all listeners at once; listeners must be quick and must not raise."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def publish(self, type: str, **data: Any) -> None:
        if not self._listeners:
            return
        event = Event(type, data)
        for listener in tuple(self._listeners):
            listener(event)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every event from now on; the result ends that."""
        self._listeners.append(listener)

        def cancel() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return cancel
