"""Which class speaks which codec."""

from ...errors import Unsupported
from ...media.codec import AAC, DVI4, G722, G726, H264, H265, JPEG, L16, LATM, MP3, OPUS, PCMA, PCML, PCMU, Codec
from .aac import AacDepacketizer, AacPacketizer
from .base import DEFAULT_MTU, Depacketizer, Packetizer
from .h264 import H264Depacketizer, H264Packetizer
from .h265 import H265Depacketizer, H265Packetizer
from .jpeg import JpegDepacketizer, JpegPacketizer
from .latm import LatmDepacketizer
from .mpa import MpaDepacketizer, MpaPacketizer
from .simple import FrameDepacketizer, FramePacketizer, PcmPacketizer

_DEPACKETIZERS: dict[str, type[Depacketizer]] = {
    H264: H264Depacketizer,
    H265: H265Depacketizer,
    JPEG: JpegDepacketizer,
    AAC: AacDepacketizer,
    LATM: LatmDepacketizer,
    MP3: MpaDepacketizer,
    **dict.fromkeys((OPUS, PCMA, PCMU, G722, L16, PCML, DVI4, *G726), FrameDepacketizer),
}
_PACKETIZERS: dict[str, type[Packetizer]] = {
    H264: H264Packetizer,
    H265: H265Packetizer,
    JPEG: JpegPacketizer,
    AAC: AacPacketizer,
    MP3: MpaPacketizer,
    **dict.fromkeys((OPUS, DVI4, *G726), FramePacketizer),
}
_PCM = frozenset((PCMA, PCMU, G722, L16, PCML))


def depacketizer_for(codec: Codec) -> Depacketizer:
    """A fresh depacketizer. Raises `Unsupported` for a codec without one."""
    if found := _DEPACKETIZERS.get(codec.name):
        return found(codec)
    raise Unsupported(f"rtp: cannot receive {codec.name}")


def packetizer_for(codec: Codec, mtu: int = DEFAULT_MTU, ptime: int = 0) -> Packetizer:
    """A fresh packetizer for payloads of at most `mtu` bytes. Raises `Unsupported` for a codec without one.

    `ptime` (ms) regroups PCM (G.711, G.722, L16) into packets of this length; 0 keeps units as they are.
    """
    if codec.name in _PCM:
        return PcmPacketizer(codec, mtu, ptime)
    if found := _PACKETIZERS.get(codec.name):
        return found(codec, mtu)
    raise Unsupported(f"rtp: cannot send {codec.name}")
