"""What the dashboard card needs: its files, how a camera is, and the picture through Home Assistant."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL, UrlManager
from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.components.lovelace.resources import ResourceStorageCollection
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.go2py import card, live_view

from .conftest import settle
from .fakes import FakeGateway
from .test_entities import setup

LIVE = "/api/go2py/live/camera.door"
WISH = {"type": "mse", "value": "avc1.640029"}
TALK = {"state": "idle", "reason": "", "level": 0, "by": "", "packets": 0}


@pytest.fixture
async def entry(hass: HomeAssistant, fake: FakeGateway) -> MockConfigEntry:
    fake.pictures = [b"first", b"second"]
    return await setup(hass, fake)


async def said(socket: ClientWebSocketResponse) -> list[Any]:
    """All that comes until the other side closes."""
    async with asyncio.timeout(20):
        return [message.data async for message in socket]


# --- the picture through Home Assistant


async def test_the_picture_comes_through(
    hass: HomeAssistant, entry: MockConfigEntry, fake: FakeGateway, hass_client: ClientSessionGenerator
) -> None:
    client = await hass_client()
    async with client.ws_connect(LIVE) as socket:
        await socket.send_json(WISH)
        assert (await socket.receive_json())["type"] == "mse"
        assert [await socket.receive_bytes() for _ in fake.pictures] == fake.pictures
        await socket.send_json({"type": "webrtc/offer", "value": "v=0"})  # not for the gateway
    await settle(hass, lambda: not fake.viewers)
    assert fake.said == [WISH]
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    "wish", ['{"type": "webrtc"}', "no JSON", '{"type": "mse", "value": 1}', b"binary", "x" * 2000]
)
async def test_any_other_wish_is_the_end(
    hass: HomeAssistant, entry: MockConfigEntry, fake: FakeGateway, hass_client: ClientSessionGenerator, wish: Any
) -> None:
    client = await hass_client()
    async with client.ws_connect(LIVE) as socket:
        await (socket.send_bytes(wish) if isinstance(wish, bytes) else socket.send_str(wish))
        assert await said(socket) == []
    assert not fake.said
    await hass.config_entries.async_unload(entry.entry_id)


async def test_silence_is_the_end(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_view, "_WISH_SECONDS", 0.05)
    client = await hass_client()
    async with client.ws_connect(LIVE) as socket:
        assert await said(socket) == []
    await hass.config_entries.async_unload(entry.entry_id)


async def test_who_may_not_see_the_camera(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    anonymous: TestClient[Any, Any] = await hass_client_no_auth()
    assert (await anonymous.get(LIVE)).status == 401
    assert (await anonymous.get(f"{LIVE}?authSig=expired")).status == 401
    client = await hass_client()
    assert (await client.get("/api/go2py/live/camera.none")).status == 404
    hass_admin_user.groups = []
    hass_admin_user.mock_policy({"entities": {"entity_ids": {"camera.other": True}}})
    assert (await client.get(LIVE)).status == 401
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_signed_address_is_enough_and_of_its_user(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    fake: FakeGateway,
    hass_access_token: str,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    token = hass.auth.async_validate_access_token(hass_access_token)
    assert token is not None
    path = async_sign_path(hass, LIVE, timedelta(seconds=30), refresh_token_id=token.id)
    browser: TestClient[Any, Any] = await hass_client_no_auth()
    async with browser.ws_connect(path) as socket:
        await socket.send_json(WISH)
        assert (await socket.receive_json())["type"] == "mse"
        # signed out: the picture ends, too
        hass.auth.async_remove_refresh_token(token)
        assert [message for message in await said(socket) if not isinstance(message, bytes)] == []
    await settle(hass, lambda: not fake.viewers)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_unloading_ends_it(
    hass: HomeAssistant, entry: MockConfigEntry, fake: FakeGateway, hass_client: ClientSessionGenerator
) -> None:
    client = await hass_client()
    async with client.ws_connect(LIVE) as socket:
        await socket.send_json(WISH)
        assert (await socket.receive_json())["type"] == "mse"
        unloading = hass.async_create_task(hass.config_entries.async_unload(entry.entry_id))
        await said(socket)
        await unloading
    await settle(hass, lambda: not fake.viewers)


async def test_refusals_are_sentences_and_addresses_stay_here(
    hass: HomeAssistant, entry: MockConfigEntry, fake: FakeGateway, hass_client: ClientSessionGenerator
) -> None:
    client = await hass_client()
    fake.refuse["GET /api/ws"] = 403, "no"
    async with client.ws_connect(LIVE) as socket:
        await socket.send_json(WISH)
        (answer,) = await said(socket)
        assert '"type":"error"' in answer.replace(" ", "")
    fake.refuse["GET /api/ws"] = 502, "bad gateway"
    async with client.ws_connect(LIVE) as socket:
        await socket.send_json(WISH)
        assert await said(socket) == []
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_browser_that_takes_nothing_is_left(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    fake: FakeGateway,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_view, "_STALL_SECONDS", 0.5)
    fake.pictures = [bytes(1 << 20)] * 64
    client = await hass_client()
    socket = await client.ws_connect(LIVE, max_msg_size=0)
    await socket.send_json(WISH)
    await settle(hass, lambda: fake.viewers)
    await settle(hass, lambda: not fake.viewers)
    await socket.close()
    await hass.config_entries.async_unload(entry.entry_id)


# --- how a camera is


async def view(client: MockHAClientWebSocket) -> dict[str, Any]:
    async with asyncio.timeout(20):
        return dict((await client.receive_json())["event"])


async def test_the_card_is_told_of_every_change(
    hass: HomeAssistant, entry: MockConfigEntry, fake: FakeGateway, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "go2py/camera/subscribe", "entity_id": "camera.door"})
    assert (await client.receive_json())["success"]
    assert await view(client) == {"state": "live", "reason": "", "code": "", "sound": False, "talk": None}
    await fake.tell("talk.state", source=1, talk=TALK)
    assert (await view(client))["talk"] == TALK
    await fake.source_state("waiting", "no answer")
    told = await view(client)
    assert (told["state"], told["reason"], told["talk"]) == ("waiting", "no answer", TALK)
    await fake.tell("stream.state", stream="door", state="off", reason="paused")
    assert (await view(client))["state"] == "off"
    await fake.tell("stream.state", stream="door", state="on", reason="")
    assert (await view(client))["state"] == "waiting"
    await fake.tell("stream.changed", stream="door", sources=[], readers=[])
    assert (await view(client))["state"] == "idle"
    # it is followed through a reload of the gateway's entry
    await hass.config_entries.async_reload(entry.entry_id)
    states = [(await view(client))["state"]]
    while states[-1] != "waiting":
        states.append((await view(client))["state"])
    assert "gateway" in states
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": 1})
    assert (await client.receive_json())["success"]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_only_who_may_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator, hass_admin_user: MockUser
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "go2py/camera/subscribe", "entity_id": "camera.none"})
    assert (await client.receive_json())["error"]["code"] == "not_found"
    hass_admin_user.groups = []
    hass_admin_user.mock_policy({})
    await client.send_json_auto_id({"type": "go2py/camera/subscribe", "entity_id": "camera.door"})
    assert (await client.receive_json())["error"]["code"] == "unauthorized"
    await hass.config_entries.async_unload(entry.entry_id)


# --- its files


class Resources(ResourceStorageCollection):
    """Those of the dashboards, as Home Assistant keeps them."""

    def __init__(self, hass: HomeAssistant) -> None:
        super().__init__(hass, None)  # type: ignore[arg-type]  # dashboards of a time long ago
        self.loaded = True


async def test_the_card_is_served_and_a_resource(
    hass: HomeAssistant, fake: FakeGateway, hass_client: ClientSessionGenerator
) -> None:
    resources = Resources(hass)
    for url in ("/go2py/card-old/card.js", "/go2py/card-older/card.js", "/local/other.js"):
        await resources.async_create_item({"res_type": "module", "url": url})
    hass.data[LOVELACE_DATA] = type("Lovelace", (), {"resources": resources})()
    entry = await setup(hass, fake)
    other, ours = sorted((item["url"] for item in resources.async_items()), key=lambda url: "go2py" in url)
    assert other == "/local/other.js"
    await card.offer(hass)  # nothing changes the second time
    assert len(resources.async_items()) == 2
    client = await hass_client()
    answer = await client.get(ours)
    assert answer.status == 200
    assert "max-age" in answer.headers["Cache-Control"]
    assert "customElements.define" in await answer.text()
    await hass.config_entries.async_remove(entry.entry_id)
    assert [item["url"] for item in resources.async_items()] == ["/local/other.js"]
    await setup(hass, fake)  # a gateway that is added again brings it back
    assert ours in [item["url"] for item in resources.async_items()]


@pytest.mark.parametrize("frontend", [True, False])
async def test_dashboards_in_yaml_get_a_script(hass: HomeAssistant, fake: FakeGateway, frontend: bool) -> None:
    scripts = UrlManager(lambda *_: None, [])
    if frontend:
        hass.data[DATA_EXTRA_MODULE_URL] = scripts
    entry = await setup(hass, fake)
    assert len(scripts.urls) == frontend
    await hass.config_entries.async_remove(entry.entry_id)
