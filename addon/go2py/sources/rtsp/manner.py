"""How makers' loudspeakers want their RTP, where it is not as the standard has it."""

from dataclasses import dataclass

from ...media.codec import PCMA, PCMU, Codec

PTIME = 20
PTIMES = range(10, 101)
"""Milliseconds of sound in a packet: ours, and what a camera may wish for instead."""


@dataclass(frozen=True, slots=True)
class Manner:
    """`ptime`: milliseconds of PCM in a packet. `marked`: the marker is set in every packet, not only where speech
    begins. `timeless`: all timestamps are 0."""

    ptime: int = PTIME
    marked: bool = False
    timeless: bool = False


_REOLINK = "BC Streaming Media"
_MANNERS: dict[tuple[str, str], Manner] = {
    # Doorbells play 1024 bytes at a time; other sizes are heard as noise or seconds late.
    (_REOLINK, PCMA): Manner(128, marked=True, timeless=True),
    # So does newer firmware, with µ-law; there packets without time are played again and again.
    (_REOLINK, PCMU): Manner(128, marked=True),
}
"""By the beginning of the description's `a=tool` and the codec."""


_DEAF = ("GStreamer",)
"""Servers, by the same attribute, that take SETUP and PLAY of the backchannel in a session that plays, and then do not
listen: their pipeline is complete by then."""


def extensible(tool: str) -> bool:
    """Whether a backchannel that is added to a session while it plays is heard."""
    return not tool.startswith(_DEAF)


def manner_of(tool: str, codec: Codec, ptime: int = 0) -> Manner:
    """`ptime` is what the camera's description says, 0 where it says nothing."""
    for (prefix, name), manner in _MANNERS.items():
        if tool.startswith(prefix) and codec.name == name and codec.clock_rate == 8000:
            return manner
    return Manner(ptime if ptime in PTIMES else PTIME)
