"""A client that may speak to a camera: it gets a voice when it says something, and is told why where it cannot."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ..errors import Go2pyError
from ..media.unit import AccessUnit
from ..streams.talk.status import Status
from ..streams.talk.talk import Talk
from ..streams.talk.voice import Voice

PATIENCE = 128
"""Units that wait while the camera is asked whether it listens."""
RETRY = 5.0
"""Seconds after a refusal before a client that goes on speaking is looked at again."""


class Talker:
    """`find` asks the stream for its camera's talk; it runs at the first sound, beside everything else.

    `on_status` is called when `status` changes. `talk` is the camera's, once found. `close` when the client leaves.
    """

    def __init__(self, find: Callable[[], Coroutine[Any, Any, Talk]], name: str, *, priority: int = 0) -> None:
        self.status = Status()
        self.talk: Talk | None = None
        self.name = name
        """What others are told who speaks."""
        self.on_status: Callable[[Status], None] | None = None
        self._find = find
        self._priority = priority
        self._voice: Voice | None = None
        self._finding: asyncio.Task[None] | None = None
        self._waiting: list[AccessUnit] = []
        self._retry_at = float("-inf")
        self._closed = False

    def push(self, units: Sequence[AccessUnit]) -> None:
        """Say this. Never raises, never waits."""
        if self._closed or not units:
            return
        voice = self._voice
        if voice is not None and not voice.closed:
            voice.push(units)
            return
        loop = asyncio.get_running_loop()
        if self._finding is None:
            if loop.time() < self._retry_at:
                return
            self._finding = loop.create_task(self._begin(), name=f"find a camera's ear for {self.name}")
        self._waiting = [*self._waiting, *units][-PATIENCE:]

    def close(self) -> None:
        """Fall silent for good; safe to call more than once."""
        self._closed = True
        self._waiting.clear()
        if self._finding is not None:
            self._finding.cancel()
        if self._voice is not None:
            self._voice.close()

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self.talk = await self._find()
        except Go2pyError as error:
            self._tell(Status("refused", str(error)))
        else:
            voice = self.talk.voice(self.name, priority=self._priority, on_status=self._tell)
            self._voice = voice
            voice.push(self._waiting)
        finally:
            self._retry_at = loop.time() + RETRY
            self._waiting = []
            self._finding = None

    def _tell(self, status: Status) -> None:
        if status != self.status and not self._closed:
            self.status = status
            if self.on_status is not None:
                self.on_status(status)
