"""JPEG from a decoded picture, scaled and turned. Loads av; belongs in a thread."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
from av.codec.context import Flags
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

MAX_EDGE = 4096
"""Scaling goes no further than this many pixels on either edge."""

_QUALITY = 4
"""libavcodec's scale from 2 (best) to 31; 4 is about 90 %."""
_LAMBDA = 118
"""FF_QP2LAMBDA: what one step of that scale counts."""
_BT709, _UNSPECIFIED = 1, 2
"""Values of `colorspace` (matrix coefficients of ITU-T H.273)."""
_HD = 720
_TURNS = {90: ("clock",), 180: ("clock", "clock"), 270: ("cclock",)}


@dataclass(frozen=True, slots=True)
class Shape:
    """How a picture is wanted: scaled to `width` and `height` pixels (0: as it comes, or by the other one's
    proportion), then turned clockwise by `rotate` degrees: 0, 90, 180, 270."""

    width: int = 0
    height: int = 0
    rotate: int = 0

    def __post_init__(self) -> None:
        if self.rotate not in (0, *_TURNS):
            raise ValueError("rotate must be 0, 90, 180 or 270")

    def size(self, width: int, height: int) -> tuple[int, int]:
        """What becomes of a picture of this size before it is turned."""
        if not (self.width or self.height):
            return width, height
        scaled_width = self.width or round(self.height * width / height)
        scaled_height = self.height or round(self.width * height / width)
        return _bounded(scaled_width), _bounded(scaled_height)


@dataclass(frozen=True, slots=True)
class EncodedJpeg:
    data: bytes
    width: int
    height: int


def encode_jpeg(frame: VideoFrame, shape: Shape) -> EncodedJpeg:
    """JFIF means BT.601 in full range (ITU-T T.871), so the picture's matrix and range are converted."""
    width, height = shape.size(frame.width, frame.height)
    picture = VideoReformatter().reformat(
        frame,
        width,
        height,
        "yuvj420p",
        src_colorspace=_colorspace(frame),
        dst_colorspace=Colorspace.ITU601,
        src_color_range=_color_range(frame),
        dst_color_range=ColorRange.JPEG,
    )
    if shape.rotate:
        picture = _turned(picture, _TURNS[shape.rotate])
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.color_range = ColorRange.JPEG
    encoder.time_base = Fraction(1, 25)
    encoder.flags |= Flags.qscale
    encoder.global_quality = _QUALITY * _LAMBDA
    picture.pts = 0
    data = b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))
    return EncodedJpeg(data, picture.width, picture.height)


def _bounded(edge: int) -> int:
    return min(MAX_EDGE, max(1, edge))


def _colorspace(frame: VideoFrame) -> Colorspace:
    """Cameras that do not say it use BT.709 from 720 lines on, as players assume."""
    unspecified_hd = frame.colorspace == _UNSPECIFIED and frame.height >= _HD and "j" not in frame.format.name
    return Colorspace.ITU709 if frame.colorspace == _BT709 or unspecified_hd else Colorspace.ITU601


def _color_range(frame: VideoFrame) -> ColorRange:
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return ColorRange.JPEG if full else ColorRange.MPEG


def _turned(frame: VideoFrame, turns: tuple[str, ...]) -> VideoFrame:
    graph = av.filter.Graph()
    chain = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25))]
    chain += [graph.add("transpose", f"dir={turn}") for turn in turns]
    chain.append(graph.add("buffersink"))
    for before, after in pairwise(chain):
        before.link_to(after)
    graph.configure()
    graph.push(frame)
    turned = graph.pull()
    assert isinstance(turned, VideoFrame)
    return turned
