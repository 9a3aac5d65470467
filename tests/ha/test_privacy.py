"""Off, turned, kept: what a user chooses for a camera."""

import asyncio
from http import HTTPStatus

import pytest
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.components.stream import Orientation
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.go2py.models import Video

from .conftest import entry_for, settle
from .fakes import FakeGateway
from .test_entities import setup, state

SOURCES = ("rtsp://camera/1",)


async def with_sub_stream(hass: HomeAssistant, fake: FakeGateway) -> MockConfigEntry:
    entry = entry_for(fake.url, cameras={"door": SOURCES})
    entry.add_to_hass(hass)
    (subentry,) = entry.subentries.values()
    data = {**subentry.data, "sub_sources": ["rtsp://camera/2"]}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass, lambda: "door_sub" in entry.runtime_data.data)
    return entry


async def turn(hass: HomeAssistant, how: str, entity_id: str) -> None:
    domain = entity_id.partition(".")[0]
    await hass.services.async_call(domain, f"turn_{how}", {"entity_id": entity_id}, blocking=True)


async def change(hass: HomeAssistant, entry: MockConfigEntry, **data: object) -> None:
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, **data})
    await hass.async_block_till_done()


async def test_off_closes_both_pictures(
    hass: HomeAssistant,
    fake: FakeGateway,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    entry = await with_sub_stream(hass, fake)
    socket = await hass_ws_client()
    assert (await async_get_image(hass, "camera.door")).content
    await turn(hass, "off", "camera.door")
    await settle(hass, lambda: hass.states.is_state("switch.door_privacy", "on"))
    assert fake.paused == {"door", "door_sub"}
    assert state(hass, "camera.door").state == "idle"  # not unavailable: nothing is wrong

    asked = len(fake.asked)
    for ask in (async_get_image, async_get_stream_source):
        with pytest.raises(HomeAssistantError, match="Camera is off"):
            await ask(hass, "camera.door")
    client = await hass_client()
    for path in ("camera_proxy", "camera_proxy_stream"):
        assert (await client.get(f"/api/{path}/camera.door")).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert len(fake.asked) == asked  # not even the gateway was asked
    await socket.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": "v=0"})
    answer = await socket.receive_json()
    assert not answer["success"]
    assert answer["error"]["message"] == "Camera is off"

    await fake.drop()  # and it stays off when the gateway comes back
    await settle(hass, lambda: hass.states.is_state("camera.door", "unavailable"))
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    assert state(hass, "switch.door_privacy").state == "on"
    await turn(hass, "on", "camera.door")
    await settle(hass, lambda: hass.states.is_state("switch.door_privacy", "off"))
    assert not fake.paused
    assert (await async_get_image(hass, "camera.door")).content
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_switch_works_while_no_picture_comes(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    await fake.source_state("waiting", "camera: no answer")
    await settle(hass, lambda: hass.states.is_state("camera.door", "unavailable"))
    await turn(hass, "on", "switch.door_privacy")
    assert fake.paused == {"door"}
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    await turn(hass, "off", "switch.door_privacy")
    await settle(hass, lambda: hass.states.is_state("camera.door", "unavailable"))
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        ((401, ""), "refuses the saved user name"),
        ((503, ""), "does not answer"),
        ((400, "no"), "The gateway refused: no"),
    ],
)
async def test_off_that_fails_is_told(
    hass: HomeAssistant, fake: FakeGateway, refusal: tuple[int, str], sentence: str
) -> None:
    entry = await with_sub_stream(hass, fake)
    fake.refuse["POST /api/pause"] = refusal
    with pytest.raises(HomeAssistantError, match=sentence):
        await turn(hass, "off", "camera.door")
    assert sum("POST /api/pause" in line for line in fake.asked) == 2  # both were tried
    assert get_camera_from_entity_id(hass, "camera.door").is_on
    await hass.config_entries.async_unload(entry.entry_id)


