"""A camera connection under supervision: started when wanted, watched, reopened while its readers stay.

idle ──wanted──▶ connecting ──▶ live ──fails──▶ waiting ──back-off──▶ connecting …
  ▲                                │                │
  └────── linger over, or nobody wants it ──────────┘
"""

import asyncio
import random
from collections.abc import Callable
from typing import Literal

from ..config.settings import StreamSettings
from ..errors import Paused, ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from ..observe.events import Bus
from ..observe.log import get_logger
from .intake import Intake
from .signal import Signal
from .source import Offer, Source, SourceInfo, SourceSpec
from .talk.talk import Talk
from .track import Track, next_id

_log = get_logger("streams")

State = Literal["idle", "connecting", "live", "waiting"]
KINDS = ("video", "audio")
"""In the order in which readers get them."""

STEADY = 10.0
"""Seconds of delivery after which a connection counts as good and the back-off starts anew."""
IMPATIENT = 4.0
"""With a reader waiting for its first picture the next attempt is at most so many seconds after the last failed."""


class Hold:
    """One reader's wish that the session runs and delivers these offers.

    `on_end` is told why when one of them is gone for good.
    """

    def __init__(self, session: Session, offers: frozenset[int]) -> None:
        self.offers = offers
        self.on_end: Callable[[str], None] | None = None
        self._session = session

    def release(self) -> None:
        self._session.let_go(self)


