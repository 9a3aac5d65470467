"""One codec inside a source: where units are fanned out to whoever subscribed."""

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from ..media.codec import Codec
from ..media.unit import AccessUnit
from .gop import Gop
from .meter import Meter

type Subscriber = Callable[["Track", Sequence[AccessUnit]], None]

_ids = itertools.count(1)


def next_id() -> int:
    """Process-wide ids of connections, receivers and senders, as go2rtc's JSON joins them."""
    return next(_ids)


class Track:
    """Fan-out of one codec. Lives as long as its session; reconnects of the camera pass through it unseen.

    `codec` is the newest; every unit carries the one in force for it. `interval` is the usual time between units in
    seconds, 0 until known; `meter` knows more of a picture. `on_news` is called when the codec changed or something was
    measured for the first time. `shared` is where outputs keep what is made once per track; keys start with the
    output's name.
    """

    def __init__(self, codec: Codec, gop_bytes: int) -> None:
        self.id = next_id()
        self.codec = codec
        self.gop = Gop(gop_bytes, video=codec.is_video)
        self.interval = 0.0
        self.meter = Meter() if codec.is_video else None
        self.on_news: Callable[[], None] | None = None
        self.bytes = 0
        self.units = 0
        self.lost = 0
        self.last_arrived = 0.0
        self.shared: dict[Hashable, Any] = {}
        self._subscribers: tuple[Subscriber, ...] = ()
        self._last_dts: int | None = None

    @property
    def kind(self) -> str:
        return self.codec.kind

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with every batch from now on, synchronously; it is quick and never raises. Reading `gop`
        in the same step loses and doubles nothing. The result ends the subscription."""
        self._subscribers = (*self._subscribers, subscriber)

        def cancel() -> None:
            self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)

        return cancel

    def publish(self, units: Sequence[AccessUnit]) -> bool:
        """Hand units on; true if the GOP cache was just cut."""
        cut = news = False
        for unit in units:
            if unit.codec is not self.codec:
                news |= unit.codec != self.codec
                self.codec = unit.codec
            self.bytes += unit.size
            self._measure(unit)
            if self.meter is not None:
                news |= self.meter.add(unit)
            cut |= self.gop.add(unit)
        self.units += len(units)
        self.last_arrived = units[-1].arrived
        for subscriber in self._subscribers:
            subscriber(self, units)
        for unit in units:
            unit.strip()
        if news and self.on_news is not None:
            self.on_news()
        return cut

    def begin(self, now: float) -> None:
        """A connection starts to deliver."""
        if self.meter is not None:
            self.meter.restart(now)

    def reset(self) -> None:
        """The connection broke: what is cached does not go on."""
        self.gop.clear()
        self._last_dts = None
        if self.meter is not None:
            self.meter.running = False

    def _measure(self, unit: AccessUnit) -> None:
        if self._last_dts is not None:
            step = (unit.dts - self._last_dts) / unit.codec.clock_rate
            self.interval = self.interval + (step - self.interval) / 8 if self.interval else step
        self._last_dts = unit.dts
