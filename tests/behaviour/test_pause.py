"""A paused stream shows nothing to nobody, lets its camera go, and stays so over restarts."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import ClientSession

from go2py.config.pauses import PAUSES_FILE, Pauses
from go2py.config.values import StreamConfig
from go2py.errors import Paused, SourceError, StreamNotFound
from go2py.observe.events import Bus
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import Attachment, ReaderInfo
from go2py.streams.registry import Registry
from tests.behaviour.test_api_events import receive
from tests.fakes.gateway import FAST, Gateway
from tests.fakes.source import FakeCamera

VIEW = wants_from_query((), "video&audio")
DOOR = StreamConfig("door", ("fake://camera/1",))


class Readers:
    """Attach as outputs do: who is told that the stream is over lets go."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.reasons: list[str] = []

    async def attach(self, name: str) -> Attachment:
        attachment = await self.registry.require(name).attach(ReaderInfo("test"), VIEW)

        def end(reason: str) -> None:
            self.reasons.append(reason)
            attachment.close()

        attachment.on_end = end
        return attachment


async def until(camera: FakeCamera, playing: int) -> None:
    async with asyncio.timeout(10):
        while len(camera.playing) != playing:
            await asyncio.sleep(0.01)


def registry_of(camera: FakeCamera, *configs: StreamConfig, pauses: Pauses | None = None) -> Registry:
    registry = Registry(camera.dial, ["fake"], FAST, Bus(), pauses)
    registry.apply(configs)
    return registry


async def test_readers_end_and_the_camera_is_let_go_at_once() -> None:
    camera = FakeCamera()
    registry = registry_of(camera, StreamConfig("door", ("fake://camera/1",), linger=60.0))
    readers = Readers(registry)
    await readers.attach("door")
    await until(camera, 1)
    await registry.pause("door")
    assert camera.playing == []
    assert (camera.opened, camera.closed) == (1, 1)
    assert readers.reasons == ["the stream is paused"]
    with pytest.raises(Paused) as refusal:
        await readers.attach("door")
    assert refusal.value.code == "paused"
    assert registry.require("door").paused
    (slot,) = registry.require("door").slots
    assert slot.session is not None
    with pytest.raises(Paused):
        slot.session.hold()
    await registry.resume("door")
    await readers.attach("door")
    await until(camera, 1)
    await registry.close()


async def test_a_reader_that_waits_for_the_camera_is_told() -> None:
    camera = FakeCamera(answers=asyncio.Event())
    registry = registry_of(camera, DOOR)
    waiting = asyncio.create_task(registry.require("door").attach(ReaderInfo("test"), VIEW, wait=30))
    await asyncio.sleep(0.05)
    await registry.pause("door")
    with pytest.raises(Paused):
        await waiting
    await registry.close()


async def test_neither_keep_nor_preload_reopen_it() -> None:
    camera = FakeCamera()
    registry = registry_of(camera, StreamConfig("door", ("fake://camera/1",), keep=True))
    registry.preload("door", "video")
    await until(camera, 1)
    await registry.pause("door")
    registry.apply([StreamConfig("door", ("fake://camera/2",), keep=True)])  # edited while paused
    await asyncio.sleep(0.2)
    assert camera.playing == []
    assert camera.opened == 1
    await registry.resume("door")
    await until(camera, 1)
    async with asyncio.timeout(5):
        while registry.preloads["door"].attachment is None:
            await asyncio.sleep(0.01)
    await registry.close()


async def test_a_shared_camera_runs_while_one_of_its_streams_may() -> None:
    camera = FakeCamera()
    registry = registry_of(camera, DOOR, StreamConfig("hall", ("fake://camera/1#media=video",)))
    readers = Readers(registry)
    await readers.attach("door")
    other = await readers.attach("hall")
    await until(camera, 1)
    await registry.pause("door")
    assert readers.reasons == ["the stream is paused"]
    assert len(camera.playing) == 1
    assert other.ended is None
    await registry.pause("hall")
    assert camera.playing == []
    await registry.resume("hall")
    await readers.attach("hall")
    with pytest.raises(Paused):
        await readers.attach("door")
    registry.delete("hall")  # now only a paused one refers to the camera
    await until(camera, 0)
    await registry.close()


async def test_readers_of_a_former_source_are_cut_too() -> None:
    camera = FakeCamera()
    registry = registry_of(camera, DOOR)
    readers = Readers(registry)
    await readers.attach("door")
    registry.put("door", ["fake://camera/2"])  # go2rtc's way: who watches goes on
    await until(camera, 1)
    await registry.pause("door")
    assert readers.reasons == ["the stream is paused"]
    await until(camera, 0)
    await registry.close()


