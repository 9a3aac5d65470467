"""Fragments for all: what is made once, how time runs in them, and what a new reader gets."""

import struct
from dataclasses import replace
from itertools import pairwise

import pytest

from go2py.errors import Unsupported
from go2py.media.codec import AAC, G722, JPEG, MP3, Codec
from go2py.media.unit import AccessUnit
from go2py.outputs.lane import Lane, container_codec
from go2py.outputs.muxer import MESSAGE_BYTES, REPLAY_SECONDS, Batch, Muxer
from go2py.streams.track import Track
from tests.fakes.source import H264, OPUS, PCMA
from tests.unit.test_fmp4 import boxes, find

STEP = 3600


class Reader:
    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.changes = 0

    def write(self, batch: Batch) -> None:
        self.batches.append(batch)

    def codecs_changed(self) -> None:
        self.changes += 1


def picture(number: int, *, codec: Codec = H264, key: bool = False, size: int = 100, late: int = 0) -> AccessUnit:
    dts = 90_000 * 1000 + number * STEP
    return AccessUnit(codec, (bytes(size),), dts + late, dts=dts, arrived=0.0, key=key)


def sound(number: int, *, codec: Codec = PCMA) -> AccessUnit:
    return AccessUnit(codec, (b"\xd5" * 160,), 8_000 * 1000 + number * 160, arrived=0.0)


def payload(message: bytes) -> bytes:
    """A WebSocket message without its frame."""
    assert message[0] == 0x82
    match message[1]:
        case 126:
            size, at = struct.unpack_from(">H", message, 2)[0], 4
        case 127:
            size, at = struct.unpack_from(">Q", message, 2)[0], 10
        case size:
            at = 2
    assert len(message) == at + size
    return message[at:]


def samples(data: bytes) -> list[tuple[int, int, int]]:
    """Track, decoding time and duration of each fragment."""
    found = []
    for kind, moof in boxes(data):
        if kind == "moof":
            (track, duration), (dts,) = (
                struct.unpack_from(">II", find(moof, "traf/tfhd")[0], 4),
                struct.unpack(">Q", find(moof, "traf/tfdt")[0][4:]),
            )
            found.append((track, dts, duration))
    return found


def published(units: list[AccessUnit], track: Track | None = None) -> Track:
    track = track or Track(units[0].codec, 16 << 20)
    for unit in units:
        track.publish([unit])
    return track


def gop(count: int, size: int = 100) -> list[AccessUnit]:
    return [picture(number, key=number == 0, size=size) for number in range(count)]


def test_all_readers_of_the_same_tracks_share_the_bytes() -> None:
    video, audio = published(gop(5)), published([sound(0)])
    muxer = Muxer.shared([video, audio])
    one, other = Reader(), Reader()
    muxer.join(one)
    assert Muxer.shared([video, audio]) is muxer
    muxer.join(other)
    assert Muxer.shared([video]) is not muxer
    video.publish([picture(5)])
    assert one.batches[0] is other.batches[0]
    assert samples(payload(one.batches[0].message)) == [(1, 90_000 * 1000 + 5 * STEP, STEP)]


def test_it_rests_while_nobody_reads() -> None:
    video = published(gop(5))
    reader = Reader()
    leave = Muxer.shared([video]).join(reader)
    leave()
    leave()
    assert not video.subscribers
    video.publish([picture(5)])
    assert not reader.batches


def test_a_batch_can_go_out_in_part() -> None:
    video = published(gop(5))
    reader = Reader()
    Muxer.shared([video]).join(reader)
    video.publish([picture(5), picture(6), picture(7)])
    (batch,) = reader.batches
    whole = samples(payload(batch.message))
    assert [dts for _, dts, _ in whole] == [90_000 * 1000 + number * STEP for number in (5, 6, 7)]
    assert samples(payload(batch.some([0, 2]))) == [whole[0], whole[2]]


def test_a_replay_is_squeezed_and_ends_when_the_gop_does() -> None:
    video = published(gop(250))
    muxer = Muxer.shared([video])
    muxer.join(Reader())
    replay = muxer.replay()
    assert replay is not None
    times = samples(payload(replay.messages[0]))
    assert len(times) == 250
    last = 90_000 * 1000 + 249 * STEP
    assert times[-1] == (1, last, STEP)
    assert last - times[0][1] == REPLAY_SECONDS * 90_000
    assert all(dts + duration == after for (_, dts, duration), (_, after, _) in pairwise(times))
    assert replay.start == times[0][1] / 90_000
    assert replay.counts == ((video, 250, len(payload(replay.messages[0]))),)
    assert muxer.replay() is replay, "a crowd shares it"
    video.publish([picture(250)])
    assert muxer.replay() is not replay


def test_squeezing_keeps_the_order_of_presentation() -> None:
    late = [0, 4, 1, 0, 0, 4, 1, 0, 0]
    units = [picture(number, key=number == 0, late=late[number % 9] * STEP) for number in range(100)]
    muxer = Muxer.shared([published(units)])
    muxer.join(Reader())
    replay = muxer.replay()
    assert replay is not None
    shown = []
    for moof in find(payload(replay.messages[0]), "moof"):
        run = find(moof, "traf/trun")[0]
        offset = struct.unpack_from(">i", run, 12)[0] if run[0] else 0
        shown.append(struct.unpack(">Q", find(moof, "traf/tfdt")[0][4:])[0] + offset)
    by_source = sorted(range(100), key=lambda index: units[index].pts)
    assert [shown[index] for index in by_source] == sorted(shown)


