"""From an empty house to a moving picture, by clicks."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser

from scripts.home_assistant.demo import cameras, make_dashboard
from tests.e2e.conftest import House
from tests.e2e.frontend import person, word
from tests.fakes.network import SERVER, Network
from tests.fakes.onvif_device import Device, FakeProfile
from tests.fakes.onvif_device import Script as DeviceScript
from tests.fakes.running import Process

USER, PASSWORD = "admin", "correct horse/7"
LOGIN = {"User name": USER, "Password": PASSWORD}
LABEL = f"ACME Cam ({SERVER})"
"""What is known before anybody logged in."""
_STEP = "config_subentries.camera.step"


class Dome(Process):
    """The inside of a camera: our own gateway on another machine."""

    host = SERVER


@pytest_asyncio.fixture(loop_scope="package")
async def dome(network: Network, tmp_path: Path) -> AsyncIterator[None]:
    """A camera on another machine, with a big and a small picture, that tells who asks the network what it is."""
    inside = Dome(tmp_path, {"main": "demo:", "sub": "demo:?size=640x360"})
    inside.prefix = network.prefix
    inside.config["rtsp"] |= {"username": USER, "password": PASSWORD}
    inside.config["discovery"] = {"announce": False}
    device = Device(host=SERVER, discoverable=True)
    link = f"rtsp://{SERVER}:{inside.rtsp_port}"
    big = FakeProfile("main", f"{link}/main", width=1280, height=720, talk=True)
    small = FakeProfile("sub", f"{link}/sub", "sub stream", width=640, height=360, talk=True)
    async with inside:
        with network.at_server():
            device.script = DeviceScript(
                user=USER, password=PASSWORD, maker="ACME", model="Dome", profiles=[big, small]
            )
            await device.__aenter__()
        yield
        await device.__aexit__()


async def only_camera(house: House, board: str) -> None:
    """The one that was added, on a dashboard of its own."""
    ((_, entity),) = await cameras(house.api)
    assert entity == "camera.acme_dome"
    await make_dashboard(house.api, board, "First", [entity], listed=False)


async def test_a_card_of_an_empty_house(
    house: House, browser: Browser, dome: None, note: Callable[[str, object], None]
) -> None:
    """Nothing is typed but the camera's user and password."""
    async with person(browser, house.home.url) as page:
        await page.log_in(house.api.login.username, house.api.login.password)
        await page.open_integrations()
        await page.picture("found-1-empty")
        await page.add_integration("go2py")
        await page.choose(word("config.step.user.menu_options.managed"))
        await page.titled(word(f"{_STEP}.user.title"))
        await page.close_form()
        await page.discovered(LABEL).wait_for()
        await page.picture("found-2-card")
        await page.accept(LABEL)
        await page.titled(word("config.step.discovered.title"))
        await page.fill(LOGIN)
        await page.picture("found-3-password")
        await page.submit()
        await page.titled(word("config.step.discovered_confirm.title"))
        await page.preview()
        await page.picture("found-4-preview")
        await page.submit()
        await page.close_form()
        note("clicks from the first form to a discovered camera", page.clicks)
        assert page.clicks <= 6
        await page.discovered(LABEL).wait_for(state="detached")
    await only_camera(house, "found-camera")
    async with person(browser, house.home.url, house.api) as page:
        await page.open("found-camera")
        await page.playing(page.card("picture-entity"))
        await page.picture("found-5-dashboard")
    await house.empty()


async def test_a_camera_on_the_network_is_found_shown_and_plays(
    house: House, browser: Browser, dome: None, note: Callable[[str, object], None]
) -> None:
    async with person(browser, house.home.url) as page:
        await page.log_in(house.api.login.username, house.api.login.password)
        await page.add_integration("go2py")
        await page.titled(word("config.step.user.title"))
        await page.picture("add-1-gateway")
        await page.choose(word("config.step.user.menu_options.managed"))
        await page.titled(word(f"{_STEP}.user.title"))
        await page.picture("add-2-way")
        await page.choose(word(f"{_STEP}.user.menu_options.search"))
        await page.titled(word(f"{_STEP}.search.title"))
        await page.fill(LOGIN)
        await page.picture("add-3-found")
        await page.submit()
        await page.titled(word(f"{_STEP}.confirm.title"))
        await page.preview()
        await page.picture("add-4-preview")
        await page.submit()
        await page.finish()
        note("clicks from the first form to the camera", page.clicks)
        assert page.clicks <= 5
    await only_camera(house, "first-camera")
    async with person(browser, house.home.url, house.api) as page:
        await page.open("first-camera")
        await page.playing(page.card("picture-entity"))
        await page.picture("add-5-dashboard")
