"""Chromium with a gateway's pages in it, and everything that the browser complains about."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, async_playwright
from playwright.async_api import TimeoutError as TimedOut

from tests.peers.test_webrtc_chromium import FLAGS


@dataclass
class Complaints:
    """Errors on the console, exceptions of scripts, violations of the policy; not answers with an error status."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        harmless = message.text.startswith("Failed to load resource") or "WebSocket connection to" in message.text
        if message.type in {"error", "warning"} and not harmless:
            self.found.append(message.text)

    def _error(self, error: Error) -> None:
        self.found.append(str(error))


@contextlib.asynccontextmanager
async def chromium_running(path: Path, *flags: str) -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        running = await play.chromium.launch(executable_path=str(path), args=[*FLAGS, *flags])
        try:
            yield running
        finally:
            await running.close()


@contextlib.asynccontextmanager
async def tab(
    path: Path, script: str = "", *, flags: Sequence[str] = (), **options: Any
) -> AsyncIterator[tuple[Page, Complaints]]:
    """A tab; `script` runs in it before those of a page. `flags` go to the browser, `options` to the context."""
    async with chromium_running(path, *flags) as running:
        context: BrowserContext = await running.new_context(**options)
        if script:
            await context.add_init_script(script)
        page = await context.new_page()
        complaints = Complaints()
        complaints.watch(page)
        yield page, complaints


MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""Flags for a browser with one that beeps, and nobody who has to allow it."""
LIVE = "document.querySelector('go2py-player')?.dataset.phase === 'live'"


async def shown_by(page: Page, mode: str) -> None:
    """Wait until the only player shows pictures by this way."""
    wanted = "stills" if mode == "stills" else "live"
    try:
        await page.wait_for_function(
            "([mode, phase]) => { const d = document.querySelector('go2py-player')?.dataset ?? {};"
            " return d.mode === mode && d.phase === phase; }",
            arg=[mode, wanted],
            timeout=30_000,
            polling=100,
        )
    except TimedOut:
        view = await page.evaluate(
            "JSON.stringify(document.querySelector('go2py-player')?.view ?? document.body.innerText)"
        )
        pytest.fail(f"not shown by {mode}: {view}")


PIXELS = """() => {
  const layer = document.querySelector('go2py-player').shadowRoot.querySelector('.layer.top');
  if (!layer) return '';
  const canvas = document.createElement('canvas');
  canvas.width = 64; canvas.height = 36;
  const context = canvas.getContext('2d');
  context.drawImage(layer, 0, 0, 64, 36);
  const data = [...context.getImageData(0, 0, 64, 36).data];
  return data.some((value, index) => index % 4 < 3 && value > 32) ? data.join() : '';
}"""


async def pixels(page: Page) -> str:
    """What the only player shows on top, coarsely; empty while that is nothing or black."""
    found: str = await page.evaluate(PIXELS)
    return found


async def moves(page: Page, pictures: int = 3) -> bool:
    """Whether the picture changes."""
    seen = set()
    for _ in range(40):
        if found := await pixels(page):
            seen.add(found)
        if len(seen) >= pictures:
            return True
        await page.wait_for_timeout(200)
    return False
