"""Adding a gateway in every way, and every way in which that goes wrong."""

from ipaddress import ip_address
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_HASSIO, SOURCE_USER, SOURCE_ZEROCONF, ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from yarl import URL

from custom_components.go2py.config_flow import normalize

from .conftest import entry_for
from .fakes import FakeGateway

LOGIN = {CONF_USERNAME: "hass", CONF_PASSWORD: "secret"}
BASIC = "aGFzczpzZWNyZXQ="
"""The login as Basic credentials."""


async def by_hand(hass: HomeAssistant, url: str, **more: Any) -> ConfigFlowResult:
    menu = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_USER})
    assert menu["menu_options"] == ["managed", "remote"]
    flow = await hass.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": "remote"})
    data = {CONF_URL: url, CONF_VERIFY_SSL: True, **more}
    return await hass.config_entries.flow.async_configure(flow["flow_id"], data)


async def test_by_hand(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.about["id"] = "abc"
    result = await by_hand(hass, fake.url.removeprefix("http://"), **LOGIN)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.unique_id == "abc"
    assert entry.data == {CONF_URL: fake.url, CONF_VERIFY_SSL: True, **LOGIN}
    assert result["next_flow"][0] == "config_subentries_flow"
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("url", "field", "error"),
    [
        ("ftp://host", CONF_URL, "invalid_url"),
        ("http://user@host", CONF_URL, "invalid_url"),
        ("http://host:99999", CONF_URL, "invalid_url"),
        (" ", CONF_URL, "invalid_url"),
        ("http://127.0.0.1:9", "base", "cannot_connect"),
    ],
)
async def test_a_bad_address(hass: HomeAssistant, url: str, field: str, error: str) -> None:
    result = await by_hand(hass, url)
    assert result["errors"] == {field: error}


@pytest.mark.parametrize(
    ("typed", "url"),
    [("go2py.local", "http://go2py.local:1984/"), (" https://cam.test/x/?a#b ", "https://cam.test/x/")],
)
def test_what_is_typed(typed: str, url: str) -> None:
    assert normalize(typed) == url


async def test_the_gateway_says_no_and_then_yes(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.password = BASIC
    result = await by_hand(hass, fake.url)
    assert result["errors"] == {"base": "auth_needed"}
    configure = hass.config_entries.flow.async_configure
    data = {CONF_URL: fake.url, CONF_VERIFY_SSL: True}
    for refusal, error in (((401, ""), "invalid_auth"), ((429, "wait"), "locked"), ((404, ""), "not_go2py")):
        fake.refuse["GET /api"] = refusal
        result = await configure(result["flow_id"], {**data, **LOGIN})
        assert result["errors"] == {"base": error}
    fake.refuse["GET /api"] = (503, "")
    assert (await configure(result["flow_id"], {**data, **LOGIN}))["errors"] == {"base": "cannot_connect"}
    fake.refuse.clear()
    for nonsense in ({"version": "1.9.15"}, ["list"], {"go2py": 1}):
        fake.about, about = nonsense, fake.about
        assert (await configure(result["flow_id"], {**data, **LOGIN}))["errors"] == {"base": "not_go2py"}
        fake.about = about
    result = await configure(result["flow_id"], {**data, **LOGIN})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert await hass.config_entries.async_unload(result["result"].entry_id)


async def test_only_once(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry_for(fake.url).add_to_hass(hass)
    result = await by_hand(hass, fake.url)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


def announced(fake: FakeGateway, **properties: str) -> ZeroconfServiceInfo:
    address = ip_address("127.0.0.1")
    return ZeroconfServiceInfo(
        ip_address=address,
        ip_addresses=[address],
        port=URL(fake.url).port,
        hostname="attic.local.",
        type="_go2py._tcp.local.",
        name="Attic._go2py._tcp.local.",
        properties=properties,
    )


async def test_announced_in_the_network(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.about["id"] = "abc"
    fake.password = BASIC
    flow = await hass.config_entries.flow.async_init(
        "go2py", context={"source": SOURCE_ZEROCONF}, data=announced(fake, id="abc")
    )
    assert flow["step_id"] == "found_confirm"
    wrong = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert wrong["errors"] == {"base": "auth_needed"}
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], LOGIN)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Attic"
    assert await hass.config_entries.async_unload(result["result"].entry_id)


async def test_a_known_gateway_moved(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = entry_for("http://127.0.0.1:9/", username="hass", password="secret")
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, unique_id="abc")
    result = await hass.config_entries.flow.async_init(
        "go2py", context={"source": SOURCE_ZEROCONF}, data=announced(fake, id="abc")
    )
    assert result["reason"] == "already_configured"
    assert entry.data == {CONF_URL: fake.url, CONF_VERIFY_SSL: True, **LOGIN}


async def test_announced_by_the_app(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.about["id"] = "abc"
    fake.password = BASIC
    url = URL(fake.url).with_host("0.0.0.0")
    config = {"url": str(url).rstrip("/"), "id": "abc", "rtsp_port": 8554, **LOGIN}
    info = HassioServiceInfo(config=config, name="go2py", slug="abcd_go2py", uuid="1")
    flow = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_HASSIO}, data=info)
    assert flow["step_id"] == "found_confirm"
    assert flow["data_schema"] is None  # nothing to type
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {CONF_URL: fake.url, CONF_VERIFY_SSL: True, **LOGIN, "app": "abcd_go2py"}
    assert result["result"].state is ConfigEntryState.SETUP_RETRY  # there is no Supervisor here


