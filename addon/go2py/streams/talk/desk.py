"""The mixing desk: voices in any codec in, frames in the camera's codec out. Loads av; runs in a thread."""

from array import array
from collections.abc import Sequence

from ...config.settings import Policy
from ...errors import Go2pyError
from ...media import codec as names
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...transcode.audio import AudioTranscoder
from ...transcode.encoders import AudioEncoder, encoder_for
from .floor import Claim, audible
from .lane import Lane
from .samples import Limiter, decibels, meter
from .work import Member, Result, Work

GRAIN = 0.005
"""Seconds of samples that a voice is cut into: resampling holds some back, and a frame should not wait for those."""


class _Strip:
    """One voice at the desk."""

    def __init__(self, member: Member, lane: Lane, target: Codec, gain: float) -> None:
        self.lane = lane
        self.claim = Claim(member.id, member.priority)
        self._target = target
        self._gain = gain
        self._decoder: AudioTranscoder | None = None
        self.failure = ""
        """Why it cannot be understood."""

    def push(self, units: Sequence[AccessUnit], now: float) -> None:
        """Take what came; what cannot be decoded is told by `failure`."""
        try:
            if self._decoder is None:
                self._decoder = AudioTranscoder(units[0].codec, self._target, gain=self._gain, ptime=GRAIN)
            decoded = self._decoder.push(units)
        except Go2pyError as error:
            self.clear()
            self.failure = str(error)
            return
        self.failure = ""
        if decoded:
            self.lane.push(array("h", b"".join(unit.units[0] for unit in decoded)), now)

    def clear(self) -> None:
        self.lane.clear()
        self._decoder = None


class Desk:
    """Made for one target codec; `threshold` in dB is what counts as speech, `gain` in dB makes the voices louder.

    Raises `Unsupported` where the codec cannot be encoded.
    """

    def __init__(self, target: Codec, policy: Policy, *, threshold: float, gain: float = 0.0) -> None:
        self.target = target
        self._policy: Policy = policy
        self._threshold = threshold
        self._encoder: AudioEncoder = encoder_for(target, 1)
        self.frame_seconds = self._encoder.frame_samples / self._encoder.rate
        self._channels = self._encoder.channels
        self._samples = Codec(names.PCML, "audio", self._encoder.rate)
        self._gain = 10 ** (gain / 20)
        self._limiter = Limiter()
        self._strips: dict[int, _Strip] = {}
        self._audible: frozenset[int] = frozenset()
        self._open = False
        self._origin: int | None = None
        """Where the encoder's first frame begins: negative for codecs that look ahead."""

    def work(self, work: Work) -> Result:
        """Do one turn."""
        result = Result()
        if self._open and not work.open:
            self._restart()
        if work.open and not self._open:
            for strip in self._strips.values():
                strip.lane.open()
        self._open = work.open
        self._admit(work.members)
        for voice, units in work.arrivals.items():
            strip = self._strips[voice]
            if units is None:
                strip.clear()
            else:
                strip.push(units, work.now)
        self._decide(work.now, result, keeps=work.open or work.opening)
        for _ in range(work.frames):
            self._frame(work, result)
        for voice, strip in self._strips.items():
            if voice not in self._audible:
                strip.lane.idle()
            result.queued[voice] = strip.lane.queued
            if strip.failure:
                result.failed[voice] = strip.failure
        return result

    def _admit(self, members: Sequence[Member]) -> None:
        wanted = {member.id: member for member in members}
        for voice in self._strips.keys() - wanted.keys():
            del self._strips[voice]
        for voice in wanted.keys() - self._strips.keys():
            lane = Lane(
                self._encoder.rate, self._encoder.frame_samples, live=wanted[voice].live, threshold=self._threshold
            )
            self._strips[voice] = _Strip(wanted[voice], lane, self._samples, self._gain)

    def _decide(self, now: float, result: Result, *, keeps: bool) -> None:
        """Who has the floor."""
        for voice, strip in self._strips.items():
            speaks = strip.lane.speaks(now)
            strip.claim.listen(speaks, now)
            result.heard |= speaks
            if strip.claim.began is not None:
                result.levels[voice] = meter(strip.lane.loudness)
        chosen = audible((strip.claim for strip in self._strips.values()), self._policy)
        # Who was heard last keeps the line in a pause: no gate opens and shuts in the middle of a talk.
        self._audible = chosen or (self._audible & self._strips.keys() if keeps else frozenset())
        result.audible = self._audible

    def _frame(self, work: Work, result: Result) -> None:
        """Mix and encode what is due."""
        voices = () if work.warm else sorted(self._audible)
        mixed = self._limiter.mix(
            [self._strips[voice].lane.take(work.now) for voice in voices], self._encoder.frame_samples
        )
        loudness = decibels(mixed)
        result.level = max(result.level, meter(loudness))
        result.heard |= loudness >= self._threshold
        if self._channels > 1:
            mixed = array("h", (sample for sample in mixed for _ in range(self._channels)))
        for made in self._encoder.encode(mixed.tobytes()):
            if self._origin is None:
                self._origin = made.start
            pts = (made.start - self._origin) * self.target.clock_rate // self._encoder.rate
            result.units.append(AccessUnit(self.target, (made.data,), pts, arrived=work.now))

    def _restart(self) -> None:
        """The camera no longer listens: the next opening begins with a fresh encoder, and nobody has the floor."""
        self._encoder, self._origin = encoder_for(self.target, 1), None
        self._audible = frozenset()
