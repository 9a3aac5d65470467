"""One call to a camera: from the first sound to the end of the last silence.

idle ──somebody speaks──▶ opening ──▶ talking ──silence for `hold`──▶ idle
                             │           │ breaks off: opened again, with pauses between failures
                             └─ refused ◀┘
"""

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ...config.settings import TalkSettings
from ...errors import Busy, Go2pyError, NegotiationError, ProtocolError, SourceError, Unreachable
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...observe.log import get_logger
from .backchannel import Backchannel
from .choice import choose
from .status import State, Status
from .voice import Voice
from .work import Result, Work

if TYPE_CHECKING:
    from .desk import Desk

_log = get_logger("talk")

TURN = 0.02
"""Seconds between two looks at the desk while the camera does not listen."""
PHASE = 0.004
"""Seconds by which a frame is due after a packet came: as long as it takes to be decoded, on a busy machine."""
LATE = 5
"""Frames by which a busy machine may be behind; what is more is skipped."""
REST = 1.0
"""Seconds without a word or a packet after which the desk is cleared."""
OPENING = 8.0
RETRY_FIRST, RETRY_MAX = 2.0, 30.0
"""Pause after a refusal while somebody goes on speaking, doubled each time up to the most."""
STEADY = 10.0
"""Seconds after which an opening counts as good: the next failure is the first again."""
LEVEL_INTERVAL = 0.2


class Party(Protocol):
    """What a call needs of `Talk`."""

    settings: TalkSettings
    status: Status
    backchannel: Backchannel
    name: str
    voices: dict[int, Voice]

    async def find(self, wait: float) -> tuple[Codec, ...]: ...
    def tell(self, status: Status) -> None: ...


