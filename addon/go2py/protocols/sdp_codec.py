"""Codecs in words of SDP: rtpmap, fmtp and static payload types (RFC 3551) to `Codec` and back."""

from base64 import b64decode
from binascii import Error as BinasciiError

from ..errors import ProtocolError
from ..media import aac, h264, h265
from ..media.codec import (
    AAC,
    DVI4,
    G722,
    H264,
    H265,
    JPEG,
    L16,
    MP3,
    PCMA,
    PCML,
    PCMU,
    VIDEO_CLOCK,
    Codec,
    Kind,
)
from ..media.fmtp import parameters
from ..media.nal import split_annexb
from .rtp.aac import HBR_FMTP

MAX_CLOCK = 1_000_000
MAX_CHANNELS = 8
MAX_SETS = 16

AUDIO_CLOCK = 8000

STATIC: dict[int, Codec] = {
    0: Codec(PCMU, "audio", 8000),
    3: Codec("GSM", "audio", 8000),
    4: Codec("G723", "audio", 8000),
    5: Codec(DVI4, "audio", 8000),
    6: Codec(DVI4, "audio", 16000),
    8: Codec(PCMA, "audio", 8000),
    9: Codec(G722, "audio", 8000, sample_rate=16000),
    10: Codec(L16, "audio", 44100, 2),
    11: Codec(L16, "audio", 44100),
    14: Codec(MP3, "audio", 90000),
    15: Codec("G728", "audio", 8000),
    16: Codec(DVI4, "audio", 11025),
    17: Codec(DVI4, "audio", 22050),
    18: Codec("G729", "audio", 8000),
    26: Codec(JPEG, "video", VIDEO_CLOCK),
    31: Codec("H261", "video", VIDEO_CLOCK),
    32: Codec("MPV", "video", VIDEO_CLOCK),
    33: Codec("MP2T", "video", VIDEO_CLOCK),
}
"""Payload types that need no rtpmap."""

_PCM_BY_KBITS = {
    128: (8000, 0),
    256: (16000, 0),
    384: (24000, 0),
    512: (32000, 0),
    705: (44100, 0),
    768: (48000, 0),
    1411: (44100, 2),
    1536: (48000, 2),
}


def codec_of(kind: Kind, payload_type: int, rtpmap: str, fmtp: str = "", bandwidth: int = 0) -> Codec:
    """The codec of a payload type. `rtpmap` is the text behind the payload type, `NAME/clock[/channels]`, or empty.

    `bandwidth` (kbit/s) is the last hint for PCM that nobody described. Total: what makes no sense is left out.
    """
    name, _, rest = rtpmap.strip().partition("/")
    name = name.strip().upper()
    if not name:
        return _undescribed(kind, payload_type, bandwidth)
    clock_text, _, channels_text = rest.partition("/")
    clock = _number(clock_text, MAX_CLOCK) or (VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK)
    channels = _number(channels_text, MAX_CHANNELS) if kind == "audio" else 0
    channels = channels if channels > 1 else 0
    return _with_parameters(Codec(PCML if name == "PCM" else name, kind, clock, channels, fmtp=fmtp.strip()))


def _number(text: str, limit: int) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= limit else 0


def _undescribed(kind: Kind, payload_type: int, bandwidth: int) -> Codec:
    if (codec := STATIC.get(payload_type)) and codec.kind == kind:
        return codec
    if kind == "audio" and 96 <= payload_type <= 98 and bandwidth:
        clock, channels = _PCM_BY_KBITS.get(bandwidth, (AUDIO_CLOCK, 0))
        return Codec(PCML, kind, clock, channels)
    return Codec(str(payload_type), kind, VIDEO_CLOCK if kind == "video" else AUDIO_CLOCK)


def _with_parameters(codec: Codec) -> Codec:
    match codec.name:
        case "H264":
            return _with_h264(codec)
        case "H265":
            return _with_h265(codec)
        case "MPEG4-GENERIC":
            return _with_aac(codec)
        case "OPUS":
            return codec.with_(clock_rate=48000, channels=2)  # whatever the camera says (RFC 7587 section 7)
        case "G722":
            return codec.with_(sample_rate=codec.clock_rate * 2)  # a mistake of RFC 1890, kept (RFC 3551 section 4.5.2)
        case _:
            return codec


def _decode_sets(value: str) -> list[bytes]:
    """NAL units of a comma list of base64; some cameras forget the padding or put start codes in front."""
    found: list[bytes] = []
    for text in value.split(",")[:MAX_SETS]:
        try:
            data = b64decode(text.strip().rstrip("=") + "=" * (-len(text.strip().rstrip("=")) % 4))
        except BinasciiError, ValueError:
            continue
        found += split_annexb(data)
    return found


def _with_h264(codec: Codec) -> Codec:
    nals = _decode_sets(parameters(codec.fmtp).get("sprop-parameter-sets", ""))
    sps = [nal for nal in nals if nal[0] & 0x1F == h264.SPS and len(nal) >= 4]
    pps = [nal for nal in nals if nal[0] & 0x1F == h264.PPS]
    if not sps or not pps:
        return codec
    try:
        size = h264.parse_sps(sps[0])
    except ProtocolError:
        return codec.with_(parameter_sets=(*sps, *pps))
    return codec.with_(parameter_sets=(*sps, *pps), width=size.width, height=size.height)


def _with_h265(codec: Codec) -> Codec:
    values = parameters(codec.fmtp)
    sets: list[bytes] = []
    for kind, name in ((h265.VPS, "sprop-vps"), (h265.SPS, "sprop-sps"), (h265.PPS, "sprop-pps")):
        nals = [nal for nal in _decode_sets(values.get(name, "")) if len(nal) > 2 and h265.nal_type(nal) == kind]
        if not nals:
            return codec.with_(fmtp="")  # a part of them misleads players more than none
        sets += nals
    try:
        size = h265.parse_sps(next(nal for nal in sets if h265.nal_type(nal) == h265.SPS))
    except ProtocolError:
        return codec.with_(parameter_sets=tuple(sets))
    return codec.with_(parameter_sets=tuple(sets), width=size.width, height=size.height)


def _with_aac(codec: Codec) -> Codec:
    try:
        data = bytes.fromhex(parameters(codec.fmtp).get("config", ""))
        config = aac.parse_config(data)
    except ValueError, ProtocolError:
        config = aac.AudioConfig(aac.LC, codec.clock_rate, codec.channels or 1)
        data = aac.build_config(config)
    rate = config.extension_rate or config.sample_rate
    channels = config.channels if config.channels > 1 else codec.channels
    return codec.with_(config=data, channels=channels, sample_rate=rate if rate != codec.clock_rate else 0)


def rtpmap_of(codec: Codec) -> str:
    """`NAME/clock[/channels]`; PCML is announced as L16, in which packetizers send it."""
    text = f"{L16 if codec.name == PCML else codec.name}/{codec.clock_rate}"
    return f"{text}/{codec.channels}" if codec.channels else text


def fmtp_of(codec: Codec) -> str:
    """The parameters that describe what the packetizers make of the codec; empty when there are none."""
    if codec.name == H264:
        return h264.fmtp(codec)
    if codec.name == H265:
        return h265.fmtp(codec)
    if codec.name == AAC and codec.config:
        return f"{HBR_FMTP};config={codec.config.hex().upper()}"
    return codec.fmtp
