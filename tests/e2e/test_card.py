"""Our card on Home Assistant's dashboards: how it is chosen, how it looks, and what it does where WebRTC is blocked."""

from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from scripts.home_assistant.demo import make_dashboard
from tests.e2e.conftest import Furnished, House
from tests.e2e.frontend import Frontend, person
from tests.fakes.network import Network
from tests.fakes.running import Process

PATH = "our-card"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}, "has_touch": True},
}


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def dashboard(house: House, furnished: Furnished) -> str:
    """One whose first view has nothing but our cards."""
    await make_dashboard(house.api, PATH, "Talk", furnished.cameras, listed=False, talk=True)
    return PATH


async def live(page: Frontend, mode: str, number: int = 0) -> None:
    """Wait until a card shows pictures by this way."""
    player = page.page.locator("go2py-camera").nth(number).locator("go2py-player")
    await player.and_(page.page.locator(f"[data-phase=live][data-mode={mode}]")).wait_for()


@pytest.mark.parametrize("look", LOOKS)
async def test_looks(house: House, dashboard: str, browser: Browser, look: str) -> None:
    async with person(browser, house.home.url, house.api, **LOOKS[look]) as page:
        await page.open(dashboard)
        for number in range(2):
            await live(page, "webrtc", number)
        assert await page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.picture(f"card-{look}")
        assert not page.complaints.found


async def test_where_webrtc_is_blocked_the_picture_comes_through_home_assistant(
    gateway: Process, dashboard: str, page: Frontend, network: Network, note: Callable[[str, object], None]
) -> None:
    with network.closed(gateway.webrtc_port):
        await page.open(dashboard)
        await live(page, "mse")
        card = page.page.locator("go2py-camera").first
        note("WebRTC blocked, dashboard opened → moving picture by MSE", await page.playing(card))
        before, _ = await page.clock(card)
        await page.playing(card, frames=await page.frames(card) + 10)
        assert (await page.clock(card))[0] > before


async def test_it_is_chosen_and_edited_by_clicks(house: House, furnished: Furnished, page: Frontend) -> None:
    await make_dashboard(house.api, "chosen-card", "Chosen", furnished.cameras[:1], listed=False)
    await page.open("chosen-card?edit=1")
    await page.page.get_by_role("button", name="Add card").click()
    picker = page.page.locator("hui-dialog-create-card")
    await picker.locator("hui-suggestion-picker input").fill("Haust")
    await picker.get_by_text("Haustür Süd", exact=True).first.click()
    await picker.get_by_text("go2py camera").wait_for()  # suggested for this camera
    await page.picture("card-suggested")
    await picker.get_by_text("By card", exact=True).click()
    await picker.locator("hui-card-picker input").fill("go2py")
    await picker.locator("hui-card-picker go2py-camera").wait_for()
    await page.picture("card-picker")
    await picker.locator("hui-card-picker .card").first.click()
    editor = page.page.locator("hui-dialog-edit-card")
    await editor.locator("ha-selector-text", has_text="Title").locator("input").fill("Front")
    await editor.get_by_text("Sound and talk").click()
    await editor.get_by_text("Speaking").wait_for()
    await editor.locator("go2py-camera").get_by_text("Front").wait_for()
    await page.picture("card-editor")
    await editor.get_by_role("button", name="Save").click()
    await page.page.get_by_role("button", name="Done").click()
    await page.page.locator("go2py-camera").get_by_text("Front").wait_for()
    # Which camera it shows is the picker's choice, and an earlier test may have switched that one off.
    await page.page.locator("go2py-camera go2py-player").wait_for()
    assert not page.complaints.found
