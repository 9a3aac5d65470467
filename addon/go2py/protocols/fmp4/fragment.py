"""Movie fragments: one `moof` and one `mdat` for one sample (ISO 14496-12 section 8.8)."""

from collections.abc import Iterable
from struct import Struct

KEY = 0x02000000
"""Sample flags: depends on no other (ISO 14496-12 section 8.8.3.1); also for every audio sample."""
NON_KEY = 0x01010000
"""Sample flags: depends on others, is no sync sample."""

_MOOF, _MFHD, _TRAF, _TFHD, _TFDT, _TRUN = 100, 16, 76, 28, 20, 20
_HEAD = "I4s I4sII I4s I4sIIIII I4sIQ I4sIII"
_PLAIN = Struct(f">{_HEAD} I4s")
_OFFSET = Struct(f">{_HEAD}i I4s")
_COMPOSITION = _OFFSET.size - _PLAIN.size


def fragment_parts(
    sequence: int,
    track_id: int,
    payload: Iterable[bytes],
    size: int,
    *,
    dts: int,
    duration: int,
    flags: int = KEY,
    composition: int = 0,
) -> list[bytes]:
    """The pieces of a fragment, to be joined with others' in one go.

    `payload` is the sample in pieces of `size` bytes together; `dts`, `duration` and `composition` (pts - dts, may be
    negative) count in the track's timescale. `sequence` grows with every fragment of all tracks.
    """
    extra = _COMPOSITION if composition else 0
    head = (
        _MOOF + extra, b"moof",
        _MFHD, b"mfhd", 0, sequence & 0xFFFFFFFF,
        _TRAF + extra, b"traf",
        # default-base-is-moof, default duration, size and flags
        _TFHD, b"tfhd", 0x020038, track_id, min(duration, 0xFFFFFFFF), size, flags,
        _TFDT, b"tfdt", 0x01000000, max(dts, 0),
        # one sample, with data offset; version 1: signed composition offset
        _TRUN + extra, b"trun", 0x01000801 if extra else 0x000001, 1, _MOOF + extra + 8,
    )  # fmt: skip
    if extra:
        return [_OFFSET.pack(*head, composition, size + 8, b"mdat"), *payload]
    return [_PLAIN.pack(*head, size + 8, b"mdat"), *payload]


def fragment(
    sequence: int,
    track_id: int,
    payload: bytes,
    *,
    dts: int,
    duration: int,
    flags: int = KEY,
    composition: int = 0,
) -> bytes:
    """A whole fragment; the parameters are those of `fragment_parts`."""
    parts = fragment_parts(
        sequence, track_id, (payload,), len(payload),
        dts=dts, duration=duration, flags=flags, composition=composition,
    )  # fmt: skip
    return b"".join(parts)
