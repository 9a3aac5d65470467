"""Speaking to RTSP cameras, good and bad: their button works, their viewers notice nothing."""

import asyncio

import pytest

from go2py.errors import Busy, SourceError, Unauthorized, Unreachable, Unsupported
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.sources.registry import dial
from go2py.streams.source import SourceUrl
from tests.fakes.doorbell import Doorbell, DoorbellScript
from tests.fakes.doorstep import Doorstep, Viewer, doorstep, tone, until

PCMU = Codec(names.PCMU, "audio", 8000)
REFUSALS = [400, 403, 406, 451, 453, 454, 455, 459, 461, 500, 501, 503, 551]
SMOOTH = 0.6
"""Seconds between two pictures of a connection that runs, on a busy machine."""


def assert_not_noticed(door: Doorstep, viewer: Viewer) -> None:
    """The viewing connection is the one with which it began, and all its pictures came."""
    assert door.views == 1
    assert door.session.restarts == 0
    assert not viewer.ended
    assert viewer.longest < SMOOTH


async def untouched(door: Doorstep) -> None:
    """The doorbell is as if nobody had been there."""
    await until(lambda: not door.doorbell.speakers)
    assert door.doorbell.press()


@pytest.mark.parametrize("transport", ["", "#transport=udp"])
@pytest.mark.parametrize("watched", [True, False])
async def test_it_hears_what_is_said_and_nobody_notices(transport: str, watched: bool) -> None:
    async with Doorbell() as doorbell, doorstep(doorbell, transport) as door:
        viewer = await door.viewer() if watched else None
        connections = doorbell.seen.connections
        assert await door.backchannel.find() == (PCMU,)
        assert doorbell.seen.connections == connections + 1, "found on a connection of its own"
        assert doorbell.opened == 0
        await door.call(0.4)
        await untouched(door)
        assert doorbell.sound == b"".join(unit.units[0] for unit in tone(PCMU, 0.4))[: len(doorbell.sound)]
        assert doorbell.opened == 1
        assert doorbell.open_seconds < 5
        assert doorbell.reports, "sender reports"
        if viewer is not None:
            await viewer.sees()
            assert_not_noticed(door, viewer)


async def test_a_hundred_views_lose_no_press_and_open_nothing() -> None:
    async with Doorbell() as doorbell, doorstep(doorbell) as door:
        for number in range(100):
            viewer = await Viewer().attach(door.registry)
            await viewer.sees(1)
            assert doorbell.press()
            viewer.close()
            if number % 10 == 0:
                await until(lambda: door.session.state == "idle")
        assert (doorbell.presses, doorbell.delivered, doorbell.opened) == (100, 100, 0)
        assert doorbell.asked == 0, "nor did anybody ask for it"


async def test_who_speaks_again_and_again_is_heard_each_time() -> None:
    async with Doorbell() as doorbell, doorstep(doorbell) as door:
        for number in range(3):
            await door.call()
            await untouched(door)
            assert doorbell.opened == number + 1


@pytest.mark.parametrize("status", [*REFUSALS, 1, 2])
async def test_a_camera_that_refuses_to_be_asked_has_none(status: int) -> None:
    script = DoorbellScript(refuse_describe=status)
    async with Doorbell(script) as doorbell, doorstep(doorbell, "#timeout=1") as door:
        viewer = await door.viewer()
        if status == 403:
            with pytest.raises(Unauthorized):
                await door.backchannel.find()
        elif status in (453, 503):
            with pytest.raises(Busy):
                await door.backchannel.find()
        else:
            assert await door.backchannel.find() == ()
        await viewer.sees()
        assert_not_noticed(door, viewer)
        assert doorbell.opened == 0


async def test_a_wrong_password_is_told() -> None:
    script = DoorbellScript(user="admin", password="s3cret-key")
    async with Doorbell(script) as doorbell:
        wrong = doorbell.url.replace("s3cret-key", "wrong-key")
        async with doorstep(doorbell, url=wrong) as door:
            with pytest.raises(Unauthorized) as caught:
                await door.backchannel.find()
            assert "key" not in str(caught.value)


async def test_credentials_are_used_for_the_talk_too() -> None:
    script = DoorbellScript(user="admin", password="s3cret-key", close_on_401=True)
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        await door.call()


async def test_a_user_who_may_only_look_is_told_so() -> None:
    script = DoorbellScript(user="guest", password="s3cret-key", refuse_speaker="guest")
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        codecs = await door.backchannel.find()
        with pytest.raises(Unauthorized, match="403"):
            await door.backchannel.open(codecs[0])
        await door.backchannel.close()
        await viewer.sees()
        assert_not_noticed(door, viewer)


@pytest.mark.parametrize("transport", ["", "#transport=udp"])
async def test_a_camera_with_one_session_is_spoken_to_in_that(transport: str) -> None:
    async with Doorbell(DoorbellScript(max_sessions=1)) as doorbell, doorstep(doorbell, transport) as door:
        viewer = await door.viewer()
        for _ in range(2):
            await door.call()
            await untouched(door)
        await viewer.sees()
        assert_not_noticed(door, viewer)
        assert doorbell.asked == 3, (
            "found twice, and tried once: the second time nobody does what failed the first time"
        )


