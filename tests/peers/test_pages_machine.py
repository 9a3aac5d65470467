"""The player's state machine without network and without waiting, in the browser that will run it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Route

from go2py.api.pages import BUILT_IN
from tests.peers.browser import tab

SCRIPTS = [Path(__file__).with_name(name) for name in ("player_machine.js", "talk_machine.js")]
ORIGIN = "http://player.localhost"


async def serve(route: Route) -> None:
    """Our modules without a gateway."""
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name:
        scripts = {script.name: script for script in SCRIPTS}
        await route.fulfill(path=scripts.get(name, BUILT_IN / name), content_type="text/javascript")
    else:
        await route.fulfill(body="<!doctype html>", content_type="text/html")


@pytest.fixture
async def page(chromium: Path) -> AsyncIterator[Page]:
    async with tab(chromium) as (opened, complaints):
        await opened.route(f"{ORIGIN}/**", serve)
        await opened.goto(f"{ORIGIN}/")
        yield opened
        assert not complaints.found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
async def test_the_machines(page: Page, script: Path) -> None:
    names = re.findall(r'^test\("([^"]+)"', script.read_text(), re.MULTILINE)  # noqa: ASYNC240  a small file
    assert len(names) > 10
    failures = await page.evaluate(
        """async ([script, names]) => {
          const { tests } = await import(script);
          const failed = {};
          for (const name of names) try { tests[name](); } catch (error) { failed[name] = String(error); }
          return failed;
        }""",
        [f"/{script.name}", names],
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
