"""The clock of all bursts: one timer for every sender with packets waiting."""

import asyncio
import time

from .sender import TrackSender

INTERVAL = 0.005
TOTAL = 600e6
"""Bits a second for all bursts together: a crowd that joins leaves the loop to those who watch."""


class Pacer:
    """Pumps the senders that wait, every 5 ms while there are any; owned and closed by the service."""

    def __init__(self) -> None:
        self._waiting: dict[TrackSender, None] = {}
        self._timer: asyncio.Handle | None = None

    def wake(self, sender: TrackSender) -> None:
        """The sender has packets to pump."""
        self._waiting[sender] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_soon(self._tick)

    def forget(self, sender: TrackSender) -> None:
        self._waiting.pop(sender, None)

    def close(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        share = TOTAL / max(len(self._waiting), 1)
        for sender in tuple(self._waiting):
            if not sender.pump(now, share):
                self._waiting.pop(sender, None)
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._tick)
