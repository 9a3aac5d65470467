"""What a track carries: the codec and the parameters a decoder needs."""

from dataclasses import dataclass, field, replace
from typing import Literal, Self

Kind = Literal["video", "audio"]

H264 = "H264"
H265 = "H265"
JPEG = "JPEG"
AAC = "MPEG4-GENERIC"
LATM = "MP4A-LATM"
OPUS = "OPUS"
PCMA = "PCMA"
PCMU = "PCMU"
G722 = "G722"
L16 = "L16"
"""PCM, signed 16 bit, big endian (network order)."""
PCML = "PCML"
"""PCM, signed 16 bit, little endian."""
MP3 = "MPA"
FLAC = "FLAC"
DVI4 = "DVI4"
"""IMA ADPCM as RTP carries it (RFC 3551 section 4.5.1)."""
ADPCM = "ADPCM"
"""IMA ADPCM in blocks as WAV files and many makers' protocols have it."""
G726 = ("G726-16", "G726-24", "G726-32", "G726-40", "AAL2-G726-16", "AAL2-G726-24", "AAL2-G726-32", "AAL2-G726-40")
"""G.726 by its kbit/s, the first code of a byte in its low bits (RFC 3551 section 4.5.4) or, with AAL2, in its high."""

VIDEO_CLOCK = 90_000


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec with its parameters; a change of parameters is a new value.

    `name` is the RTP encoding name in upper case (RFC 4855), `clock_rate` the RTP clock in Hz: all times of
    the track count in it. `channels` is 0 where it means nothing. `fmtp` is the text after `a=fmtp:<pt> `.
    `parameter_sets` are H.264 SPS, PPS or H.265 VPS, SPS, PPS NAL units without start codes, in that order.
    `config` is the AudioSpecificConfig of AAC (ISO 14496-3) or the identification header of others.
    `sample_rate` is the audio rate where it differs from the clock (G.722, MP3), else 0.
    """

    name: str
    kind: Kind
    clock_rate: int
    channels: int = 0
    fmtp: str = ""
    parameter_sets: tuple[bytes, ...] = field(default=(), repr=False)
    config: bytes = field(default=b"", repr=False)
    sample_rate: int = 0
    width: int = 0
    height: int = 0

    @property
    def is_video(self) -> bool:
        return self.kind == "video"

    @property
    def rate(self) -> int:
        """Audio samples a second."""
        return self.sample_rate or self.clock_rate

    def with_(self, **changes: object) -> Self:
        """A copy with other parameters."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def label(self) -> str:
        """Text of go2rtc's `medias` list: `NAME[/rate][/channels]`, rate left out for 90 kHz."""
        text = self.name
        if self.clock_rate not in (0, VIDEO_CLOCK):
            text += f"/{self.clock_rate}"
        if self.channels:
            text += f"/{self.channels}"
        return text
