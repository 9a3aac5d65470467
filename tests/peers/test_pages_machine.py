"""The player's state machine without network and without waiting, in the browser that will run it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Route

from go2py.api.pages import BUILT_IN
from tests.peers.browser import tab

SCRIPT = Path(__file__).with_name("player_machine.js")
ORIGIN = "http://player.localhost"


async def serve(route: Route) -> None:
    """Our modules without a gateway."""
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name:
        await route.fulfill(path=SCRIPT if name == SCRIPT.name else BUILT_IN / name, content_type="text/javascript")
    else:
        await route.fulfill(body="<!doctype html>", content_type="text/html")


@pytest.fixture
async def page(chromium: Path) -> AsyncIterator[Page]:
    async with tab(chromium) as (opened, complaints):
        await opened.route(f"{ORIGIN}/**", serve)
        await opened.goto(f"{ORIGIN}/")
        yield opened
        assert not complaints.found


async def test_the_machine(page: Page) -> None:
    names = re.findall(r'^test\("([^"]+)"', SCRIPT.read_text(), re.MULTILINE)
    assert len(names) > 15
    failures = await page.evaluate(
        """async (names) => {
          const { tests } = await import('/player_machine.js');
          const failed = {};
          for (const name of names) try { tests[name](); } catch (error) { failed[name] = String(error); }
          return failed;
        }""",
        names,
    )
    assert failures == {}


async def test_the_layout_of_the_wall(page: Page) -> None:
    """Cameras, width and height of the screen: columns; the widest tiles, and scrolling on a phone."""
    for size, columns in (
        ((1, 1280, 752), 1),
        ((4, 1280, 752), 2),
        ((9, 1920, 1080), 3),
        ((36, 1280, 752), 6),
        ((4, 390, 760), 1),
        ((12, 390, 760), 2),
    ):
        found = await page.evaluate("async (size) => (await import('/pages/layout.js')).layout(...size)", size)
        assert found["columns"] == columns, size
        assert found["columns"] * found["tileWidth"] <= size[1]
