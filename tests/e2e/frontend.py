"""Home Assistant's pages as a person uses them. What its frontend changes is mended here, not in the tests."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Locator, Page

from go2py.sources.demo import clockcode
from scripts.home_assistant.api import Api
from tests.conftest import ROOT
from tests.peers.browser import Complaints

PICTURES: Final = ROOT / ".run/pictures"
"""Where pictures of pages go; `scripts/pictures` takes some of them over into docs/images."""
_PATIENCE: Final = 40_000
_WIDTH, _HEIGHT = 160, 96
"""Of a clock's reading."""

# All videos of a page or an element, through open shadow roots.
VIDEOS: Final = """const videos = (node) => [...node.querySelectorAll('*')].flatMap((one) =>
  (one.tagName === 'VIDEO' ? [one] : []).concat(one.shadowRoot ? videos(one.shadowRoot) : []));
const found = (node) => videos(node.shadowRoot ?? node).concat(node.shadowRoot ? videos(node) : []);"""
_PLAYED: Final = f"""(node) => {{ {VIDEOS} const video = found(node)[0];
  return video ? [video.currentTime, video.getVideoPlaybackQuality().totalVideoFrames] : [0, 0]; }}"""
_READ: Final = f"""(node, [width, height]) => {{ {VIDEOS} const video = found(node)[0];
  const canvas = document.createElement('canvas');
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, width, height);
  return [Date.now(), [...context.getImageData(0, 0, width, height).data]]; }}"""


@cache
def words() -> dict[str, Any]:
    """The integration's English texts."""
    text = (ROOT / "custom_components/go2py/translations/en.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def word(path: str) -> str:
    """One of them, `config.step.user.title`."""
    node: Any = words()
    for key in path.split("."):
        node = node[key]
    assert isinstance(node, str)
    return node


class Frontend:
    """A tab with Home Assistant in it. `clicks` counts what a person would have clicked."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.clicks = 0
        self.complaints = Complaints()
        self.complaints.watch(page)
        page.set_default_timeout(_PATIENCE)

    async def log_in(self, username: str, password: str) -> None:
        """By its form."""
        await self.page.goto(self.url)
        await self.page.get_by_label("Username").fill(username)
        await self.page.get_by_role("textbox", name="Password").fill(password)
        await self.page.get_by_role("button", name="Log in").click()
        await self.page.wait_for_selector("home-assistant-main")

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}/{path}")
        await self.page.wait_for_selector("home-assistant-main")
        await self.page.locator("#ha-launch-screen").wait_for(state="detached")

    async def picture(self, name: str) -> None:
        """Keep a screenshot."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")

    async def click(self, what: Locator) -> None:
        self.clicks += 1
        await what.click()

    # --- forms --------------------------------------------------------------------------------------------------------

    async def open_integrations(self) -> None:
        await self.open("config/integrations/dashboard")
        await self.page.get_by_role("button", name="Add integration").wait_for()

    async def add_integration(self, name: str) -> None:
        """From the page of integrations to the first form, two clicks that are not ours."""
        await self.open_integrations()
        await self.page.get_by_role("button", name="Add integration").click()
        await self.page.locator("dialog-add-integration input").first.fill(name)
        await self.page.locator("ha-integration-list-item", has_text=name).click()

    async def choose(self, text: str) -> None:
        """An item of a form's menu."""
        await self.click(self.page.locator("step-flow-menu").get_by_text(text, exact=True))

    async def titled(self, text: str) -> None:
        """Wait for the form with this title."""
        await self.page.locator("dialog-data-entry-flow").get_by_text(text, exact=True).first.wait_for()

    async def fill(self, fields: dict[str, str]) -> None:
        """Text fields of a form, by their labels."""
        for label, value in fields.items():
            field = self.page.locator("ha-form ha-selector", has_text=label).locator("input").first
            await field.fill(value)

    async def submit(self) -> None:
        await self.click(self.page.get_by_role("button", name="Submit"))

    async def finish(self) -> None:
        await self.click(self.page.get_by_role("button", name="Finish"))

    async def close_form(self) -> None:
        await self.click(self.page.locator("dialog-data-entry-flow").get_by_role("button", name="Close").first)

    def discovered(self, label: str) -> Locator:
        """The card of something that was found, on the page of integrations."""
        return self.page.locator("ha-config-flow-card", has_text=label)

    async def accept(self, label: str) -> None:
        """Add what was found."""
        await self.click(self.discovered(label).get_by_role("button", name="Add"))

    async def preview(self) -> None:
        """Wait for the picture in a form."""
        image = self.page.locator("dialog-data-entry-flow img").first
        await image.wait_for(state="attached")
        await image.evaluate(
            "(image) => image.naturalWidth || new Promise((done) => image.addEventListener('load', done))"
        )

    # --- cards --------------------------------------------------------------------------------------------------------

    def card(self, kind: str, number: int = 0) -> Locator:
        """`picture-entity`, `picture-glance`."""
        return self.page.locator(f"hui-{kind}-card").nth(number)

    @property
    def dialog(self) -> Locator:
        """More information on an entity; `open(…?more-info-entity-id=…)` shows it."""
        return self.page.locator("ha-more-info-dialog")

    async def playing(self, card: Locator, frames: int = 10) -> float:
        """Wait until pictures are decoded and time goes on; the seconds that it took."""
        began = time.monotonic()
        await card.wait_for(state="attached")
        seen: list[float] = [0, 0]
        deadline = began + _PATIENCE / 1000
        while seen[1] < frames or seen[0] <= 0:
            assert time.monotonic() < deadline, f"no moving picture: {seen}"
            await self.page.wait_for_timeout(50)
            seen = await card.evaluate(_PLAYED)
        return time.monotonic() - began

    async def frames(self, card: Locator) -> int:
        """How many pictures were decoded."""
        return int((await card.evaluate(_PLAYED))[1])

    async def clock(self, card: Locator) -> tuple[int, float]:
        """The clock that a demo camera's picture shows, and how many seconds ago it was drawn."""
        now, pixels = await card.evaluate(_READ, [_WIDTH, _HEIGHT])
        shown = clockcode.decode(memoryview(bytes(pixels))[1:], _WIDTH, _HEIGHT, step=4)
        return shown, (now - shown) / 1000

    async def first_picture_after_offer(self) -> float:
        """Seconds from a viewer's offer to its first picture on the screen, of the latest one in this tab."""
        times = await self.page.evaluate("window.go2pyTimes")
        return float(times["picture"] - times["offer"]) / 1000


