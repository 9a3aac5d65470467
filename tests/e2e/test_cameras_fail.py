"""Cameras as they are: a wrong password, a reboot, another address, switched off for privacy."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from scripts.home_assistant.api import Refused
from scripts.home_assistant.demo import make_dashboard
from tests.e2e.conftest import Furnished, House, add, until_state
from tests.e2e.frontend import Frontend
from tests.fakes.network import SERVER, Network
from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.running import until

LOGIN = {"username": "admin", "password": "correct horse/7"}


@pytest_asyncio.fixture(loop_scope="package")
async def camera(network: Network) -> AsyncIterator[Camera]:
    """On another machine, with a user and a password."""
    made = Camera(Script(user=LOGIN["username"], password=LOGIN["password"]), host=SERVER)
    with network.at_server():
        await made.start()
    yield made
    await made.stop()


def link(camera: Camera) -> str:
    return f"rtsp://{camera.host}:{camera.port}/stream"


async def test_a_wrong_password_is_named_and_nothing_is_saved(
    house: House, furnished: Furnished, camera: Camera
) -> None:
    with pytest.raises(Refused, match="camera_auth"):
        await add(house, furnished.entry, "Door", link(camera), username="admin", password="wrong")
    titles = [
        one["title"] for one in await house.api.command("config_entries/subentries/list", entry_id=furnished.entry)
    ]
    assert "Door" not in titles
    assert not camera.seen.sessions


async def test_a_viewer_stays_through_a_reboot(
    house: House, furnished: Furnished, camera: Camera, network: Network, page: Frontend
) -> None:
    entity = await add(house, furnished.entry, "Reboots", link(camera), **LOGIN)
    await make_dashboard(house.api, "reboot-test", "Reboot", [entity], listed=False)
    await page.open("reboot-test")
    card = page.card("picture-entity")
    await page.playing(card)
    await camera.stop()
    await until_state(house, entity, "unavailable")
    with network.at_server():
        await camera.start()
    await until_state(house, entity, "streaming", "idle")
    await page.playing(card, frames=await page.frames(card) + 25)


async def test_another_address_keeps_the_entity(
    house: House, furnished: Furnished, camera: Camera, network: Network
) -> None:
    entity = await add(house, furnished.entry, "Moves", link(camera), **LOGIN)
    await camera.stop()
    camera.port = 0
    with network.at_server():
        await camera.start()
    subentries = await house.api.command("config_entries/subentries/list", entry_id=furnished.entry)
    (subentry,) = [one["subentry_id"] for one in subentries if one["title"] == "Moves"]
    change = {"name": "Moves", "sources": [link(camera)], **LOGIN}
    await house.api.change_subentry(furnished.entry, "camera", subentry, change)
    await until_state(house, entity, "idle", "streaming")
    file = house.home.folder / "moved.jpg"
    await house.api.act("camera.snapshot", entity_id=entity, filename=str(file))
    assert file.read_bytes().startswith(b"\xff\xd8")


async def test_privacy_closes_the_connection_to_the_camera(
    house: House, furnished: Furnished, camera: Camera, page: Frontend
) -> None:
    entity = await add(house, furnished.entry, "Private", link(camera), **LOGIN)
    await make_dashboard(house.api, "privacy-test", "Privacy", [entity], listed=False)
    await page.open("privacy-test")
    await page.playing(page.card("picture-entity"))
    assert camera.seen.playing == 1
    await house.api.act("camera.turn_off", entity_id=entity)
    await until(lambda: camera.seen.playing == 0)
    await house.api.act("camera.turn_on", entity_id=entity)
    await until_state(house, entity, "idle", "streaming")
    await page.open("privacy-test")
    await page.playing(page.card("picture-entity"))
