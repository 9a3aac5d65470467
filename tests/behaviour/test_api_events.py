"""`/api/events`: a snapshot first, then every change; docs/events.md is what is promised."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from go2py.api import events
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from tests.fakes.gateway import Gateway


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
