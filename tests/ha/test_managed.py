"""The gateway as a process of Home Assistant's: the real one, which it starts, watches and never leaves over."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_URL, CONF_VERIFY_SSL, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.go2py import process as module
from custom_components.go2py.environment import INTERPRETER, Environment, HostingError
from custom_components.go2py.hosting import rehearse
from custom_components.go2py.process import GatewayProcess
from custom_components.go2py.session import passing_client

from .conftest import ROOT, settle
from .fakes import FakeGateway
from .test_config_flow import BASIC, LOGIN

PYTHON = ROOT / ".venv/bin/python"
HOSTING = Path(__file__).with_name("hosting.py")
DEMO = "demo:?size=160x120"


@pytest.fixture(autouse=True)
def config(hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own, and an interpreter that has everything."""
    monkeypatch.setenv(INTERPRETER, str(PYTHON))
    hass.config.config_dir = str(tmp_path)
    return tmp_path


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    entry = MockConfigEntry(
        domain="go2py",
        title="go2py",
        unique_id="managed",
        data={"managed": True},
        subentries_data=[
            {
                "data": {"stream": "door", "sources": [DEMO]},
                "subentry_type": "camera",
                "title": "Door",
                "unique_id": "door",
            }
        ],
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def gateway(hass: HomeAssistant, config: Path) -> AsyncIterator[GatewayProcess]:
    gateway = GatewayProcess(hass, Environment(PYTHON, ROOT / "addon"), config / "go2py")
    yield gateway
    await gateway.stop()


def gateways(config: Path) -> dict[int, str]:
    """Command lines, by their process, that name a folder; not those of their children, which are about to become
    something else."""
    found, parents = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if "--child" in line and str(config) in line:
            found[int(place.name)], parents[int(place.name)] = line, parent
    return {pid: line for pid, line in found.items() if parents[pid] not in found}


async def by_hand(hass: HomeAssistant) -> ConfigFlowResult:
    menu = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_USER})
    flow = await hass.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": "managed"})
    while flow["type"] in {FlowResultType.SHOW_PROGRESS, FlowResultType.SHOW_PROGRESS_DONE}:
        assert flow.get("progress_action", "managed") == "managed"
        await hass.async_block_till_done()
        flow = await hass.config_entries.flow.async_configure(flow["flow_id"])
    return flow


