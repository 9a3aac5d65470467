"""WebRTC between Home Assistant's WebSocket and the gateway's."""

import asyncio
from typing import Any

import pytest
from homeassistant.components.web_rtc import async_register_ice_servers
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator
from webrtc_models import RTCIceServer

from custom_components.go2py import webrtc

from .conftest import settle
from .fakes import FakeGateway
from .test_entities import setup


async def offer(client: MockHAClientWebSocket) -> str:
    """Offer as the frontend does; the session's id."""
    await client.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": "v=0 offer"})
    assert (await client.receive_json())["success"]
    session = (await client.receive_json())["event"]
    assert session["type"] == "session"
    return str(session["session_id"])


async def event(client: MockHAClientWebSocket) -> dict[str, Any]:
    async with asyncio.timeout(20):
        return dict((await client.receive_json())["event"])


@pytest.fixture
async def entry(hass: HomeAssistant, fake: FakeGateway) -> MockConfigEntry:
    return await setup(hass, fake)


async def test_capabilities(hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "camera/capabilities", "entity_id": "camera.door"})
    assert (await client.receive_json())["result"]["frontend_stream_types"] == ["web_rtc"]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_answer_and_candidates_both_ways(
    hass: HomeAssistant,
    fake: FakeGateway,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webrtc, "_QUIET_SECONDS", 0.05)
    stop = async_register_ice_servers(hass, lambda: [RTCIceServer("turn:relay", "user", "secret")])
    fake.script.append({"type": "webrtc/candidate", "value": "candidate:1 1 udp 1 192.0.2.1 8555 typ host"})
    client = await hass_ws_client(hass)
    session_id = await offer(client)
    assert await event(client) == {"type": "answer", "answer": "v=0 answer"}
    assert (await event(client))["candidate"]["candidate"].startswith("candidate:1 ")
    assert (await event(client))["candidate"] == {"candidate": ""}  # Alexa waits for it
    for line in ("candidate:2 1 udp 1 192.0.2.2 1000 typ host", ""):
        await client.send_json_auto_id(
            {
                "type": "camera/webrtc/candidate",
                "entity_id": "camera.door",
                "session_id": session_id,
                "candidate": {"candidate": line, "sdpMLineIndex": 0},
            }
        )
        assert (await client.receive_json())["success"]
    await settle(hass, lambda: len(fake.said) == 3)
    said = fake.said[0]["value"]
    assert said["sdp"] == "v=0 offer"
    assert {"urls": "turn:relay", "username": "user", "credential": "secret"} in said["ice_servers"]
    assert [one["value"] for one in fake.said[1:]] == ["candidate:2 1 udp 1 192.0.2.2 1000 typ host", ""]
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": 1})
    await settle(hass, lambda: not fake.viewers)
    stop()
    await hass.config_entries.async_unload(entry.entry_id)


async def test_candidates_before_the_gateway_is_there(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    messages: list[Any] = []
    (camera,) = entry.runtime_data.cameras.values()
    session = webrtc.WebRtcSession(hass, entry.runtime_data.client, "door", messages.append, camera)
    await session.candidate("candidate:early")
    task = asyncio.create_task(session.run("v=0 offer", []))
    await settle(hass, lambda: len(fake.said) == 2)
    assert fake.said[1] == {"type": "webrtc/candidate", "value": "candidate:early"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        (
            [{"type": "error", "value": "webrtc: streams: cam:554 refused the user and password"}],
            "go2py_webrtc_refused",
            "No live picture: cam:554 refused the user and password",
        ),
        ([{"type": "webrtc/candidate", "value": 1}, {"type": "other"}], "go2py_webrtc_timeout", "in time"),
    ],
)
async def test_errors_are_sentences(
    hass: HomeAssistant,
    fake: FakeGateway,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    monkeypatch: pytest.MonkeyPatch,
    script: list[Any],
    code: str,
    text: str,
) -> None:
    monkeypatch.setattr(webrtc, "_ANSWER_SECONDS", 0.5)
    fake.script = script
    client = await hass_ws_client(hass)
    await offer(client)
    error = await event(client)
    assert error["type"] == "error"
    assert error["code"] == code
    assert text in error["message"]
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "go2py_invalid_auth"), (503, "go2py_gateway_unreachable"), (404, "go2py_webrtc_refused")],
)
async def test_a_gateway_that_refuses(
    hass: HomeAssistant,
    fake: FakeGateway,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    status: int,
    code: str,
) -> None:
    fake.refuse["GET /api/ws"] = status, "no"
    client = await hass_ws_client(hass)
    await offer(client)
    assert (await event(client))["code"] == code
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_gateway_leaves_before_it_answers(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    fake.script = []
    client = await hass_ws_client(hass)
    await offer(client)
    await settle(hass, lambda: fake.said)
    await fake.drop()
    assert (await event(client))["code"] == "go2py_gateway_unreachable"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_unload_closes_what_is_open(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    await offer(client)
    assert (await event(client))["type"] == "answer"
    assert fake.viewers
    await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass, lambda: not fake.viewers and not fake.listeners)
