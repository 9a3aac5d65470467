import gc
import time

import pytest

from go2py.errors import SourceError, Unsupported
from go2py.media.codec import VIDEO_CLOCK, Codec
from go2py.media.unit import AccessUnit
from go2py.sources.demo import clockcode
from go2py.sources.demo.clock import Clock
from go2py.sources.demo.encode import VideoTrack
from go2py.sources.demo.settings import parse
from go2py.transcode.decode import Picture, VideoDecoder, decode_one


def clip(count: int, query: str = "size=320x240&fps=20") -> list[AccessUnit]:
    track = VideoTrack(parse(query), Clock("stream"), 0)
    units = [track.make(number, fresh=number == 0) for number in range(count)]
    return [unit for unit in units if unit is not None]


def shown(picture: Picture | None) -> int:
    assert picture is not None
    luma = picture.frame.planes[0]
    return clockcode.decode(memoryview(luma), picture.frame.width, picture.frame.height, stride=luma.line_size)


def test_the_newest_picture_comes_out_at_once() -> None:
    units = clip(12)
    decoder = VideoDecoder(units[0].codec)
    decoder.feed(units[:10])
    assert shown(decoder.newest) == 450
    assert decoder.newest is not None
    assert abs(decoder.newest.arrived - units[9].arrived) < 0.001
    decoder.feed(units[10:])
    assert shown(decoder.newest) == 550


def test_threads_are_one_picture_late() -> None:
    units = clip(12)
    decoder = VideoDecoder(units[0].codec, threads=2)
    decoder.feed(units)
    assert shown(decoder.newest) == 500
    decoder.finish()
    assert shown(decoder.newest) == 550


def test_a_decoder_with_threads_may_be_dropped_in_the_middle() -> None:
    units = clip(12)
    for count in range(1, 12):
        decoder = VideoDecoder(units[0].codec, threads=2)
        decoder.feed(units[:count])
        del decoder
        gc.collect()


def test_parameter_sets_may_be_known_from_the_codec_only() -> None:
    (first, *rest) = clip(3)
    bare = AccessUnit(first.codec, first.units[2:], first.pts, arrived=first.arrived)
    decoder = VideoDecoder(first.codec)
    decoder.feed([bare, *rest])
    assert shown(decoder.newest) == 100


def test_a_change_of_resolution_goes_through() -> None:
    small, large = clip(3), clip(3, "size=640x480&fps=20")
    decoder = VideoDecoder(small[0].codec)
    decoder.feed([*small, *large])
    assert shown(decoder.newest) == 100
    assert decoder.newest is not None
    assert decoder.newest.frame.width == 640


def test_broken_units_are_skipped() -> None:
    units = clip(6)
    junk = AccessUnit(units[0].codec, (b"\x41\xff\xff",), 0, arrived=time.monotonic(), key=False)
    decoder = VideoDecoder(units[0].codec)
    decoder.feed([*units[:3], junk, *units[3:]])
    assert shown(decoder.newest) == 250


def test_a_single_key_picture() -> None:
    assert shown(decode_one(clip(1)[0])) == 0


def test_junk_as_a_key_picture_is_an_error() -> None:
    unit = clip(1)[0]
    with pytest.raises(SourceError, match="cannot be decoded"):
        decode_one(AccessUnit(unit.codec.with_(parameter_sets=()), (b"\x65junk",), 0, arrived=0.0))


def test_an_unknown_codec_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="VP8"):
        VideoDecoder(Codec("VP8", "video", VIDEO_CLOCK))
