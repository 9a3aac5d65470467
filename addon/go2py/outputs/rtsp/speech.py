"""What an RTSP client may talk in, and the description of the track that it talks on."""

from collections.abc import Sequence

from ...errors import Unsupported
from ...media import codec as names
from ...media.codec import Codec
from ...protocols import sdp
from ...protocols.rtp import depacketizer_for
from ...protocols.sdp_codec import STATIC
from ...transcode.formats import decodable

FIRST_PAYLOAD_TYPE = 110
"""Of the codecs that have no static one."""
_MOST = 16
_USUAL = (
    Codec(names.PCMA, "audio", 8000),
    Codec(names.PCMU, "audio", 8000),
    Codec(names.OPUS, "audio", 48_000, 2),
    Codec(names.L16, "audio", 16_000),
)
"""What every camera is spoken to in, through transcoding."""


def understood(codec: Codec) -> bool:
    """Whether RTP with this sound can be taken."""
    try:
        depacketizer_for(codec)
    except Unsupported:
        return False
    return codec.kind == "audio" and decodable(codec)


def payload_types(takes: Sequence[Codec]) -> dict[int, Codec]:
    """The codecs that are offered to a talker, the camera's own first, by payload type."""
    codecs = [codec for codec in dict.fromkeys((*takes, *_USUAL)) if understood(codec)]
    static = {(codec.name, codec.clock_rate, codec.channels): number for number, codec in STATIC.items()}
    found: dict[int, Codec] = {}
    for number, codec in enumerate(codecs[:_MOST]):
        found[static.get((codec.name, codec.clock_rate, codec.channels), FIRST_PAYLOAD_TYPE + number)] = codec
    return found


def described(offered: dict[int, Codec], track: int) -> list[sdp.Announced]:
    """Track number `track` of the description."""
    return [sdp.Announced(codec, number, f"trackID={track}", "sendonly") for number, codec in offered.items()]
