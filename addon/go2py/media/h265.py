"""H.265 NAL units: types, parameter sets, random access pictures, hvcC and the texts made of them."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ProtocolError
from .bits import BitReader, unescape
from .codec import Codec

VPS, SPS, PPS, AUD, FILLER, SEI_PREFIX, SEI_SUFFIX = 32, 33, 34, 35, 38, 39, 40
FIRST_IRAP, LAST_IRAP = 16, 21

MAX_SPS = 4096
MAX_SIDE = 16_384

_CHROMA_UNITS = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
_SPROPS = ((VPS, "sprop-vps"), (SPS, "sprop-sps"), (PPS, "sprop-pps"))


@dataclass(frozen=True, slots=True)
class Sps:
    """What a sequence parameter set says (ITU-T H.265 section 7.3.2.2). Sizes in pixels after cropping.

    `profile_tier_level`: the 12 bytes from general_profile_space to general_level_idc, as hvcC holds them.
    `max_num_reorder`: pictures that may precede in decoding and follow in output.
    """

    id: int
    profile_tier_level: bytes
    chroma_format: int
    bit_depth_luma: int
    bit_depth_chroma: int
    max_sub_layers: int
    temporal_id_nesting: bool
    width: int
    height: int
    max_num_reorder: int


def nal_type(nal: bytes) -> int:
    """The type of a non-empty NAL unit."""
    return nal[0] >> 1 & 0x3F


def parse_sps(nal: bytes) -> Sps:
    """Parse a NAL unit of type 33. Raises `ProtocolError`."""
    bits = BitReader(unescape(nal[2:MAX_SPS]))
    bits.skip(4)  # sps_video_parameter_set_id
    sub_layers = bits.read(3)
    nesting = bits.flag()
    general = bits.bytes(12)
    _skip_sub_layers(bits, sub_layers)
    sps_id = bits.ue()
    chroma = bits.ue()
    if chroma == 3 and bits.flag():  # separate_colour_plane_flag
        chroma = 0
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        unit_x, unit_y = _CHROMA_UNITS.get(chroma, (1, 1))
        width -= (bits.ue() + bits.ue()) * unit_x
        height -= (bits.ue() + bits.ue()) * unit_y
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ProtocolError("H.265 picture size is out of range")
    luma, chroma_depth = bits.ue() + 8, bits.ue() + 8
    if luma > 16 or chroma_depth > 16 or chroma > 3:
        raise ProtocolError("H.265 sample format is out of range")
    return Sps(
        sps_id, general, chroma, luma, chroma_depth, sub_layers + 1, nesting, width, height, _reorder(bits, sub_layers)
    )


def _skip_sub_layers(bits: BitReader, count: int) -> None:
    """The sub-layer part of profile_tier_level (section 7.3.3)."""
    present = [(bits.flag(), bits.flag()) for _ in range(count)]
    if count:
        bits.skip((8 - count) * 2)
    for profile, level in present:
        bits.skip(88 * profile + 8 * level)


def _reorder(bits: BitReader, sub_layers: int) -> int:
    try:
        bits.ue()  # log2_max_pic_order_cnt_lsb_minus4
        reorder = 0
        for _ in range(sub_layers + 1 if bits.flag() else 1):
            bits.ue()
            reorder = bits.ue()
            bits.ue()
        return min(reorder, 16)
    except ProtocolError:
        return 0


_PROFILES = {1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions"}


def profile(codec: Codec) -> str:
    """The profile's name (annex A.3), empty where it is not known."""
    found = _of_type(codec.parameter_sets, SPS)
    try:
        return _PROFILES.get(parse_sps(found[0]).profile_tier_level[0] & 0x1F, "") if found else ""
    except ProtocolError:
        return ""


def is_key(units: Sequence[bytes]) -> bool:
    """Whether one of the NAL units is a random access (IRAP) slice."""
    return any(nal and FIRST_IRAP <= nal[0] >> 1 & 0x3F <= LAST_IRAP for nal in units)


def _of_type(parameter_sets: Sequence[bytes], kind: int) -> list[bytes]:
    return [nal for nal in parameter_sets if len(nal) > 2 and nal_type(nal) == kind]


def hvcc(parameter_sets: Sequence[bytes]) -> bytes:
    """HEVCDecoderConfigurationRecord (ISO 14496-15 section 8.3.3.1).

    Raises `ValueError` without an SPS and `ProtocolError` when it makes no sense.
    """
    found = _of_type(parameter_sets, SPS)
    if not found:
        raise ValueError("no SPS for the decoder configuration")
    sps = parse_sps(found[0])
    record = bytearray((1, *sps.profile_tier_level, 0xF0, 0, 0xFC, 0xFC | sps.chroma_format))
    record += bytes((0xF8 | sps.bit_depth_luma - 8 & 7, 0xF8 | sps.bit_depth_chroma - 8 & 7, 0, 0))
    record.append(sps.max_sub_layers << 3 | sps.temporal_id_nesting << 2 | 3)  # lengths of 4 bytes
    arrays = [(kind, units) for kind in (VPS, SPS, PPS) if (units := _of_type(parameter_sets, kind))]
    record.append(len(arrays))
    for kind, units in arrays:
        record.append(0x80 | kind)  # complete: no others of this type in the stream
        record += len(units).to_bytes(2)
        for nal in units:
            record += len(nal).to_bytes(2) + nal
    return bytes(record)


def parse_hvcc(record: bytes) -> tuple[bytes, ...]:
    """VPS, SPS and PPS of an HEVCDecoderConfigurationRecord, in its order. Raises `ProtocolError`."""
    if len(record) < 23 or record[0] != 1:
        raise ProtocolError("not an HEVC decoder configuration")
    units: list[bytes] = []
    position = 23
    for _ in range(record[22]):
        if position + 3 > len(record):
            raise ProtocolError("HEVC decoder configuration is cut off")
        kind = record[position] & 0x3F
        count = int.from_bytes(record[position + 1 : position + 3])
        position += 3
        for _ in range(count):
            start = position + 2
            position = start + int.from_bytes(record[position:start])
            if position > len(record) or start > len(record):
                raise ProtocolError("HEVC decoder configuration is cut off")
            if kind in (VPS, SPS, PPS):
                units.append(record[start:position])
    return tuple(units)


def codec_string(codec: Codec) -> str:
    """RFC 6381 text for MIME types: the constant that go2rtc's clients expect, whatever the stream is."""
    return "hvc1.1.6.L153.B0"


def fmtp(codec: Codec) -> str:
    """SDP parameters (RFC 7798 section 7.1) made of the parameter sets; those announced when a set is missing."""
    sets = [(name, _of_type(codec.parameter_sets, kind)) for kind, name in _SPROPS]
    if not all(units for _, units in sets):
        return codec.fmtp
    return ";".join(f"{name}={','.join(b64encode(nal).decode() for nal in units)}" for name, units in sets)