@pytest.mark.parametrize("status", [s for s in REFUSALS if s != 403])
async def test_a_session_that_refuses_the_talk_while_it_plays_is_opened_anew_once(status: int) -> None:
    script = DoorbellScript(max_sessions=1, refuse_extension=status)
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        await door.call()
        await untouched(door)
        assert doorbell.seen.sessions == 2
        await viewer.sees()
        assert viewer.longest < 3, "a second, and what a busy machine adds"
        assert not viewer.ended


async def test_a_camera_that_hangs_up_when_its_session_is_extended_is_back_at_once() -> None:
    script = DoorbellScript(max_sessions=1, refuse_extension=1)
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        await door.call()
        await untouched(door)
        await viewer.sees()
        assert not viewer.ended


@pytest.mark.parametrize("status", [453, 500])
async def test_a_camera_that_refuses_every_way_says_so_and_shows_its_picture(status: int) -> None:
    script = DoorbellScript(refuse_alone=status, refuse_extension=status, refuse_inclusion=status)
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        codecs = await door.backchannel.find()
        for _ in range(3):
            with pytest.raises(SourceError, match=str(status)):
                await door.backchannel.open(codecs[0])
            await door.backchannel.close()
        await untouched(door)
        await viewer.sees()
        assert doorbell.opened == 0
        assert door.views == 2, "made anew once, and not again for who goes on trying"
        assert not viewer.ended


async def test_somebody_else_who_speaks_makes_it_busy() -> None:
    async with Doorbell() as doorbell, doorstep(doorbell) as first, doorstep(doorbell, "#backchannel=1") as second:
        await first.backchannel.open((await first.backchannel.find())[0])
        codecs = await second.backchannel.find()
        with pytest.raises(Busy):
            await second.backchannel.open(codecs[0])
        await second.backchannel.close()
        await first.backchannel.close()
        await second.call()


@pytest.mark.parametrize("parting", ["refuses", "ends", "mutes"])
async def test_a_session_that_cannot_part_from_the_talk_goes_on(parting: str) -> None:
    script = DoorbellScript(max_sessions=1, parting=parting)
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        for _ in range(2):
            await door.call()
            await viewer.sees()
        assert viewer.longest < (SMOOTH if parting == "refuses" else 3)
        assert not viewer.ended
        assert doorbell.seen.sessions == (1 if parting == "refuses" else 2), "tried once, never again"
        viewer.close()
        await untouched(door)


async def test_a_viewer_who_comes_while_somebody_speaks_gets_the_only_session() -> None:
    async with Doorbell(DoorbellScript(max_sessions=1)) as doorbell, doorstep(doorbell) as door:
        codec = (await door.backchannel.find())[0]
        await door.backchannel.open(codec)
        await door.say(codec)
        lost: list[str] = []
        door.backchannel.on_lost = lost.append
        viewer = await door.viewer()
        await door.say(codec)
        assert not lost
        assert doorbell.seen.playing == 1
        await door.backchannel.close()
        await untouched(door)
        await viewer.sees()


async def test_asked_for_in_the_viewing_session_it_needs_no_other() -> None:
    async with Doorbell() as doorbell, doorstep(doorbell, "#backchannel=1") as door:
        viewer = await door.viewer()
        assert [offer.direction for offer in door.session.offers or ()] == ["recvonly", "recvonly", "sendonly"]
        assert doorbell.opened == 0
        connections = doorbell.seen.connections
        await door.backchannel.open(PCMU)
        await door.say(PCMU)
        await door.backchannel.close()
        assert doorbell.seen.connections - connections <= 1, "at most a question"
        assert doorbell.seen.sessions == 1
        assert_not_noticed(door, viewer)


async def test_forbidden_there_is_no_way_to_speak() -> None:
    assert dial(SourceUrl("rtsp://cam/x#backchannel=0")).backchannel is None
    assert dial(SourceUrl("onvif://cam#backchannel=0")).backchannel is None
    assert dial(SourceUrl("rtsp://cam/x")).backchannel is not None


async def test_listed_without_being_asked_it_is_known_from_viewing() -> None:
    async with Doorbell(DoorbellScript(listed=True)) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        connections = doorbell.seen.connections
        assert await door.backchannel.find() == (PCMU,)
        assert doorbell.seen.connections == connections
        await door.call()
        assert_not_noticed(door, viewer)


@pytest.mark.parametrize("marked", ["recvonly", "", "sendrecv"])
@pytest.mark.parametrize("sessions", [1, 100])
async def test_a_camera_that_marks_it_wrongly_is_understood(marked: str, sessions: int) -> None:
    script = DoorbellScript(marked=marked, max_sessions=sessions, refuse_extension=455)
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        await door.call()
        await untouched(door)
        await viewer.sees()
        assert len(door.session.offers or ()) == 2, "viewers are not offered the loudspeaker as a sound"
        assert not viewer.ended


