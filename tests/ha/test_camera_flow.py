"""Adding a camera to a gateway, and changing it, without touching the others."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .conftest import entry_for, settle
from .fakes import FakeGateway


@pytest.fixture
async def entry(hass: HomeAssistant, fake: FakeGateway) -> AsyncIterator[MockConfigEntry]:
    """A gateway with the camera `door`."""
    entry = entry_for(fake.url, cameras={"door": ("rtsp://user:old@camera/1",)})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    return await hass.config_entries.subentries.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})


async def enter(hass: HomeAssistant, flow: Any, **data: Any) -> Any:
    return await hass.config_entries.subentries.async_configure(flow["flow_id"], data)


async def test_a_link_with_a_password(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    door = hass.states.get("camera.door")
    flow = await start(hass, entry)
    assert flow["step_id"] == "address"  # the gateway has no other stream
    flow = await enter(
        hass, flow, source=" rtsp://10.0.0.5/main ", **{CONF_USERNAME: "user", CONF_PASSWORD: "p@ss:w/rd"}
    )
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"] is not None
    assert "p@ss" not in str(flow["description_placeholders"])
    done = await enter(hass, flow, **{CONF_NAME: "Hintertür"})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: "hintertur" in fake.streams)
    assert fake.streams["hintertur"] == ["rtsp://user:p%40ss%3Aw%2Frd@10.0.0.5/main"]
    assert not [name for name in fake.streams if name.startswith("go2py_look")]
    await settle(hass, lambda: (state := hass.states.get("camera.hintertur")) and state.state == "idle")
    assert hass.states.get("camera.door") is door


async def test_an_address_tries_the_usual_paths(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.refuse["GET /api/streams"] = (500, "streams: 10.0.0.5:554 has no stream at this path (404); check the path")
    flow = await start(hass, entry)
    flow = await enter(hass, flow, source="10.0.0.5")
    assert flow["errors"] == {"base": "camera_path"}
    tried = [line for line in fake.asked if line.startswith("PATCH")]
    assert any("Streaming/Channels/101" in line for line in tried)
    assert any("h264Preview_01_main" in line for line in tried)
    fake.refuse.clear()
    flow = await enter(hass, flow, source="10.0.0.5:8554")
    assert flow["step_id"] == "confirm"


@pytest.mark.parametrize(
    ("status", "text", "key"),
    [
        (500, "streams: cam:554 refused the user and password; check them in the source's URL", "camera_auth"),
        (500, "streams: cam:554 refuses connections; is RTSP switched on, and the port right?", "camera_port_closed"),
        (500, "streams: no answer to DESCRIBE within 5 s", "camera_unreachable"),
        (500, "streams: cam answered SETUP with 453 Not Enough Bandwidth", "camera_busy"),
        (500, "streams: the codec VC1 is not spoken by go2py", "camera_codec"),
        (500, "streams: something new", "camera_error"),
        (401, "", "gateway_refused"),
        (503, "", "gateway_lost"),
    ],
)
async def test_what_is_wrong_is_said(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, status: int, text: str, key: str
) -> None:
    fake.refuse["GET /api/streams"] = status, text
    flow = await enter(hass, await start(hass, entry), source="rtsp://cam/1")
    assert flow["errors"] == {"base": key}
    hass.config_entries.subentries.async_abort(flow["flow_id"])
    await hass.async_block_till_done()
    assert set(fake.streams) == {"door"}  # nothing stays


@pytest.mark.parametrize(
    ("source", "text", "key"),
    [
        ("exec:ls", "streams: source from insecure producer", "camera_command"),
        ("foo://x", "streams: source not supported", "camera_unsupported"),
    ],
)
async def test_sources_that_are_not_taken(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, source: str, text: str, key: str
) -> None:
    fake.refuse["PATCH /api/streams"] = 400, text
    flow = await enter(hass, await start(hass, entry), source=source)
    assert flow["errors"] == {"base": key}


@pytest.mark.parametrize("source", ["", "two words", "?", "x" * 9000])
async def test_no_source_at_all(hass: HomeAssistant, entry: MockConfigEntry, source: str) -> None:
    flow = await enter(hass, await start(hass, entry), source=source)
    assert flow["errors"] == {"source": "camera_source"}


async def test_a_camera_that_gives_no_picture(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.refuse["GET /api/frame.jpeg"] = 500, "snapshot: x gave no picture within 8 s"
    flow = await enter(hass, await start(hass, entry), source="rtsp://cam/1")
    assert flow["errors"] == {"base": "camera_unreachable"}


async def test_sound_without_a_picture_will_do(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.producer = {"medias": ["audio, recvonly, PCMA/8000"]}
    flow = await enter(hass, await start(hass, entry), source="rtsp://cam/1")
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"] is not None
    assert flow["description_placeholders"]["video"] == "–"


async def test_one_that_the_gateway_has(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.streams["garage"] = []
    await fake.tell("stream.added", stream="garage", sources=[], readers=[])
    await settle(hass, lambda: "garage" in entry.runtime_data.data)
    menu = await start(hass, entry)
    assert menu["type"] is FlowResultType.MENU
    flow = await enter(hass, menu, next_step_id="existing")
    done = await enter(hass, flow, stream="garage")
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: hass.states.get("camera.garage"))
    garage = next(one for one in entry.subentries.values() if one.unique_id == "garage")
    flow = await entry.start_subentry_reconfigure_flow(hass, garage.subentry_id)
    assert flow["step_id"] == "rename"
    assert (await enter(hass, flow, **{CONF_NAME: "Big garage"}))["reason"] == "reconfigure_successful"
    hass.config_entries.async_remove_subentry(entry, garage.subentry_id)
    await settle(hass, lambda: hass.states.get("camera.garage") is None)
    assert "garage" in fake.streams
    assert not [line for line in fake.asked if "garage" in line]


async def test_a_change(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    (door,) = entry.subentries.values()
    flow = await entry.start_subentry_reconfigure_flow(hass, door.subentry_id)
    assert flow["step_id"] == "reconfigure"
    fake.refuse["GET /api/streams"] = 500, "streams: refused the user and password"
    data: dict[str, Any] = {CONF_NAME: "Front", CONF_USERNAME: "user", "sources": ["rtsp://camera/2", " "]}
    flow = await enter(hass, flow, **data)
    assert flow["errors"] == {"base": "camera_auth"}
    fake.refuse.clear()
    assert (await enter(hass, flow, **{**data, "sources": []}))["errors"] == {"sources": "camera_source"}
    done = await enter(hass, flow, **data)
    assert done["reason"] == "reconfigure_successful"
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://user:old@camera/2"])
    state = hass.states.get("camera.door")
    assert state is not None
    assert state.attributes["friendly_name"] == "Front"

    (door,) = entry.subentries.values()
    flow = await entry.start_subentry_reconfigure_flow(hass, door.subentry_id)
    await enter(hass, flow, **{**data, CONF_PASSWORD: "new"})
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://user:new@camera/2"])


async def test_sources_with_passwords_of_their_own(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    (door,) = entry.subentries.values()
    sources = ["rtsp://a:b@camera/1", "rtsp://c:d@camera/2"]
    hass.config_entries.async_update_subentry(entry, door, data={**door.data, "sources": sources})
    await settle(hass, lambda: fake.streams["door"] == sources)
    (door,) = entry.subentries.values()
    flow = await entry.start_subentry_reconfigure_flow(hass, door.subentry_id)
    done = await enter(hass, flow, **{CONF_NAME: "Door", "sources": sources})
    assert done["reason"] == "reconfigure_successful"
    (door,) = entry.subentries.values()
    assert door.data["sources"] == sources


async def test_removal(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    (door,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, door)
    await settle(hass, lambda: "door" not in fake.streams)
    assert hass.states.get("camera.door") is None


async def test_the_same_name_twice(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    flow = await enter(hass, await start(hass, entry), source="demo:")
    done = await enter(hass, flow, **{CONF_NAME: "Door"})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: "door_2" in fake.streams)


async def test_without_a_gateway(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    assert (await start(hass, entry))["reason"] == "gateway_not_connected"
    (door,) = entry.subentries
    flow = await entry.start_subentry_reconfigure_flow(hass, door)
    assert flow["reason"] == "gateway_not_connected"


async def test_the_preview_ends_with_the_form(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    flow = await enter(hass, await start(hass, entry), source="demo:")
    assert flow["description_placeholders"] is not None
    path = flow["description_placeholders"]["preview"]
    client = await hass_client()
    async with client.get(path) as response:
        assert b"picture" in await response.content.readuntil(b"\xff\xd9")
        hass.config_entries.subentries.async_abort(flow["flow_id"])
        await response.read()  # ends
    async with client.get(path) as response:
        assert response.status == 404