async def test_from_nothing_to_a_picture(
    hass: HomeAssistant, config: Path, hass_client: ClientSessionGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "custom_components.go2py.gateway")
    done = await by_hand(hass)
    entry = done["result"]
    assert (dict(entry.data), entry.state) == ({"managed": True}, ConfigEntryState.LOADED)
    ((_, line),) = gateways(config).items()
    client = entry.runtime_data.client
    secret = client._password
    assert len(secret) > 40
    assert secret not in line
    assert secret not in caplog.text
    assert "[api] listen addr=127.0.0.1:" in caplog.text
    device = dr.async_get(hass).async_get(entry.runtime_data.device_id)
    assert isinstance(device, dr.DeviceEntry)
    assert device.configuration_url is None

    flow_id = done["next_flow"][1]
    await hass.config_entries.subentries.async_configure(flow_id, {"next_step_id": "address"})
    await hass.config_entries.subentries.async_configure(flow_id, {"source": DEMO})
    created = await hass.config_entries.subentries.async_configure(flow_id, {"name": "Door"})
    assert created["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: hass.states.get("camera.door"))
    assert (await async_get_image(hass, "camera.door")).content.startswith(b"\xff\xd8")
    source = await async_get_stream_source(hass, "camera.door")
    assert source is not None
    assert source.startswith(f"rtsp://homeassistant:{secret}@127.0.0.1:")
    assert "door" in (config / "go2py/go2py.yaml").read_text()
    diagnostics = json.dumps(await get_diagnostics_for_config_entry(hass, hass_client, entry))
    assert secret not in diagnostics

    again = await by_hand(hass)
    assert again["reason"] == "already_configured"
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert gateways(config) == {}
    assert "door" in (config / "go2py/go2py.yaml").read_text()


async def test_nobody_else_gets_in(hass: HomeAssistant, gateway: GatewayProcess) -> None:
    """Other users and containers of the machine share its loopback."""
    await gateway.start()
    for port, request in (
        (gateway._ports.api, b"GET /api/streams HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        (gateway._ports.rtsp, b"DESCRIBE rtsp://127.0.0.1/door RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        assert b" 401 " in await reader.readline()
        writer.close()


async def test_a_gateway_that_dies_comes_back(
    hass: HomeAssistant, config: Path, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass, lambda: entry.runtime_data.stream("door"))
    (pid,) = gateways(config)
    os.kill(pid, signal.SIGKILL)
    await settle(hass, lambda: not entry.runtime_data.connected)
    await settle(hass, lambda: entry.runtime_data.connected and entry.runtime_data.stream("door"))
    (other,) = gateways(config)
    assert other != pid
    assert "started again" in caplog.text
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert gateways(config) == {}
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_api_restarts_it(hass: HomeAssistant, config: Path, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    (pid,) = gateways(config)
    await entry.runtime_data.client._request("POST", "api/restart")
    await settle(hass, lambda: pid not in gateways(config) and gateways(config) and entry.runtime_data.connected)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_mistake_in_the_users_file(hass: HomeAssistant, config: Path, entry: MockConfigEntry) -> None:
    file = config / "go2py/go2py.yaml"
    file.parent.mkdir()
    file.write_text("streams: [unclosed")
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert "go2py.yaml" in str(entry.error_reason_translation_placeholders)
    assert gateways(config) == {}
    file.write_text("rtsp: {listen: ''}\nstreams: {other: 'demo:'}\n")
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert entry.runtime_data.info.rtsp_port is None, "the user's word"
    assert entry.runtime_data.stream("other") is not None
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_removal_takes_our_cameras_out_and_leaves_the_users(
    hass: HomeAssistant, config: Path, entry: MockConfigEntry
) -> None:
    file = config / "go2py/go2py.yaml"
    file.parent.mkdir()
    file.write_text("streams:\n  other: 'demo:'\n")
    (config / ".cache/go2py/old").mkdir(parents=True)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass, lambda: "door" in file.read_text())
    await hass.config_entries.async_remove(entry.entry_id)
    assert "door" not in file.read_text()
    assert "other" in file.read_text()
    assert not (config / ".cache/go2py").exists()
    assert gateways(config) == {}


async def test_removal_without_cameras_or_without_a_gateway(
    hass: HomeAssistant, config: Path, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(INTERPRETER, "/nowhere/python")
    await hass.config_entries.async_remove(entry.entry_id)
    empty = MockConfigEntry(domain="go2py", unique_id="managed", data={"managed": True})
    empty.add_to_hass(hass)
    await hass.config_entries.async_remove(empty.entry_id)


async def test_a_gateway_that_does_not_start(
    hass: HomeAssistant, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(INTERPRETER, "/nowhere/python")
    result = await by_hand(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "managed_failed")
    assert "/nowhere/python" in str(result["description_placeholders"])


async def test_a_gateway_that_keeps_silent_and_will_not_go(
    hass: HomeAssistant, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed, with what it started."""
    monkeypatch.setattr(module, "_START_SECONDS", 1.0)
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.2)
    script = config / "python"
    script.write_text(
        "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! >started\necho 'no idea' >&2\nwhile :; do wait; done\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv(INTERPRETER, str(script))
    with pytest.raises(HostingError, match=r"no idea\nno answer for 1 seconds"):
        await rehearse(hass, lambda _: None)
    assert gateways(config) == {}
    child = (config / "go2py/started").read_text().strip()
    await settle(hass, lambda: not Path(f"/proc/{child}/fd").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())


async def test_what_it_says(hass: HomeAssistant, config: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.go2py.gateway")
    monkeypatch.setattr(module, "_LINE", 2048)
    lines = [
        '{"level":"trace","message":"[rtsp] detail","time":1,"a":1,"b":"x y"}',
        '{"level":"warn","message":"careful"}',
        '{"level":"panic","message":"over"}',
        '{"level":"odd","message":"?"}',
        '["list"]',
        "Traceback (most recent call last):",
        "x" * 5000,
    ]
    script = config / "python"
    script.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
    script.chmod(0o755)
    monkeypatch.setenv(INTERPRETER, str(script))
    with pytest.raises(HostingError) as failure:
        await rehearse(hass, lambda _: None)
    said = [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name.endswith("go2py.gateway")
    ]
    assert said[:3] == [("DEBUG", "[rtsp] detail a=1 b=x y"), ("WARNING", "careful"), ("CRITICAL", "over")]
    assert said[3:6] == [("WARNING", line) for line in lines[3:6]]
    assert "careful" in str(failure.value)
    assert "detail" not in str(failure.value)


async def test_two_of_them_share_a_machine(hass: HomeAssistant, config: Path, gateway: GatewayProcess) -> None:
    for folder in ("go2py", "other"):
        (config / folder).mkdir()
        (config / folder / "go2py.yaml").write_text(f"streams: {{door: '{DEMO}'}}")
    await gateway.start()
    await settle(hass, lambda: not module._is_free(gateway._ports.webrtc, "0.0.0.0", socket.SOCK_DGRAM))
    other = GatewayProcess(hass, Environment(PYTHON, ROOT / "addon"), config / "other")
    mine, its = gateway._ports, other._ports
    assert not {mine.api, mine.rtsp, mine.webrtc} & {its.api, its.rtsp, its.webrtc}
    await other.start()
    await other.stop()


async def test_two_of_them_start_at_once(
    hass: HomeAssistant, config: Path, gateway: GatewayProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw the same ports free: who comes second takes others."""
    first = gateway._ports
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("0.0.0.0", first.webrtc))
        tcp.bind(("127.0.0.1", first.rtsp))
        tcp.listen()
        await gateway.start()
        then = gateway._ports
        assert not {first.api, first.rtsp, first.webrtc} & {then.api, then.rtsp, then.webrtc}
        assert list(gateways(config)) == [gateway.pid]
        with passing_client(hass, gateway.data) as client:
            assert (await client.info()).blocked == ()
        await gateway.stop()

        monkeypatch.setattr(module.Ports, "choose", lambda: then)
        (config / "go2py/go2py.yaml").write_text(f"webrtc: {{listen: ':{first.webrtc}'}}")
        await gateway.start()  # the user's own word: Home Assistant tells of it, and leaves it
        assert gateway._ports is then
        with passing_client(hass, gateway.data) as client:
            assert [one.address for one in (await client.info()).blocked] == [f":{first.webrtc}"]


def test_ports_when_all_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_is_free", lambda *_: False)
    ports = module.Ports.choose()
    assert (ports.rtsp, ports.webrtc) == (8554, 8555), "the gateway says what is wrong"


def steal(thief: socket.socket, port: int | None) -> bool:
    try:
        thief.bind(("127.0.0.1", port))
    except OSError:
        return False
    thief.listen()
    return True


async def test_another_program_takes_the_port(
    hass: HomeAssistant, config: Path, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the gateway was away: the entry moves to another."""
    monkeypatch.setattr(module, "_BACK_OFF", (0.5,))
    monkeypatch.setattr(module, "_STABLE_SECONDS", 0)
    assert await hass.config_entries.async_setup(entry.entry_id)
    before = entry.runtime_data.client.url
    (pid,) = gateways(config)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(pid, signal.SIGKILL)
        await settle(hass, lambda: pid not in gateways(config))
        await settle(hass, lambda: steal(thief, before.port))
        await settle(hass, lambda: entry.state is ConfigEntryState.LOADED and entry.runtime_data.client.url != before)
        await settle(hass, lambda: entry.runtime_data.connected)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_thief_asks_for_a_password(hass: HomeAssistant, config: Path, entry: MockConfigEntry) -> None:
    """There is nothing to type: the login is ours."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    entry.async_start_reauth(hass)
    await hass.async_block_till_done()
    assert not hass.config_entries.flow.async_progress()
    assert entry.state is ConfigEntryState.LOADED
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_moving_to_a_gateway_elsewhere(
    hass: HomeAssistant, config: Path, entry: MockConfigEntry, fake: FakeGateway
) -> None:
    """The cameras go along."""
    fake.about["id"] = "abc"
    fake.password = BASIC
    fake.streams.clear()
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow = await entry.start_reconfigure_flow(hass)
    data = {CONF_URL: fake.url, CONF_VERIFY_SSL: True, **LOGIN}
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], data)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert (entry.unique_id, dict(entry.data)) == ("abc", data)
    await settle(hass, lambda: fake.streams.get("door") == [DEMO])
    assert gateways(config) == {}
    assert await hass.config_entries.async_unload(entry.entry_id)


# --- a Home Assistant that dies -------------------------------------------------------------------------------------


async def test_no_gateway_outlives_home_assistant(config: Path) -> None:
    """However that ended."""
    (config / "custom_components").symlink_to(ROOT / "custom_components")
    hass = await asyncio.create_subprocess_exec(
        sys.executable, str(HOSTING), str(config), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert hass.stdout is not None
    async with asyncio.timeout(60):
        told = json.loads(await hass.stdout.readline())
    assert told["pid"] in gateways(config)
    assert told["code"] == str(ROOT / "addon")
    hass.kill()
    await hass.wait()
    async with asyncio.timeout(20):
        while gateways(config):
            await asyncio.sleep(0.1)
