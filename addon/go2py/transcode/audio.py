"""Audio from one codec into another, without a child process. Loads av; every call belongs in a thread.

The sound stays where the stream's timeline has it: codecs that look ahead are compensated, gaps are filled or
jumped over, the drift of a camera's clock is absorbed by playing a little faster or slower.
"""

from collections import deque
from collections.abc import Iterable

import av

from ..errors import ProtocolError
from ..media.codec import Codec
from ..media.unit import AccessUnit
from .decoders import AudioDecoder, decoder_for
from .encoders import PTIME, AudioEncoder, Encoded, encoder_for
from .line import SampleLine
from .resample import Resampler, form_of

_SMOOTHING = 1.0
"""Seconds over which the jitter of timestamps is averaged before sound is stretched for it."""
_GAP = 0.75
"""A gap is at least so much of a unit …"""
_JITTER = 4.0
"""… and so many times the usual jitter."""
_OVERLAP = 0.06
"""Seconds by which a unit may come before the end of the last one and still count as drift."""
_SETTLED = 32
"""Units after which the jitter is known."""


class AudioTranscoder:
    """One track into one codec, for all who want it. `push` keeps order and time; one thread at a time.

    `broken` counts units that could not be decoded: they are gaps. Raises `Unsupported` for codecs it does not know.
    """

    def __init__(self, source: Codec, target: Codec, *, gain: float = 1.0, ptime: float = PTIME) -> None:
        self.target = target
        self.broken = 0
        self._gain = gain
        self._source = source
        self._decoder: AudioDecoder = decoder_for(source)
        self._encoder: AudioEncoder = encoder_for(target, min(max(source.channels, 1), 2), ptime)
        self._line = SampleLine(self._encoder.rate, self._encoder.channels, self._encoder.frame_samples)
        self._resampler: Resampler | None = None
        self._clock = _Clock()
        self._anchors: deque[tuple[int, int]] = deque()
        """Where on the timeline the encoder's samples lie: its count, and the position from there on."""
        self._arrived = 0.0

    def push(self, units: Iterable[AccessUnit]) -> list[AccessUnit]:
        """The units that are ready after these, which are on the stream's timeline. Raises `ProtocolError` only when
        libav gives up; what was wrong with a single unit is passed over."""
        try:
            for unit in units:
                self._feed(unit)
            return self._encode()
        except av.FFmpegError as error:
            raise ProtocolError(f"{self._source.label()} cannot be transcoded: {error}") from error

    def flush(self) -> list[AccessUnit]:
        """What is still inside; after it the transcoder is used up."""
        if self._resampler is None:
            return []
        self._line.append(self._resampler.drain())
        self._line.finish()
        return [*self._encode(), *map(self._unit, self._encoder.finish())]

    def _feed(self, unit: AccessUnit) -> None:
        self._arrived = unit.arrived
        if unit.codec is not self._source:
            self._adopt(unit.codec)
        try:
            frames = self._decoder.decode(unit.units[0])
        except ProtocolError:
            self.broken += 1
            return
        at = unit.pts / unit.codec.clock_rate
        for frame in frames:
            if frame.samples:
                self._place(frame, at)
                at += frame.samples / frame.sample_rate

    def _adopt(self, codec: Codec) -> None:
        """The stream goes on in another codec, or only knows more of the same."""
        old, self._source = self._source, codec
        if (old.name, old.rate, old.channels, old.config) != (codec.name, codec.rate, codec.channels, codec.config):
            self._decoder = decoder_for(codec)

    def _place(self, frame: av.AudioFrame, at: float) -> None:
        """Put decoded sound where it belongs: behind what came before, or after a break."""
        form = form_of(frame)
        duration = frame.samples / frame.sample_rate
        resampler = self._resampler
        if resampler is None or resampler.form != form or not self._clock.follow(at, duration):
            if resampler is not None:
                self._line.append(resampler.drain())
            self._line.move(round(at * self._encoder.rate))
            resampler = self._resampler = Resampler(form, self._encoder.rate, self._encoder.channels, self._gain)
            self._clock.restart(at)
        self._line.append(resampler.push(frame, self._clock.advance(duration)))

    def _encode(self) -> list[AccessUnit]:
        units: list[AccessUnit] = []
        encoder, anchors = self._encoder, self._anchors
        for position, samples in self._line.frames():
            if not anchors or anchors[-1][1] - anchors[-1][0] != position - encoder.fed:
                anchors.append((encoder.fed, position))
            units += map(self._unit, encoder.encode(samples))
        return units

    def _unit(self, frame: Encoded) -> AccessUnit:
        anchors = self._anchors
        while len(anchors) > 1 and anchors[1][0] <= frame.start:
            anchors.popleft()
        fed, position = anchors[0]
        time = (position + frame.start - fed) * self.target.clock_rate
        return AccessUnit(self.target, (frame.data,), round(time / self._encoder.rate), arrived=self._arrived)


class _Clock:
    """Follows the timestamps of decoded sound, in seconds: tells breaks from jitter and from drift."""

    def __init__(self) -> None:
        self._begin = 0.0
        self._played = 0.0
        """How long the sound since `begin` lasts."""
        self._drift = 0.0
        """How much the timestamps are ahead of that, smoothed."""
        self._jitter = 0.0
        self._units = 0

    def restart(self, at: float) -> None:
        self._begin = at
        self._played = self._drift = 0.0

    def follow(self, at: float, duration: float) -> bool:
        """Take the timestamp of the next frame; false if the sound does not go on there."""
        ahead = at - self._begin - self._played - self._drift
        jitter = _JITTER * self._jitter
        if ahead > max(_GAP * duration, jitter) or ahead < -max(_OVERLAP, jitter):
            self._learn(min(abs(ahead), duration))
            return False
        self._learn(abs(ahead))
        self._drift += ahead * min(1.0, duration / _SMOOTHING)
        return True

    def advance(self, duration: float) -> float:
        """Seconds from the beginning at which the frame belongs, corrected for drift."""
        at = self._played + self._drift
        self._played += duration
        return at

    def _learn(self, deviation: float) -> None:
        self._units += 1
        self._jitter += (deviation - self._jitter) / min(self._units, _SETTLED)
