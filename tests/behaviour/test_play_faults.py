"""Playing into cameras that are slow, refuse, break off, are removed or paused, and into one that two want at once."""

import asyncio
import io
import math
import sys
import threading
import wave
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from go2py.config.settings import TalkSettings
from go2py.config.values import PlayConfig
from go2py.errors import Busy, Go2pyError, ProtocolError, Unreachable
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus, Event
from go2py.outputs.play import speech as speaking
from go2py.outputs.play.material import Material
from go2py.outputs.play.reading import Reading
from go2py.outputs.play.recording import Recording
from go2py.outputs.play.service import PlayService
from go2py.outputs.play.speech import speech
from go2py.streams.talk.status import Status
from go2py.streams.talk.talk import Talk
from tests.fakes.ear import Ear
from tests.fakes.running import Running, until

PHONE = Codec(names.PCML, "audio", 8_000)
AAC = Codec(names.AAC, "audio", 16_000, config=b"\x14\x08")


def wav(seconds: float, hertz: float = 440.0, rate: int = 16_000) -> bytes:
    """A tone as a file."""
    wide = range(round(seconds * rate))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        samples = array("h", (round(8_000 * math.sin(2 * math.pi * hertz * i / rate)) for i in wide))
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def loud(ear: Ear) -> float:
    """Seconds of sound that a camera heard, from the first to the last of it."""
    sound = ear.sound() if ear.heard else array("h")
    assert ear.codec is not None
    heard = [index for index, sample in enumerate(sound) if abs(sample) > 1_000]
    return (heard[-1] - heard[0]) / ear.codec.rate if heard else 0.0


class Stage:
    """Cameras by name, and who plays into them."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.service = PlayService(self.bus)
        self.ears: dict[str, Ear] = {}
        self.talks: dict[str, Talk] = {}
        for name in ("door", "yard"):
            self.ears[name] = Ear()
            self.talks[name] = Talk(self.ears[name], name, lambda: None)
            self.talks[name].settings = TalkSettings(hold=0.3)

    def recording(self, data: bytes, dst: Sequence[str] = ("door",), *, fade: float = 0.0) -> Recording:
        async def material() -> Material:
            return Material("bell", data=data)

        return Recording({name: self.talks[name] for name in dst}, "bell", material, fade=fade)

    async def idle(self, *dst: str) -> None:
        await until(lambda: all(self.service.status(name)["state"] == "idle" for name in dst or ("door",)))

    async def close(self) -> None:
        await self.service.close()
        for talk in self.talks.values():
            await talk.close()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    one = Stage()
    yield one
    await one.close()


@pytest.mark.parametrize("codec", [None, AAC], ids=["PCMA", "AAC"])
@pytest.mark.parametrize("seconds", [0.02, 0.35, 1.03])
async def test_a_sound_is_heard_to_its_last_sample(stage: Stage, codec: Codec | None, seconds: float) -> None:
    ear = stage.ears["door"]
    ear.takes = (codec,) if codec else ear.takes
    await stage.service.play(stage.recording(wav(seconds)))
    await stage.idle()
    await until(lambda: not ear.is_open)
    assert loud(ear) == pytest.approx(seconds, abs=0.01)


async def test_cameras_that_listen_wait_for_the_slowest(stage: Stage) -> None:
    """Longer than a talk's turn and hold: the quick one is kept open meanwhile."""
    stage.ears["yard"].delay = 1.5
    await stage.service.play(stage.recording(wav(0.5), ("door", "yard")))
    await stage.idle("door", "yard")
    await until(lambda: not any(ear.is_open for ear in stage.ears.values()))
    assert [loud(ear) for ear in stage.ears.values()] == pytest.approx([0.5, 0.5], abs=0.01)
    assert len(stage.ears["door"].calls) == 1
    first = [
        next(at for at, unit in ear.heard if max(unit.units[0]) != min(unit.units[0])) for ear in stage.ears.values()
    ]
    assert abs(first[0] - first[1]) < 0.5


