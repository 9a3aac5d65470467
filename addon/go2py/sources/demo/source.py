"""The demo camera as a source: a worker thread records, the loop delivers."""

import asyncio
import importlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, override

from ...errors import Unreachable, Unsupported
from ...media import codec as names
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...streams.source import Offer, Sink, Source, SourceInfo, SourceSpec, SourceUrl
from ...streams.talk.backchannel import InBand
from .settings import DemoSettings, parse

if TYPE_CHECKING:
    from .recorder import Batch, Recorder

HEARD_BYTES = 1 << 20
_BACKCHANNEL = Offer((Codec(names.PCMA, "audio", 8000), Codec(names.OPUS, "audio", 48_000, channels=2)), "sendonly")


def spec(url: SourceUrl) -> SourceSpec:
    """`demo:` or `demo:?size=1280x720&fps=25…`; raises `Unsupported` for a parameter that cannot be."""
    rest, _, query = url.url.partition(":")[2].partition("?")
    if rest.strip("/"):
        raise Unsupported("demo: takes only parameters, as in demo:?size=1280x720&fps=25")
    settings = parse(query)
    return SourceSpec(f"demo:{settings}", url, lambda: DemoSource(settings, url.masked), InBand)


class DemoSource(Source):
    """Offers the picture, the sound, and a backchannel that keeps what it hears."""

    def __init__(self, settings: DemoSettings, url: str = "demo:") -> None:
        self.info = SourceInfo("demo", protocol="internal", url=url)
        self.heard: deque[AccessUnit] = deque()
        """The newest of what was said to the camera, at most `HEARD_BYTES`."""
        self._heard_size = 0
        self._settings = settings
        self._recorder: Recorder | None = None
        self._stop = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="go2py-demo")

    @override
    async def open(self) -> Sequence[Offer]:
        recorder = self._recorder = await self._in_worker(self._make_recorder)
        return [*(Offer((track.codec,)) for track in recorder.tracks), _BACKCHANNEL]

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        recorder = self._recorder
        if recorder is None:
            raise Unreachable("demo: the camera is not open")
        loop, stop = asyncio.get_running_loop(), threading.Event()
        tracks = sorted(index for index in wanted if index < len(recorder.tracks))

        def deliver(batch: Batch) -> None:
            if not stop.is_set():
                _deliver(batch, sink)

        def post(batch: Batch) -> None:
            loop.call_soon_threadsafe(deliver, batch)

        self._stop.set()
        self._stop = stop
        try:
            if tracks:
                await self._in_worker(lambda: recorder.run(tracks, stop, post))
            else:
                await loop.create_future()
        finally:
            stop.set()

    @override
    async def close(self) -> None:
        self._stop.set()
        self._recorder = None
        await asyncio.to_thread(self._worker.shutdown, cancel_futures=True)

    @override
    def talk(self, offer: int, units: Sequence[AccessUnit]) -> None:
        if self._recorder is None or offer != len(self._recorder.tracks):
            raise Unreachable("demo: nobody listens there")
        for unit in units:
            self._recorder.echo.hear(unit)
            self.heard.append(unit)
            self._heard_size += unit.size
        while self._heard_size > HEARD_BYTES:
            self._heard_size -= self.heard.popleft().size

    async def _in_worker[T](self, work: Callable[[], T]) -> T:
        """Run `work` in the camera's own thread, one after the other."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except RuntimeError as error:
            raise Unreachable("demo: the camera is closed") from error

    def _make_recorder(self) -> Recorder:
        recorder: Recorder = importlib.import_module(".recorder", __package__).Recorder(self._settings)
        return recorder


def _deliver(batch: Batch, sink: Sink) -> None:
    for report in batch.reports:
        sink.sender_report(*report)
    sink.alive(sum(unit.size for _, unit in batch.units))
    for index in dict.fromkeys(index for index, _ in batch.units):
        sink.deliver(index, [unit for track, unit in batch.units if track == index])