class Session:
    """One camera connection, shared by all streams and readers with the same endpoint and credentials.

    `offers` is what the camera had when it last answered, None until then. `reason` says why it is not live.
    `keep` has it run on without readers; `kinds` of media are let through by some stream. `allowed` is false while
    all its streams are paused. `talk` is how to speak to the camera, None where there is no way.
    """

    def __init__(self, spec: SourceSpec, settings: StreamSettings, bus: Bus) -> None:
        self.spec = spec
        self.id = next_id()
        self.keep = False
        self.allowed = True
        self.kinds = frozenset(KINDS)
        self.linger = settings.linger
        self.state: State = "idle"
        self.reason = ""
        self.offers: tuple[Offer, ...] | None = None
        self.tracks: dict[int, Track] = {}
        self.info: SourceInfo | None = None
        self.source: Source | None = None
        """The connection that is open at present."""
        self.restarts = 0
        self.intake = Intake(spec.url.masked)
        self._settings = settings
        self._bus = bus
        self._error: SourceError | None = None
        self._holds: set[Hold] = set()
        self._changed = Signal()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._failed_at = float("-inf")
        self._closed = False
        self._reopening = False
        self.talk = None if spec.backchannel is None else Talk(spec.backchannel(self), spec.url.masked, self._talk_news)

    @property
    def wanted(self) -> frozenset[int]:
        """Offers that somebody holds."""
        return frozenset().union(*(hold.offers for hold in self._holds))

    @property
    def code(self) -> str:
        """`reason` in one word: that of the error, empty where there is none."""
        return self._error.code if self.reason and self._error is not None else ""

    @property
    def readers(self) -> int:
        return len(self._holds)

    def hold(self, offers: frozenset[int] = frozenset()) -> Hold:
        """Have the session run until the hold is released. Raises `SourceError` if it may not."""
        if self._closed:
            raise Unreachable(f"{self.spec.url}: this source was removed")
        if not self.allowed:
            raise Paused
        hold = Hold(self, offers)
        self._holds.add(hold)
        self._wake()
        return hold

    def let_go(self, hold: Hold) -> None:
        """The end of a hold; after the last one the linger time starts."""
        if hold in self._holds:
            self._holds.remove(hold)
            self._changed.notify()

    def stay(self) -> None:
        """Run without readers, as `keep` says."""
        if self.keep and not self._closed:
            self._wake()

    def allow(self, allowed: bool) -> None:
        """Let it run or not; told no, it lets the camera go at once and tells its readers."""
        if allowed == self.allowed:
            return
        self.allowed = allowed
        if self.talk is not None:
            self.talk.allow(allowed)
        if allowed:
            if self._holds or self.keep:
                self._wake()
            return
        for hold in tuple(self._holds):
            if hold.on_end is not None:
                hold.on_end(str(Paused()))
        if self._task is not None:
            self._task.cancel()
        self._changed.notify()

    async def stopped(self) -> None:
        """Wait until the camera is let go, for who told it to stop."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def track(self, offer: int) -> Track:
        """The track of an offer, made when first needed; the offers must be known."""
        track = self.tracks.get(offer)
        if track is None:
            assert self.offers is not None
            track = self.tracks[offer] = Track(self.offers[offer].codecs[0], self._settings.gop_bytes)
            track.on_news = self._media_news
        return track

    def _media_news(self) -> None:
        self._bus.publish("source.media", source=self.id)

    def _talk_news(self) -> None:
        assert self.talk is not None
        self._bus.publish("talk.state", source=self.id, talk=self.talk.to_json())

    # --- for the backchannel, see `Link` ---------------------------------------------------------------------------

    async def run_for(self, offer: int | None) -> Hold:
        """Have the session run for the sake of a `sendonly` offer, back when it is live; None: only until the offers
        are known. Raises `SourceError`."""
        hold = self.hold(frozenset() if offer is None else frozenset({offer}))
        deadline = asyncio.get_running_loop().time() + self._settings.wait
        try:
            await self.offered(deadline)
            if offer is not None:
                await self._settled(deadline)
        except BaseException:
            hold.release()
            raise
        return hold

    async def reopen(self) -> None:
        """Close the connection and make it anew at once, with its readers attached; back when it is live or failed."""
        if self.source is None:
            return
        self._reopening = True
        self._changed.notify()
        await self._settled(asyncio.get_running_loop().time() + self._settings.wait)

    async def _settled(self, deadline: float) -> None:
        """Wait until the connection is live; raises why it failed."""
        try:
            async with asyncio.timeout_at(deadline):
                while self._reopening or self.state in ("idle", "connecting"):
                    await self._changed.wait()
        except TimeoutError:
            pass
        if self.state != "live" or self._reopening:
            raise self._error or Unreachable(f"{self.spec.url}: no answer yet")

    async def offered(self, deadline: float) -> None:
        """Wait until `offers` are known, for who holds the session.

        Failed attempts are repeated until `deadline` (on the loop's clock). Raises `SourceError`.
        """
        try:
            async with asyncio.timeout_at(deadline):
                while self.offers is None:
                    if self._closed:
                        raise Unreachable(f"{self.spec.url}: this source was removed")
                    if not self.allowed:
                        raise Paused
                    if self._error is not None and self._is_final(self._error):
                        raise self._error
                    await self._changed.wait()
        except TimeoutError:
            raise self._error or Unreachable(f"{self.spec.url}: no answer yet") from None

    def _is_final(self, error: SourceError) -> bool:
        """Whether waiting for another attempt is pointless."""
        if isinstance(error, Unauthorized):
            return asyncio.get_running_loop().time() - self._failed_at < self._settings.retry_unauthorized
        return isinstance(error, Unsupported)

    async def close(self) -> None:
        """End for good; readers that are still attached are told."""
        self._closed = True
        if self.talk is not None:
            await self.talk.close()
        for hold in tuple(self._holds):
            if hold.on_end is not None:
                hold.on_end("the source was removed")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._changed.notify()

    def _wake(self) -> None:
        if self._task is None and self.allowed:
            self._task = asyncio.get_running_loop().create_task(self._supervise(), name=f"session {self.id}")
            self._task.add_done_callback(self._stopped)
        self._changed.notify()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._task = None
        self.info = None
        self._set("idle")
        if not task.cancelled() and task.exception() is not None:
            _log.error("%s: supervision failed", self.spec.url, exc_info=task.exception())
        if not self._closed and (self._holds or self.keep):  # somebody came while the task was ending
            self._wake()

    def _set(self, state: State, reason: str = "") -> None:
        if (state, reason) == (self.state, self.reason):
            return
        self.state, self.reason = state, reason
        self._bus.publish(
            "source.state",
            source=self.id,
            url=self.spec.url.masked,
            state=state,
            reason=reason,
            code=self.code,
            restarts=self.restarts,
        )

    async def _supervise(self) -> None:
        """Connect again and again for as long as somebody wants it."""
        loop = asyncio.get_running_loop()
        while True:
            await self._pause()
            if not (self._holds or self.keep):
                return
            started = loop.time()
            try:
                again = await self._connect()
            except (SourceError, ProtocolError) as error:
                if self.intake.units and loop.time() - started > STEADY:
                    self._failures = 0
                self._fail(error)
            else:
                self._failures = 0
                if not again:
                    return

    def _fail(self, error: SourceError | ProtocolError) -> None:
        self._error = error if isinstance(error, SourceError) else Unreachable(str(error))
        self._failures += 1
        self._failed_at = asyncio.get_running_loop().time()
        self.restarts += 1
        level = _log.warning if self._failures == 1 else _log.debug
        level("%s: %s", self.spec.url, error)
        self._set("waiting", str(error))
        self._changed.notify()

    async def _pause(self) -> None:
        """Wait out the back-off; a new reader may shorten it, the last one leaving ends it."""
        if not self._failures:
            return
        loop = asyncio.get_running_loop()
        settings = self._settings
        delay = min(settings.retry_max, settings.retry_first * 2 ** min(self._failures - 1, 16))
        if isinstance(self._error, Unauthorized):
            delay = settings.retry_unauthorized
        delay *= 1 + random.uniform(-settings.jitter, settings.jitter)
        while self._holds or self.keep:
            impatient = not isinstance(self._error, Unauthorized) and any(not hold.offers for hold in self._holds)
            until = self._failed_at + (min(delay, IMPATIENT) if impatient else delay)
            if loop.time() >= until:
                return
            await self._wait_for_change(until - loop.time())

    async def _wait_for_change(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _connect(self) -> bool:
        """One connection from dial to end; true if it is to be made anew at once. Raises what broke it."""
        self._set("connecting")
        self._reopening = False
        source = self.spec.create()
        try:
            self._learn(tuple(await source.open()))
            self._error = None
            self.info = source.info
            self.source = source
            self._changed.notify()
            while not self.wanted and not self.keep:
                if not self._holds:
                    return False
                await self._changed.wait()
            return await self._play(source)
        finally:
            self.source = None
            self.intake.disconnect()
            await source.close()

    def _incoming(self, kinds: frozenset[str]) -> frozenset[int]:
        """Offers of these kinds that come from the camera."""
        offers = enumerate(self.offers or ())
        return frozenset(i for i, offer in offers if offer.direction == "recvonly" and offer.kind in kinds)

    def _needed(self) -> frozenset[int]:
        """The offers that a connection must deliver."""
        return self._incoming(self.kinds) if self.keep else self._incoming(frozenset(KINDS)) & self.wanted

    def _selection(self) -> frozenset[int]:
        """The offers to ask for: what is needed, and with a picture all sound: so a later listener costs no gap."""
        needed = self._needed()
        if needed & self._incoming(frozenset({"video"})):
            needed |= self._incoming(self.kinds & {"audio"})
        return needed

    async def _play(self, source: Source) -> bool:
        assert self.offers is not None
        loop = asyncio.get_running_loop()
        selection = self._selection()
        self.intake.connect({i: (self.track(i), self.offers[i].codecs[0]) for i in selection}, loop.time())
        play = loop.create_task(source.play(selection, self.intake), name=f"play {self.id}")
        idle_since: float | None = None
        try:
            self._set("live")
            self._changed.notify()
            while True:
                if self._holds or self.keep:
                    idle_since = None
                elif idle_since is None:
                    idle_since = loop.time()
                if idle_since is not None and loop.time() - idle_since >= self.linger:
                    return False
                if self._reopening or not self._needed() <= selection:
                    return True
                rest = self._check_picture(selection, loop.time())
                if idle_since is not None:
                    rest = min(rest, idle_since + self.linger - loop.time())
                if await self._ended(play, rest):
                    raise Unreachable(f"{self.spec.url}: the camera closed the connection")
        finally:
            play.cancel()
            await asyncio.gather(play, return_exceptions=True)

    async def _ended(self, play: asyncio.Task[None], timeout: float) -> bool:
        """Wait for the end of playing, a change of wishes or the time; true for the end. Raises what broke it."""
        change = asyncio.ensure_future(self._changed.wait())
        try:
            done, _ = await asyncio.wait({play, change}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        if play in done:
            play.result()
            return True
        return False

    def _check_picture(self, selection: frozenset[int], now: float) -> float:
        """Seconds until the video watchdog must look again; raises when pictures stay away too long."""
        assert self.offers is not None
        video = [self.tracks[index] for index in selection if self.offers[index].kind == "video"]
        if not video:
            return 3600.0
        interval = max(track.interval for track in video)
        settings = self._settings
        limit = max(settings.watchdog, settings.watchdog_intervals * interval)
        if not interval:
            limit = max(limit, settings.first_picture)
        quiet = now - self.intake.video_arrived
        if quiet >= limit:
            raise Unreachable(f"{self.spec.url}: no picture for {quiet:.0f} s although the camera is connected")
        return limit - quiet

    def _learn(self, offers: tuple[Offer, ...]) -> None:
        """Take over what the camera has now; tracks and holds move along, those that no longer fit are ended."""
        old, self.offers = self.offers, offers
        if old is None or old == offers:
            return
        moved = _mapping(old, offers)
        self.tracks = {moved[index]: track for index, track in self.tracks.items() if index in moved}
        for hold in tuple(self._holds):
            gone = [old[index] for index in hold.offers if index not in moved]
            hold.offers = frozenset(moved[index] for index in hold.offers if index in moved)
            if gone and hold.on_end is not None:
                hold.on_end(f"the camera no longer sends {', '.join(offer.codecs[0].label() for offer in gone)}")


def _mapping(old: tuple[Offer, ...], new: tuple[Offer, ...]) -> dict[int, int]:
    """Old index to new index of offers that are the same kind of thing; the same place is preferred."""
    moved: dict[int, int] = {}
    for index, offer in enumerate(old):
        places = sorted(range(len(new)), key=lambda place: place != index)
        for place in places:
            same = new[place].label() == offer.label()
            if same and place not in moved.values():
                moved[index] = place
                break
    return moved