async def test_a_new_password(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.password = BASIC
    entry = entry_for(fake.url, username="hass", password="old")
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_confirm"
    wrong = await hass.config_entries.flow.async_configure(flow["flow_id"], {**LOGIN, CONF_PASSWORD: "?"})
    assert wrong["errors"] == {"base": "invalid_auth"}
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], LOGIN)
    assert result["reason"] == "reauth_successful"
    assert entry.data[CONF_PASSWORD] == "secret"
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_another_address(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = entry_for(fake.url)
    other = entry_for("http://other:1984/")
    for one in (entry, other):
        one.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow = await entry.start_reconfigure_flow(hass)
    configure = hass.config_entries.flow.async_configure
    wrong = await configure(flow["flow_id"], {CONF_URL: "http://127.0.0.1:9", CONF_VERIFY_SSL: True})
    assert wrong["errors"] == {"base": "cannot_connect"}
    result = await configure(flow["flow_id"], {CONF_URL: fake.url, CONF_VERIFY_SSL: False})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.data[CONF_VERIFY_SSL] is False
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.applied == entry.data  # connected anew

    fake.about["id"] = "abc"  # updated meanwhile: now it has an identity
    flow = await entry.start_reconfigure_flow(hass)
    await configure(flow["flow_id"], {CONF_URL: fake.url, CONF_VERIFY_SSL: True})
    assert entry.unique_id == "abc"
    fake.about["id"] = "def"
    flow = await entry.start_reconfigure_flow(hass)
    result = await configure(flow["flow_id"], {CONF_URL: fake.url, CONF_VERIFY_SSL: True})
    assert result["reason"] == "another_gateway"

    hass.config_entries.async_update_entry(other, unique_id="def")
    hass.config_entries.async_update_entry(entry, unique_id=str(URL(fake.url).authority))
    flow = await entry.start_reconfigure_flow(hass)
    result = await configure(flow["flow_id"], {CONF_URL: fake.url, CONF_VERIFY_SSL: True})
    assert result["reason"] == "already_configured"
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_older_home_assistant(hass: HomeAssistant, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flows could not follow each other."""
    monkeypatch.delitem(ConfigFlowResult.__annotations__, "next_flow")
    result = await by_hand(hass, fake.url)
    assert "next_flow" not in result
    assert await hass.config_entries.async_unload(result["result"].entry_id)
