"""A sink that keeps what a source delivers."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import override

from go2py.media.unit import AccessUnit
from go2py.sources.registry import dial
from go2py.streams.source import Offer, Sink, Source, SourceUrl


class RecordingSink(Sink):
    """Everything by offer, in order; `until` waits for something to be true of it."""

    def __init__(self) -> None:
        self.units: dict[int, list[AccessUnit]] = defaultdict(list)
        self.deliveries: Counter[int] = Counter()
        self.reports: list[tuple[int, int, float]] = []
        self.losses: Counter[int] = Counter()
        self.bytes = 0

    @override
    def deliver(self, offer: int, units: Sequence[AccessUnit]) -> None:
        self.units[offer] += units
        self.deliveries[offer] += 1

    @override
    def sender_report(self, offer: int, rtp_time: int, ntp: float) -> None:
        self.reports.append((offer, rtp_time, ntp))

    @override
    def alive(self, size: int) -> None:
        self.bytes += size

    @override
    def lost(self, offer: int, packets: int) -> None:
        self.losses[offer] += packets

    async def until(self, condition: Callable[[], bool], timeout: float = 20) -> None:
        """Raises `TimeoutError` when it does not come true."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.02)

    async def more(self, offer: int, count: int = 5, timeout: float = 20) -> list[AccessUnit]:
        """The next units of an offer."""
        start = len(self.units[offer])
        await self.until(lambda: len(self.units[offer]) >= start + count, timeout)
        return self.units[offer][start:]


class Watching:
    """A source that plays into a sink. `ended` is the error that ended it."""

    def __init__(self, source: Source, offers: Sequence[Offer], wanted: frozenset[int]) -> None:
        self.source, self.offers, self.sink = source, offers, RecordingSink()
        self.task = asyncio.get_running_loop().create_task(source.play(wanted, self.sink))

    async def ended(self, timeout: float = 20) -> BaseException | None:
        done, _ = await asyncio.wait({self.task}, timeout=timeout)
        assert done, "the source plays on"
        return self.task.exception()

    async def more(self, offer: int = 0, count: int = 5) -> list[AccessUnit]:
        """The next units; raises what ended the source before they came."""
        coming = asyncio.ensure_future(self.sink.more(offer, count))
        await asyncio.wait({coming, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            self.task.result()
            raise AssertionError("the source ended")
        return coming.result()


@asynccontextmanager
async def watching(url: str, wanted: frozenset[int] | None = None) -> AsyncIterator[Watching]:
    """Dial, open and play (all that comes from the camera, unless told); closed behind the block."""
    source = dial(SourceUrl(url)).create()
    try:
        offers = await source.open()
        incoming = frozenset(index for index, offer in enumerate(offers) if offer.direction == "recvonly")
        playing = Watching(source, offers, incoming if wanted is None else wanted)
        try:
            yield playing
        finally:
            playing.task.cancel()
            await asyncio.gather(playing.task, return_exceptions=True)
    finally:
        await source.close()
