"""Cameras that the gateway sees: cards for new ones, and going after known ones that moved."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_DHCP, SOURCE_IGNORE, SOURCE_USER, SOURCE_ZEROCONF
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from .conftest import entry_for, settle
from .fakes import FakeGateway

MAC = "4c:bd:8f:00:00:01"
EYE = {"id": MAC, "address": "10.0.0.5", "mac": MAC, "maker": "Acme", "model": "Eye 3", "name": "EYE", "hint": "Hint."}
SURVEY = {
    "address": "10.0.0.5",
    "maker": "Acme",
    "model": "Eye 3",
    "mac": "",
    "talk": True,
    "streams": [
        {"role": "main", "source": "rtsp://10.0.0.5/1"},
        {"role": "sub", "source": "rtsp://10.0.0.5/2", "video": "H264", "width": 640, "height": 360},
    ],
}
LOGIN = {CONF_USERNAME: "me", CONF_PASSWORD: "secret"}


@pytest.fixture
async def entry(hass: HomeAssistant, fake: FakeGateway) -> AsyncIterator[MockConfigEntry]:
    """A gateway with two cameras, one of which is known for good."""
    entry = entry_for(
        fake.url, cameras={"door": ("rtsp://user:old@10.0.0.4:8554/1",), "other": ("rtsp://u:p@10.0.0.9/1",)}
    )
    entry.add_to_hass(hass)
    fake.streams = {"door": ["rtsp://***@10.0.0.4:8554/1"], "other": ["rtsp://***@10.0.0.9/1"]}
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


async def look(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The time has come for another search, and all that follows from it is done."""
    finder = entry.runtime_data.finder
    await finder._look()
    await hass.async_block_till_done()


def cards(hass: HomeAssistant) -> list[Any]:
    return [flow for flow in hass.config_entries.flow.async_progress() if flow["handler"] == "go2py"]


def has_mac(hass: HomeAssistant) -> bool:
    """Whether Home Assistant's DHCP discovery would tell of the camera."""
    devices = dr.async_get(hass).devices
    return any((dr.CONNECTION_NETWORK_MAC, MAC) in device.connections for device in devices)


def door_of(entry: MockConfigEntry) -> Any:
    return next(one for one in entry.subentries.values() if one.unique_id == "door")


async def configure(hass: HomeAssistant, flow: Any, **data: Any) -> Any:
    return await hass.config_entries.flow.async_configure(flow["flow_id"], data)


async def test_a_card_becomes_a_camera(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    other = hass.states.get("camera.other")
    fake.devices = [EYE]
    await look(hass, entry)
    (card,) = cards(hass)
    assert card["context"]["title_placeholders"] == {"name": "Acme Eye 3 (10.0.0.5)"}
    assert card["context"]["unique_id"] == MAC
    await look(hass, entry)
    assert len(cards(hass)) == 1

    fake.survey = {"streams": [], "problems": [{"code": "unauthorized", "message": "no"}]}
    wrong = await configure(hass, card, **LOGIN)
    assert wrong["errors"] == {"base": "camera_auth"}
    assert wrong["description_placeholders"]["hint"] == "Hint."
    fake.survey = SURVEY
    shown = await configure(hass, wrong, **LOGIN)
    assert shown["step_id"] == "discovered_confirm"
    assert shown["description_placeholders"]["sub"] == "H264 640×360"
    assert shown["description_placeholders"]["talk"] == "✓"
    assert "secret" not in str(shown["description_placeholders"])
    assert fake.surveyed[-1] == {"address": "10.0.0.5", "username": "me", "password": "secret"}

    fake.refuse["PUT /api/streams"] = 400, "the file cannot be written"
    refused = await configure(hass, shown, **{CONF_NAME: "Garden"})
    assert refused["errors"] == {"base": "gateway_refused"}
    fake.refuse.clear()
    done = await configure(hass, refused, **{CONF_NAME: "Garden"})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "camera_added")
    assert done["description_placeholders"] == {"name": "Garden"}
    await settle(hass, lambda: hass.states.get("camera.garden"))
    await settle(hass, lambda: fake.streams.get("garden_sub") == ["rtsp://me:secret@10.0.0.5/2"])
    assert fake.streams["garden"] == ["rtsp://me:secret@10.0.0.5/1"]
    assert not [name for name in fake.streams if name.startswith("go2py_look")]
    assert not [line for line in fake.asked if "other" in line and "frame" not in line]
    assert hass.states.get("camera.other") is other
    garden = next(one for one in entry.subentries.values() if one.title == "Garden")
    assert (garden.data["device"], garden.data["address"]) == (MAC, "10.0.0.5")
    assert has_mac(hass)

    # it is never shown again, and can be taken away alone
    fake.asked.clear()
    await look(hass, entry)
    assert not cards(hass)
    hass.config_entries.async_remove_subentry(entry, garden.subentry_id)
    await settle(hass, lambda: set(fake.streams) == {"door", "other"})
    changes = [line for line in fake.asked if not line.startswith("GET")]
    assert sorted(changes) == ["DELETE /api/streams?src=garden", "DELETE /api/streams?src=garden_sub"]


