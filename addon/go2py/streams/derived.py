"""A track made of another in process: the sound of a camera in a codec that its readers take.

Made once for all readers, running while there are any. A unit takes 0.1 to 0.6 ms, a frame of AAC 3 ms: packets of all
other streams would wait for it. So a thread does it, one job at a time, which keeps order, and costs 0.4 to
1.5 % of a core per stream more than doing it on the loop.
"""

import asyncio
import importlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..errors import Go2pyError
from ..media.codec import Codec
from ..media.unit import AccessUnit
from ..observe.log import get_logger
from .track import Track

if TYPE_CHECKING:
    from ..transcode.audio import AudioTranscoder

_log = get_logger("streams")

BACKLOG = 64
"""Units that may wait for the thread: on a machine that is too slow, sound is lost rather than late."""
RETRY = 5.0
"""Seconds after a failed start before the next attempt."""
_KEY = "derived"


class Derivation:
    """Subscribes to `source` and publishes into `track`; get it by `derive`."""

    def __init__(self, source: Track, target: Codec, gain: float, on_empty: Callable[[], None]) -> None:
        self.source = source
        self._gain = gain
        self.track = Track(target, 0)
        self._holds = 0
        self._on_empty = on_empty
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="go2py-audio")
        self._transcoder: AudioTranscoder | None = None
        self._waiting: deque[AccessUnit] = deque()
        self._job: asyncio.Future[list[AccessUnit]] | None = None
        self._broken_until = 0.0
        self._cancel = source.subscribe(self._take)

    def hold(self) -> None:
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1
        if not self._holds:
            self._cancel()
            self._waiting.clear()
            self._worker.shutdown(wait=False, cancel_futures=True)
            self._on_empty()

    def _take(self, _source: Track, units: Sequence[AccessUnit]) -> None:
        """From the source's track: queue and see that the thread works."""
        self._waiting.extend(units)
        while len(self._waiting) > BACKLOG:
            self._waiting.popleft()
            self.track.lost += 1
        if self._job is None and time.monotonic() >= self._broken_until:
            self._start()

    def _start(self) -> None:
        units = tuple(self._waiting)
        self._waiting.clear()
        self._job = self._loop.run_in_executor(self._worker, self._work, units)
        self._job.add_done_callback(self._done)

    def _work(self, units: Sequence[AccessUnit]) -> list[AccessUnit]:
        """In the thread."""
        if self._transcoder is None:
            module = importlib.import_module("..transcode.audio", __package__)
            self._transcoder = module.AudioTranscoder(units[0].codec, self.track.codec, gain=self._gain)
        made: list[AccessUnit] = self._transcoder.push(units)
        return made

    def _done(self, job: asyncio.Future[list[AccessUnit]]) -> None:
        """Back on the loop."""
        self._job = None
        if not self._holds or job.cancelled():
            return
        error = job.exception()
        if error is not None:
            self._fail(error)
        elif made := job.result():
            self.track.publish(made)
        if self._waiting and time.monotonic() >= self._broken_until:
            self._start()

    def _fail(self, error: BaseException) -> None:
        """The sound breaks off and is tried anew; the picture goes on."""
        self._transcoder = None
        self._broken_until = time.monotonic() + RETRY
        trace = None if isinstance(error, Go2pyError) else error
        label = f"{self.source.codec.label()} as {self.track.codec.label()}"
        _log.warning("%s: transcoding failed: %s", label, error, exc_info=trace)


def derive(source: Track, target: Codec, *, gain: float = 1.0) -> Derivation:
    """The one derivation of `source` into `target` with this gain, made when first needed; the caller holds it until
    `release`."""
    key = (_KEY, target, gain)
    found: Derivation | None = source.shared.get(key)
    if found is None:
        found = source.shared[key] = Derivation(source, target, gain, lambda: source.shared.pop(key, None))
    found.hold()
    return found


def derived(source: Track) -> tuple[Track, ...]:
    """The tracks that are made of `source` at present."""
    return tuple(one.track for key, one in source.shared.items() if isinstance(key, tuple) and key[0] == _KEY)