async def test_a_camera_that_refuses_does_not_spoil_it_for_the_others(stage: Stage) -> None:
    stage.ears["yard"].refusals = [Busy("yard allows no further session")] * 9
    await stage.service.play(stage.recording(wav(0.5), ("door", "yard")))
    assert stage.service.status("yard")["state"] == "idle"
    await stage.idle()
    assert loud(stage.ears["door"]) == pytest.approx(0.5, abs=0.01)


async def test_a_camera_that_breaks_off_for_good_ends_it_there_and_nowhere_else(stage: Stage) -> None:
    await stage.service.play(stage.recording(wav(2), ("door", "yard")))
    yard = stage.ears["yard"]
    await until(lambda: len(yard.heard) > 20)
    yard.refusals = [Unreachable("yard is gone")] * 9
    yard.break_off("yard was unplugged")
    await until(lambda: stage.service.status("yard")["state"] == "idle")
    assert stage.service.status("door")["state"] == "playing"
    await stage.idle()
    assert loud(stage.ears["door"]) == pytest.approx(2, abs=0.01)


async def test_who_speaks_at_one_camera_does_not_hold_up_the_others(stage: Stage) -> None:
    yard = stage.talks["yard"]
    speech = wav(5, 1_000, 8_000)[44:]
    async with asyncio.timeout(30):
        alarm = yard.voice("alarm", priority=9, live=False)
        alarm.push([AccessUnit(PHONE, (speech[2 * at :][:320],), at, arrived=0.0) for at in range(0, 40_000, 160)])
        await until(lambda: yard.status.state == "talking")
        await stage.service.play(stage.recording(wav(1.5), ("door", "yard")))
        await until(lambda: len(stage.ears["door"].heard) > 80)
        assert alarm.queued > 1
        alarm.close()
        await stage.idle("door", "yard")
    await until(lambda: not any(ear.is_open for ear in stage.ears.values()))
    assert loud(stage.ears["door"]) == pytest.approx(1.5, abs=0.01)


async def test_the_only_camera_that_breaks_off_for_good_ends_it(stage: Stage) -> None:
    told: list[Event] = []
    stage.bus.subscribe(told.append)
    await stage.service.play(stage.recording(wav(30)))
    door = stage.ears["door"]
    await until(lambda: len(door.heard) > 20)
    door.refusals = [Unreachable("door is gone")] * 9
    door.break_off("door was unplugged")
    await stage.idle()
    assert ("failed", "door is gone") in [(event.data["state"], event.data.get("reason")) for event in told]


@pytest.mark.parametrize("end", ["stopped", "removed", "paused"])
async def test_playing_ends_with_the_talk(stage: Stage, end: str) -> None:
    await stage.service.play(stage.recording(wav(30)))
    await until(lambda: len(stage.ears["door"].heard) > 20)
    match end:
        case "stopped":
            stage.talks["door"].stop()
        case "removed":
            await stage.talks["door"].close()
        case _:
            stage.talks["door"].allow(allowed=False)
    await stage.idle()
    await until(lambda: not stage.ears["door"].is_open)


@pytest.mark.parametrize("news", [("stream.removed", {}), ("stream.state", {"state": "off"})])
async def test_playing_ends_with_the_stream_though_its_camera_goes_on(
    stage: Stage, news: tuple[str, Mapping[str, str]]
) -> None:
    await stage.service.play(stage.recording(wav(30), fade=5))
    await stage.service.play(stage.recording(wav(30)), "add")
    kind, data = news
    stage.bus.publish(kind, stream="door", **data)
    await stage.idle()
    assert stage.service.status("door")["queue"] == []


async def test_what_is_being_opened_can_be_stopped(stage: Stage) -> None:
    stage.ears["door"].delay = 1.0
    beginning = asyncio.create_task(stage.service.play(stage.recording(wav(30))))
    await until(lambda: stage.service.status("door")["state"] == "starting")
    stage.service.stop("door")
    with pytest.raises(Unreachable, match="stopped before it began"):
        await beginning
    assert stage.service.status("door")["state"] == "idle"


async def test_of_two_that_begin_at_once_the_second_is_heard(stage: Stage) -> None:
    stage.ears["door"].delay = 0.3
    first = asyncio.create_task(stage.service.play(stage.recording(wav(30))))
    await asyncio.sleep(0.1)
    await stage.service.play(stage.recording(wav(0.5)))
    with pytest.raises(Unreachable):
        await first
    await stage.idle()
    assert not stage.talks["door"].voices


