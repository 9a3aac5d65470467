"""`/api/events`: a snapshot first, then every change; docs/events.md is what is promised."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from go2py.api import events, media_news
from go2py.streams.meter import Meter
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from tests.fakes.gateway import Gateway
from tests.fakes.source import H264, FakeCamera, picture


async def receive(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of this type; others before it are passed over."""
    async with asyncio.timeout(10):
        while True:
            message = await socket.receive()
            assert message.type is WSMsgType.TEXT, message
            value = json.loads(message.data)
            assert set(value) == {"type", "time", "data"}
            if value["type"] == kind:
                data: dict[str, Any] = value["data"]
                return data


async def test_snapshot_then_changes(gateway: Gateway, http: ClientSession) -> None:
    registry = gateway.context.registry
    async with http.ws_connect("/api/events") as socket:
        snapshot = await receive(socket, "snapshot")
        assert snapshot["schema"] == 1
        (source,) = snapshot["streams"]["door"]["sources"]
        assert (source["url"], source["state"], source["reason"]) == ("fake://***@camera/1", "idle", "")
        assert snapshot["streams"]["door"]["readers"] == []

        attachment = await registry.require("door").attach(ReaderInfo("test", remote_addr="192.0.2.1:5"), VIEW)
        live = await receive(socket, "source.state")
        assert live["source"] == source["source"]
        added = await receive(socket, "reader.added")
        assert added == {"stream": "door", "reader": attachment.id, "format": "test", "remote": "192.0.2.1:5"}
        while live["state"] != "live":
            live = await receive(socket, "source.state")
        attachment.close()
        assert (await receive(socket, "reader.removed"))["reader"] == attachment.id

        registry.put("new", ["fake://other/1"])
        made = await receive(socket, "stream.added")
        assert made["stream"] == "new"
        assert made["sources"][0]["url"] == "fake://other/1"
        registry.delete("new")
        assert await receive(socket, "stream.removed") == {"stream": "new"}

        registry.patch("alias", "door")
        made = await receive(socket, "stream.added")
        assert (made["stream"], made["sources"][0]["source"]) == ("alias", source["source"])


VIEW = wants_from_query((), "video&audio")


async def test_many_listeners_one_subscription(gateway: Gateway, http: ClientSession) -> None:
    async with http.ws_connect("/api/events") as one, http.ws_connect("/api/events") as two:
        for socket in (one, two):
            await receive(socket, "snapshot")
        gateway.context.registry.put("new", ["fake://other/1"])
        assert await receive(one, "stream.added") == await receive(two, "stream.added")


async def test_a_listener_that_does_not_listen_is_closed(
    gateway: Gateway, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_WAITING", 10)
    async with http.ws_connect("/api/events") as slow, http.ws_connect("/api/events") as good:
        await receive(slow, "snapshot")
        await receive(good, "snapshot")
        for number in range(11):  # in one go: nobody had a chance to send
            gateway.context.bus.publish("test", number=number)
        async with asyncio.timeout(10):
            while (await slow.receive()).type is WSMsgType.TEXT:
                continue
    async with http.ws_connect("/api/events") as again:
        await receive(again, "snapshot")


async def test_stopping_says_goodbye(tmp_path: Path) -> None:
    async with ClientSession() as http:
        async with Gateway(tmp_path) as gateway:
            socket = await http.ws_connect(f"{gateway.url}/api/events")
            await receive(socket, "snapshot")
        message = await socket.receive(timeout=10)
        assert message.type is WSMsgType.CLOSE
        assert message.data == 1001


def test_the_media_of_a_stream_is_measured_over_whole_groups() -> None:
    meter, camera = Meter(), FakeCamera(fps=10, gop=20)
    meter.restart(0.0)
    size = 0
    for number in range(41):
        unit = picture(H264, number, camera)
        unit.arrived = number / 10
        size += unit.size if number < 20 else 0
        assert meter.add(unit) == (number == 20), "the first time is news"
    assert meter.bit_rate == pytest.approx(8 * size / 2)
    assert meter.gop_seconds == pytest.approx(2)
    assert meter.key_arrived == pytest.approx(4)
    assert not meter.overdue(23)
    assert meter.overdue(25)
    meter.gop_seconds = 60
    assert not meter.overdue(100)
    assert meter.overdue(130)


async def test_media_is_told_when_known_and_when_it_changes(
    gateway: Gateway, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_news, "SECONDS", 0.2)
    gateway.camera.gop = 50
    async with http.ws_connect("/api/events") as socket:
        assert "video" not in (await receive(socket, "snapshot"))["streams"]["door"]
        attachment = await gateway.context.registry.require("door").attach(ReaderInfo("test"), VIEW)
        told = await receive(socket, "stream.media")
        assert told["stream"] == "door"
        assert (told["video"]["codec"], told["audio"]) == (
            "H264",
            {"codec": "PCMA", "sample_rate": 8000, "channels": 1},
        )
        while "bit_rate" not in told["video"]:
            told = await receive(socket, "stream.media")
        video = told["video"]
        assert video["profile"] == "Baseline"
        assert {"width", "height"} <= video.keys()
        assert video["fps"] == pytest.approx(50, rel=0.3)
        assert 10_000 < video["bit_rate"] < 200_000
        assert video["key_overdue"] is False
        async with http.get("/api/streams") as answer:
            assert set((await answer.json())["door"]["video"]) >= {"codec", "width", "fps", "bit_rate"}
        (track, _) = attachment.tracks
        assert track.meter
        track.meter.key_arrived -= 3600
        while not told["video"].get("key_overdue"):
            told = await receive(socket, "stream.media")
        assert told["video"]["key_age"] >= 20
        attachment.close()
        while "fps" in told["video"]:
            told = await receive(socket, "stream.media")
        assert told["video"]["codec"] == "H264"


async def test_rates_are_looked_at_only_while_somebody_listens_and_something_runs(
    gateway: Gateway, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_news, "SECONDS", 0.05)

    def ticking() -> bool:
        return any(task.get_name() == "what streams show" for task in asyncio.all_tasks())

    async def until(state: bool) -> None:
        async with asyncio.timeout(10):
            while ticking() is not state:
                await asyncio.sleep(0.01)

    async with http.ws_connect("/api/events") as socket:
        await receive(socket, "snapshot")
        assert not ticking()
        attachment = await gateway.context.registry.require("door").attach(ReaderInfo("test"), VIEW)
        await until(state=True)
        attachment.close()
        await until(state=False)
        attachment = await gateway.context.registry.require("door").attach(ReaderInfo("test"), VIEW)
        await until(state=True)
    await until(state=False)
    attachment.close()
