"""From an empty house to a moving picture, by clicks."""

from collections.abc import Callable

from playwright.async_api import Browser

from scripts.home_assistant.demo import cameras, make_dashboard
from tests.e2e.conftest import House
from tests.e2e.frontend import person, word
from tests.fakes.network import SERVER, Network
from tests.fakes.onvif_device import Device, FakeProfile
from tests.fakes.onvif_device import Script as DeviceScript
from tests.fakes.rtsp_camera import Camera
from tests.fakes.rtsp_camera import Script as CameraScript

USER, PASSWORD = "admin", "correct horse/7"
_STEP = "config_subentries.camera.step"


async def test_a_camera_on_the_network_is_found_shown_and_plays(
    house: House, browser: Browser, network: Network, note: Callable[[str, object], None]
) -> None:
    camera = Camera(CameraScript(user=USER, password=PASSWORD), host=SERVER)
    device = Device(host=SERVER, discoverable=True)
    with network.at_server():
        await camera.__aenter__()
        device.script = DeviceScript(
            user=USER,
            password=PASSWORD,
            maker="ACME",
            model="Dome",
            profiles=[FakeProfile("main", f"rtsp://{SERVER}:{camera.port}/stream")],
        )
        await device.__aenter__()
    try:
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
            await page.picture("add-3-found")
            await page.fill({"User name": USER, "Password": PASSWORD})
            await page.submit()
            await page.titled(word(f"{_STEP}.confirm.title"))
            await page.preview()
            await page.picture("add-4-preview")
            await page.submit()
            await page.finish()
            note("clicks from the first form to the camera", page.clicks)
            assert page.clicks <= 5
        ((_, entity),) = await cameras(house.api)
        assert entity == "camera.acme_dome"
        await make_dashboard(house.api, "first-camera", "First", [entity], listed=False)
        async with person(browser, house.home.url, house.api) as page:
            await page.open("first-camera")
            await page.playing(page.card("picture-entity"))
    finally:
        await device.__aexit__()
        await camera.__aexit__()
