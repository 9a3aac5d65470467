"""Promises of transcoded sound: made when a reader needs it, once for all, gone with the last, through every reboot."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.errors import NegotiationError, SourceError
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.streams.derived import BACKLOG, Derivation, derive, derived
from go2py.streams.info import dot, stream_info
from go2py.streams.negotiate import CodecWish, Want, negotiate, wants_from_query
from go2py.streams.reader import Attachment, ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.source import Offer
from go2py.streams.track import Track
from tests.fakes.source import H264, PCMA, FakeCamera

FAST = StreamSettings(linger=0.2, wait=1.0, watchdog=0.5, first_picture=0.8, retry_first=0.05, retry_max=0.1)
OPUS = (Want("audio", (CodecWish("OPUS"),)),)
BOTH = (Want("video", (CodecWish("H264"),)), *OPUS)


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera(gop=5)


@pytest.fixture
async def registry(camera: FakeCamera) -> AsyncIterator[Registry]:
    registry = Registry(camera.dial, ["fake", "ffmpeg"], FAST, Bus())
    registry.apply([StreamConfig("door", ("fake://camera/1",))])
    yield registry
    await registry.close()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    async with asyncio.timeout(5):
        while any(thread.name.startswith("go2py-audio") for thread in threading.enumerate()):
            await asyncio.sleep(0.02)


async def attach(registry: Registry, wants: tuple[Want, ...] = OPUS, name: str = "door") -> Attachment:
    return await registry.require(name).attach(ReaderInfo("test"), wants)


async def hears(attachment: Attachment, count: int = 5) -> list[AccessUnit]:
    """The next units of sound."""
    track = attachment.track("audio")
    assert track is not None
    units: list[AccessUnit] = []
    cancel = track.subscribe(lambda _, new: units.extend(new))
    try:
        async with asyncio.timeout(10):
            while len(units) < count:
                await asyncio.sleep(0.01)
    finally:
        cancel()
    return units


def made_of(registry: Registry, name: str = "door") -> list[Track]:
    session = registry.require(name).slots[0].session
    assert session is not None
    return [one for track in session.tracks.values() for one in derived(track)]


async def test_readers_share_what_is_made_and_nothing_is_left(registry: Registry) -> None:
    first, second = await attach(registry), await attach(registry, BOTH)
    assert first.track("audio") is second.track("audio")
    units = await hears(first)
    assert {unit.codec.label() for unit in units} == {"OPUS/48000/2"}
    assert abs(units[-1].pts / 48_000 - time.monotonic()) < 2.0, "on the clock of the stream"
    first.close()
    assert await hears(second)
    assert len(made_of(registry)) == 1
    second.close()
    assert not made_of(registry)


async def test_each_codec_is_made_once(registry: Registry) -> None:
    aac = (Want("audio", (CodecWish("MPEG4-GENERIC"),)),)
    attachments = [await attach(registry, wants) for wants in (OPUS, aac, OPUS, aac)]
    assert sorted(track.codec.name for track in made_of(registry)) == ["MPEG4-GENERIC", "OPUS"]
    for attachment in attachments:
        assert await hears(attachment, 2)
        attachment.close()


async def test_passing_through_makes_nothing(registry: Registry) -> None:
    attachment = await attach(registry, (Want("audio", (CodecWish("OPUS"), CodecWish("PCMA", 8_000))),))
    assert [match.action for match in attachment.plan.matches] == ["pass"]
    assert not made_of(registry)
    attachment.close()


async def test_sound_survives_a_reboot_of_the_camera(registry: Registry, camera: FakeCamera) -> None:
    attachment = await attach(registry, BOTH)
    before = await hears(attachment)
    camera.drop()
    async with asyncio.timeout(5):
        while camera.opened < 2:
            await asyncio.sleep(0.01)
    after = await hears(attachment)
    times = [unit.pts for unit in (*before, *after)]
    assert times == sorted(set(times))
    assert attachment.ended is None
    attachment.close()


async def test_reader_is_told_when_the_sound_is_gone_for_good(registry: Registry, camera: FakeCamera) -> None:
    attachment = await attach(registry, BOTH)
    reasons: list[str] = []
    attachment.on_end = reasons.append
    await hears(attachment)
    camera.offers = (Offer((H264,)),)
    camera.drop()
    async with asyncio.timeout(5):
        while not reasons:
            await asyncio.sleep(0.01)
    assert "PCMA" in reasons[0]
    attachment.close()
    assert not made_of(registry)


async def test_api_shows_what_is_made(registry: Registry) -> None:
    attachment = await attach(registry, BOTH)
    await hears(attachment)
    stream = registry.require("door")
    producer, consumer = stream_info(stream)["producers"][0], stream_info(stream)["consumers"][0]
    by_codec = {one["codec"]["codec_name"]: one for one in producer["receivers"]}
    assert set(by_codec) == {"h264", "pcm_alaw", "opus"}
    assert by_codec["opus"]["parent"] == by_codec["pcm_alaw"]["id"]
    assert by_codec["pcm_alaw"]["childs"] == [by_codec["opus"]["id"]]
    assert by_codec["opus"]["bytes"] > 0
    assert by_codec["opus"]["id"] in [sender["parent"] for sender in consumer["senders"]]
    graph = dot([stream])
    assert f"{by_codec['pcm_alaw']['id']} -> {by_codec['opus']['id']} " in graph
    assert f"{producer['id']} -> {by_codec['opus']['id']} " not in graph
    attachment.close()


# --- choice ----------------------------------------------------------------------------------------------------------


def test_plan_says_what_is_made_of_what() -> None:
    plan = negotiate([(Offer((H264,)), Offer((PCMA,)))], BOTH)
    matches: Any = plan.to_json(BOTH)["matches"]
    passed, made = matches
    assert passed["action"] == "pass"
    assert "reason" not in passed
    assert made == {
        "want": 1,
        "source": 0,
        "offer": 1,
        "codec": "OPUS/48000/2",
        "action": "transcode",
        "reason": "the reader does not take PCMA/8000/1, of which OPUS/48000/2 can be made",
    }
    assert [refusal.reason for refusal in plan.refusals if refusal.want == 1] == [
        "is video, wanted is audio",
        "is PCMA/8000/1, the reader takes OPUS",
    ]


def test_a_source_that_passes_goes_before_one_that_must_be_transcoded() -> None:
    opus = Codec("OPUS", "audio", 48_000, 2)
    assert negotiate([(Offer((PCMA,)),), None], OPUS).dial == 1
    (match,) = negotiate([(Offer((PCMA,)),), (Offer((opus,)),)], OPUS).matches
    assert (match.source, match.action) == (1, "pass")


def test_one_sound_for_two_wants() -> None:
    wants = wants_from_query([("audio", "pcma"), ("audio", "opus"), ("audio", "opus")])
    plan = negotiate([(Offer((PCMA,)),)], wants)
    assert [(match.want, match.action) for match in plan.matches] == [(0, "pass"), (1, "transcode")]


def test_only_sound_from_the_camera_and_only_where_a_codec_is_named() -> None:
    talk = (Want("audio", (CodecWish("OPUS"),), "sendonly"),)
    assert not negotiate([(Offer((PCMA,), "sendonly"),)], talk).matches
    assert not negotiate([(Offer((PCMA,), "sendonly"),)], OPUS).matches
    assert not negotiate([(Offer((H264,)),)], wants_from_query([("audio", "all"), ("audio", "")])).matches
    assert not negotiate([(Offer((Codec("SPEEX", "audio", 8_000),)),)], OPUS).matches
    assert not negotiate([(Offer((PCMA,)),)], OPUS, transcode=False).matches


# --- #audio= ---------------------------------------------------------------------------------------------------------


def labels(registry: Registry, name: str, slot: int = 0) -> list[str]:
    return [offer.label() for offer in registry.require(name).slots[slot].offers or ()]


async def test_source_with_another_codec_asked_for(registry: Registry) -> None:
    registry.put("talk", ["fake://camera/1#audio=opus"])
    attachment = await attach(registry, wants_from_query(()), "talk")
    assert labels(registry, "talk") == ["video, recvonly, H264", "audio, recvonly, OPUS/48000/2"]
    assert [(match.codec.name, match.action) for match in attachment.plan.matches] == [
        ("H264", "pass"),
        ("OPUS", "transcode"),
    ]
    assert {unit.codec.name for unit in await hears(attachment)} == {"OPUS"}
    attachment.close()


async def test_source_with_its_own_codec_and_another(registry: Registry) -> None:
    registry.put("talk", ["fake://camera/1#audio=copy#audio=aac"])
    for query, action in (([], "pass"), ([("audio", "pcma")], "pass"), ([("audio", "aac")], "transcode")):
        attachment = await attach(registry, wants_from_query(query), "talk")
        assert attachment.plan.matches[-1].action == action
        attachment.close()


async def test_source_whose_sound_is_left_as_it_is(registry: Registry) -> None:
    registry.put("talk", ["fake://camera/1#audio=copy"])
    with pytest.raises(NegotiationError, match="codecs not matched: video:H264, audio:PCMA => audio:OPUS"):
        await attach(registry, OPUS, "talk")


async def test_codec_that_nobody_makes_is_refused_in_words(registry: Registry) -> None:
    registry.put("talk", ["fake://camera/1#audio=speex"])
    with pytest.raises(SourceError, match=r"#audio=speex is not made by go2py; it makes aac, flac"):
        await attach(registry, OPUS, "talk")


async def test_transcoding_can_be_switched_off(camera: FakeCamera) -> None:
    off = StreamSettings(linger=0.0, wait=1.0, transcode=False)
    registry = Registry(camera.dial, ["fake"], off, Bus())
    registry.apply([StreamConfig("door", ("fake://camera/1",)), StreamConfig("asked", ("fake://camera/1#audio=opus",))])
    with pytest.raises(NegotiationError):
        await attach(registry)
    (await attach(registry, OPUS, "asked")).close()
    await registry.close()


# --- ffmpeg:<own stream>#audio= --------------------------------------------------------------------------------------


async def test_reference_that_home_assistant_adds_is_served_in_process(registry: Registry, camera: FakeCamera) -> None:
    registry.put("front", ["fake://camera/1", "ffmpeg:front#audio=opus#query=log_level=debug"])
    attachment = await attach(registry, BOTH, "front")
    assert [(match.source, match.codec.name, match.action) for match in attachment.plan.matches] == [
        (0, "H264", "pass"),
        (1, "OPUS", "transcode"),
    ]
    assert await hears(attachment)
    assert camera.opened == 1
    producers = stream_info(registry.require("front"))["producers"]
    assert producers[1] == {
        "url": "ffmpeg:front#audio=opus#query=log_level=debug",
        "state": "live",
        "medias": ["audio, recvonly, OPUS/48000/2"],
    }
    attachment.close()


@pytest.mark.parametrize(
    "source",
    [
        "ffmpeg:front#video=h264#audio=opus",
        "ffmpeg:front#audio=opus#raw=-af volume=2",
        "ffmpeg:other#audio=opus",
        "ffmpeg:front",
        "ffmpeg:fake://camera/1#audio=opus",
    ],
)
async def test_other_forms_of_ffmpeg_wait_for_it(registry: Registry, source: str) -> None:
    registry.apply([StreamConfig("front", ("fake://camera/1", source))])
    assert "not spoken by go2py yet" in str(registry.require("front").slots[1].error)


async def test_reference_without_another_source(registry: Registry) -> None:
    registry.put("front", ["ffmpeg:front#audio=opus"])
    with pytest.raises(SourceError, match="no other source whose sound"):
        await attach(registry, OPUS, "front")


# --- the thread ------------------------------------------------------------------------------------------------------


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def sound(codec: Codec, number: int, data: bytes = bytes(160)) -> AccessUnit:
    return AccessUnit(codec, (data,), 8_000_000 + 160 * number, arrived=time.monotonic())


async def test_sound_that_cannot_be_decoded_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    track = Track(Codec("SPEEX", "audio", 8_000), 0)
    one = derive(track, Codec("OPUS", "audio", 48_000, 2))
    with caplog.at_level("WARNING"):
        for number in range(5):
            track.publish([sound(track.codec, number)])
            await asyncio.sleep(0.05)
        await until(lambda: caplog.records)
    assert [record.getMessage() for record in caplog.records] == [
        "SPEEX/8000 as OPUS/48000/2: transcoding failed: SPEEX/8000 cannot be decoded"
    ]
    one.release()
    assert not derived(track)


async def test_order_is_kept_and_the_queue_is_bounded() -> None:
    track = Track(PCMA, 0)
    one: Derivation = derive(track, Codec("PCML", "audio", 8_000))
    heard: list[AccessUnit] = []
    one.track.subscribe(lambda _, units: heard.extend(units))
    track.publish([sound(PCMA, number) for number in range(3 * BACKLOG)])
    assert one.track.lost == 2 * BACKLOG
    for number in range(3 * BACKLOG, 3 * BACKLOG + 20):
        track.publish([sound(PCMA, number)])
    await until(lambda: len(heard) >= BACKLOG)
    times = [unit.pts for unit in heard]
    assert times == sorted(set(times))
    one.release()
    one_more = len(heard)
    track.publish([sound(PCMA, 3 * BACKLOG + 20)])
    await asyncio.sleep(0.1)
    assert len(heard) == one_more
