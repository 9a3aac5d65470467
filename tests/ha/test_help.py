"""Repairs, diagnostics, system health."""

from datetime import timedelta
from http import HTTPStatus

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed, get_system_health_info
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .conftest import settle
from .fakes import FakeGateway
from .test_entities import setup

REFUSED = "camera:554 refused the user and password; check them in the source's URL"


def issues(hass: HomeAssistant) -> dict[str, str | None]:
    return {key[1]: issue.translation_key for key, issue in ir.async_get(hass).issues.items() if key[0] == "go2py"}


async def test_a_wrong_password_is_put_right(
    hass: HomeAssistant, fake: FakeGateway, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await setup(hass, fake, door=("rtsp://user:old@camera/1",))
    (camera,) = entry.subentries
    await fake.source_state("waiting", REFUSED, code="unauthorized")
    await settle(hass, lambda: issues(hass) == {f"camera_auth_{camera}": "camera_auth"})
    client = await hass_client()
    start = await client.post("/api/repairs/issues/fix", json={"handler": "go2py", "issue_id": f"camera_auth_{camera}"})
    flow = await start.json()
    assert flow["step_id"] == "login"
    path = f"/api/repairs/issues/fix/{flow['flow_id']}"
    fake.trouble = "unauthorized"
    wrong = await (await client.post(path, json={"username": "user", "password": "wrong"})).json()
    assert wrong["errors"] == {"base": "camera_auth"}
    fake.trouble = ""
    done = await (await client.post(path, json={"username": "user", "password": "new"})).json()
    assert done["type"] == "create_entry"
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://user:new@camera/1"])
    assert not [name for name in fake.streams if name.startswith("go2py_look")]
    await fake.source_state("live")
    await settle(hass, lambda: not issues(hass))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_camera_is_removed_meanwhile(
    hass: HomeAssistant, fake: FakeGateway, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await setup(hass, fake, door=("rtsp://user:old@camera/1",))
    (camera,) = entry.subentries
    await fake.source_state("waiting", REFUSED, code="unauthorized")
    await settle(hass, lambda: issues(hass))
    client = await hass_client()
    fix = {"handler": "go2py", "issue_id": f"camera_auth_{camera}"}
    flow = await (await client.post("/api/repairs/issues/fix", json=fix)).json()
    hass.config_entries.async_remove_subentry(entry, camera)
    await settle(hass, lambda: not issues(hass))
    answer = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={"username": "u", "password": "p"})
    assert (await answer.json())["reason"] == "camera_gone"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_away_for_long(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    await fake.source_state("waiting", "camera: no answer")
    await settle(hass, lambda: hass.states.is_state("camera.door", "unavailable"))
    assert not issues(hass)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=31))
    await hass.async_block_till_done()
    assert set(issues(hass).values()) == {"camera_away"}
    await fake.source_state("live")
    await settle(hass, lambda: not issues(hass))
    await fake.source_state("waiting", "camera: no answer")
    await settle(hass, lambda: hass.states.is_state("camera.door", "unavailable"))
    hass.config_entries.async_remove_subentry(entry, next(iter(entry.subentries)))
    await hass.async_block_till_done()
    await hass.config_entries.async_unload(entry.entry_id)


async def test_issues_end_with_the_entry(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake, door=("rtsp://user:old@camera/1",), yard=())
    await fake.source_state("waiting", REFUSED, code="unauthorized")
    await settle(hass, lambda: issues(hass))
    await hass.config_entries.async_unload(entry.entry_id)
    assert not issues(hass)


async def test_diagnostics_hold_no_secret(
    hass: HomeAssistant, fake: FakeGateway, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    source = "rtsp://user:canary1@camera/1?password=canary2&channel=1#token=canary3"
    entry = await setup(hass, fake, door=(source,))
    hass.config_entries.async_update_entry(entry, data={**entry.data, "username": "me", "password": "canary4"})
    await hass.async_block_till_done()
    client = await hass_client()
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    paths = [f"/api/diagnostics/config_entry/{entry.entry_id}"]
    paths += [f"{paths[0]}/device/{device.id}" for device in devices]
    for path in paths:
        response = await client.get(path)
        assert response.status == HTTPStatus.OK
        text = await response.text()
        assert "canary" not in text
        assert "rtsp://***@camera/1?password=***&channel=1#token=***" in text
    await hass.config_entries.async_unload(entry.entry_id)


async def test_system_health(hass: HomeAssistant, fake: FakeGateway) -> None:
    assert await async_setup_component(hass, "system_health", {})
    entry = await setup(hass, fake)
    assert await get_system_health_info(hass, "go2py") == {
        "gateways": 1,
        "connected": 1,
        "versions": "0.1.0",
        "cameras": 1,
        "cameras_live": 1,
        "viewers": 0,
    }
    await hass.config_entries.async_unload(entry.entry_id)
