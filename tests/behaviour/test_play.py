"""Playing into cameras: files, addresses, uploads, text and other streams, heard by the demo camera."""

import asyncio
import io
import math
import sys
import wave
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import av
import pytest
from aiohttp import web

from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.sources.demo.source import DemoSource
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.transcode.audio import AudioTranscoder
from tests.fakes.running import Running

SMALL = "size=160x120&fps=10"


def wav(seconds: float, hertz: float = 440.0, rate: int = 16_000) -> bytes:
    """A tone as a file."""
    samples = array(
        "h", (round(8_000 * math.sin(2 * math.pi * hertz * i / rate)) for i in range(round(seconds * rate)))
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def mp3(seconds: float) -> bytes:
    """The same, compressed."""
    file = io.BytesIO()
    with av.open(io.BytesIO(wav(seconds)), "r") as source, av.open(file, "w", format="mp3") as target:
        stream = target.add_stream("mp3", rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    folder = tmp_path / "sounds"
    folder.mkdir()
    (folder / "bell.wav").write_bytes(wav(0.8))
    (folder / "broken.mp3").write_bytes(b"\xff\xfb" + bytes(range(256)) * 40)
    (folder / "notes.txt").write_text("this is no sound")
    (tmp_path / "secret.wav").write_bytes(wav(0.1))
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    streams = {name: f"demo:?{SMALL}&seed={number}&audio=pcma" for number, name in enumerate(("door", "yard"))}
    running = Running(tmp_path, {**streams, "deaf": "rtsp://127.0.0.1:9/x#backchannel=0"})
    speak = "import sys,pathlib;sys.stdout.buffer.write(pathlib.Path(sys.argv[1]).read_bytes());assert sys.stdin.read()"
    command = [sys.executable, "-c", speak, str(folder / "bell.wav")]
    running.config["play"] = {"folders": [str(folder)], "tts": {"command": command}}
    for name, source in streams.items():
        running.config["streams"][name] = {"url": source, "talk": {"hold": "200ms"}}
    async with running:
        yield running


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


class Listener:
    """Collects what a demo camera hears, over all its connections."""

    def __init__(self, gateway: Running, stream: str = "door") -> None:
        self._session = gateway.session(stream)
        self.units: list[AccessUnit] = []
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        seen: set[int] = set()
        while True:
            source = self._session.source
            if isinstance(source, DemoSource):
                for unit in tuple(source.heard):
                    if id(unit) not in seen:
                        seen.add(id(unit))
                        self.units.append(unit)
            await asyncio.sleep(0.05)

    def seconds(self, hertz: float = 440.0) -> float:
        """How long a tone of this pitch was heard."""
        if not self.units:
            return 0.0
        decoder = AudioTranscoder(self.units[0].codec, Codec(names.PCML, "audio", 8_000))
        sound = array("h", b"".join(unit.units[0] for unit in decoder.push(self.units)))
        frames = (sound[at : at + 400] for at in range(0, len(sound) - 400, 400))
        return sum(0.05 for frame in frames if _strength(frame, hertz) > 1_000)

    def close(self) -> None:
        self._task.cancel()


def _strength(sound: array[int], hertz: float) -> float:
    real = sum(s * math.cos(2 * math.pi * hertz * i / 8_000) for i, s in enumerate(sound))
    imaginary = sum(s * math.sin(2 * math.pi * hertz * i / 8_000) for i, s in enumerate(sound))
    return 2 * math.hypot(real, imaginary) / len(sound)


@pytest.fixture
async def listener(gateway: Running) -> AsyncIterator[Listener]:
    one = Listener(gateway)
    yield one
    one.close()


async def post(gateway: Running, path: str, query: Mapping[str, str], **body: Any) -> tuple[int, str]:
    async with gateway.http.post(path, params=query, **body) as answer:
        return answer.status, await answer.text()


async def state(gateway: Running, stream: str = "door") -> dict[str, Any]:
    async with gateway.http.get("/api/play", params={"dst": stream}) as answer:
        found: dict[str, Any] = (await answer.json())[stream]
        return found


async def idle(gateway: Running, stream: str = "door") -> None:
    async with asyncio.timeout(20):
        while (await state(gateway, stream))["state"] != "idle":
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "source", ["bell.wav", "ffmpeg:bell.wav#audio=pcma#input=file"], ids=["a file", "as go2rtc writes it"]
)
async def test_a_file_is_heard_whole(gateway: Running, listener: Listener, source: str) -> None:
    status, text = await post(gateway, "/api/streams", {"dst": "door", "src": source})
    assert status == 200, text
    assert (await state(gateway))["duration"] == 0.8
    await idle(gateway)
    await until(lambda: listener.seconds() > 0.7)
    assert listener.seconds() < 0.95


async def test_an_upload_and_a_spoken_text_are_heard(gateway: Running, listener: Listener) -> None:
    status, text = await post(
        gateway, "/api/play", {"dst": "door"}, data=wav(0.5, 1000), headers={"Content-Type": "audio/wav"}
    )
    assert status == 200, text
    await idle(gateway)
    await until(lambda: listener.seconds(1000) > 0.4)
    status, text = await post(gateway, "/api/ffmpeg", {"dst": "door", "text": "somebody is at the door"})
    assert status == 200, text
    await idle(gateway)
    await until(lambda: listener.seconds(440) > 0.6)


async def test_an_address_is_heard(gateway: Running, listener: Listener) -> None:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=wav(0.6), content_type="audio/wav")

    application = web.Application()
    application.router.add_get("/bell.wav", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/bell.wav"
        status, text = await post(gateway, "/api/streams", {"dst": "door", "src": f"ffmpeg:{url}#audio=pcma"})
        assert status == 200, text
        await idle(gateway)
        await until(lambda: listener.seconds() > 0.5)
        status, text = await post(gateway, "/api/streams", {"dst": "door", "src": url.replace("bell", "missing")})
        assert status == 500
        assert "cannot be fetched" in text
    finally:
        await runner.cleanup()


async def test_a_response_without_a_length_is_heard_whole(gateway: Running, listener: Listener) -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(mp3(1.0))
        return response

    application = web.Application()
    application.router.add_get("/speech.mp3", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/speech.mp3"
        status, text = await post(gateway, "/api/play", {"dst": "door", "src": url})
        assert status == 200, text
        await idle(gateway)
        await until(lambda: listener.seconds() > 0.85)
    finally:
        await runner.cleanup()


async def test_a_new_one_replaces_and_a_queued_one_waits(gateway: Running, listener: Listener) -> None:
    tone = {"Content-Type": "audio/wav"}
    await post(gateway, "/api/play", {"dst": "door"}, data=wav(30, 1000), headers=tone)
    assert (await state(gateway))["state"] == "playing"
    await post(gateway, "/api/play", {"dst": "door", "src": "bell.wav", "enqueue": "add"})
    assert (await state(gateway))["queue"] == ["bell.wav"]
    await post(gateway, "/api/play", {"dst": "door"}, data=wav(0.5, 440), headers=tone)
    now = await state(gateway)
    assert (now["queue"], now["duration"]) == ([], 0.5)
    await post(gateway, "/api/play", {"dst": "door", "src": "bell.wav", "enqueue": "add"})
    await idle(gateway)
    await until(lambda: listener.seconds() > 1.1)
    assert listener.seconds(1000) < 3


async def test_stopping_is_heard_at_once(gateway: Running, listener: Listener) -> None:
    await post(gateway, "/api/play", {"dst": "door"}, data=wav(30), headers={"Content-Type": "audio/wav"})
    await until(lambda: listener.seconds() > 0.3)
    async with gateway.http.delete("/api/play", params={"dst": "door"}) as answer:
        assert answer.status == 200
    await idle(gateway)
    talk = gateway.session().talk
    assert talk is not None
    await until(lambda: talk.status.state == "idle")
    assert listener.seconds() < 6


async def test_volume(gateway: Running, listener: Listener) -> None:
    await post(
        gateway, "/api/play", {"dst": "door", "volume": "0.05"}, data=wav(1), headers={"Content-Type": "audio/wav"}
    )
    await idle(gateway)
    await until(lambda: len(listener.units) > 40)
    assert listener.seconds() == 0  # too soft to count


async def test_several_cameras_play_in_step(gateway: Running, listener: Listener) -> None:
    other = Listener(gateway, "yard")
    try:
        async with gateway.http.post(
            "/api/play", params=[("dst", "door"), ("dst", "yard"), ("src", "bell.wav")]
        ) as answer:
            assert answer.status == 200, await answer.text()
        await idle(gateway, "yard")
        await until(lambda: min(listener.seconds(), other.seconds()) > 0.7)
    finally:
        other.close()


async def test_two_streams_hear_each_other(gateway: Running, listener: Listener) -> None:
    other = Listener(gateway, "yard")
    try:
        assert (await post(gateway, "/api/intercom", {"src": "door", "dst": "yard"}))[0] == 200
        await until(lambda: min(listener.seconds(880), other.seconds(880)) > 0.2)  # their beeps
        async with gateway.http.delete("/api/intercom", params={"src": "door", "dst": "yard"}) as answer:
            assert answer.status == 200
        await idle(gateway)
    finally:
        other.close()


@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [
        ("missing.wav", 500, "there is no file missing.wav"),
        ("../secret.wav", 500, "there is no file secret.wav"),
        ("link.wav", 500, "there is no file link.wav"),
        ("/etc/hostname", 500, "there is no file hostname"),
        ("notes.txt", 500, "notes.txt is no sound"),
        ("broken.mp3", 500, "is no sound"),
        ("exec:cat", 500, "there is no file"),
        ("http://", 400, "not valid"),
        ("http://127.0.0.1:9/a.mp3", 500, "cannot be fetched"),
    ],
)
async def test_what_cannot_be_played_is_explained(gateway: Running, source: str, status: int, reason: str) -> None:
    found, text = await post(gateway, "/api/streams", {"dst": "door", "src": source})
    assert (found, reason in text) == (status, True), text
    assert (await state(gateway))["state"] == "idle"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"dst": "nobody", "src": "bell.wav"}, 404),
        ({"src": "bell.wav"}, 400),
        ({"dst": "door"}, 400),
        ({"dst": "door", "src": "bell.wav", "text": "both"}, 400),
        ({"dst": "door", "src": "bell.wav", "volume": "loud"}, 400),
        ({"dst": "door", "src": "bell.wav", "enqueue": "sometime"}, 400),
        ({"dst": "deaf", "src": "bell.wav"}, 500),
    ],
)
async def test_a_wrong_request_is_refused(gateway: Running, query: dict[str, str], status: int) -> None:
    assert (await post(gateway, "/api/play", query))[0] == status


async def test_the_demo_camera_says_what_it_heard(gateway: Running) -> None:
    heard: list[AccessUnit] = []
    attachment = await gateway.registry.require("door").attach(ReaderInfo("test"), wants_from_query([("audio", "")]))
    attachment.tracks[0].subscribe(lambda _track, units: heard.extend(units))
    assert (await post(gateway, "/api/play", {"dst": "door", "src": "bell.wav"}))[0] == 200
    await idle(gateway)

    def echoed() -> float:
        decoder = AudioTranscoder(heard[0].codec, Codec(names.PCML, "audio", 8_000))
        sound = array("h", b"".join(unit.units[0] for unit in decoder.push(heard)))
        return sum(0.05 for at in range(0, len(sound) - 400, 400) if _strength(sound[at : at + 400], 440) > 2_000)

    await until(lambda: bool(heard) and echoed() > 0.6)
    attachment.close()
