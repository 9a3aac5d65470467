"""Fragments of fragmented MP4, made once for all readers of the same tracks.

All fragments count on the stream's clock. A reader's own time begins at 0 by the edit list of its initialization
segment, so that nothing else is made for one reader alone. It starts with the cached GOP, squeezed into a moment: a
player decodes all of it and shows the newest picture, not a replay.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from ..errors import Unsupported
from ..media.codec import Codec
from ..media.unit import AccessUnit
from ..protocols import fmp4
from ..protocols.websocket import header
from ..streams.track import Track
from .lane import Lane

REPLAY_SECONDS = 0.2
"""How long the cached GOP takes on a player's clock. Browsers keep a few seconds only, and forget a GOP as a whole."""

MESSAGE_BYTES = 1 << 20
"""What a message of the replay may grow to: video-rtc.js holds 2 MiB while the browser is busy, aiohttp's clients 4."""


class FragmentReader(Protocol):
    """Who gets fragments; both calls are quick and never raise."""

    def write(self, batch: Batch) -> None: ...

    def codecs_changed(self) -> None:
        """What is written from now on needs a new initialization segment."""


class Batch:
    """Fragments of the units of one batch of one track. `message` has all of them as one WebSocket message."""

    __slots__ = ("_pieces", "message", "track", "units")

    def __init__(self, track: Track, units: Sequence[AccessUnit], pieces: Sequence[list[bytes]]) -> None:
        self.track = track
        self.units = units
        self._pieces = pieces
        self.message = self.some(range(len(units)))

    def some(self, indexes: Iterable[int]) -> bytes:
        """A WebSocket message of only these units' fragments."""
        pieces = [piece for index in indexes for piece in self._pieces[index]]
        return b"".join((header(sum(map(len, pieces))), *pieces))


@dataclass(frozen=True, slots=True)
class Replay:
    """The cached GOP and its sound as WebSocket messages; `start` in seconds of the stream's clock."""

    start: float
    messages: tuple[bytes, ...]
    counts: tuple[tuple[Track, int, int], ...]
    """Units and bytes by track."""
    cut: bool
    """The GOP outgrew its cache: what follows can only be decoded from the next key picture on."""