class Call:
    """See the module's drawing; `run` ends by itself when nobody has anything to say any more."""

    def __init__(self, party: Party) -> None:
        self._party = party
        self._settings = party.settings
        self._backchannel = party.backchannel
        self._backchannel.on_lost = self._lost
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="go2py-talk")
        self._open = False
        self._change: asyncio.Task[None] | None = None
        """Opens or closes the backchannel."""
        self._error: Go2pyError | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._active_at = self._heard_at = self._loop.time()
        self._start = 0.0
        """When the first frame of this opening was due."""
        self._frames = 0
        """Frames since then."""
        self._warm = 0
        """Silent frames still to be sent."""
        self._packets = 0
        self._told_at = 0.0

    async def run(self) -> None:
        """The desk's turns, one after the other."""
        try:
            desk = await self._desk()
            while desk is not None and not self._over():
                await self._turn(desk)
                await asyncio.sleep(self._rest(desk.frame_seconds))
        finally:
            try:
                await self._hang_up()
            finally:
                self._worker.shutdown(wait=False, cancel_futures=True)

    async def _desk(self) -> Desk | None:
        """For the codec that fits who speaks first; None where nobody can be heard, who is told why."""
        party = self._party
        first = next((unit for voice in party.voices.values() for unit in voice.waiting), None)
        if first is None:
            return None
        try:
            takes = await party.find(OPENING)
            target = choose(takes, first.codec)
            if target is not None:
                return await self._loop.run_in_executor(self._worker, self._make, target)
            labels = ", ".join(codec.label() for codec in takes)
            await self._refuse(f"{party.name} takes only {labels}, which go2py cannot make")
        except (NegotiationError, SourceError) as error:
            await self._refuse(str(error))
        return None

    def _make(self, target: Codec) -> Desk:
        """In the thread, since it loads av."""
        settings = self._settings
        module = importlib.import_module(".desk", __package__)
        desk: Desk = module.Desk(target, settings.policy, threshold=settings.threshold, gain=settings.gain)
        return desk

    async def _refuse(self, reason: str) -> None:
        status = Status("refused", reason)
        self._party.tell(status)
        for voice in self._party.voices.values():
            voice.tell(status)
        await asyncio.sleep(RETRY_FIRST)
        for voice in self._party.voices.values():
            voice.collect()

    def _over(self) -> bool:
        """Nothing is said, nothing comes, or it was configured anew, and the camera is hung up."""
        quiet = self._loop.time() - max(self._active_at, self._heard_at) > REST
        return (quiet or self._settings != self._party.settings) and not self._open and self._change is None

    async def _turn(self, desk: Desk) -> None:
        now = self._loop.time()
        arrivals: dict[int, tuple[AccessUnit, ...] | None] = {}
        for number, voice in self._party.voices.items():
            units = voice.collect()
            if units is None or units:
                arrivals[number] = None if units is None else tuple(units)
                self._active_at = now
        members = [voice.member for voice in self._party.voices.values()]
        warm = self._warm > 0
        opening = self._change is not None
        work = Work(members, arrivals, self._open, self._due(now, desk.frame_seconds), now, opening, warm)
        result: Result = await self._loop.run_in_executor(self._worker, desk.work, work)
        if self._open and result.units:
            self._send(result)
        for number, voice in self._party.voices.items():
            voice.queued = result.queued.get(number, 0.0)
        self._steer(desk, result, now)
        self._tell(result, now)

    def _due(self, now: float, frame: float) -> int:
        """How many frames the camera is to get now, on an absolute schedule."""
        if not self._open:
            return 0
        due = int((now - self._start) / frame) + 1 - self._frames
        if due > LATE:
            self._start += (due - 1) * frame
            due = 1
        if self._warm > 0:
            due = min(due, self._warm)
            self._warm -= due
        self._frames += due
        return due

    def _rest(self, frame: float) -> float:
        """Seconds until the next turn."""
        due = self._start + self._frames * frame if self._open else self._loop.time() + TURN
        return max(0.0, due - self._loop.time())

    def _send(self, result: Result) -> None:
        try:
            self._backchannel.send(result.units)
        except (SourceError, ProtocolError) as error:
            self._lost(str(error))
        else:
            self._packets += len(result.units)

    # --- the camera's ear --------------------------------------------------------------------------------------------

    def _steer(self, desk: Desk, result: Result, now: float) -> None:
        """Open it when somebody has something to say, close it when nobody had for long."""
        if result.heard:
            self._heard_at = now
        if self._change is not None:
            return
        if self._open:
            if now - self._heard_at > self._party.settings.hold:
                self._change = self._loop.create_task(self._shut(), name=f"shut {self._party.name}")
        elif not result.levels:
            self._error, self._failures, self._retry_at = None, 0, 0.0  # whoever speaks next is served at once
        elif result.heard and now >= self._retry_at:
            self._change = self._loop.create_task(self._open_up(desk), name=f"open {self._party.name}")

    async def _open_up(self, desk: Desk) -> None:
        try:
            async with asyncio.timeout(OPENING):
                await self._backchannel.open(desk.target)
        except (SourceError, ProtocolError, TimeoutError) as error:
            self._fail(error if isinstance(error, Go2pyError) else Unreachable("the camera did not answer"))
            await self._close()
        else:
            self._open, self._packets = True, 0
            self._start, self._frames = self._in_phase(desk.frame_seconds), 0
            self._warm = round(self._party.settings.warmup / desk.frame_seconds)
        finally:
            self._change = None

    def _in_phase(self, frame: float) -> float:
        """When the first frame is due, and so all others: shortly after packets of who speaks come in."""
        pushed = max((voice.pushed for voice in self._party.voices.values() if voice.member.live), default=0.0)
        late = self._loop.time() - pushed - PHASE
        return self._loop.time() + (-late % frame if pushed else 0.0)

    async def _shut(self) -> None:
        self._open = False
        try:
            await self._close()
        finally:
            self._error, self._failures, self._change = None, 0, None

    async def _close(self) -> None:
        try:
            await self._backchannel.close()
        except (SourceError, ProtocolError) as error:
            _log.debug("%s: %s", self._party.name, error)  # it is gone, which is what was wanted

    def _lost(self, reason: str) -> None:
        """The camera broke off; while somebody speaks it is opened again, the first time at once."""
        if self._open:
            self._open = False
            if self._loop.time() - self._start > STEADY:
                self._failures = 0
            self._fail(Unreachable(reason))
            if self._failures == 1:
                self._retry_at = 0.0

    def _fail(self, error: Go2pyError) -> None:
        _log.warning("%s cannot be spoken to: %s", self._party.name, error)
        self._error = error
        self._retry_at = self._loop.time() + min(RETRY_MAX, RETRY_FIRST * 2 ** min(self._failures, 8))
        self._failures += 1

    async def _hang_up(self) -> None:
        change, self._change = self._change, None
        if change is not None:
            change.cancel()
            await asyncio.gather(change, return_exceptions=True)
        self._open = False
        self._backchannel.on_lost = None
        await self._close()

    # --- telling -----------------------------------------------------------------------------------------------------

    def _state(self) -> State:
        if self._open:
            return "talking"
        if self._change is not None:
            return "opening"
        if self._error is not None:
            return "busy" if isinstance(self._error, Busy) else "refused"
        return "idle"

    def _tell(self, result: Result, now: float) -> None:
        """The camera's listeners and everybody who speaks."""
        party, state = self._party, self._state()
        reason = str(self._error) if state in ("busy", "refused") else ""
        names = [party.voices[number].name for number in sorted(result.audible) if number in party.voices]
        by = ", ".join(names) if result.levels and not reason else ""  # who is not listened to does not speak
        whole = Status(state, reason, _step(result.level), by, self._packets)
        due = now - self._told_at >= LEVEL_INTERVAL
        if due:
            self._told_at = now
        party.tell(whole if due else _dampened(whole, party.status))
        for number, voice in tuple(party.voices.items()):
            status = Status()
            if number in result.levels:
                status = _share(whole, number in result.audible, _step(result.levels[number]))
            elif failure := result.failed.get(number):
                status = Status("refused", failure)
            voice.tell(status if due else _dampened(status, voice.status))


def _share(whole: Status, audible: bool, level: float) -> Status:
    """What one of those who speak is told."""
    if audible or whole.state in ("busy", "refused"):
        return replace(whole, level=level)
    return Status("busy", f"{whole.by or 'somebody else'} is speaking", level, whole.by)


def _dampened(new: Status, old: Status) -> Status:
    """Numbers wait for their turn, the rest is news."""
    return replace(new, level=old.level, packets=old.packets)


def _step(level: float) -> float:
    """In steps: a meter needs no more, and silence tells nothing anew."""
    return round(level * 20) / 20