async def test_ignored_ones_stay_ignored(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [EYE]
    await look(hass, entry)
    (card,) = cards(hass)
    await hass.config_entries.flow.async_init(
        "go2py", context={"source": SOURCE_IGNORE}, data={"unique_id": MAC, "title": "Eye"}
    )
    assert not cards(hass)
    await look(hass, entry)
    assert not cards(hass)
    assert card["context"]["unique_id"] == MAC


async def test_those_in_use_are_not_shown(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [{**EYE, "streams": ["mine"]}, {"address": ""}]
    await look(hass, entry)
    assert not cards(hass)


async def test_a_card_goes_when_the_camera_was_added_by_hand(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    fake.devices = [EYE]
    await look(hass, entry)
    (card,) = cards(hass)
    fake.survey = SURVEY
    flow = await hass.config_entries.subentries.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
    subentries = hass.config_entries.subentries
    flow = await subentries.async_configure(flow["flow_id"], {"next_step_id": "search"})
    flow = await subentries.async_configure(flow["flow_id"], {"device": "10.0.0.5", **LOGIN})
    await subentries.async_configure(flow["flow_id"], {CONF_NAME: "Eye"})
    await hass.async_block_till_done()
    assert not cards(hass)
    with pytest.raises(UnknownFlow):
        hass.config_entries.flow.async_get(card["flow_id"])
    eye = next(one for one in entry.subentries.values() if one.title == "Eye")
    assert eye.data["device"] == MAC


async def test_a_card_follows_its_camera(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [EYE]
    await look(hass, entry)
    fake.devices = [{**EYE, "address": "10.0.0.6"}]
    await look(hass, entry)
    (card,) = cards(hass)
    assert card["context"]["title_placeholders"] == {"name": "Acme Eye 3 (10.0.0.6)"}


async def test_cards_go_with_the_gateway(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [EYE]
    await look(hass, entry)
    assert cards(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    assert not cards(hass)


@pytest.mark.parametrize("step", ["discovered", "discovered_confirm"])
async def test_the_gateway_is_away_meanwhile(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.devices, fake.survey = [EYE], SURVEY
    await look(hass, entry)
    (card,) = cards(hass)
    if step == "discovered_confirm":
        assert (await configure(hass, card, **LOGIN))["step_id"] == step
    monkeypatch.setattr("custom_components.go2py.finder.withdraw", lambda *_: None)
    await hass.config_entries.async_unload(entry.entry_id)
    done = await configure(hass, card, **({CONF_NAME: "Eye"} if step == "discovered_confirm" else LOGIN))
    assert done["reason"] == "gateway_not_connected"


async def test_two_windows_about_one_camera(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.devices, fake.survey = [EYE], SURVEY
    await look(hass, entry)
    (card,) = cards(hass)
    await configure(hass, card, **LOGIN)
    monkeypatch.setattr("custom_components.go2py.finder.withdraw", lambda *_: None)
    door = door_of(entry)
    hass.config_entries.async_update_subentry(entry, door, data={**door.data, "device": MAC, "address": "10.0.0.4"})
    assert (await configure(hass, card, **{CONF_NAME: "Eye"}))["reason"] == "already_configured"


async def test_a_card_that_is_closed_leaves_nothing(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    fake.devices, fake.survey = [EYE], SURVEY
    await look(hass, entry)
    (card,) = cards(hass)
    await configure(hass, card, **LOGIN)
    assert [name for name in fake.streams if name.startswith("go2py_look")]
    hass.config_entries.flow.async_abort(card["flow_id"])
    await hass.async_block_till_done()
    assert set(fake.streams) == {"door", "other"}


async def test_one_search_for_all(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    finder = entry.runtime_data.finder
    before = fake.searches
    first, second = await asyncio.gather(finder.search(), finder.search())
    assert first == second == []
    assert fake.searches == before + 1


async def test_searches_come_by_themselves(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await settle(hass, lambda: fake.searches == 1)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=31))
    await settle(hass, lambda: fake.searches == 2)
    fake.refuse["GET /api/discovery"] = 503, "enough searches are under way"
    await look(hass, entry)
    assert not cards(hass)


async def test_no_search_without_a_gateway(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await settle(hass, lambda: fake.searches == 1)
    entry.runtime_data.last_update_success = False
    await look(hass, entry)
    assert fake.searches == 1


async def test_a_search_ends_with_the_entry(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.search_takes = asyncio.Event()
    flow = await hass.config_entries.subentries.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
    asking = asyncio.ensure_future(
        hass.config_entries.subentries.async_configure(flow["flow_id"], {"next_step_id": "search"})
    )
    before = fake.searches
    await settle(hass, lambda: fake.searches > before)
    await hass.config_entries.async_unload(entry.entry_id)
    assert (await asking)["reason"] == "search_failed"
    fake.search_takes.set()


async def test_signs_of_life_on_the_network(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await settle(hass, lambda: fake.searches == 1)
    fake.devices = [EYE]
    for _ in range(3):
        info = ZeroconfServiceInfo(
            ip_address=ip_address("10.0.0.5"),
            ip_addresses=[ip_address("10.0.0.5")],
            port=554,
            hostname="eye.local.",
            type="_rtsp._tcp.local.",
            name="Eye._rtsp._tcp.local.",
            properties={},
        )
        flow = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_ZEROCONF}, data=info)
        assert flow["reason"] == "searching"
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await settle(hass, lambda: cards(hass))
    assert fake.searches == 2


# --- following --------------------------------------------------------------------------------------------------------

DOOR = {"id": "onvif:urn:uuid:1", "address": "10.0.0.4", "maker": "Acme", "streams": ["door"]}


async def test_a_camera_that_moved_is_followed(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "custom_components.go2py")
    hass.config_entries.async_update_subentry(
        entry, door_of(entry), data={**door_of(entry).data, "sub_sources": ["rtsp://user:old@10.0.0.4:8554/2"]}
    )
    await settle(hass, lambda: "door_sub" in fake.streams)
    fake.devices = [DOOR]
    await look(hass, entry)
    assert (door_of(entry).data["device"], door_of(entry).data["address"]) == (DOOR["id"], "10.0.0.4")
    assert "moved" not in caplog.text

    fake.devices = [{**DOOR, "address": "10.0.0.7", "streams": []}]
    await look(hass, entry)  # it still plays where it was
    assert door_of(entry).data["address"] == "10.0.0.4"

    fake.dead = "10.0.0.4"
    await fake.source_state("waiting", "no answer", code="unreachable")
    await settle(hass, lambda: not entry.runtime_data.stream("door").live)
    fake.asked.clear()
    await look(hass, entry)
    assert door_of(entry).data["sources"] == ["rtsp://user:old@10.0.0.7:8554/1"]
    assert door_of(entry).data["sub_sources"] == ["rtsp://user:old@10.0.0.7:8554/2"]
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://user:old@10.0.0.7:8554/1"])
    await settle(hass, lambda: fake.streams["door_sub"] == ["rtsp://user:old@10.0.0.7:8554/2"])
    assert not [line for line in fake.asked if "other" in line]
    assert not cards(hass)
    await look(hass, entry)
    assert caplog.text.count("Door moved from 10.0.0.4 to 10.0.0.7") == 1
    assert not [one for one in caplog.records if "go2py" in one.name and "old" in one.getMessage()]


async def test_by_dhcp(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [{**DOOR, "id": MAC}]
    await look(hass, entry)
    assert has_mac(hass)
    fake.dead = "10.0.0.4"
    fake.state = "waiting"
    await fake.source_state("waiting", "no answer", code="unreachable")
    await settle(hass, lambda: not entry.runtime_data.stream("door").live)
    info = DhcpServiceInfo(ip="10.0.0.8", hostname="eye", macaddress=MAC.replace(":", ""))
    flow = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_DHCP}, data=info)
    assert flow["reason"] == "already_configured"
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://user:old@10.0.0.8:8554/1"])


async def test_two_cameras_that_swapped_addresses(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    other = {"id": "onvif:urn:uuid:2", "address": "10.0.0.9", "streams": ["other"]}
    fake.devices = [DOOR, other]
    await look(hass, entry)
    await fake.source_state("waiting", "refused", code="unauthorized")
    await settle(hass, lambda: not entry.runtime_data.stream("door").live)
    fake.devices = [{**DOOR, "address": "10.0.0.9"}, {**other, "address": "10.0.0.4"}]
    await look(hass, entry)
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://user:old@10.0.0.9:8554/1"])
    await settle(hass, lambda: fake.streams["other"] == ["rtsp://u:p@10.0.0.4/1"])


async def test_nobody_is_followed_blindly(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [DOOR]
    await look(hass, entry)
    fake.dead = "10.0.0."  # nor does it play where it is said to be
    await fake.source_state("waiting", "no answer", code="unreachable")
    await settle(hass, lambda: not entry.runtime_data.stream("door").live)
    fake.devices = [{**DOOR, "address": "10.0.0.7", "streams": []}]
    await look(hass, entry)
    assert door_of(entry).data["address"] == "10.0.0.4"
    fake.dead = "10.0.0.4"
    door = door_of(entry)
    sources = ["rtsp://user:old@192.0.2.1/1"]  # somebody wrote another address
    hass.config_entries.async_update_subentry(entry, door, data={**door.data, "sources": sources})
    await look(hass, entry)
    assert door_of(entry).data["sources"] == sources


async def test_removed_while_it_is_followed(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [DOOR]
    await look(hass, entry)
    await fake.source_state("waiting", "no answer", code="unreachable")
    await settle(hass, lambda: not entry.runtime_data.stream("door").live)
    fake.dead = "10.0.0.4"
    fake.devices = [{**DOOR, "address": "10.0.0.7", "streams": []}]
    fake.slow["POST /api/discovery/probe"] = asyncio.Event()
    looking = asyncio.ensure_future(look(hass, entry))
    await settle(hass, lambda: fake.waiting)
    hass.config_entries.async_remove_subentry(entry, door_of(entry).subentry_id)
    fake.slow["POST /api/discovery/probe"].set()
    await looking
    assert [one.unique_id for one in entry.subentries.values()] == ["other"]


async def test_two_devices_at_one_address(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    fake.devices = [DOOR, {**DOOR, "id": "upnp:x"}, {"id": "10.0.0.9", "address": "10.0.0.9", "streams": ["other"]}]
    await look(hass, entry)
    assert not [one for one in entry.subentries.values() if one.data.get("device")]


async def test_cameras_with_names(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
        if host != "localhost":
            raise OSError("no such name")
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(hass.loop, "getaddrinfo", getaddrinfo)
    door = door_of(entry)
    for name, known in (("nobody.invalid", False), ("localhost", True)):
        hass.config_entries.async_update_subentry(entry, door, data={**door.data, "sources": [f"rtsp://{name}/1"]})
        fake.devices = [{**DOOR, "address": "127.0.0.1", "streams": ["door"]}]
        await look(hass, entry)
        assert bool(door_of(entry).data.get("device")) is known
    assert door_of(entry).data["address"] == ""


async def test_what_a_crash_left_is_taken_away(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.streams["go2py_look_1234"] = ["rtsp://camera/1"]
    entry = entry_for(fake.url)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass, lambda: "go2py_look_1234" not in fake.streams)
    await hass.config_entries.async_unload(entry.entry_id)
