"""The initialization segment: `ftyp` and `moov` with empty sample tables (ISO 14496-12), a sample entry per codec."""

from collections.abc import Sequence
from struct import pack

from ...errors import ProtocolError
from ...media import aac, flac, h264, h265
from ...media import codec as names
from ...media.codec import Codec

_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_LANGUAGE = 0x55C4  # "und"
_DEFAULT_SIZE = 1920, 1080

# what stands in for parameter sets that never came: players then take those of the samples
_H264_SETS = (bytes.fromhex("67640029ac1b1a503c0113f2a0"), bytes.fromhex("68ee3cb0"))
_HVCC = bytes.fromhex("01016000000090000000000099f000fcfdf8f800000f00")


def supported(codec: Codec) -> bool:
    """Whether `init_segment` has a sample entry for this codec."""
    return codec.name in _ENTRIES


def codec_string(codec: Codec) -> str:
    """The codec in a MIME type (RFC 6381), as go2rtc's clients know them; empty for MP3."""
    match codec.name:
        case names.H264:
            return h264.codec_string(codec)
        case names.H265:
            return h265.codec_string(codec)
        case names.AAC:
            return aac.CODEC_STRING
        case names.OPUS:
            return "opus"
        case names.FLAC:
            return "flac"
    return ""


def content_type(codecs: Sequence[Codec]) -> str:
    """`video/mp4; codecs="avc1.64001F,mp4a.40.2"`."""
    return f'video/mp4; codecs="{",".join(filter(None, map(codec_string, codecs)))}"'


def init_segment(codecs: Sequence[Codec], starts: Sequence[int] = ()) -> bytes:
    """`ftyp` and `moov` for tracks numbered from 1.

    With `starts`, an edit list per track maps this media time (in its timescale) to the beginning of the presentation:
    all viewers share fragments with one clock, and each sees its own time begin at 0 (the MSE byte stream format
    demands support for exactly this edit). Raises `ProtocolError` for a codec that is not `supported`.
    """
    tracks = [
        _trak(number, codec, starts[number - 1] if starts else None) for number, codec in enumerate(codecs, start=1)
    ]
    extends = [_full(b"trex", pack(">5I", number, 1, 0, 0, 0)) for number in range(1, len(codecs) + 1)]
    movie = _full(
        b"mvhd",
        pack(">4I", 0, 0, 1000, 0) + pack(">IH10x", 0x10000, 0x100) + _MATRIX + bytes(24) + pack(">I", 0xFFFFFFFF),
    )
    return _box(b"ftyp", b"iso5", pack(">I", 512), b"iso5iso6mp41") + _box(
        b"moov", movie, *tracks, _box(b"mvex", *extends)
    )


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return pack(">I", 8 + len(body)) + kind + body


def _full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, pack(">I", version << 24 | flags), *content)


def _trak(number: int, codec: Codec, start: int | None) -> bytes:
    width, height = _size(codec) if codec.is_video else (0, 0)
    volume = 0 if codec.is_video else 0x100
    header = _full(
        b"tkhd",
        pack(">5I8x4H", 0, 0, number, 0, 0, 0, 0, volume, 0) + _MATRIX + pack(">2I", width << 16, height << 16),
        flags=3,  # enabled, in movie
    )
    edit = b""
    if start is not None:
        edit = _box(b"edts", _full(b"elst", pack(">IQqI", 1, 0, start, 0x10000), version=1))
    handler, name = (b"vide", b"VideoHandler\0") if codec.is_video else (b"soun", b"SoundHandler\0")
    media_header = _full(b"vmhd", bytes(8), flags=1) if codec.is_video else _full(b"smhd", bytes(4))
    entry = _ENTRIES.get(codec.name)
    if entry is None:
        raise ProtocolError(f"MP4 has no place for {codec.name}")
    tables = _box(
        b"stbl",
        _full(b"stsd", pack(">I", 1), entry(codec)),
        _full(b"stts", bytes(4)),
        _full(b"stsc", bytes(4)),
        _full(b"stsz", bytes(8)),
        _full(b"stco", bytes(4)),
    )
    reference = _box(b"dinf", _full(b"dref", pack(">I", 1), _full(b"url ", flags=1)))
    media = _box(
        b"mdia",
        _full(b"mdhd", pack(">4I2H", 0, 0, codec.clock_rate, 0, _LANGUAGE, 0)),
        _full(b"hdlr", bytes(4) + handler + bytes(12) + name),
        _box(b"minf", media_header, reference, tables),
    )
    return _box(b"trak", header, edit, media)


def _size(codec: Codec) -> tuple[int, int]:
    return (codec.width, codec.height) if codec.width and codec.height else _DEFAULT_SIZE


def _visual(kind: bytes, codec: Codec, config: bytes) -> bytes:
    width, height = _size(codec)
    head = bytes(6) + pack(">H16x2H2I4xH", 1, width, height, 0x480000, 0x480000, 1) + bytes(32) + pack(">Hh", 24, -1)
    return _box(kind, head, config, _box(b"pasp", pack(">2I", 1, 1)))


def _avc1(codec: Codec) -> bytes:
    try:
        config = h264.avcc(codec.parameter_sets)
    except ProtocolError, ValueError, OverflowError:
        config = h264.avcc(_H264_SETS)
    return _visual(b"avc1", codec, _box(b"avcC", config))


def _hev1(codec: Codec) -> bytes:
    try:
        config = h265.hvcc(codec.parameter_sets)
    except ProtocolError, ValueError, OverflowError:
        config = _HVCC
    return _visual(b"hev1", codec, _box(b"hvcC", config))


def _sound(kind: bytes, codec: Codec, config: bytes) -> bytes:
    rate = (
        codec.rate << 16 if codec.rate < 1 << 16 else 0
    )  # 16.16 fixed point; higher rates only fit the codec's own box
    return _box(kind, bytes(6) + pack(">H8x2H4xI", 1, codec.channels or 1, 16, rate), config)


def _mp4a(codec: Codec) -> bytes:
    """`esds` (ISO 14496-14 section 3.1.2): descriptors with object type 0x40 (MPEG-4 audio) or 0x6B (MPEG-1 audio)."""
    object_type = 0x6B if codec.name == names.MP3 else 0x40
    specific = _descriptor(5, codec.config) if codec.config and object_type == 0x40 else b""
    decoder = _descriptor(4, pack(">BB3xII", object_type, 0x15, 0, 0) + specific)
    stream = _descriptor(3, pack(">HB", 0, 0) + decoder + _descriptor(6, b"\x02"))
    return _sound(b"mp4a", codec, _full(b"esds", stream))


def _descriptor(tag: int, body: bytes) -> bytes:
    size = len(body)
    return bytes((tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F)) + body


def _flac(codec: Codec) -> bytes:
    block = flac.stream_info(codec.rate, codec.channels or 1)
    return _sound(b"fLaC", codec, _full(b"dfLa", b"\x80" + len(block).to_bytes(3) + block))


def _opus(codec: Codec) -> bytes:
    """`dOps` (Opus in ISO BMFF section 4.3.2): version 0, no pre-skip, no gain, mapping family 0."""
    config = pack(">BBHIhB", 0, codec.channels or 2, 0, 48_000, 0, 0)
    return _sound(b"Opus", codec, _box(b"dOps", config))


_ENTRIES = {
    names.H264: _avc1,
    names.H265: _hev1,
    names.AAC: _mp4a,
    names.MP3: _mp4a,
    names.FLAC: _flac,
    names.OPUS: _opus,
}
