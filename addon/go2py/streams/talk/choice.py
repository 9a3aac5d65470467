"""Which of its codecs a camera is spoken to in."""

from collections.abc import Sequence

from ...media import codec as names
from ...media.codec import Codec
from ...transcode.formats import encodable

_PREFERENCE = (
    names.OPUS,
    names.G722,
    names.L16,
    names.PCML,
    names.PCMA,
    names.PCMU,
    names.AAC,
)
"""Clear and quick first: a frame of AAC and its priming take 0.1 to 0.3 s at the rates of cameras."""


def choose(takes: Sequence[Codec], said: Codec) -> Codec | None:
    """What the talker sends itself if the camera takes it, else the most suitable; None if none can be made."""
    made = [codec for codec in takes if encodable(codec)]
    same = [codec for codec in made if (codec.name, codec.clock_rate) == (said.name, said.clock_rate)]
    if same:
        return same[0]

    def rank(codec: Codec) -> tuple[int, int]:
        place = _PREFERENCE.index(codec.name) if codec.name in _PREFERENCE else len(_PREFERENCE)
        return place, -min(codec.rate, 48_000)

    return min(made, key=rank, default=None)