def test_a_short_gop_is_replayed_as_it_was() -> None:
    muxer = Muxer.shared([published(gop(3))])
    muxer.join(Reader())
    replay = muxer.replay()
    assert replay is not None
    assert [duration for _, _, duration in samples(payload(replay.messages[0]))] == [STEP] * 3


def test_a_long_replay_comes_in_several_messages() -> None:
    muxer = Muxer.shared([published(gop(30, size=100_000))])
    muxer.join(Reader())
    replay = muxer.replay()
    assert replay is not None
    assert len(replay.messages) == 3
    assert all(len(message) < MESSAGE_BYTES + 110_000 for message in replay.messages)
    assert sum(len(samples(payload(message))) for message in replay.messages) == 30


def test_sound_of_a_replay_begins_with_its_picture() -> None:
    video, audio = published(gop(50)), published([sound(number) for number in range(100)])
    muxer = Muxer.shared([video, audio])
    muxer.join(Reader())
    replay = muxer.replay()
    assert replay is not None
    heard = [dts for track, dts, _ in samples(payload(replay.messages[0])) if track == 2]
    assert heard
    assert heard[0] / 8_000 >= replay.start
    assert heard[-1] == sound(99).dts


def test_no_replay_without_a_key_picture() -> None:
    video = Track(H264, 1 << 20)
    muxer = Muxer.shared([video, published([sound(0)])])
    muxer.join(Reader())
    assert muxer.replay() is None
    video.publish([picture(0, key=True)])
    assert muxer.replay() is not None


def test_sound_alone_needs_no_picture() -> None:
    muxer = Muxer.shared([published([sound(number) for number in range(100)])])
    muxer.join(Reader())
    replay = muxer.replay()
    assert replay is not None
    assert len(samples(payload(replay.messages[0]))) == pytest.approx(REPLAY_SECONDS * 50, abs=1)


def test_a_cut_gop_says_so() -> None:
    video = Track(H264, 5_000)
    published(gop(100), video)
    muxer = Muxer.shared([video])
    muxer.join(Reader())
    replay = muxer.replay()
    assert replay is not None
    assert replay.cut


def test_new_parameters_are_told_before_the_units_that_need_them() -> None:
    video = published(gop(5))
    muxer = Muxer.shared([video])
    reader = Reader()
    muxer.join(reader)
    before = muxer.init_segment(1000)
    larger = replace(H264, width=640, height=480)
    video.publish([picture(5), picture(6, codec=larger, key=True), picture(7, codec=larger)])
    assert reader.changes == 1
    assert [len(batch.units) for batch in reader.batches] == [1, 2]
    assert muxer.init_segment(1000) != before
    video.publish([picture(8, codec=replace(larger), key=True)])
    assert reader.changes == 1, "an equal codec is no change"


def test_init_segment_begins_the_readers_time() -> None:
    muxer = Muxer.shared([published(gop(1)), published([sound(0)])])
    starts = [
        struct.unpack_from(">q", content, 16)[0] for content in find(muxer.init_segment(12.5), "moov/trak/edts/elst")
    ]
    assert starts == [12.5 * 90_000, 12.5 * 8_000]


def test_the_longest_recent_distance_is_claimed() -> None:
    lane = Lane(1, H264)
    durations = []
    for dts in (0, 3600, 7200, 14400, 18000, 180_000, 183_600):
        unit = AccessUnit(H264, (b"x",), dts, arrived=0.0)
        durations.append(samples(b"".join(lane.fragments(unit, 1)))[0][2])
    assert durations == [45_000, 3600, 3600, 7200, 7200, 7200, 7200]


def test_slow_cameras_claim_their_pace() -> None:
    lane = Lane(1, H264)
    found = []
    for second in range(5):
        unit = AccessUnit(H264, (b"x",), second * 90_000, arrived=0.0)
        found = samples(b"".join(lane.fragments(unit, 1)))
    assert found == [(1, 4 * 90_000, 90_000)]


def test_missing_sound_is_bridged() -> None:
    lane = Lane(2, OPUS)
    packet = b"\xfc" + bytes(20)  # CELT, 20 ms
    for dts in (0, 960, 1920):
        assert len(samples(b"".join(lane.fragments(AccessUnit(OPUS, (packet,), dts, arrived=0.0), 1)))) == 1
    bridged = samples(b"".join(lane.fragments(AccessUnit(OPUS, (packet,), 48_000, arrived=0.0), 1)))
    assert bridged == [(2, 2880, 48_000 - 2880), (2, 48_000, 960)]


@pytest.mark.parametrize(
    ("codec", "frame", "duration"),
    [
        (Codec(AAC, "audio", 16_000, 1, config=bytes.fromhex("1408")), b"frame", 1024),
        (Codec(AAC, "audio", 16_000, 1), b"frame", 1024),
        (Codec(AAC, "audio", 16_000, 1, config=b"\xff"), b"frame", 1024),
        (Codec(MP3, "audio", 90_000, 2), bytes.fromhex("fffb9064") + bytes(413), 1152 * 90_000 // 44_100),
        (Codec(MP3, "audio", 90_000, 2), b"no frame", 45_000),
        (PCMA, bytes(240), 240),
    ],
)
def test_sound_claims_what_it_lasts(codec: Codec, frame: bytes, duration: int) -> None:
    unit = AccessUnit(codec, (frame,), 0, arrived=0.0)
    assert samples(b"".join(Lane(2, codec).fragments(unit, 1))) == [(2, 0, duration)]


@pytest.mark.parametrize(
    "codec", [Codec(G722, "audio", 8_000), Codec(JPEG, "video", 90_000), replace(PCMA, clock_rate=0)]
)
def test_what_mp4_cannot_hold(codec: Codec) -> None:
    with pytest.raises(Unsupported):
        container_codec(codec)
