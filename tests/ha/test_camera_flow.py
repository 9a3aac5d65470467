"""Adding a camera to a gateway, and changing it, without touching the others."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from homeassistant.components.camera import async_get_stream_source
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.go2py.probe import Look

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


async def test_a_link_for_each_picture(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    flow = await start(hass, entry)
    links = {"source": "rtsp://10.0.0.5/main", "sub_source": " rtsp://10.0.0.5/small "}
    for text, errors in (
        ("10.0.0.5", {"sub_source": "camera_sub_source"}),
        ("no link", {"sub_source": "camera_sub_source"}),
        ("exec:cat", {"base": "camera_command"}),
    ):
        flow = await enter(hass, flow, **{**links, "sub_source": text})
        assert flow["errors"] == errors
    fake.dead = "/small"
    flow = await enter(hass, flow, **links, **LOGIN)
    assert flow["errors"] == {"base": "camera_unreachable"}
    fake.dead = ""
    flow = await enter(hass, flow, **links, **LOGIN)
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"]["sub"] == "H264"
    await enter(hass, flow, **{CONF_NAME: "Yard"})
    await settle(hass, lambda: fake.streams.get("yard_sub") == ["rtsp://me:secret@10.0.0.5/small"])
    assert fake.streams["yard"] == ["rtsp://me:secret@10.0.0.5/main"]
    assert not [name for name in fake.streams if name.startswith("go2py_look")]


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
    ("status", "code", "key"),
    [
        (200, "unauthorized", "camera_auth"),
        (200, "unreachable", "camera_unreachable"),
        (200, "busy", "camera_busy"),
        (200, "unsupported", "camera_unsupported"),
        (200, "paused", "camera_paused"),
        (200, "failed", "camera_error"),
        (400, "config", "gateway_refused"),
        (401, "", "gateway_refused"),
        (503, "", "gateway_lost"),
    ],
)
async def test_what_is_wrong_is_said(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, status: int, code: str, key: str
) -> None:
    if status == 200:
        fake.trouble = code
    else:
        fake.refuse["POST /api/discovery/probe"] = (status, "because", code)
    flow = await enter(hass, await start(hass, entry), source="rtsp://cam/1")
    assert flow["errors"] == {"base": key}
    hass.config_entries.subentries.async_abort(flow["flow_id"])
    await hass.async_block_till_done()
    assert set(fake.streams) == {"door"}  # nothing stays


@pytest.mark.parametrize(
    ("source", "key"),
    [("exec:ls", "camera_command"), ("foo://x", "gateway_refused")],
)
async def test_sources_that_are_not_taken(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, source: str, key: str
) -> None:
    fake.refuse["PATCH /api/streams"] = 400, "streams: source not supported"
    flow = await enter(hass, await start(hass, entry), source=source)
    assert flow["errors"] == {"base": key}


@pytest.mark.parametrize("source", ["", "two words", "?", "x" * 9000])
async def test_no_source_at_all(hass: HomeAssistant, entry: MockConfigEntry, source: str) -> None:
    flow = await enter(hass, await start(hass, entry), source=source)
    assert flow["errors"] == {"source": "camera_source"}


async def test_a_camera_that_gives_no_picture(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.trouble = "failed"
    flow = await enter(hass, await start(hass, entry), source="rtsp://cam/1")
    assert flow["errors"] == {"base": "camera_error"}
    assert flow["description_placeholders"] is not None
    assert flow["description_placeholders"]["detail"] == "because"


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
    assert menu["menu_options"] == ["search", "address", "existing", "import_file"]
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
    fake.trouble = "unauthorized"
    data: dict[str, Any] = {CONF_NAME: "Front", CONF_USERNAME: "user", "sources": ["rtsp://camera/2", " "]}
    flow = await enter(hass, flow, **data)
    assert flow["errors"] == {"base": "camera_auth"}
    fake.trouble = ""
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


@pytest.mark.parametrize("during", ["PATCH /api/streams", "POST /api/discovery/probe"])
async def test_closed_while_the_camera_is_tried(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, during: str
) -> None:
    fake.slow[during] = asyncio.Event()
    flow = await start(hass, entry)
    trying = asyncio.ensure_future(enter(hass, flow, source="rtsp://cam/1"))
    await settle(hass, lambda: fake.waiting)
    hass.config_entries.subentries.async_abort(flow["flow_id"])
    fake.slow[during].set()
    with pytest.raises(UnknownFlow):
        await trying
    await hass.async_block_till_done()
    await settle(hass, lambda: set(fake.streams) == {"door"})
    assert not Look.alive


async def test_closed_while_the_camera_is_looked_up(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    fake.survey = SURVEY
    fake.slow["POST /api/discovery/probe"] = asyncio.Event()
    flow = await start(hass, entry)
    trying = asyncio.ensure_future(enter(hass, flow, source="10.0.0.5"))
    await settle(hass, lambda: fake.waiting)
    hass.config_entries.subentries.async_abort(flow["flow_id"])
    fake.slow["POST /api/discovery/probe"].set()
    with pytest.raises(UnknownFlow):
        await trying
    assert set(fake.streams) == {"door"}
    assert not [line for line in fake.asked if line.startswith("PATCH")]


async def test_closed_while_it_is_kept(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    flow = await enter(hass, await start(hass, entry), source="demo:")
    fake.slow["PUT /api/streams"] = asyncio.Event()
    keeping = asyncio.ensure_future(enter(hass, flow, **{CONF_NAME: "Eye"}))
    await settle(hass, lambda: fake.waiting)
    hass.config_entries.subentries.async_abort(flow["flow_id"])
    fake.slow["PUT /api/streams"].set()
    with pytest.raises(UnknownFlow):
        await keeping
    await hass.async_block_till_done()
    assert set(fake.streams) == {"door"}
    assert len(entry.subentries) == 1


async def test_the_gateway_goes_while_the_form_is_open(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    empty = await start(hass, entry)
    flow = await enter(hass, await start(hass, entry), source="demo:")
    client = await hass_client()
    assert flow["description_placeholders"] is not None
    await hass.config_entries.async_unload(entry.entry_id)
    assert set(fake.streams) == {"door"}
    async with client.get(flow["description_placeholders"]["preview"]) as response:
        await response.read()  # ends
    assert (await enter(hass, empty, source="demo:"))["errors"] == {"base": "gateway_lost"}
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow = await enter(hass, flow, **{CONF_NAME: "Eye"})  # what was found holds
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: "eye" in fake.streams)
    again = await enter(hass, await start(hass, entry), source="demo:")
    await hass.config_entries.async_unload(entry.entry_id)
    assert (await enter(hass, again, **{CONF_NAME: "Eye"}))["reason"] == "gateway_not_connected"


async def test_the_session_is_gone(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    look = Look(entry.runtime_data.client)
    await look.check("demo:")
    await hass.config_entries.async_unload(entry.entry_id)
    assert not Look.alive
    again = Look(look.client)
    again._made = True
    await again.end()  # asks nobody


async def test_what_cannot_be_taken_away(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    flow = await enter(hass, await start(hass, entry), source="demo:")
    fake.refuse["DELETE /api/streams"] = 400, "the file cannot be written"
    hass.config_entries.subentries.async_abort(flow["flow_id"])
    await hass.async_block_till_done()
    assert not Look.alive
    fake.refuse.clear()
    await hass.config_entries.async_reload(entry.entry_id)  # next time
    await settle(hass, lambda: set(fake.streams) == {"door"})


async def test_a_second_try_after_the_gateway_was_away(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    fake.trouble = "unreachable"
    flow = await enter(hass, await start(hass, entry), source="rtsp://cam/1")
    fake.trouble = ""
    await hass.config_entries.async_reload(entry.entry_id)
    flow = await enter(hass, flow, source="rtsp://cam/1")
    assert flow["step_id"] == "confirm"
    hass.config_entries.subentries.async_abort(flow["flow_id"])
    await hass.async_block_till_done()
    assert set(fake.streams) == {"door"}


async def test_a_preview_without_a_picture(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    flow = await enter(hass, await start(hass, entry), source="demo:")
    assert flow["description_placeholders"] is not None
    fake.refuse["GET /api/frame.jpeg"] = 500, "no picture", "unreachable"
    client = await hass_client()
    async with client.get(flow["description_placeholders"]["preview"]) as response:
        assert await response.read() == b""


async def test_one_picture_for_both(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    one = {"source": "rtsp://10.0.0.5/1"}
    fake.survey = {"address": "10.0.0.5", "streams": [{**one, "role": "main"}, {**one, "role": "sub"}]}
    flow = await enter(hass, await start(hass, entry), source="10.0.0.5")
    await enter(hass, flow, **{CONF_NAME: "Eye"})
    eye = next(one for one in entry.subentries.values() if one.unique_id == "eye")
    assert eye.data["sub_sources"] == []


async def test_another_address_for_both_pictures(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    (door,) = entry.subentries.values()
    known = {"device": "onvif:1", "address": "camera", "sub_sources": ["rtsp://user:old@camera/2"]}
    hass.config_entries.async_update_subentry(entry, door, data={**door.data, **known})
    for sources, subs in (
        (["rtsp://new/1"], ["rtsp://user:old@new/2"]),
        (["rtsp://new/1", "rtsp://third/1"], ["rtsp://user:old@new/2"]),
    ):
        flow = await entry.start_subentry_reconfigure_flow(hass, door.subentry_id)
        await enter(hass, flow, **{CONF_NAME: "Door", CONF_USERNAME: "user", "sources": sources})
        (door,) = entry.subentries.values()
        assert door.data["sub_sources"] == subs
        assert (door.data["device"], door.data["address"]) == ("", "")


async def test_others_notice_nothing(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = entry_for(fake.url, cameras={"door": ("rtsp://u:p@camera/1",), "other": ("rtsp://u:p@other/1",)})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass, lambda: {"door", "other"} <= fake.streams.keys())
    await settle(hass, lambda: hass.states.is_state("camera.other", "idle"))
    await hass.async_block_till_done()
    other = hass.states.get("camera.other")
    fake.asked.clear()
    door = next(one for one in entry.subentries.values() if one.unique_id == "door")
    flow = await entry.start_subentry_reconfigure_flow(hass, door.subentry_id)
    await enter(hass, flow, **{CONF_NAME: "Front", CONF_USERNAME: "u", "sources": ["rtsp://camera/2"]})
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://u:p@camera/2"])
    hass.config_entries.async_remove_subentry(entry, door.subentry_id)
    await settle(hass, lambda: "door" not in fake.streams)
    assert not [line for line in fake.asked if "other" in line]
    assert hass.states.get("camera.other") is other
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_gateway_does_not_keep_it(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    flow = await enter(hass, await start(hass, entry), source="demo:")
    fake.refuse["PUT /api/streams"] = 400, "go2py.yaml: cannot be changed in place; edit the file"
    flow = await enter(hass, flow, **{CONF_NAME: "Eye"})
    assert flow["errors"] == {"base": "gateway_refused"}
    assert "edit the file" in flow["description_placeholders"]["detail"]
    fake.refuse.clear()
    assert (await enter(hass, flow, **{CONF_NAME: "Eye"}))["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: hass.states.get("camera.eye"))
