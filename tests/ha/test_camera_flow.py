"""Adding a camera to a gateway, and changing it, without touching the others."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from homeassistant.components.camera import async_get_stream_source
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
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
    """The form for an address."""
    return await enter(hass, await begin(hass, entry), next_step_id="address")


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    return await hass.config_entries.subentries.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})


async def enter(hass: HomeAssistant, flow: Any, **data: Any) -> Any:
    return await hass.config_entries.subentries.async_configure(flow["flow_id"], data)


async def test_a_link_with_a_password(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    door = hass.states.get("camera.door")
    flow = await start(hass, entry)
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


SURVEY = {
    "address": "10.0.0.5",
    "maker": "Acme",
    "model": "Eye 3",
    "streams": [
        {"role": "sub", "source": "rtsp://10.0.0.5/2"},
        {"role": "main", "source": "rtsp://10.0.0.5/1"},
        {"role": "main", "source": "rtsp://10.0.0.5/3"},
        {"role": "other", "source": ""},
    ],
    "problems": [{"code": "onvif_unauthorized", "message": "ONVIF has users of its own"}],
}
LOGIN = {CONF_USERNAME: "me", CONF_PASSWORD: "secret"}


async def test_an_address_is_enough(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.survey = SURVEY
    flow = await enter(hass, await start(hass, entry), source="10.0.0.5", **LOGIN)
    assert fake.surveyed == [{"address": "10.0.0.5", "username": "me", "password": "secret"}]
    assert flow["step_id"] == "confirm"
    await enter(hass, flow, **{CONF_NAME: " "})
    await settle(hass, lambda: "acme_eye_3_sub" in fake.streams)
    assert fake.streams["acme_eye_3"] == ["rtsp://me:secret@10.0.0.5/1"]
    assert fake.streams["acme_eye_3_sub"] == ["rtsp://me:secret@10.0.0.5/2"]
    await settle(hass, lambda: hass.states.get("camera.acme_eye_3"))
    sub = er.async_get(hass).async_get("camera.acme_eye_3_sub_stream")
    assert sub is not None
    assert sub.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    device = dr.async_get(hass).async_get(sub.device_id or "")
    assert isinstance(device, dr.DeviceEntry)
    assert (device.manufacturer, device.model) == ("Acme", "Eye 3")
    er.async_get(hass).async_update_entity(sub.entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass, lambda: hass.states.is_state("camera.acme_eye_3_sub_stream", "idle"))
    source = await async_get_stream_source(hass, sub.entity_id)
    assert source is not None
    assert source.endswith("/acme_eye_3_sub")

    camera = next(one for one in entry.subentries.values() if one.unique_id == "acme_eye_3")
    flow = await entry.start_subentry_reconfigure_flow(hass, camera.subentry_id)
    change = {CONF_NAME: "Eye", "sources": ["rtsp://10.0.0.5/1"], CONF_USERNAME: "me", CONF_PASSWORD: "new"}
    assert (await enter(hass, flow, **change))["reason"] == "reconfigure_successful"
    await settle(hass, lambda: fake.streams["acme_eye_3_sub"] == ["rtsp://me:new@10.0.0.5/2"])
    assert fake.streams["acme_eye_3"] == ["rtsp://me:new@10.0.0.5/1"]
    hass.config_entries.async_remove_subentry(entry, camera.subentry_id)
    await settle(hass, lambda: set(fake.streams) == {"door"})


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("unreachable", "camera_unreachable"),
        ("closed", "camera_port_closed"),
        ("credentials_needed", "camera_auth_needed"),
        ("unauthorized", "camera_auth"),
        ("busy", "camera_busy"),
        ("no_stream", "camera_no_stream"),
        ("failed", "camera_error"),
    ],
)
async def test_an_address_with_a_problem(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, code: str, key: str
) -> None:
    fake.survey = {"streams": [], "problems": [{"code": code, "message": "because"}]}
    flow = await enter(hass, await start(hass, entry), source="10.0.0.5")
    assert flow["errors"] == {"base": key}


async def test_found_on_the_network(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    menu = await begin(hass, entry)
    fake.refuse["GET /api/discovery"] = 503, "enough searches are under way"
    assert (await enter(hass, menu, next_step_id="search"))["reason"] == "search_failed"
    fake.refuse.clear()
    menu = await begin(hass, entry)
    fake.devices = [{"address": "10.0.0.4", "name": "Known", "streams": ["door"]}]
    nothing = await enter(hass, menu, next_step_id="search")
    assert nothing["step_id"] == "nothing_found"
    fake.devices += [{"address": "10.0.0.5", "name": "EYE", "maker": "Acme", "model": "Eye 3"}, {"address": "10.0.0.6"}]
    found = await enter(hass, nothing, next_step_id="search")
    assert found["step_id"] == "search"
    (device,) = (selector for key, selector in found["data_schema"].schema.items() if key == "device")
    labels = {option["value"]: option["label"] for option in device.config["options"]}
    assert labels == {"10.0.0.5": "Acme Eye 3 (10.0.0.5)", "10.0.0.6": "10.0.0.6"}
    fake.survey = {"streams": [], "problems": [{"code": "unauthorized", "message": ""}]}
    wrong = await enter(hass, found, device="10.0.0.5", **LOGIN)
    assert wrong["errors"] == {"base": "camera_auth"}
    fake.survey = SURVEY
    flow = await enter(hass, wrong, device="10.0.0.5", **LOGIN)
    assert flow["step_id"] == "confirm"
    await enter(hass, flow, **{CONF_NAME: "Eye"})


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
    menu = await begin(hass, entry)
    assert menu["menu_options"] == ["search", "address", "existing"]
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
    assert (await begin(hass, entry))["reason"] == "gateway_not_connected"
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


async def test_the_gateway_does_not_keep_it(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    flow = await enter(hass, await start(hass, entry), source="demo:")
    fake.refuse["PUT /api/streams"] = 400, "go2py.yaml: cannot be changed in place; edit the file"
    flow = await enter(hass, flow, **{CONF_NAME: "Eye"})
    assert flow["errors"] == {"base": "gateway_refused"}
    assert "edit the file" in flow["description_placeholders"]["detail"]
    fake.refuse.clear()
    assert (await enter(hass, flow, **{CONF_NAME: "Eye"}))["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: hass.states.get("camera.eye"))
