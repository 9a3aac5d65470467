"""Talk with one camera: finds out what it takes, knows who may speak, and starts a call when somebody does."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ...config.settings import TalkSettings
from ...errors import NegotiationError, Paused, ProtocolError, SourceError, Unreachable
from ...media.codec import Codec
from ...observe.log import get_logger
from .backchannel import Backchannel
from .call import Call
from .status import Status
from .voice import Voice

_log = get_logger("talk")

FORGET_NONE = 600.0
"""Seconds after which a camera without a backchannel is asked again."""


class Talk:
    """One per camera connection. `codecs` are what the camera takes, None until it was asked.

    `name` is the camera's, for texts. `on_status` is called whenever `to_json` would tell something new.
    """

    def __init__(self, backchannel: Backchannel, name: str, on_status: Callable[[], None]) -> None:
        self.settings = TalkSettings()
        self.codecs: tuple[Codec, ...] | None = None
        self.status = Status()
        self.backchannel = backchannel
        self.name = name
        self.voices: dict[int, Voice] = {}
        self._on_status = on_status
        self._finding: asyncio.Task[tuple[Codec, ...]] | None = None
        self._found_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._forbidden: SourceError | None = None
        """Why nobody may speak."""

    async def find(self, wait: float) -> tuple[Codec, ...]:
        """What the camera takes; asked once for however many want to know, without opening anything.

        Raises `NegotiationError` where it has no backchannel, `SourceError` where it cannot be asked within `wait`.
        """
        loop = asyncio.get_running_loop()
        if self._forbidden is not None:
            raise self._forbidden
        stale = self.codecs == () and loop.time() - self._found_at > FORGET_NONE
        if self.codecs is None or stale:
            if self._finding is None:
                self._finding = loop.create_task(self._find(), name=f"find talk of {self.name}")
                self._finding.add_done_callback(self._asked)
            finding = self._finding
            await asyncio.wait({finding}, timeout=wait)
            if self._forbidden is not None:  # meanwhile
                raise self._forbidden
            if not finding.done() or finding.cancelled():
                raise Unreachable(f"{self.name}: no answer yet whether it can be spoken to")
            finding.result()
        if not self.codecs:
            raise NegotiationError(f"{self.name} has no backchannel: it cannot be spoken to")
        return self.codecs

    async def _find(self) -> tuple[Codec, ...]:
        try:
            self.codecs = await self.backchannel.find()
        except ProtocolError as error:
            raise Unreachable(str(error)) from error
        self._found_at = asyncio.get_running_loop().time()
        self._on_status()
        return self.codecs

    def _asked(self, task: asyncio.Task[tuple[Codec, ...]]) -> None:
        self._finding = None
        if not task.cancelled():
            task.exception()  # who asked may be gone by the time the answer is an error

    def voice(
        self, name: str, *, priority: int = 0, live: bool = True, on_status: Callable[[Status], None] | None = None
    ) -> Voice:
        """One more who may speak; opens nothing. `live` is a microphone: gated, kept short; else everything is played.

        `on_status` is called when its status changes, for the level at most five times a second.
        """
        voice = Voice(self, name, priority, live=live, on_status=on_status)
        self.voices[voice.member.id] = voice
        return voice

    def stop(self) -> None:
        """End everything that is being played."""
        for voice in tuple(self.voices.values()):
            if not voice.member.live:
                voice.close()

    def leave(self, voice: Voice) -> None:
        """A voice is closed."""
        self.voices.pop(voice.member.id, None)
        voice.tell(Status())

    def wake(self) -> None:
        """Something was pushed."""
        if self._forbidden is not None:
            for voice in self.voices.values():
                voice.collect()
                voice.tell(Status("refused", str(self._forbidden)))
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(Call(self).run(), name=f"talk with {self.name}")
            self._task.add_done_callback(self._ended)

    def tell(self, status: Status) -> None:
        """From the call: how it stands."""
        if status != self.status:
            self.status = status
            self._on_status()

    def to_json(self) -> Mapping[str, object]:
        """The status with what the camera takes, for the API and events."""
        return self.status.to_json() | {"codecs": [codec.label() for codec in self.codecs or ()]}

    def allow(self, allowed: bool) -> None:
        """Let people speak or not, for privacy; told no, the camera is hung up at once."""
        self._forbidden = None if allowed else Paused()
        if not allowed:
            self._cancel()

    async def close(self) -> None:
        """End for good."""
        self._forbidden = Unreachable(f"{self.name}: the source was removed")
        tasks = self._cancel()
        for voice in tuple(self.voices.values()):
            voice.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cancel(self) -> list[asyncio.Task[Any]]:
        """Break off the call and the question; a call that is being hung up already is left to that."""
        tasks: list[asyncio.Task[Any]] = [task for task in (self._task, self._finding) if task is not None]
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        return tasks

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s: talk failed", self.name, exc_info=error)
        self.tell(Status())
        for voice in tuple(self.voices.values()):
            voice.queued = 0.0
            if self._forbidden is not None:
                voice.tell(Status("refused", str(self._forbidden)))
            else:
                voice.tell(Status())
                if voice.waiting:  # came while the call was ending
                    self.wake()
