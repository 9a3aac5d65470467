"""The gateway as an app: installed with consent, started, connected, kept up to date, removed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from homeassistant.components.hassio import AddonState
from homeassistant.config_entries import SOURCE_HASSIO, SOURCE_USER, SOURCE_ZEROCONF, ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.go2py import app
from custom_components.go2py.app import App
from custom_components.go2py.const import REPOSITORY as OURS

from .fakes import FakeGateway
from .supervisor import REPOSITORY, SLUG, Supervisor
from .test_config_flow import BASIC, LOGIN, announced

INSTALL, START = f"/store/addons/{SLUG}/install", f"/addons/{SLUG}/start"


@pytest.fixture
async def supervisor(
    hass: HomeAssistant, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Supervisor]:
    monkeypatch.setattr(app, "_POLL_SECONDS", 0.02)
    fake.about["id"] = "abc"
    fake.password = BASIC
    url = str(URL(fake.url).with_host("0.0.0.0")).rstrip("/")
    async with Supervisor({"url": url, "id": "abc", "rtsp_port": 8554, **LOGIN}) as supervisor:
        supervisor.adopt(hass)
        yield supervisor


@pytest.fixture
def app_entry(hass: HomeAssistant, fake: FakeGateway, supervisor: Supervisor) -> MockConfigEntry:
    """An entry of an app that is installed and runs."""
    supervisor.repositories[REPOSITORY] = OURS
    supervisor.installed, supervisor.state = True, "started"
    data = {CONF_URL: fake.url, CONF_VERIFY_SSL: True, **LOGIN, "app": SLUG}
    entry = MockConfigEntry(domain="go2py", title="go2py", unique_id="abc", data=data)
    entry.add_to_hass(hass)
    return entry


async def choose(hass: HomeAssistant) -> ConfigFlowResult:
    flow = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_USER})
    assert (flow["type"], flow["menu_options"]) == (FlowResultType.MENU, ["app", "remote"])
    return await hass.config_entries.flow.async_configure(flow["flow_id"], {"next_step_id": "app"})


async def finish(hass: HomeAssistant, flow: ConfigFlowResult) -> ConfigFlowResult:
    """What comes when all progress is over; as the frontend, that asks again when it hears of a change."""
    seen = []
    while flow["type"] in {FlowResultType.SHOW_PROGRESS, FlowResultType.SHOW_PROGRESS_DONE}:
        seen.append(flow.get("progress_action"))
        await hass.async_block_till_done(wait_background_tasks=True)
        flow = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert seen
    return flow


async def test_from_nothing(hass: HomeAssistant, supervisor: Supervisor, fake: FakeGateway) -> None:
    form = await choose(hass)
    assert form["step_id"] == "repository"
    assert form["description_placeholders"] == {"repository": OURS, "detail": ""}
    assert supervisor.asked == [], "nothing happens before the user agreed"
    done = await finish(hass, await hass.config_entries.flow.async_configure(form["flow_id"], {}))
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert supervisor.asked == ["/store/repositories", INSTALL, f"/addons/{SLUG}/options", START]
    assert supervisor.options == {"watchdog": True}
    entry = done["result"]
    assert entry.unique_id == "abc"
    assert entry.data == {CONF_URL: fake.url, CONF_VERIFY_SSL: True, **LOGIN, "app": SLUG, "created_app": True}
    assert entry.state is ConfigEntryState.LOADED
    device = dr.async_get(hass).async_get(entry.runtime_data.device_id)
    assert isinstance(device, dr.DeviceEntry)
    assert device.configuration_url == f"homeassistant://app/{SLUG}"
    await hass.config_entries.async_remove(entry.entry_id)
    assert supervisor.asked[4:] == [f"/addons/{SLUG}/stop", "/backups/new/partial", f"/addons/{SLUG}/uninstall"]
    assert not supervisor.installed


async def test_an_app_that_runs_already(
    hass: HomeAssistant, supervisor: Supervisor, app_entry: MockConfigEntry
) -> None:
    """Its second entry would be the same gateway."""
    done = await finish(hass, await choose(hass))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    await hass.config_entries.async_remove(app_entry.entry_id)
    done = await finish(hass, await choose(hass))
    assert "created_app" not in done["data"]
    await hass.config_entries.async_remove(done["result"].entry_id)
    assert supervisor.installed, "it was there before us"
    assert supervisor.asked == []


async def test_the_store_says_no(hass: HomeAssistant, supervisor: Supervisor) -> None:
    supervisor.refuse["GET /store"] = (500, "busy")
    result = await choose(hass)
    assert (result["reason"], result["description_placeholders"]) == ("app_failed", {"detail": "busy"})
    supervisor.refuse = {"POST /store/repositories": (400, "no git")}
    form = await choose(hass)
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert form["errors"] == {"base": "repository_refused"}
    assert form["description_placeholders"] == {"repository": OURS, "detail": "no git"}
    supervisor.refuse.clear()
    supervisor.has_app = False
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert form["errors"] == {"base": "repository_empty"}


@pytest.mark.parametrize(
    ("path", "reason"), [(f"POST {INSTALL}", "install_app_failed"), (f"POST {START}", "start_app_failed")]
)
async def test_the_app_says_no(hass: HomeAssistant, supervisor: Supervisor, path: str, reason: str) -> None:
    supervisor.repositories[REPOSITORY] = OURS.upper()
    supervisor.refuse[path] = (400, "no space left")
    result = await finish(hass, await choose(hass))
    assert result["reason"] == reason
    assert "no space left" in str(result["description_placeholders"])


async def test_nothing_is_announced(
    hass: HomeAssistant, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_ANNOUNCE_SECONDS", 0.1)
    supervisor.repositories[REPOSITORY] = OURS
    supervisor.announces = {}
    result = await finish(hass, await choose(hass))
    assert result["reason"] == "start_app_failed"


async def test_the_gateway_does_not_answer_yet(hass: HomeAssistant, supervisor: Supervisor, fake: FakeGateway) -> None:
    supervisor.repositories[REPOSITORY] = OURS
    fake.refuse["GET /api"] = (503, "")
    form = await finish(hass, await choose(hass))
    assert (form["step_id"], form["errors"]) == ("found_confirm", {"base": "cannot_connect"})
    fake.refuse.clear()
    done = await hass.config_entries.flow.async_configure(form["flow_id"], LOGIN)
    assert done["data"]["app"] == SLUG
    assert await hass.config_entries.async_unload(done["result"].entry_id)


async def test_the_local_app_of_a_developer(hass: HomeAssistant, supervisor: Supervisor) -> None:
    """Counts, but not more than an installed one."""
    supervisor.repositories[REPOSITORY] = OURS
    ours = App(hass)
    assert await ours.find()
    assert ours.slug == SLUG


# --- an entry's app --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("installed", "state", "key"),
    [(False, "stopped", "app_removed"), (True, "stopped", "app_starting"), (True, "started", "")],
)
async def test_an_app_that_is_not_running(
    hass: HomeAssistant, supervisor: Supervisor, app_entry: MockConfigEntry, installed: bool, state: str, key: str
) -> None:
    supervisor.installed, supervisor.state = installed, state
    assert await hass.config_entries.async_setup(app_entry.entry_id) == (not key)
    assert app_entry.state is (ConfigEntryState.SETUP_RETRY if key else ConfigEntryState.LOADED)
    assert app_entry.error_reason_translation_key == (key or None)
    await hass.async_block_till_done()
    assert (START in supervisor.asked) == (key == "app_starting")
    assert await hass.config_entries.async_reload(app_entry.entry_id) == installed
    assert await hass.config_entries.async_unload(app_entry.entry_id) or not installed


async def test_a_supervisor_that_is_away(
    hass: HomeAssistant, supervisor: Supervisor, app_entry: MockConfigEntry
) -> None:
    supervisor.refuse[f"GET /store/addons/{SLUG}"] = (500, "booting")
    assert not await hass.config_entries.async_setup(app_entry.entry_id)
    assert app_entry.error_reason_translation_key == "app_failed"
    hass.config.components.remove("hassio")
    await hass.config_entries.async_reload(app_entry.entry_id)
    assert app_entry.error_reason_translation_key == "app_no_supervisor"


async def test_an_app_that_is_being_updated(
    hass: HomeAssistant, supervisor: Supervisor, app_entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = App(hass, SLUG).manager
    info = await manager.async_get_addon_info()
    info.state = AddonState.UPDATING

    async def busy() -> Any:
        return info

    monkeypatch.setattr(manager, "async_get_addon_info", busy)
    assert not await hass.config_entries.async_setup(app_entry.entry_id)
    assert app_entry.error_reason_translation_key == "app_busy"


async def test_an_app_out_of_date_is_updated(
    hass: HomeAssistant, supervisor: Supervisor, app_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    supervisor.version, supervisor.latest = "0.0.9", "0.1.0"
    assert await hass.config_entries.async_setup(app_entry.entry_id)
    issue_id = f"app_outdated_{app_entry.entry_id}"
    issue = ir.async_get(hass).async_get_issue("go2py", issue_id)
    assert issue is not None
    assert issue.translation_placeholders == {"version": "0.0.9", "needed": "0.1.0"}
    client = await hass_client()

    async def fix(path: str, data: dict[str, Any] | None) -> Any:
        response = await (client.get(path) if data is None else client.post(path, json=data))
        return await response.json()

    base = "/api/repairs/issues/fix"
    supervisor.refuse["POST /backups/new/partial"] = (400, "no space left")
    flow: Any = None
    for failing in (True, False):
        flow = await fix(base, {"handler": "go2py", "issue_id": issue_id})
        assert flow["description_placeholders"] == issue.translation_placeholders
        flow = await fix(f"{base}/{flow['flow_id']}", {})
        while flow["type"].startswith("progress"):
            await hass.async_block_till_done()
            flow = await fix(f"{base}/{flow['flow_id']}", {})
        if failing:
            assert flow["reason"] == "update_failed"
            assert "no space left" in flow["description_placeholders"]["detail"]
            supervisor.refuse.clear()
    assert flow["type"] == "create_entry"
    assert supervisor.asked[-2:] == ["/backups/new/partial", f"/store/addons/{SLUG}/update"]
    await hass.async_block_till_done()
    assert app_entry.state is ConfigEntryState.LOADED
    assert ir.async_get(hass).async_get_issue("go2py", issue_id) is None
    assert await hass.config_entries.async_unload(app_entry.entry_id)


async def test_an_app_that_cannot_be_removed_stays(
    hass: HomeAssistant, supervisor: Supervisor, app_entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    hass.config_entries.async_update_entry(app_entry, data={**app_entry.data, "created_app": True})
    supervisor.refuse["POST /backups/new/partial"] = (400, "no space left")
    await hass.config_entries.async_remove(app_entry.entry_id)
    assert supervisor.installed
    assert "The app stays" in caplog.text


# --- discovery -------------------------------------------------------------------------------------------------------


async def test_a_new_password_of_the_app(
    hass: HomeAssistant, supervisor: Supervisor, app_entry: MockConfigEntry
) -> None:
    config = {**supervisor.announces, CONF_URL: "http://192.0.2.7:1984", CONF_USERNAME: "hass", CONF_PASSWORD: "new"}
    info = HassioServiceInfo(config=config, name="go2py", slug=SLUG, uuid="1")
    result = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_HASSIO}, data=info)
    assert result["reason"] == "already_configured"
    moved = {CONF_URL: "http://192.0.2.7:1984/", CONF_PASSWORD: "new"}
    assert dict(app_entry.data) == {**app_entry.data, **moved, "app": SLUG}


async def test_the_app_knows_better_than_the_network(
    hass: HomeAssistant, fake: FakeGateway, app_entry: MockConfigEntry
) -> None:
    """It announces itself there too, under the machine's address."""
    before = dict(app_entry.data)
    hass.config_entries.async_update_entry(app_entry, data={**before, CONF_URL: "http://127.0.0.1:9/"})
    found = announced(fake, id="abc")
    result = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_ZEROCONF}, data=found)
    assert result["reason"] == "already_configured"
    assert app_entry.data[CONF_URL] == "http://127.0.0.1:9/"
