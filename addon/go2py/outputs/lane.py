"""One track on its way into fragmented MP4: samples, durations, and the codec they are in."""

from collections import deque
from collections.abc import Iterable

from ..errors import ProtocolError, Unsupported
from ..media import aac, flac, mp3, opus
from ..media import codec as names
from ..media.codec import Codec
from ..media.unit import AccessUnit
from ..protocols import fmp4

_RECENT = 16
_FIRST_SECONDS = 0.5
"""What a picture claims while no distance is known: so the next may come a second later."""

_AAC_SAMPLES = 1024


def container_codec(codec: Codec) -> Codec:
    """What a codec becomes in MP4: PCM and G.711 turn into FLAC. Raises `Unsupported` where MP4 has no place for it."""
    if codec.name in flac.PCM:
        try:
            return flac.Encoder(codec).codec
        except ProtocolError as error:
            raise Unsupported(str(error)) from error
    if not fmp4.supported(codec):
        raise Unsupported(f"MP4 has no place for {codec.name}")
    return codec


class Lane:
    """Makes fragments of one track's units. `codec` is the one inside the container, `source_codec` the track's.

    MSE takes a sample that begins later than twice the duration claimed for the one before as a gap, and then
    drops all tracks up to the next key picture. Therefore a picture claims the longest of the recent distances,
    and sound that is missing is bridged.
    """

    def __init__(self, track_id: int, codec: Codec) -> None:
        self.track_id = track_id
        self.source_codec = codec
        self.codec = container_codec(codec)
        self._encoder = flac.Encoder(codec) if codec.name in flac.PCM else None
        self._last_dts: int | None = None
        self._last_duration = 0
        self._steps: deque[int] = deque(maxlen=_RECENT)
        self._frame_samples = _frame_samples(codec)

    def adopt(self, codec: Codec) -> bool:
        """Go on with the track's new codec; true if the container's changed and needs a new initialization segment.
        Raises `Unsupported`."""
        before = self.codec
        self.codec = container_codec(codec)
        self.source_codec = codec
        self._encoder = flac.Encoder(codec) if codec.name in flac.PCM else None
        self._frame_samples = _frame_samples(codec)
        return self.codec != before

    def observe(self, units: Iterable[AccessUnit]) -> None:
        """Learn durations from units that were cached before."""
        for unit in units:
            self._measure(unit)

    def fragments(self, unit: AccessUnit, sequence: int) -> list[bytes]:
        """The pieces of the unit's fragment, with what bridges a gap in front; at most two fragments."""
        gap_from, gap = self._measure(unit)
        payload, size = self._sample(unit)
        pieces: list[bytes] = []
        if gap:
            pieces = fmp4.fragment_parts(sequence, self.track_id, payload, size, dts=gap_from, duration=gap)
        return pieces + fmp4.fragment_parts(
            sequence + 1, self.track_id, payload, size, dts=unit.dts, duration=self._last_duration,
            flags=fmp4.KEY if unit.key else fmp4.NON_KEY, composition=unit.pts - unit.dts,
        )  # fmt: skip

    def replayed(self, unit: AccessUnit, sequence: int, dts: int, pts: int, duration: int) -> list[bytes]:
        """The pieces of a cached unit's fragment at another time; with `duration` 0 it claims what a live one does."""
        payload, size = self._sample(unit)
        return fmp4.fragment_parts(
            sequence, self.track_id, payload, size,
            dts=dts, duration=duration or self._audio_duration(unit) or self._last_duration,
            flags=fmp4.KEY if unit.key else fmp4.NON_KEY, composition=pts - dts,
        )  # fmt: skip

    def _sample(self, unit: AccessUnit) -> tuple[list[bytes], int]:
        if self._encoder is not None:
            frame = self._encoder.frame(unit.units[0], unit.dts)
            return [frame], len(frame)
        if not unit.codec.is_video:
            return [unit.units[0]], unit.size
        pieces = [piece for nal in unit.units for piece in (len(nal).to_bytes(4), nal)]
        return pieces, unit.size + 4 * len(unit.units)

    def _audio_duration(self, unit: AccessUnit) -> int:
        """Exact where the codec tells it, else 0."""
        if self._encoder is not None:
            return self._encoder.samples(unit.units[0])
        if unit.codec.name == names.OPUS:
            return opus.duration(unit.units[0])
        if unit.codec.name == names.MP3:
            return _mp3_duration(unit)
        return self._frame_samples

    def _measure(self, unit: AccessUnit) -> tuple[int, int]:
        """Find the unit's duration; where sound is missing before it: from when, and for how long."""
        rate = unit.codec.clock_rate
        last, previous = self._last_dts, self._last_duration
        self._last_dts = unit.dts
        step = unit.dts - last if last is not None else 0
        if not unit.codec.is_video and (exact := self._audio_duration(unit)):
            self._last_duration = exact
            if last is not None and step > 2 * previous > 0:
                return last + previous, step - previous
            return 0, 0
        # what is longer than a second is a break, unless it is the habit
        if 0 < step <= max(rate, 2 * previous):
            self._steps.append(step)
        self._last_duration = max(self._steps, default=int(_FIRST_SECONDS * rate))
        return 0, 0


def _frame_samples(codec: Codec) -> int:
    """Clock ticks of an AAC frame, 0 for other codecs."""
    if codec.name != names.AAC:
        return 0
    try:
        return aac.parse_config(codec.config).frame_samples if codec.config else _AAC_SAMPLES
    except ProtocolError:
        return _AAC_SAMPLES


def _mp3_duration(unit: AccessUnit) -> int:
    try:
        frame = mp3.parse(unit.units[0])
    except ProtocolError:
        return 0
    return frame.samples * unit.codec.clock_rate // frame.sample_rate
