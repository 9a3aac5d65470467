"""The pages speak the language of the browser, and English where they have no other."""

from pathlib import Path

import pytest

from tests.peers.browser import tab
from tests.peers.test_pages_chromium import SMALL, Served, opened

WRITTEN_IN = """
  new MutationObserver((_, observer) => {
    if (!document.body?.innerText.trim() || document.querySelector("body > noscript:only-child")) return;
    window.writtenIn = document.documentElement.lang;
    observer.disconnect();
  }).observe(document, {childList: true, subtree: true});
"""
"""Notes the language of the page when its first words stand in it."""


@pytest.mark.parametrize(
    ("locale", "language", "heading", "field"),
    [
        ("de-CH", "de", "Kameras", "Stream-Adresse"),
        ("pl-PL", "pl", "Kamery", "Adres strumienia"),
        ("eo", "en", "Cameras", "stream address"),
    ],
)
async def test_pages_speak_the_language_of_the_browser(
    chromium: Path, tmp_path: Path, locale: str, language: str, heading: str, field: str
) -> None:
    """Nothing is written before the language is known, of which no other than English is loaded beside it."""
    asked: list[str] = []
    async with opened(chromium, tmp_path, "log.html", script=WRITTEN_IN, locale=locale) as (gateway, page):
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"http://127.0.0.1:{gateway.port}/")
        await page.get_by_role("heading", name=heading, exact=True).wait_for()
        assert await page.title() == f"{heading} · go2py"
        assert await page.evaluate("window.writtenIn") == language
        texts = {Path(url).stem for url in asked if "/texts/" in url}
        assert texts == {"en", language}
        await page.locator("header button.add").click()
        await page.get_by_role("dialog").get_by_text(field).wait_for()


async def test_a_language_that_does_not_load_leaves_english(chromium: Path, tmp_path: Path) -> None:
    gateway = Served(tmp_path, {"door": SMALL})
    async with gateway, tab(chromium, locale="de") as (page, complaints):
        await page.route("**/texts/de.js", lambda route: route.abort())
        await page.goto(f"http://127.0.0.1:{gateway.port}/log.html")
        await page.get_by_role("heading", name="Log").wait_for()
        assert await page.evaluate("document.documentElement.lang") == "en"
        (told,) = complaints.found
        assert "did not load" in told