async def test_aliases_are_one_stream() -> None:
    camera = FakeCamera()
    registry = registry_of(camera, DOOR)
    registry.patch("alias", "door")
    await registry.pause("alias")
    assert list(registry.pauses) == ["alias", "door"]
    registry.patch("another", "door")
    assert "another" in registry.pauses
    await registry.resume("door")
    assert list(registry.pauses) == []
    with pytest.raises(StreamNotFound):
        await registry.pause("nobody")
    await registry.close()


async def test_it_survives_a_restart_and_a_removal_forgets_it(tmp_path: Path) -> None:
    camera = FakeCamera()
    registry = registry_of(camera, DOOR, pauses=Pauses(tmp_path))
    assert await registry.pause("door")
    await registry.close()
    assert json.loads((tmp_path / PAUSES_FILE).read_text()) == {"paused": ["door"]}

    again = registry_of(camera, StreamConfig("door", ("fake://camera/1",), keep=True), pauses=Pauses(tmp_path))
    assert again.require("door").paused
    await asyncio.sleep(0.05)
    assert camera.opened == 0
    again.delete("door")
    await again.close()
    assert json.loads((tmp_path / PAUSES_FILE).read_text()) == {"paused": []}


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"[" * 9999, b"null", b'{"paused": "door"}', b'{"paused": [1]}', b'["door"]']
)
async def test_a_broken_file_is_put_aside_and_named(
    garbage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / PAUSES_FILE).write_bytes(garbage)
    pauses = Pauses(tmp_path)
    assert list(pauses) == []
    assert (tmp_path / f"{PAUSES_FILE}.broken").read_bytes() == garbage
    assert PAUSES_FILE in caplog.text
    pauses.add(["door"])
    assert await pauses.save()
    assert list(Pauses(tmp_path)) == ["door"]


async def test_where_nothing_can_be_kept_it_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not await Pauses().save()
    pauses = Pauses(tmp_path / "gone")
    pauses.add(["door"])
    assert not await pauses.save()
    assert "cannot be kept" in caplog.text


async def test_over_the_api(gateway: Gateway, http: ClientSession) -> None:
    async with http.ws_connect("/api/events") as socket:
        snapshot = await receive(socket, "snapshot")
        assert snapshot["streams"]["door"]["state"] == "on"
        async with http.post("/api/pause", params={"src": "door"}) as answer:
            assert answer.status == 200
            told = {"stream": "door", "state": "off", "reason": "paused", "lasting": False}
            assert await answer.json() == told
        assert await receive(socket, "stream.state") == {"stream": "door", "state": "off", "reason": "paused"}
        async with http.get("/api/streams") as answer:
            assert (await answer.json())["door"]["state"] == "off"
        async with http.get("/api/pause") as answer:
            assert await answer.json() == {"paused": ["door"]}
        async with http.delete("/api/pause", params={"src": "door"}) as answer:
            assert (await answer.json())["state"] == "on"
        assert await receive(socket, "stream.state") == {"stream": "door", "state": "on", "reason": ""}
    for method in ("POST", "DELETE"):
        async with http.request(method, "/api/pause", params={"src": "nobody"}) as answer:
            assert answer.status == 404


async def test_stills_of_a_paused_stream_are_refused_cached_ones_too(gateway: Gateway, http: ClientSession) -> None:
    params = {"src": "door", "cache": "1h"}
    async with http.get("/api/frame.jpeg", params=params) as answer:
        assert answer.status == 200
    await gateway.context.registry.pause("door")
    asked = len(gateway.snapshots.asked)
    async with http.get("/api/frame.jpeg", params=params) as answer:
        assert answer.status == 503
        assert answer.headers["X-Go2py-Code"] == "paused"
        assert await answer.text() == "the stream is paused\n"
    assert len(gateway.snapshots.asked) == asked
    await gateway.context.registry.resume("door")
    async with http.get("/api/frame.jpeg", params=params) as answer:
        assert answer.status == 200
    assert len(gateway.snapshots.asked) == asked + 1, "the picture from before is forgotten"


async def test_a_still_under_way_is_not_given_out(gateway: Gateway, http: ClientSession) -> None:
    gateway.snapshots.error = SourceError("snapshot: the stream is paused")
    gateway.context.registry.require("door").paused = True
    async with http.get("/api/frame.jpeg", params={"src": "door"}) as answer:
        assert (answer.status, answer.headers["X-Go2py-Code"]) == (503, "paused")