async def test_off_while_a_picture_is_on_its_way(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    fake.picture = asyncio.Event()
    request = asyncio.create_task(async_get_image(hass, "camera.door"))
    while not any("frame.jpeg" in line for line in fake.asked):
        await asyncio.sleep(0.01)
    await turn(hass, "off", "camera.door")
    await settle(hass, lambda: hass.states.is_state("switch.door_privacy", "on"))
    fake.picture.set()
    with pytest.raises(HomeAssistantError):
        await request
    await hass.config_entries.async_unload(entry.entry_id)


async def test_moving_picture(hass: HomeAssistant, fake: FakeGateway, hass_client: ClientSessionGenerator) -> None:
    entry = await setup(hass, fake, door=SOURCES)
    await change(hass, entry, rotate=180)
    client = await hass_client()
    response = await client.get("/api/camera_proxy_stream/camera.door")
    assert response.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    assert b"picture" in await response.content.read(100)
    assert "GET /api/stream.mjpeg?src=door&rotate=180" in fake.asked
    response.close()
    await settle(hass, lambda: not fake.watching)  # the viewer left, so we did

    second = await client.get("/api/camera_proxy_stream/camera.door")
    await second.content.read(100)
    await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass, lambda: not fake.watching)
    await second.read()  # ended in order
    no_login = await client.get("/api/camera_proxy_stream/camera.door", headers={"Authorization": "Bearer x"})
    assert no_login.status == HTTPStatus.UNAUTHORIZED


async def test_no_moving_picture(hass: HomeAssistant, fake: FakeGateway, hass_client: ClientSessionGenerator) -> None:
    entry = await setup(hass, fake)
    client = await hass_client()
    fake.refuse["GET /api/stream.mjpeg"] = 500, "camera: no answer", "unreachable"
    assert (await client.get("/api/camera_proxy_stream/camera.door")).status == HTTPStatus.BAD_GATEWAY
    fake.refuse.clear()
    response = await client.get("/api/camera_proxy_stream/camera.door")
    await response.content.read(100)
    fake.moving.set()
    await response.content.read()
    assert response.content.at_eof()
    await hass.config_entries.async_unload(entry.entry_id)


async def test_turned(hass: HomeAssistant, fake: FakeGateway, hass_ws_client: WebSocketGenerator) -> None:
    assert await async_setup_component(hass, "stream", {})
    entry = await setup(hass, fake)
    camera = get_camera_from_entity_id(hass, "camera.door")
    flat = await camera.async_create_stream()
    assert flat is not None
    assert flat.dynamic_stream_settings.orientation == Orientation.NO_TRANSFORM
    await change(hass, entry, rotate=90)
    await async_get_image(hass, "camera.door", width=320, height=180)
    assert fake.asked[-1] == "GET /api/frame.jpeg?src=door&cache=500ms&width=180&height=320&rotate=90"
    turned = await camera.async_create_stream()
    assert turned is not None
    assert turned is not flat
    assert turned.dynamic_stream_settings.orientation == Orientation.ROTATE_RIGHT
    assert flat.dynamic_stream_settings.orientation == Orientation.NO_TRANSFORM  # the user's setting is the user's
    socket = await hass_ws_client()
    await socket.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": "v=0"})
    await settle(hass, lambda: fake.viewers)
    assert fake.conversations == [{"src": "door", "close": "1", "rotate": "90"}]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_kept(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    assert not fake.kept
    await change(hass, entry, keep_connected=True)
    await settle(hass, lambda: fake.kept == {"door"})
    fake.kept.clear()  # it forgets
    await fake.drop()
    await settle(hass, lambda: fake.kept == {"door"})
    fake.refuse["DELETE /api/preload"] = 503, ""
    await change(hass, entry, keep_connected=False)
    await settle(hass, lambda: any("DELETE /api/preload" in line for line in fake.asked))
    assert fake.kept
    fake.refuse.clear()
    await fake.drop()
    await settle(hass, lambda: not fake.kept)
    told = sum("/api/preload" in line for line in fake.asked)
    await fake.drop()
    await settle(hass, lambda: not entry.runtime_data.connected)
    await settle(hass, lambda: entry.runtime_data.connected)
    assert sum("/api/preload" in line for line in fake.asked) == told  # once is enough
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_stream_that_cannot_be_kept(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.refuse["PUT /api/preload"] = 404, "streams: stream not found: door"
    entry = await setup(hass, fake)
    await change(hass, entry, keep_connected=True)
    await settle(hass, lambda: any("PUT /api/preload" in line for line in fake.asked))
    assert entry.runtime_data.connected
    await hass.config_entries.async_unload(entry.entry_id)


def test_sizes() -> None:
    assert Video.parse({"codec": "H264", "width": 640}).resolution == ""
