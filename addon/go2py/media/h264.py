"""H.264 NAL units: types, sequence parameter sets, key pictures, avcC and the texts made of them."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ProtocolError
from .bits import BitReader, unescape
from .codec import Codec

SLICE, IDR, SEI, SPS, PPS, AUD, FILLER = 1, 5, 6, 7, 8, 9, 12

MAX_SPS = 4096
"""Bytes of a parameter set that are looked at."""

MAX_SIDE = 16_384
"""Pixels; level 6.2 allows 16,896 in theory, no camera comes near."""

DEFAULT_PROFILE_LEVEL_ID = "640029"

_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_CROP_UNITS = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
_EXTENDED_SAR = 255
_PROFILE_LEVEL = re.compile(r"profile-level-id\s*=\s*([0-9a-fA-F]{6})(?![0-9a-fA-F])")


@dataclass(frozen=True, slots=True)
class Sps:
    """What a sequence parameter set says (ITU-T H.264 section 7.3.2.1). Sizes in pixels after cropping.

    `max_num_reorder_frames`: pictures that may precede in decoding and follow in output, None when not told.
    `fps`: pictures a second of the VUI timing, 0 when absent.
    """

    id: int
    profile: int
    constraints: int
    level: int
    width: int
    height: int
    max_num_reorder_frames: int | None
    fps: float


def parse_sps(nal: bytes) -> Sps:
    """Parse a NAL unit of type 7. Raises `ProtocolError`. A broken VUI counts as absent: cameras cut it off."""
    bits = BitReader(unescape(nal[1:MAX_SPS]))
    profile, constraints, level = bits.read(8), bits.read(8), bits.read(8)
    sps_id = bits.ue()
    chroma = _chroma(bits) if profile in _WITH_CHROMA else 1
    bits.ue()  # log2_max_frame_num_minus4
    order_type = _picture_order(bits)
    bits.ue()  # max_num_ref_frames
    bits.skip(1)  # gaps_in_frame_num_value_allowed_flag
    width_mbs, height_maps = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.flag()
    if not frames_only:
        bits.skip(1)  # mb_adaptive_frame_field_flag
    bits.skip(1)  # direct_8x8_inference_flag
    left, right, top, bottom = (bits.ue() for _ in range(4)) if bits.flag() else (0, 0, 0, 0)
    unit_x, unit_y = _CROP_UNITS.get(chroma, (1, 1))
    fields = 1 if frames_only else 2
    width = width_mbs * 16 - (left + right) * unit_x
    height = height_maps * 16 * fields - (top + bottom) * unit_y * fields
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ProtocolError("H.264 picture size is out of range")
    reorder, fps = _vui(bits)
    if reorder is None and (profile == 66 or order_type == 2):
        reorder = 0
    return Sps(sps_id, profile, constraints, level, width, height, reorder, fps)


def _chroma(bits: BitReader) -> int:
    chroma = bits.ue()
    if chroma == 3:
        bits.skip(1)  # separate_colour_plane_flag
    bits.ue()  # bit_depth_luma_minus8
    bits.ue()  # bit_depth_chroma_minus8
    bits.skip(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():
        for index in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _picture_order(bits: BitReader) -> int:
    order_type = bits.ue()
    if order_type == 0:
        bits.ue()  # log2_max_pic_order_cnt_lsb_minus4
    elif order_type == 1:
        bits.skip(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    return order_type


def _vui(bits: BitReader) -> tuple[int | None, float]:
    """`max_num_reorder_frames` and pictures a second (annex E.1.1)."""
    fps = 0.0
    try:
        if not bits.flag():
            return None, fps
        if bits.flag() and bits.read(8) == _EXTENDED_SAR:
            bits.skip(32)
        if bits.flag():
            bits.skip(1)  # overscan_appropriate_flag
        if bits.flag():
            bits.skip(4)  # video_format, video_full_range_flag
            if bits.flag():
                bits.skip(24)
        if bits.flag():
            bits.ue()
            bits.ue()
        if bits.flag():
            tick, scale = bits.read(32), bits.read(32)
            bits.skip(1)
            fps = scale / (2 * tick) if tick else 0.0
        hrds = [_skip_hrd(bits), _skip_hrd(bits)]
        bits.skip(2 if any(hrds) else 1)  # low_delay_hrd_flag, pic_struct_present_flag
        if not bits.flag():
            return None, fps
        bits.skip(1)
        for _ in range(4):
            bits.ue()
        return min(bits.ue(), 16), fps
    except ProtocolError:
        return None, fps


def _skip_hrd(bits: BitReader) -> bool:
    """Skip HRD parameters; whether there are any."""
    if not bits.flag():
        return False
    count = bits.ue() + 1
    if count > 32:
        raise ProtocolError("H.264 HRD has too many schedules")
    bits.skip(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.skip(1)
    bits.skip(20)
    return True


def is_key(units: Sequence[bytes]) -> bool:
    """Whether one of the NAL units is an IDR slice."""
    return any(nal and nal[0] & 0x1F == IDR for nal in units)


def is_intra(slice_nal: bytes) -> bool:
    """Whether a slice is of type I or SI (section 7.4.3)."""
    try:
        bits = BitReader(unescape(slice_nal[1:16]))
        bits.ue()
        return bits.ue() % 5 in (2, 4)
    except ProtocolError:
        return False


def sps_of(codec: Codec) -> bytes | None:
    """The first usable SPS of the parameter sets."""
    return next((nal for nal in codec.parameter_sets if len(nal) >= 4 and nal[0] & 0x1F == SPS), None)


def avcc(parameter_sets: Sequence[bytes]) -> bytes:
    """AVCDecoderConfigurationRecord (ISO 14496-15 section 5.3.3.1). Raises `ValueError` without an SPS."""
    sps = [nal for nal in parameter_sets if len(nal) >= 4 and nal[0] & 0x1F == SPS][:31]
    pps = [nal for nal in parameter_sets if nal and nal[0] & 0x1F == PPS][:255]
    if not sps:
        raise ValueError("no SPS for the decoder configuration")
    record = bytearray((1, *sps[0][1:4], 0xFF, 0xE0 | len(sps)))
    for nal in sps:
        record += len(nal).to_bytes(2) + nal
    record.append(len(pps))
    for nal in pps:
        record += len(nal).to_bytes(2) + nal
    return bytes(record)


def parse_avcc(record: bytes) -> tuple[bytes, ...]:
    """The SPS and PPS of an AVCDecoderConfigurationRecord. Raises `ProtocolError`."""
    if len(record) < 6 or record[0] != 1:
        raise ProtocolError("not an AVC decoder configuration")
    units: list[bytes] = []
    position = 5
    for mask in (0x1F, 0xFF):
        if position >= len(record):
            break
        count = record[position] & mask
        position += 1
        for _ in range(count):
            start = position + 2
            position = start + int.from_bytes(record[position:start])
            if position > len(record):
                raise ProtocolError("AVC decoder configuration is cut off")
            units.append(record[start:position])
    return tuple(units)


def profile_level_id(codec: Codec) -> str:
    """Six lower-case hex digits of SPS or fmtp, brought to values that players know: some cameras write nonsense."""
    if sps := sps_of(codec):
        profile, constraints, level = sps[1:4]
    elif found := _PROFILE_LEVEL.search(codec.fmtp):
        profile, constraints, level = bytes.fromhex(found[1])
    else:
        return DEFAULT_PROFILE_LEVEL_ID
    profile = profile if profile in (0x42, 0x4D) else 0x64
    constraints = constraints if constraints in (0xE0, 0x40) else 0
    level = level if level in (0x1E, 0x1F, 0x28) else 0x29
    return f"{profile:02x}{constraints:02x}{level:02x}"


def codec_string(codec: Codec) -> str:
    """RFC 6381 text for MIME types: `avc1.640029`."""
    return f"avc1.{profile_level_id(codec).upper()}"


def fmtp(codec: Codec) -> str:
    """SDP parameters (RFC 6184 section 8.1) made of the parameter sets; without an SPS those the camera announced."""
    if not (sps := sps_of(codec)):
        return codec.fmtp
    sets = ",".join(b64encode(nal).decode() for nal in codec.parameter_sets)
    return f"packetization-mode=1;profile-level-id={sps[1:4].hex()};sprop-parameter-sets={sets}"
