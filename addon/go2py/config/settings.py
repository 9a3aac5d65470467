"""The numbers of the data plane, each a key of the section `go2py:`."""

from dataclasses import dataclass
from typing import Final, Literal

Policy = Literal["latest", "first", "mix"]
Duck = Literal["off", "soft", "hard"]
POLICIES: Final[tuple[Policy, ...]] = ("latest", "first", "mix")
DUCKS: Final[tuple[Duck, ...]] = ("off", "soft", "hard")


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Times in seconds, sizes in bytes; a stream may override `linger`."""

    linger: float = 10.0
    """A source goes on for so long after its last reader left."""
    wait: float = 5.0
    """A reader that comes while the camera is down gets its error after this."""
    watchdog: float = 5.0
    """A wanted video track without an access unit for so long has its source reopened …"""
    watchdog_intervals: float = 5.0
    """… or for this many usual intervals between pictures, whichever is longer."""
    first_picture: float = 15.0
    """The same while no usual interval is known yet."""
    gop_bytes: int = 16 << 20
    """Bound of the GOP kept per video track."""
    backlog: float = 2.0
    """A reader that is further behind skips to the next key picture."""
    stuck: float = 20.0
    """A reader that takes nothing at all for so long is closed."""
    reader_bytes: int = 32 << 20
    """The same bound in bytes, for one reader."""
    budget_bytes: int = 256 << 20
    """What all readers together may have queued; past it the slowest is dropped first."""
    transcode: bool = True
    """Sound in a codec that a reader cannot take is made into one that it can."""
    retry_first: float = 1.0
    """Back-off of a failed source: the first pause, doubled each time …"""
    retry_max: float = 15.0
    """… up to this one."""
    retry_unauthorized: float = 60.0
    """The pause after a refused password: cameras lock out who asks too often."""
    jitter: float = 0.2
    """Each pause is longer or shorter by up to this share, so that cameras do not come back in step."""


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """How a camera is spoken to, `talk:` of a stream. Times in seconds, loudness in dB."""

    policy: Policy = "latest"
    """Who is heard when several speak."""
    hold: float = 3.0
    """The camera's backchannel is given free so long after the last word."""
    warmup: float = 0.0
    """Silence sent first, for cameras that swallow the first syllable."""
    duck: Duck = "off"
    """What whoever speaks hears of the camera meanwhile: all, less, nothing. For cameras without echo cancelling."""
    threshold: float = -50.0
    """Speech is louder than this (dB below full scale); what is not opens nothing."""
    gain: float = 0.0
    """By how much voices are made louder for the camera."""
