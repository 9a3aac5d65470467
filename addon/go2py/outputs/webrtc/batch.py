"""RTP packets made once and sent to many: the unit that goes from a sender group to each viewer's transport."""

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

MAX_SEGMENTS = 64
"""Most packets that one UDP_SEGMENT call takes (Linux `UDP_MAX_SEGMENTS`)."""
MAX_BURST = 65_000
"""Most bytes of one such call, tags included."""
MAX_TAG = 16
"""Longest authentication tag of the SRTP profiles in use."""


class Run(NamedTuple):
    """Packets of one system call: all are `size` bytes long but the last, which has `last` bytes."""

    packets: Sequence[bytes]
    size: int
    last: int


class Template(NamedTuple):
    """A run laid out for protection in place: packet i starts at `i * stride`, `stride = size + tag`. `lengths` has the
    packets' sizes as C's int."""

    data: bytes
    stride: int
    size: int
    last: int
    packets: int
    lengths: bytes


class Shift:
    """What a viewer that is out of step with its group adds to the shared headers; mutable, one per viewer and track.

    `sequence` is added modulo 2^16, `timestamp` modulo 2^32; `ssrc` replaces the shared one unless it is 0.
    """

    __slots__ = ("sequence", "ssrc", "timestamp")

    def __init__(self, sequence: int = 0, timestamp: int = 0, ssrc: int = 0) -> None:
        self.sequence, self.timestamp, self.ssrc = sequence, timestamp, ssrc


class RtpBatch:
    """Plain RTP packets (usually those of one access unit) in sending order, shared by all viewers of a group.

    Cut pictures into equal packets with a shorter last one: each change of size costs another system call. Layouts
    for the tags of the SRTP profiles are made once, on first use.
    """

    __slots__ = ("_templates", "packets", "runs", "size")

    def __init__(self, packets: Sequence[bytes]) -> None:
        self.packets = packets
        self.size = sum(map(len, packets))
        self.runs = tuple(_runs(packets))
        self._templates: dict[int, tuple[Template, ...]] = {}

    def __len__(self) -> int:
        return len(self.packets)

    def templates(self, tag: int) -> tuple[Template, ...]:
        """The runs with `tag` bytes of room behind every packet (10 with SHA1_80, 16 with GCM)."""
        made = self._templates.get(tag)
        if made is None:
            room = bytes(tag)
            made = tuple(
                Template(room.join((*packets, b"")), size + tag, size, last, len(packets), _lengths(packets))
                for packets, size, last in self.runs
            )
            self._templates[tag] = made
        return made


def _lengths(packets: Sequence[bytes]) -> bytes:
    return array("i", map(len, packets)).tobytes()


def _runs(packets: Sequence[bytes]) -> Iterator[Run]:
    """Cut where the size changes: a longer packet opens a run, a shorter one closes it."""
    start = 0
    for end in range(1, len(packets) + 1):
        size, last = len(packets[start]), len(packets[end - 1])
        if end < len(packets) and last == size and len(packets[end]) <= size:
            count = end - start
            if count < MAX_SEGMENTS and (count + 1) * (size + MAX_TAG) <= MAX_BURST:
                continue
        yield Run(packets[start:end], size, last)
        start = end