class Muxer:
    """Fans fragments of one or two tracks out; works while it has readers. Get it by `shared`."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = tuple(tracks)
        self._lanes = {track: Lane(number, _newest_codec(track)) for number, track in enumerate(self.tracks, start=1)}
        self._readers: tuple[FragmentReader, ...] = ()
        self._cancels: list[Callable[[], None]] = []
        self._sequence = 0
        self._replay: tuple[tuple[AccessUnit | None, ...], Replay] | None = None

    @classmethod
    def shared(cls, tracks: Sequence[Track]) -> Muxer:
        """The muxer of these tracks (video first), kept by the first of them. Raises `Unsupported`."""
        key = ("fmp4", *(track.id for track in tracks))
        muxer: Muxer | None = tracks[0].shared.get(key)
        if muxer is None or not muxer.running:  # an idle one has missed units and codecs
            muxer = tracks[0].shared[key] = cls(tracks)
        return muxer

    @property
    def running(self) -> bool:
        return bool(self._readers)

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The codecs inside the container, a track each."""
        return tuple(lane.codec for lane in self._lanes.values())

    @property
    def video(self) -> Track | None:
        return next((track for track in self.tracks if track.kind == "video"), None)

    def init_segment(self, start: float) -> bytes:
        """For a reader whose time begins at `start`. Raises `ProtocolError`."""
        return fmp4.init_segment(self.codecs, [round(start * codec.clock_rate) for codec in self.codecs])

    def join(self, reader: FragmentReader) -> Callable[[], None]:
        """Write every batch from now on; the result ends that. Reading `replay` in the same step loses nothing."""
        self._readers = (*self._readers, reader)
        if not self._cancels:
            for track, lane in self._lanes.items():
                lane.observe(track.gop.units())
                self._cancels.append(track.subscribe(self._publish))

        def leave() -> None:
            self._readers = tuple(one for one in self._readers if one is not reader)
            if not self._readers:
                for cancel in self._cancels:
                    cancel()
                self._cancels.clear()
                self._replay = None

        return leave

    def replay(self) -> Replay | None:
        """What a new reader gets first; None while there is no key picture (without video: nothing at all) yet."""
        held = {track: track.gop.units() for track in self.tracks}
        key = tuple(unit for units in held.values() for unit in (units[:1] + units[-1:] or (None,)))
        if self._replay is None or self._replay[0] != key:
            replay = self._make_replay(held)
            if replay is None:
                return None
            self._replay = (key, replay)  # a crowd that comes at once shares it
        return self._replay[1]

    def _make_replay(self, held: dict[Track, tuple[AccessUnit, ...]]) -> Replay | None:
        video, start = self.video, None
        fragments: list[list[bytes]] = []
        counts: list[tuple[Track, int, int]] = []
        for track, cached in held.items():
            units = cached
            if track is video:
                if not units or units[-1].codec is not self._lanes[track].source_codec:
                    return None
                times = _squeezed(units)
                start = times[0][1] / units[0].codec.clock_rate
            else:
                after = start if start is not None else _seconds(units[-1]) - REPLAY_SECONDS if units else 0
                units = tuple(unit for unit in cached if _seconds(unit) >= after)
                times = [(unit.dts, unit.pts) for unit in units]
            made = self._replayed(self._lanes[track], units, times)
            counts.append((track, len(units), sum(map(len, chain.from_iterable(made)))))
            fragments += made
            if start is None and units:
                start = _seconds(units[0])
        if start is None:
            return None
        return Replay(start, tuple(_messages(fragments)), tuple(counts), video is not None and video.gop.cut)

    def _replayed(self, lane: Lane, units: Sequence[AccessUnit], times: Sequence[tuple[int, int]]) -> list[list[bytes]]:
        fragments: list[list[bytes]] = []
        for index, (unit, (dts, pts)) in enumerate(zip(units, times, strict=True)):
            # the last one claims a whole distance: so the first live one is no gap
            duration = times[index + 1][0] - dts if index + 1 < len(times) else 0
            self._sequence += 1
            fragments.append(lane.replayed(unit, self._sequence, dts, pts, duration))
        return fragments

    def _publish(self, track: Track, units: Sequence[AccessUnit]) -> None:
        lane = self._lanes[track]
        first = 0
        for index, unit in enumerate(units):
            if unit.codec is not lane.source_codec:
                self._send(lane, track, units[first:index])
                first = index
                try:
                    changed = lane.adopt(unit.codec)
                except Unsupported:
                    return  # the session ends readers of a track whose codec is gone
                if changed:
                    for reader in self._readers:
                        reader.codecs_changed()
        self._send(lane, track, units[first:] if first else units)

    def _send(self, lane: Lane, track: Track, units: Sequence[AccessUnit]) -> None:
        if not units:
            return
        self._replay = None
        pieces: list[list[bytes]] = []
        for unit in units:
            pieces.append(lane.fragments(unit, self._sequence + 1))
            self._sequence += 2
        batch = Batch(track, units, pieces)
        for reader in self._readers:
            reader.write(batch)


def _messages(fragments: Iterable[list[bytes]]) -> Iterator[bytes]:
    """WebSocket messages of whole fragments, none much over `MESSAGE_BYTES`."""
    pieces: list[bytes] = []
    size = 0
    for fragment in fragments:
        pieces += fragment
        size += sum(map(len, fragment))
        if size >= MESSAGE_BYTES:
            yield b"".join((header(size), *pieces))
            pieces, size = [], 0
    if pieces:
        yield b"".join((header(size), *pieces))


def _newest_codec(track: Track) -> Codec:
    units = track.gop.units()
    return units[-1].codec if units else track.codec


def _seconds(unit: AccessUnit) -> float:
    return unit.pts / unit.codec.clock_rate


def _squeezed(units: Sequence[AccessUnit]) -> list[tuple[int, int]]:
    """Decoding and presentation times of a GOP that ends when it does but lasts `REPLAY_SECONDS` at most."""
    end = units[-1].dts
    span = end - units[0].dts
    room = int(REPLAY_SECONDS * units[0].codec.clock_rate)
    if span <= room:
        return [(unit.dts, unit.pts) for unit in units]

    def squeeze(time: int) -> int:
        return time if time >= end else end - (end - time) * room // span

    times: list[tuple[int, int]] = []
    previous = squeeze(units[0].dts) - 1
    for unit in units:
        previous = max(squeeze(unit.dts), previous + 1)
        times.append((previous, max(squeeze(unit.pts), previous)))
    return times