# When the latest offer was made, and when the first picture of it was shown.
_STOPWATCH: Final = """
window.go2pyTimes = {offer: 0, picture: 0};
const setLocal = RTCPeerConnection.prototype.setLocalDescription;
RTCPeerConnection.prototype.setLocalDescription = function (...given) {
  window.go2pyTimes.offer = performance.now();
  return setLocal.apply(this, given);
};
const source = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {...source, set(stream) {
  source.set.call(this, stream);
  if (stream) this.requestVideoFrameCallback((now) => { window.go2pyTimes.picture = now; });
}});
"""


@asynccontextmanager
async def person(browser: Browser, url: str, api: Api | None = None, **options: Any) -> AsyncIterator[Frontend]:
    """Somebody in front of a browser, signed in when `api` is. `options` go to the browser's context."""
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
    if api is not None:
        tokens = json.dumps(json.dumps(api.browser_tokens()))
        await context.add_init_script(f"localStorage.setItem('hassTokens', {tokens})")
    await context.add_init_script(_STOPWATCH)
    frontend = Frontend(await context.new_page(), url)
    try:
        yield frontend
    except BaseException:
        await frontend.picture("failed")
        raise
    finally:
        await context.close()


def brightness_of(jpeg: Path) -> tuple[bytes, int, int, int]:
    """The luma plane of a picture file: bytes, width, height, bytes in a row."""
    import av

    with av.open(str(jpeg)) as container:
        frame = next(container.decode(video=0)).reformat(format="yuvj420p")
    plane = frame.planes[0]
    return bytes(plane), frame.width, frame.height, plane.line_size


def clock_of(jpeg: Path) -> float:
    """When the demo camera drew the picture of this file, in seconds since 1970."""
    luma, width, height, stride = brightness_of(jpeg)
    return clockcode.decode(luma, width, height, stride=stride) / 1000
