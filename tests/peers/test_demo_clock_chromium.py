"""The demo's clock, read back from Chromium's screen: what is shown is live, by each way, and moves on."""

import time
from pathlib import Path

import pytest
from playwright.async_api import Page

from go2py.sources.demo import clockcode
from tests.fakes.running import Process
from tests.peers.browser import shown_by, tab

WIDTH, HEIGHT = 160, 96
"""Of the reading: four pixels for each cell of the code."""
READ = """([width, height]) => {
  const layer = document.querySelector('go2py-player').shadowRoot.querySelector('.layer.top');
  const canvas = document.createElement('canvas');
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext('2d');
  context.drawImage(layer, 0, 0, width, height);
  return [Date.now(), [...context.getImageData(0, 0, width, height).data]];
}"""
LIVE_SECONDS = 1.0


async def delay_of(page: Page) -> tuple[int, float]:
    """The clock in the picture, and how many seconds before the reading it was drawn."""
    now, pixels = await page.evaluate(READ, [WIDTH, HEIGHT])
    shown = clockcode.decode(memoryview(bytes(pixels))[1:], WIDTH, HEIGHT, step=4)
    return shown, (now - shown) / 1000


@pytest.mark.parametrize(
    ("mode", "audio"), [("webrtc", "opus"), ("webrtc", "pcma"), ("mse", "opus"), ("mse", "aac"), ("mse", "pcma")]
)
async def test_the_picture_on_the_screen_is_live(chromium: Path, tmp_path: Path, mode: str, audio: str) -> None:
    streams = {"door": f"demo:?size=640x360&audio={audio}"}
    async with Process(tmp_path, streams) as gateway, tab(chromium) as (page, complaints):
        await page.goto(f"http://127.0.0.1:{gateway.port}/stream.html?src=door&mode={mode}")
        await shown_by(page, mode)
        clocks: set[int] = set()
        delays: list[float] = []
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (len(clocks) < 5 or min(delays) >= LIVE_SECONDS):
            clock, delay = await delay_of(page)
            clocks.add(clock)
            delays.append(delay)
            await page.wait_for_timeout(200)
        assert len(clocks) >= 5, "pictures that change"
        assert min(delays) < LIVE_SECONDS
        assert min(delays) > -0.1
        assert not complaints.found
