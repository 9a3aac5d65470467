"""A wake-up for any number of waiting tasks."""

import asyncio
from collections.abc import Coroutine


class Signal:
    """`notify` wakes everybody who called `wait` before; nothing is remembered for later."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    def wait(self) -> Coroutine[None, None, object]:
        """Await this for the next `notify`, counted from this call even where the awaiting starts later."""
        return self._event.wait()
