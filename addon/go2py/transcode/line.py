"""Samples on a timeline, cut into frames; joins what does not meet without a click."""

from array import array

FADE_SECONDS = 0.005
FILL_SECONDS = 0.1
"""A longer gap is a jump of the timestamps: nobody waits for the silence in between."""


class SampleLine:
    """Collects 16 bit samples (interleaved, the machine's byte order) and gives them out as frames of equal size.

    Positions count samples per channel at `rate`. Where sound breaks off, its end is mirrored and faded out, and what
    comes next is faded in; so it neither clicks nor has a hard edge.
    """

    def __init__(self, rate: int, channels: int, frame_samples: int) -> None:
        self._width = 2 * channels
        self._channels = channels
        self._frame = frame_samples
        self._fade = round(rate * FADE_SECONDS)
        self._fill = max(round(rate * FILL_SECONDS), 2 * frame_samples)
        self._end: int | None = None
        """The position behind the last sample."""
        self._data = bytearray()
        self._recent = b""
        """The last samples, at most as many as a fade takes."""
        self._fade_in = 0
        """Samples still to be faded in."""
        self._skip = 0
        """Samples still to be left out: their time is taken already."""
        self._ready: list[tuple[int, bytes]] = []

    def append(self, samples: bytes) -> None:
        """The next samples; `move` was called before the first."""
        if self._skip and samples:
            left_out = min(self._skip, len(samples) // self._width)
            self._skip -= left_out
            samples = samples[left_out * self._width :]
        if self._fade_in and samples:
            samples = self._faded_in(samples)
        if samples:
            self._take(samples)

    def move(self, position: int) -> None:
        """What is appended next begins at `position`."""
        end = self._end
        if end is None:
            self._end = position
            return
        if position == end - self._skip:
            return
        gap = position - end
        self._fade_in = self._fade
        if gap > self._fill:
            self._take(self._faded_out(self._fade))
            self._pad()
            self._end = max(position, self._end or 0)
            self._skip = self._end - position
            return
        bridge = max(gap, self._fade)
        self._take(self._faded_out(bridge))
        self._skip = bridge - gap

    def finish(self) -> None:
        """The end: the last frame is filled up."""
        if self._data:
            self._take(self._faded_out(self._fade))
            self._pad()

    def frames(self) -> list[tuple[int, bytes]]:
        """The frames that are whole by now, with their positions."""
        ready, self._ready = self._ready, []
        return ready

    def _take(self, samples: bytes) -> None:
        assert self._end is not None
        self._data += samples
        self._end += len(samples) // self._width
        self._recent = (self._recent + samples)[-self._fade * self._width :]
        size = self._frame * self._width
        while len(self._data) >= size:
            self._ready.append((self._end - len(self._data) // self._width, bytes(self._data[:size])))
            del self._data[:size]

    def _pad(self) -> None:
        missing = -len(self._data) % (self._frame * self._width)
        if missing:
            self._take(bytes(missing))

    def _faded_out(self, count: int) -> bytes:
        """`count` samples: the last ones backwards and ever softer, then silence."""
        channels = self._channels
        recent = array("h", self._recent)
        length = min(count, len(recent) // channels)
        tail = array("h")
        for step in range(1, length + 1):
            at = len(recent) - step * channels
            tail.extend(sample * (length - step) // length for sample in recent[at : at + channels])
        return tail.tobytes() + bytes((count - length) * self._width)

    def _faded_in(self, samples: bytes) -> bytes:
        head = array("h", samples[: self._fade_in * self._width])
        begin = self._fade - self._fade_in
        for index, sample in enumerate(head):
            head[index] = sample * (begin + index // self._channels) // self._fade
        self._fade_in -= len(head) // self._channels
        return head.tobytes() + samples[len(head) * 2 :]
