"""Where a source's units come in: normalised, placed on the timeline and handed to their tracks."""

from collections.abc import Mapping, Sequence
from typing import override

from ..media.codec import H264, H265, Codec
from ..media.unit import AccessUnit
from ..media.video import VideoNormalizer
from ..observe.log import get_logger
from .source import Sink
from .timeline import Timeline
from .track import Track

_log = get_logger("streams")


class _Lane:
    """One offer of the current connection on its way to its track."""

    __slots__ = ("needs_key", "normalizer", "track")

    def __init__(self, track: Track, codec: Codec) -> None:
        self.track = track
        self.normalizer = VideoNormalizer(codec) if codec.name in (H264, H265) else None
        self.needs_key = codec.is_video


class Intake(Sink):
    """The sink of one session; outlives its connections, so that the timeline goes on."""

    def __init__(self, name: str) -> None:
        self.bytes = 0
        self.units = 0
        """Units of the current connection."""
        self.video_arrived = 0.0
        self._name = name
        self._lanes: dict[int, _Lane] = {}
        self._timeline = Timeline()
        self._master = -1

    def connect(self, tracks: Mapping[int, tuple[Track, Codec]], now: float) -> None:
        """A new connection delivers these offers into these tracks. The codec is what the camera announces."""
        self._timeline.restart()
        self._lanes = {offer: _Lane(track, codec) for offer, (track, codec) in tracks.items()}
        for track, _ in tracks.values():
            track.begin(now)
        self._master = next((lane.track.id for lane in self._lanes.values() if lane.track.codec.is_video), -1)
        self.units = 0
        self.video_arrived = now

    def disconnect(self) -> None:
        """The connection is over: what is cached does not go on."""
        for lane in self._lanes.values():
            lane.track.reset()
        self._lanes = {}

    @override
    def deliver(self, offer: int, units: Sequence[AccessUnit]) -> None:
        lane = self._lanes.get(offer)
        if lane is None or not units:
            return
        track = lane.track
        ready: list[AccessUnit] = []
        for unit in units:
            whole = lane.normalizer.feed(unit) if lane.normalizer else unit
            if whole is None:
                continue
            if lane.needs_key:
                self.video_arrived = whole.arrived
                if not whole.key:  # nothing could be decoded from here on
                    continue
                lane.needs_key = False
            self._timeline.place(track.id, whole)
            ready.append(whole)
        if not ready:
            return
        self.units += len(ready)
        if track.codec.is_video:
            self.video_arrived = ready[-1].arrived
        if track.publish(ready):
            _log.warning(
                "%s: a GOP is larger than %d MB and was cut in the cache; new readers wait for the next key picture. "
                "A shorter key frame interval in the camera helps",
                self._name,
                track.gop.bytes >> 20,
            )

    @override
    def sender_report(self, offer: int, rtp_time: int, ntp: float) -> None:
        lane = self._lanes.get(offer)
        if lane is not None:
            self._timeline.sender_report(lane.track.id, rtp_time, ntp, master=self._master)

    @override
    def alive(self, size: int) -> None:
        self.bytes += size

    @override
    def lost(self, offer: int, packets: int) -> None:
        lane = self._lanes.get(offer)
        if lane is not None:
            lane.track.lost += packets
