"""The demo camera's tracks: what is drawn or sounded, encoded into access units. Loads av."""

import math
import random
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from fractions import Fraction
from typing import override

import av
from av.codec.context import Flags
from av.video.frame import PictureType

from ...media import codec as names
from ...media.codec import VIDEO_CLOCK, Codec
from ...media.unit import AccessUnit
from . import sound
from .clock import Clock
from .echo import Echo
from .picture import Picture
from .settings import DemoSettings

_QUANTIZER = "26"
_IDR, _SEI = 5, 6
_AUDIO_RATE = 48_000
_TAGS_BT709 = 1


class Track(ABC):
    """One encoder. Unit `n` begins at second `time(n)` of the camera's life."""

    codec: Codec
    period: Fraction
    """Seconds from unit to unit."""
    lag: int
    """Periods from a unit's beginning until it can be made: sound has to be over first, a picture is an instant."""
    first_timestamp: int
    """RTP timestamp of second 0."""

    @abstractmethod
    def make(self, number: int, *, fresh: bool) -> AccessUnit | None:
        """Encode a unit; decoding can start at a `fresh` one. None while the encoder fills up."""

    def time(self, number: int) -> float:
        return number * self.period.numerator / self.period.denominator

    def due(self, number: int) -> float:
        """When the unit can be made, in seconds."""
        return self.time(number + self.lag)

    def number_due(self, seconds: float) -> int:
        """The first unit that cannot be made before this second."""
        return max(0, math.ceil(seconds * self.period.denominator / self.period.numerator) - self.lag)

    def timestamp(self, number: int) -> int:
        """RTP timestamp of the unit's beginning, 32 bit."""
        return self.wrap(number * self.period.numerator * self.codec.clock_rate // self.period.denominator)

    def wrap(self, ticks: int) -> int:
        """RTP timestamp of so many ticks after second 0."""
        return (self.first_timestamp + ticks) & 0xFFFFFFFF


class VideoTrack(Track):
    """H.264 Constrained Baseline by libx264, one thread, no delay."""

    def __init__(self, settings: DemoSettings, clock: Clock, first_timestamp: int) -> None:
        self.first_timestamp = first_timestamp
        self.period, self.lag = Fraction(1, settings.fps), 0
        self._clock = clock
        self._picture = Picture(settings)
        self._encoder = _open_x264(settings)
        self._parameter_sets = tuple(_nal_units(self._encoder.extradata or b""))
        sps = self._parameter_sets[0]
        sprop = ",".join(b64encode(nal).decode() for nal in self._parameter_sets)
        self.codec = Codec(
            names.H264,
            "video",
            VIDEO_CLOCK,
            fmtp=f"packetization-mode=1;profile-level-id={sps[1:4].hex().upper()};sprop-parameter-sets={sprop}",
            parameter_sets=self._parameter_sets,
            width=settings.width,
            height=settings.height,
        )

    @override
    def due(self, number: int) -> float:
        return self.time(number)

    @override
    def make(self, number: int, *, fresh: bool) -> AccessUnit | None:
        now = self._clock.milliseconds(self.time(number))
        frame = self._picture.draw(now, *self._clock.label(now))
        frame.pts = number
        frame.pict_type = PictureType.I if fresh else PictureType.NONE
        slices = tuple(nal for packet in self._encoder.encode(frame) for nal in _nal_units(bytes(packet)))
        if not slices:
            return None
        key = slices[0][0] & 31 == _IDR
        units = self._parameter_sets + slices if key else slices
        return AccessUnit(self.codec, units, self.timestamp(number), arrived=time.monotonic(), key=key)


class PcmaTrack(Track):
    """G.711 A-law at 8 kHz, cut from a table."""

    SAMPLES = 160

    def __init__(self, clock: Clock, first_timestamp: int, echo: Echo) -> None:
        self.first_timestamp = first_timestamp
        self._clock, self._sound, self._echo = clock, sound.pcma(), echo
        self.period, self.lag = Fraction(self.SAMPLES, self._sound.rate), 1
        self.codec = Codec(names.PCMA, "audio", self._sound.rate)

    @override
    def make(self, number: int, *, fresh: bool) -> AccessUnit | None:
        data = _heard(self._sound, self._clock.sample(self.time(number), self._sound.rate), self.SAMPLES, self._echo)
        return AccessUnit(self.codec, (data,), self.timestamp(number), arrived=time.monotonic())


class EncodedAudioTrack(Track):
    """Opus or AAC-LC at 48 kHz, mono, by libavcodec."""

    def __init__(self, name: str, clock: Clock, first_timestamp: int, echo: Echo) -> None:
        self.first_timestamp = first_timestamp
        self._clock, self._echo = clock, echo
        encoder = self._encoder = av.CodecContext.create("libopus" if name == names.OPUS else "aac", "w")
        assert isinstance(encoder, av.AudioCodecContext)
        encoder.rate, encoder.layout, encoder.time_base = _AUDIO_RATE, "mono", Fraction(1, _AUDIO_RATE)
        encoder.flags |= Flags.global_header
        if name == names.OPUS:
            self._sound, encoder.format, encoder.bit_rate = sound.pcm16(_AUDIO_RATE), "s16", 32_000
            encoder.options = {"frame_duration": "20", "compression_level": "3"}
            encoder.open()
            self.codec = Codec(names.OPUS, "audio", _AUDIO_RATE, channels=2)
        else:
            self._sound, encoder.format, encoder.bit_rate = sound.pcm_float(_AUDIO_RATE), "fltp", 64_000
            encoder.open()
            config = encoder.extradata or b""
            fmtp = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
            self.codec = Codec(
                names.AAC, "audio", _AUDIO_RATE, fmtp=f"{fmtp};config={config.hex().upper()}", config=config
            )
        self._samples = encoder.frame_size
        self.period, self.lag = Fraction(self._samples, _AUDIO_RATE), 1

    @override
    def make(self, number: int, *, fresh: bool) -> AccessUnit | None:
        start = self._clock.sample(self.time(number), _AUDIO_RATE)
        frame = av.AudioFrame(str(self._encoder.format.name), "mono", self._samples)
        frame.planes[0].update(_heard(self._sound, start, self._samples, self._echo))
        frame.sample_rate, frame.pts, frame.time_base = _AUDIO_RATE, number * self._samples, Fraction(1, _AUDIO_RATE)
        packets = self._encoder.encode(frame)
        if not packets or packets[0].pts is None:
            return None
        return AccessUnit(self.codec, (bytes(packets[0]),), self.wrap(packets[0].pts), arrived=time.monotonic())


def _heard(second: sound.SecondOfSound, start: int, samples: int, echo: Echo) -> bytes:
    """What the camera's microphone hears: what its loudspeaker was told, else its surroundings."""
    said = echo.take(samples, second.rate)
    return second.frame(start, samples) if said is None else second.coded(said)


def make_tracks(settings: DemoSettings, clock: Clock, echo: Echo) -> tuple[Track, ...]:
    """The camera's tracks, picture first; takes some 200 ms."""
    dice = random.Random(settings.seed)
    starts = [dice.getrandbits(32) for _ in range(2)]
    tracks: list[Track] = []
    if settings.video != "none":
        tracks.append(VideoTrack(settings, clock, starts[0]))
    if settings.audio == "pcma":
        tracks.append(PcmaTrack(clock, starts[1], echo))
    elif settings.audio != "none":
        name = names.OPUS if settings.audio == "opus" else names.AAC
        tracks.append(EncodedAudioTrack(name, clock, starts[1], echo))
    return tuple(tracks)


def _open_x264(settings: DemoSettings) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = settings.width, settings.height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, settings.fps), Fraction(settings.fps)
    encoder.gop_size, encoder.max_b_frames, encoder.thread_count = settings.gop, 0, 1
    encoder.colorspace = encoder.color_primaries = encoder.color_trc = encoder.color_range = _TAGS_BT709
    encoder.flags |= Flags.global_header
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"scenecut=0:keyint={settings.gop}:min-keyint=1:sliced-threads=0",
    }
    if settings.bitrate:
        rate = str(settings.bitrate)
        encoder.options |= {"b": rate, "maxrate": rate, "bufsize": rate}
    else:
        encoder.options |= {"qp": _QUANTIZER}
    encoder.open()
    return encoder


def _nal_units(annexb: bytes) -> list[bytes]:
    """Cut at start codes of 3 or 4 bytes (ITU-T H.264 annex B); x264's word about itself is left out."""
    nals = (part.rstrip(b"\0") for part in annexb.split(b"\0\0\1"))
    return [nal for nal in nals if nal and nal[0] & 31 != _SEI]