async def test_a_microphone_described_in_another_way_stays_what_viewers_know() -> None:
    script = DoorbellScript(changes_sound=True, max_sessions=1, refuse_extension=455)
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        offers = door.session.offers
        await door.call()
        await viewer.sees()
        assert door.session.offers == offers
        assert not viewer.ended


@pytest.mark.parametrize("status", [400, 551])
async def test_require_is_left_out_where_setup_does_not_know_it(status: int) -> None:
    async with Doorbell(DoorbellScript(refuse_require=status)) as doorbell, doorstep(doorbell) as door:
        await door.call()


async def test_a_camera_that_wants_record_for_a_talk_gets_it() -> None:
    async with Doorbell(DoorbellScript(record=True)) as doorbell, doorstep(doorbell) as door:
        await door.call()
        assert doorbell.seen.requests["RECORD"] == 1


@pytest.mark.parametrize(("refused", "asked"), [("udp", "udp"), ("tcp", "tcp")])
async def test_461_falls_back_to_the_other_transport(refused: str, asked: str) -> None:
    async with (
        Doorbell(DoorbellScript(refuse_transport=refused)) as doorbell,
        doorstep(doorbell, f"#transport={asked}") as door,
    ):
        await door.call()


@pytest.mark.parametrize("sessions", [1, 100])
async def test_dropped_in_mid_sentence_it_is_told_and_spoken_to_again(sessions: int) -> None:
    async with Doorbell(DoorbellScript(drop_after=5, max_sessions=sessions)) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        codec = (await door.backchannel.find())[0]
        lost: list[str] = []
        door.backchannel.on_lost = lost.append
        await door.backchannel.open(codec)
        for unit in tone(codec, 0.2):
            if lost:
                break
            door.backchannel.send([unit])
            await asyncio.sleep(0.02)
        await until(lambda: bool(lost))
        assert len(lost) == 1
        with pytest.raises(Unreachable):
            door.backchannel.send(tone(codec, 0.02))
        await viewer.sees()
        await door.backchannel.open(codec)
        await door.say(codec)
        await door.backchannel.close()
        await untouched(door)


@pytest.mark.parametrize("sessions", [1, 100])
async def test_a_reboot_while_spoken_to_is_survived(sessions: int) -> None:
    async with Doorbell(DoorbellScript(max_sessions=sessions)) as doorbell, doorstep(doorbell) as door:
        viewer = await door.viewer()
        codec = (await door.backchannel.find())[0]
        lost: list[str] = []
        door.backchannel.on_lost = lost.append
        await door.backchannel.open(codec)
        await door.say(codec)
        await doorbell.reboot(0.3)
        await until(lambda: bool(lost))
        await viewer.sees()
        await door.backchannel.open(codec)
        await door.say(codec)
        await door.backchannel.close()


async def test_a_camera_that_vanishes_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("go2py.sources.rtsp.own.CHECK", 0.2)
    async with Doorbell() as doorbell, doorstep(doorbell, "#timeout=1") as door:
        codec = (await door.backchannel.find())[0]
        lost: list[str] = []
        door.backchannel.on_lost = lost.append
        await door.backchannel.open(codec)
        await until(lambda: doorbell.seen.requests["GET_PARAMETER"] > 0)
        doorbell.pull_cable()
        await until(lambda: bool(lost))
        await door.backchannel.close()


async def test_a_camera_that_ignores_keepalives_is_still_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("go2py.sources.rtsp.own.CHECK", 0.1)
    async with Doorbell(DoorbellScript(keepalive="ignore")) as doorbell, doorstep(doorbell, "#timeout=0.2") as door:
        lost: list[str] = []
        door.backchannel.on_lost = lost.append
        await door.call(1.0)
        assert not lost


async def test_a_codec_that_nobody_sends_is_listed_and_refused() -> None:
    async with Doorbell(DoorbellScript(codecs=("97 FANCY/8000",))) as doorbell, doorstep(doorbell) as door:
        codecs = await door.backchannel.find()
        assert [codec.label() for codec in codecs] == ["FANCY/8000"]
        with pytest.raises(Unsupported, match="FANCY"):
            await door.backchannel.open(codecs[0])
        await door.backchannel.close()
        await untouched(door)


async def test_of_several_codecs_the_opened_one_is_sent_under_its_number() -> None:
    script = DoorbellScript(codecs=("97 MPEG4-GENERIC/16000", "0 PCMU/8000", "8 PCMA/8000", "98 L16/16000"))
    async with Doorbell(script) as doorbell, doorstep(doorbell) as door:
        for codec in await door.backchannel.find():
            doorbell.heard.clear()
            await door.backchannel.open(codec)
            await door.say(codec)
            await door.backchannel.close()
            number = {"MPEG4-GENERIC": 97, "PCMU": 0, "PCMA": 8, "L16": 98}[codec.name]
            assert {one.payload_type for one in doorbell.heard} == {number}
