"""What a person sees of cameras: cards, the dialog behind them, snapshots."""

import time
from collections.abc import Callable

import pytest
from playwright.async_api import Browser

from scripts.home_assistant.demo import DASHBOARD
from tests.e2e.conftest import Furnished, House
from tests.e2e.frontend import Frontend, clock_of, person

LIVE_SECONDS = 2.0


async def test_live_cards_and_small_pictures(
    furnished: Furnished, page: Frontend, note: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    await page.open(DASHBOARD)
    card = page.card("picture-entity")
    await page.playing(card, frames=1)
    note("dashboard opened → moving picture", time.monotonic() - began)
    await page.playing(page.card("picture-entity", 1))
    before, delay = await page.clock(card)
    note("picture in Home Assistant's card is old", delay)
    assert delay < LIVE_SECONDS
    await page.playing(card, frames=50)
    after, _ = await page.clock(card)
    assert after > before
    small = page.card("picture-glance").locator("img").first
    await small.wait_for()
    assert await small.evaluate("(image) => image.naturalWidth") > 0
    assert not page.complaints.found


async def test_a_camera_somebody_watches_is_shown_at_once(
    house: House, furnished: Furnished, page: Frontend, browser: Browser, note: Callable[[str, object], None]
) -> None:
    await page.open(DASHBOARD)
    await page.playing(page.card("picture-entity"))
    async with person(browser, house.home.url, house.api) as other:
        await other.open(f"{DASHBOARD}?more-info-entity-id={furnished.cameras[0]}")
        await other.playing(other.dialog, frames=1)
        note("warm camera, offer → first picture", await other.first_picture_after_offer())
        await other.playing(other.dialog, frames=25)
        _, delay = await other.clock(other.dialog)
        assert delay < LIVE_SECONDS


async def test_a_snapshot_is_the_newest_picture(house: House, furnished: Furnished) -> None:
    for entity in furnished.cameras:
        file = house.home.folder / f"{entity}.jpg"
        asked = time.time()
        await house.api.act("camera.snapshot", entity_id=entity, filename=str(file))
        assert clock_of(file) > asked - LIVE_SECONDS, entity


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pictures_for_people(house: House, furnished: Furnished, browser: Browser, scheme: str) -> None:
    async with person(browser, house.home.url, house.api, color_scheme=scheme) as page:
        await page.open(DASHBOARD)
        await page.playing(page.card("picture-entity"))
        await page.playing(page.card("picture-entity", 1))
        await page.card("picture-glance").locator("img").first.wait_for()
        await page.picture(f"dashboard-{scheme}")
        await page.open(f"{DASHBOARD}?more-info-entity-id={furnished.cameras[0]}")
        await page.playing(page.dialog, frames=25)
        await page.picture(f"more-info-{scheme}")
