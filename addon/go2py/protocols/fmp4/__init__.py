"""Fragmented MP4 (ISO 14496-12): an initialization segment, then a fragment per access unit."""

from .fragment import KEY, NON_KEY, fragment, fragment_parts
from .movie import codec_string, content_type, init_segment, supported

__all__ = [
    "KEY", "NON_KEY", "codec_string", "content_type", "fragment", "fragment_parts", "init_segment", "supported",
]  # fmt: skip