async def test_a_queue_goes_on_behind_one_that_cannot_begin(stage: Stage) -> None:
    broken = asyncio.create_task(stage.service.play(stage.recording(b"this is no sound")))
    await asyncio.sleep(0)
    await stage.service.play(stage.recording(wav(0.5)), "add")
    with pytest.raises(Go2pyError, match="no sound"):
        await broken
    await until(lambda: len(stage.ears["door"].heard) > 20)
    await stage.idle()
    assert loud(stage.ears["door"]) == pytest.approx(0.5, abs=0.01)


async def test_the_fading_end_of_one_that_was_replaced_is_not_heard_after_the_new_one(stage: Stage) -> None:
    await stage.service.play(stage.recording(wav(30), fade=5))
    await until(lambda: len(stage.ears["door"].heard) > 20)
    await stage.service.play(stage.recording(wav(0.3)))
    assert len(stage.talks["door"].voices) == 1
    await stage.idle()
    assert not stage.talks["door"].voices


async def test_a_hundred_sounds_leave_nothing_behind(stage: Stage) -> None:
    bell = wav(0.02)
    await stage.service.play(stage.recording(bell))
    await stage.idle()
    before = threading.active_count()
    for _ in range(50):
        await stage.service.play(stage.recording(bell, ("door", "yard")))
        stage.service.stop("door")
        stage.service.stop("yard")
    await stage.idle("door", "yard")
    await until(lambda: all(talk.status == Status() and not talk.voices for talk in stage.talks.values()))
    await until(lambda: threading.active_count() <= before)
    await until(lambda: {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"talk with door", "play bell"}))


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nfile://{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 8\n",
    ],
    ids=["HLS", "HLS with a scheme", "concat", "SDP"],
)
def test_an_upload_names_no_file_and_no_address(tmp_path: Path, playlist: str) -> None:
    (tmp_path / "secret.wav").write_bytes(wav(0.1))
    with pytest.raises(Go2pyError):
        Reading(Material("upload", data=playlist.format(tmp_path / "secret.wav").encode()))


def test_a_file_that_may_not_be_read_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="No such file"):
        Reading(Material("gone.wav", file=tmp_path / "gone.wav"))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["/does/not/exist"], "does not start: No such file"),
        (["false"], "exit code 1"),
        (["true"], "exit code 0"),
        (["sh", "-c", "sleep 60 & wait"], "takes longer"),
    ],
)
async def test_a_command_for_speech_that_fails_is_told_and_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch, command: list[str], reason: str
) -> None:
    monkeypatch.setattr(speaking, "SECONDS", 0.5)
    with pytest.raises(Unreachable, match=reason):
        await speech("hello", "", PlayConfig(tts_command=tuple(command)), None)


async def test_what_is_to_be_spoken_is_no_option_of_the_command() -> None:
    command = (sys.executable, "-c", "import sys; print(sys.argv[1:])", "{text}", "{voice}")
    config = PlayConfig(tts_command=command)
    assert (await speech("-f/etc/passwd", "amy", config, None)).data == b"[' -f/etc/passwd', 'amy']\n"
    for voice in ("-f/etc/passwd", "a\0b"):
        with pytest.raises(ProtocolError, match="name of a voice"):
            await speech("hello", voice, config, None)


async def test_a_paused_stream_is_not_played_into_by_way_of_another_with_its_camera(tmp_path: Path) -> None:
    camera = "demo:?size=160x120&fps=10&audio=pcma"
    async with Running(tmp_path, {"door": camera, "hall": camera}) as gateway:
        bell: dict[str, Any] = {"data": wav(30), "headers": {"Content-Type": "audio/wav"}}
        async with gateway.http.post("/api/play", params={"dst": "door"}, **bell) as answer:
            assert answer.status == 200, await answer.text()
        await gateway.registry.pause("door")
        talk = gateway.session().talk
        assert talk is not None
        await until(lambda: talk.status.state == "idle" and not talk.voices)
        async with gateway.http.post("/api/play", params={"dst": "door"}, **bell) as answer:
            assert "paused" in await answer.text()
        async with gateway.http.get("/api/talk", params={"src": "door"}) as answer:
            assert "paused" in await answer.text()
        async with gateway.http.post("/api/play", params={"dst": "hall"}, **bell) as answer:
            assert answer.status == 200
        assert talk.voices


