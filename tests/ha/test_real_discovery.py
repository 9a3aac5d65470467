"""With the gateway's real process and a camera on a network of their own: found, added, moved, followed."""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.camera import async_get_image
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError

from tests.fakes.network import SERVER, Network, two_machines, why_not

from .conftest import PASSWORD, ROOT, USERNAME, entry_for, running_gateway, settle

LOGIN = {CONF_USERNAME: "admin", CONF_PASSWORD: "correct horse/7"}
ELSEWHERE = "10.77.0.9"

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture
def network() -> Iterator[Network]:
    """Home Assistant and the gateway on one machine, the camera on another."""
    with two_machines() as network:
        yield network


def move(network: Network) -> None:
    """The camera's machine has another address."""
    for change, address in (("del", SERVER), ("add", ELSEWHERE)):
        subprocess.run([*network.prefix, "ip", "address", change, f"{address}/24", "dev", "cable"], check=True)


@contextlib.contextmanager
def camera_at(network: Network, host: str) -> Iterator[None]:
    command = [*network.prefix, str(ROOT / ".venv/bin/python"), "-m", "tests.fakes.onvif_camera", host, *LOGIN.values()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


async def test_a_camera_is_found_added_and_followed(hass: HomeAssistant, network: Network, tmp_path: Path) -> None:
    with running_gateway(tmp_path) as gateway, contextlib.ExitStack() as first:
        first.enter_context(camera_at(network, SERVER))
        entry = entry_for(gateway.url, cameras={"demo": ()}, username=USERNAME, password=PASSWORD)
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)

        def cards() -> list[Any]:
            return [flow for flow in hass.config_entries.flow.async_progress() if flow["handler"] == "go2py"]

        await settle(hass, cards)
        (card,) = cards()
        assert card["context"]["title_placeholders"] == {"name": f"ACME Cam ({SERVER})"}
        wrong = await hass.config_entries.flow.async_configure(card["flow_id"], {**LOGIN, CONF_PASSWORD: "wrong"})
        assert wrong["errors"] == {"base": "camera_auth"}
        shown = await hass.config_entries.flow.async_configure(card["flow_id"], LOGIN)
        assert shown["step_id"] == "discovered_confirm"
        placeholders = shown["description_placeholders"]
        assert placeholders is not None
        assert placeholders["video"].startswith("H264")
        done = await hass.config_entries.flow.async_configure(card["flow_id"], {CONF_NAME: "Dome"})
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "camera_added")
        await settle(hass, lambda: hass.states.is_state("camera.dome", "idle"))
        assert (await async_get_image(hass, "camera.dome")).content.startswith(b"\xff\xd8")
        finder = entry.runtime_data.finder
        await finder._look()
        assert not cards()

        first.close()
        move(network)
        with camera_at(network, ELSEWHERE):
            async with asyncio.timeout(60):
                while entry.runtime_data.stream("dome").live:
                    await asyncio.sleep(0.1)
            await finder._look()
            dome = next(one for one in entry.subentries.values() if one.title == "Dome")
            assert dome.data["address"] == ELSEWHERE
            assert dome.data["sources"] == [f"rtsp://admin:correct%20horse%2F7@{ELSEWHERE}:8554/stream"]
            assert not cards()

            async with asyncio.timeout(60):
                while not (picture := await _picture(hass)):
                    await asyncio.sleep(0.5)
            assert picture.startswith(b"\xff\xd8")
        client = entry.runtime_data.client
        assert not [name for name in await client.media() if name.startswith("go2py_look")]
        await hass.config_entries.async_unload(entry.entry_id)


async def _picture(hass: HomeAssistant) -> bytes:
    """What the camera shows; nothing while the gateway is being told of its new address."""
    try:
        return (await async_get_image(hass, "camera.dome", timeout=20)).content
    except HomeAssistantError:
        return b""
