"""Pictures from access units, in process by libavcodec. Loads av; every call may take long and belongs in a thread."""

from collections.abc import Iterable
from dataclasses import dataclass

import av
from av.codec.context import ThreadType

from ..errors import SourceError, Unsupported
from ..media import codec as names
from ..media.codec import Codec
from ..media.unit import AccessUnit

type _Packet = av.Packet[av.stream.Stream]

_DECODERS = {names.H264: "h264", names.H265: "hevc", names.JPEG: "mjpeg"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture and the `time.monotonic()` at which its access unit arrived."""

    frame: av.VideoFrame
    arrived: float


class VideoDecoder:
    """Decodes units in order and keeps the newest picture. One thread at a time.

    `threads` > 1 decodes that many pictures at once: a long group is done sooner, but the newest picture comes
    out `threads` - 1 units late. Broken units are skipped and counted.
    """

    def __init__(self, codec: Codec, *, threads: int = 1) -> None:
        if codec.name not in _DECODERS:
            raise Unsupported(f"{codec.name} cannot be decoded into pictures")
        context = av.CodecContext.create(_DECODERS[codec.name], "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_type = ThreadType.FRAME if threads > 1 else ThreadType.NONE
        context.thread_count = threads
        self.name = codec.name
        self.newest: Picture | None = None
        self.broken = 0
        self._context = context
        self._prefix = b"".join(b"\0\0\0\1" + unit for unit in codec.parameter_sets)
        """In front of the first unit, for those whose parameter sets are not in the stream."""

    def feed(self, units: Iterable[AccessUnit]) -> None:
        """Decode units; the first of all must be a key picture."""
        for unit in units:
            self._decode(_packet(self._prefix + self._data(unit), unit.arrived))
            self._prefix = b""

    def finish(self) -> None:
        """Get out what is still inside; after it the decoder is used up."""
        self._decode(None)

    def _data(self, unit: AccessUnit) -> bytes:
        if self.name == names.JPEG:
            return unit.units[0]
        return b"\0\0\0\1" + b"\0\0\0\1".join(unit.units)

    def _decode(self, packet: _Packet | None) -> None:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            self.broken += 1
            return
        if frames:
            self.newest = Picture(frames[-1], (frames[-1].pts or 0) / 1e6)


def decode_one(unit: AccessUnit) -> Picture:
    """The picture of one key unit; raises `SourceError` if it is broken."""
    decoder = VideoDecoder(unit.codec)
    decoder.feed((unit,))
    decoder.finish()
    if decoder.newest is None:
        raise SourceError("the key picture cannot be decoded")
    return decoder.newest


def _packet(data: bytes, arrived: float) -> _Packet:
    """A packet that libav owns: one that borrows Python's bytes is freed by a decoder thread, which then waits for the
    GIL while the holder of the GIL waits for the thread."""
    packet: _Packet = av.Packet(len(data))
    packet.update(data)
    packet.pts = round(arrived * 1e6)
    return packet