async def test_a_json_body_may_name_the_cameras(tmp_path: Path) -> None:
    streams = {name: f"demo:?size=160x120&fps=10&audio=pcma&seed={name}" for name in ("1", "2")}
    running = Running(tmp_path, streams)
    (tmp_path / "bell.wav").write_bytes(wav(0.2))
    running.config["play"] = {"folders": [str(tmp_path)]}
    async with running as gateway:
        for dst in ("1", ["1", "2"]):
            async with gateway.http.post("/api/play", json={"dst": dst, "src": "bell.wav"}) as answer:
                assert answer.status == 200, await answer.text()
                assert sorted(await answer.json()) == sorted(dst)
        for wrong in ({"src": "bell.wav"}, {"dst": 5, "src": "bell.wav"}, {"dst": [], "src": "bell.wav"}):
            async with gateway.http.post("/api/play", json=wrong) as answer:
                assert answer.status == 400


async def test_an_intercom_ends_with_either_of_its_streams_and_lets_the_other_camera_go(tmp_path: Path) -> None:
    streams = {name: f"demo:?size=160x120&fps=10&audio=pcma&seed={name}" for name in ("1", "2")}
    for gone in streams:
        async with Running(tmp_path, streams) as gateway:
            sessions = [gateway.session(name) for name in streams]
            async with gateway.http.post("/api/intercom", params={"src": "1", "dst": "2"}) as answer:
                assert answer.status == 200, await answer.text()
            await until(lambda: all(s.talk and s.talk.status.state == "talking" for s in sessions))  # noqa: B023
            async with gateway.http.delete("/api/streams", params={"src": gone}) as answer:
                assert answer.status == 200
            await until(lambda: not any(session.readers for session in sessions))  # noqa: B023


async def test_a_camera_is_not_relayed_into_itself_under_another_name(tmp_path: Path) -> None:
    camera = "demo:?size=160x120&fps=10&audio=pcma"
    async with Running(tmp_path, {"door": camera, "hall": camera}) as gateway:
        for path, query in (("play", {"dst": "door", "src": "hall"}), ("intercom", {"dst": "door", "src": "hall"})):
            async with gateway.http.post(f"/api/{path}", params=query) as answer:
                assert (answer.status, await answer.text()) == (400, "a camera cannot talk to itself\n")


async def test_a_camera_with_two_names_is_played_into_once(tmp_path: Path) -> None:
    camera = "demo:?size=160x120&fps=10&audio=pcma"
    async with Running(tmp_path, {"door": camera, "hall": camera}) as gateway:
        bell: dict[str, Any] = {"data": wav(0.5), "headers": {"Content-Type": "audio/wav"}}
        async with gateway.http.post("/api/play", params=[("dst", "door"), ("dst", "hall")], **bell) as answer:
            assert answer.status == 200, await answer.text()
        talk = gateway.session().talk
        assert talk is not None
        assert len(talk.voices) == 1


async def test_a_camera_that_speaks_in_its_own_connection_is_let_go_after_it_broke_off(tmp_path: Path) -> None:
    async with Running(tmp_path, {"door": "demo:?size=160x120&fps=10&audio=pcma"}) as gateway:
        session = gateway.session()
        bell: dict[str, Any] = {"data": wav(3), "headers": {"Content-Type": "audio/wav"}}
        async with gateway.http.post("/api/play", params={"dst": "door"}, **bell) as answer:
            assert answer.status == 200, await answer.text()
        talk = session.talk
        assert talk is not None
        assert talk.backchannel.on_lost is not None
        talk.backchannel.on_lost("the camera moved")
        await until(lambda: talk.status.state != "talking")
        await until(lambda: talk.status.state == "talking")
        assert session.readers == 1
        await until(lambda: not session.readers)
