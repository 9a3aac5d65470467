"""All that is being played into cameras, and what waits for it."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ...errors import Busy, Go2pyError, Unreachable
from ...observe.events import Bus, Event
from ...observe.log import get_logger
from .playback import Playback
from .recording import Recording

_log = get_logger("play")

Enqueue = Literal["replace", "next", "add"]
ENQUEUES: Final[tuple[Enqueue, ...]] = ("replace", "next", "add")
MAX_QUEUE = 64


@dataclass(slots=True)
class _Waiting:
    playback: Playback
    names: frozenset[str]


class PlayService:
    """One playback per camera at a time; one that goes to several cameras waits for all of them.

    A new one ends what is playing (`replace`), or waits in front (`next`) or at the end (`add`) of the queue.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._playing: dict[asyncio.Task[None], Playback] = {}
        self._queue: list[_Waiting] = []
        self._unsubscribe = bus.subscribe(self._follow)

    async def play(self, playback: Playback, enqueue: Enqueue = "replace") -> None:
        """Start it, or let it wait. Raises `Go2pyError` why it cannot begin; nothing is left of it then."""
        names = frozenset(playback.talks)
        if enqueue != "replace" and (names & self._busy() or any(one.names & names for one in self._queue)):
            if len(self._queue) >= MAX_QUEUE:
                playback.close()
                raise Busy(f"there are {MAX_QUEUE} sounds waiting already")
            waiting = _Waiting(playback, names)
            self._queue.insert(0, waiting) if enqueue == "next" else self._queue.append(waiting)
            self._publish(names)
            return
        for name in names:
            self.stop(name, fade=False)
        task, begun = self._start(playback)
        try:
            await begun
        except asyncio.CancelledError:
            task.cancel()
            raise

    def stop(self, name: str, *, fade: bool = True) -> None:
        """End what plays into this camera and forget what waits for it."""
        for waiting in [one for one in self._queue if name in one.names]:
            waiting.playback.leave(name)
            waiting.names -= {name}
            if not waiting.names:
                waiting.playback.close()
                self._queue.remove(waiting)
        for task, playback in tuple(self._playing.items()):
            if name not in playback.talks:
                continue
            if fade and isinstance(playback, Recording) and len(playback.talks) == 1 and playback.fade_out():
                continue
            playback.leave(name)
            if not playback.talks:
                task.cancel()
        self._publish({name})

    def volume(self, name: str, factor: float) -> None:
        """Make what plays into this camera louder or softer."""
        for playback in self._of(name):
            playback.volume = factor
        self._publish({name})

    def status(self, name: str) -> dict[str, object]:
        """What plays into a camera and what waits."""
        now = next((playback.to_json() for playback in self._of(name)), {"state": "idle"})
        return now | {"queue": [one.playback.title for one in self._queue if name in one.names]}

    async def close(self) -> None:
        self._unsubscribe()
        for waiting in self._queue:
            waiting.playback.close()
        self._queue.clear()
        tasks = tuple(self._playing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _of(self, name: str) -> Iterator[Playback]:
        return (playback for playback in self._playing.values() if name in playback.talks)

    def _busy(self) -> set[str]:
        return {name for playback in self._playing.values() for name in playback.talks}

    def _follow(self, event: Event) -> None:
        """A stream that was paused or is gone is not spoken to either, though another one may have its camera."""
        if event.type == "stream.removed" or (event.type == "stream.state" and event.data["state"] == "off"):
            name = event.data["stream"]
            if name in self._busy() or any(name in one.names for one in self._queue):
                self.stop(name, fade=False)

    def _start(self, playback: Playback) -> tuple[asyncio.Task[None], asyncio.Future[None]]:
        """Its task, and what is done when it has begun or tells why it could not."""
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[None] = loop.create_future()
        names = frozenset(playback.talks)
        playback.on_news = lambda: self._publish(names)
        task = loop.create_task(self._run(playback, begun), name=f"play {playback.title}")
        self._playing[task] = playback
        task.add_done_callback(lambda task: self._ended(task, names, begun))
        return task, begun

    async def _run(self, playback: Playback, begun: asyncio.Future[None]) -> None:
        try:
            await playback.begin()
            if not begun.done():  # who asked is gone
                begun.set_result(None)
            await playback.run()
        except Go2pyError as error:
            _log.warning("%s: %s", playback.title, error)
            playback.tell("failed", str(error))
            if not begun.done():
                begun.set_exception(error)

    def _ended(self, task: asyncio.Task[None], names: frozenset[str], begun: asyncio.Future[None]) -> None:
        playback = self._playing.pop(task)
        playback.close()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("%s: playing failed", playback.title, exc_info=error)
        if not begun.done():
            begun.set_exception(error or Unreachable("it was stopped before it began"))
        if not begun.cancelled():
            begun.exception()  # of what waited in the queue nobody asks
        self._publish(names)
        self._next()

    def _next(self) -> None:
        """Begin what waits for nobody any more."""
        taken = self._busy()
        for waiting in tuple(self._queue):
            if waiting.names & taken:
                taken |= waiting.names  # those behind it must not overtake
                continue
            taken |= waiting.names
            self._queue.remove(waiting)
            self._start(waiting.playback)

    def _publish(self, names: Iterable[str]) -> None:
        for name in names:
            self._bus.publish("play.state", stream=name, **self.status(name))
