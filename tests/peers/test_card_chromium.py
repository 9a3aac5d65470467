"""The dashboard card in headless Chromium, with a small `hass` in front of a whole gateway."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.fakes.running import Process
from tests.peers.browser import MICROPHONE, tab

HERE = Path(__file__).parent
CARD = HERE.parents[1] / "custom_components/go2py/www"
PAGE = """<!doctype html><html lang="en"><style>
  :root {
    --primary-text-color: #141414; --card-background-color: #fff; --primary-color: #009ac7;
    --secondary-background-color: #e5e5e5; --line: #e0e0e0; background: #fafafa; font: 14px Roboto, sans-serif;
  }
  :root.dark {
    --primary-text-color: #e1e1e1; --card-background-color: #1c1c1c; --secondary-background-color: #282828;
    --line: #333; background: #111;
  }
  body { margin: 16px; max-width: 560px; }
  ha-card { border-radius: 12px; border: 1px solid var(--line); background: var(--card-background-color); }
</style><body></body></html>"""
NO_WEBRTC = """
  const Peer = RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer { constructor() { super({iceTransportPolicy: "relay"}); } };
"""
PLAYER = "document.querySelector('go2py-camera').shadowRoot?.querySelector('go2py-player')"
TALK = {"state": "idle", "reason": "", "level": 0, "by": "", "packets": 0}


@contextlib.asynccontextmanager
async def opened(
    chromium: Path, folder: Path, config: dict[str, Any], script: str = "", setup: Any = None, **options: Any
) -> AsyncIterator[tuple[Process, Page]]:
    """A gateway with two cameras and a page with a card; behind the block the browser must not have complained."""
    site = folder / "www"
    shutil.copytree(CARD, site / "card")
    shutil.copy(HERE / "card_page.js", site / "card")
    (site / "index.html").write_text(PAGE)
    gateway = Process(folder, {"door": "demo:?size=640x360", "yard": "demo:?size=320x180"})
    gateway.config["api"]["static_dir"] = str(site)
    async with gateway, tab(chromium, script, flags=MICROPHONE, **options) as (page, complaints):
        await page.goto(f"http://127.0.0.1:{gateway.port}/")
        given = {"view": {"talk": TALK}, **(setup or {})}
        show = "async ([config, setup]) => void (await (await import('/card/card_page.js')).show(config, setup))"
        await page.evaluate(show, [{"type": "custom:go2py-camera", **config}, given])
        yield gateway, page
        assert not complaints.found


async def live(page: Page, mode: str = "webrtc") -> None:
    phase = "stills" if mode == "stills" else "live"
    check = f"([mode, phase]) => {PLAYER}?.dataset.mode === mode && {PLAYER}?.dataset.phase === phase"
    await page.wait_for_function(check, arg=[mode, phase], timeout=30_000, polling=100)


async def talk_of(gateway: Process) -> dict[str, Any]:
    return dict((await gateway.info())["producers"][0].get("talk") or {})


async def test_it_plays_and_speaks_over_one_connection(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, {"entities": ["camera.door"]}) as (gateway, page):
        await live(page)
        button = page.get_by_role("button", name="Hold to speak")
        await button.hover()
        await page.mouse.down()
        await page.get_by_text("Speak now").wait_for()
        assert await button.get_attribute("aria-pressed") == "true"
        for _ in range(100):
            if (await talk_of(gateway)).get("packets"):
                break
            await page.wait_for_timeout(100)
        assert (await talk_of(gateway))["packets"]
        await page.screenshot(path=tmp_path / "talking.png")
        await page.mouse.up()
        assert await button.get_attribute("aria-pressed") == "false"
        offers = "hass.sent.filter(one => one.type === 'camera/webrtc/offer').length"
        assert await page.evaluate(offers) == 1, "neither a new offer nor a black moment"
        assert await page.evaluate(f"{PLAYER}.dataset.phase") == "live"


async def test_the_microphone_is_given_back(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, {"entity": "camera.door", "talk": "toggle"}) as (_, page):
        await live(page)
        track = f"{PLAYER}.talk.microphone.track"
        assert await page.evaluate(track) is None, "viewing asks for no microphone"
        await page.get_by_role("button", name="Speak", exact=True).click()
        await page.get_by_text("Press to stop").wait_for()
        await page.evaluate(f"window.track = {track}")
        await page.evaluate("card.remove()")
        assert await page.evaluate("track.readyState") == "ended"


async def test_a_lost_focus_is_silence(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, {"entity": "camera.door"}) as (_, page):
        await live(page)
        button = page.get_by_role("button", name="Hold to speak")
        await button.press("Enter")  # a short press: hands free
        await page.get_by_text("Press to stop").wait_for()
        await page.evaluate(f"window.track = {PLAYER}.talk.microphone.track; dispatchEvent(new Event('blur'))")
        assert await page.evaluate("track.readyState") == "ended"
        assert await button.get_attribute("aria-pressed") == "false"


async def test_without_a_path_it_is_mse_through_home_assistant(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, {"entity": "camera.door"}, NO_WEBRTC) as (_, page):
        await live(page, "mse")
        signed = "hass.sent.find(one => one.type === 'auth/sign_path').path"
        assert await page.evaluate(signed) == "/api/go2py/live/camera.door"


async def test_a_camera_of_others_has_stills_and_no_proxy(chromium: Path, tmp_path: Path) -> None:
    config = {"entity": "camera.other", "mode": "stills"}
    async with opened(chromium, tmp_path, config) as (_, page):
        await page.evaluate("hass.states['camera.other'].attributes.entity_picture = '/api/frame.jpeg?src=yard'")
        await live(page, "stills")
        assert await page.get_by_role("button", name="Hold to speak").count() == 0


async def test_privacy_leaves_no_picture(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, {"entity": "camera.door"}) as (_, page):
        await live(page)
        await page.evaluate("hass.tell({ state: 'off', code: 'paused' })")
        await page.locator("p").filter(has_text="is switched off for privacy").wait_for()
        assert await page.evaluate(f"{PLAYER}.shadowRoot.querySelectorAll('.layer').length") == 0
        await page.evaluate("hass.tell({ state: 'idle' })")
        await live(page)


async def test_a_refused_microphone_is_explained(chromium: Path, tmp_path: Path) -> None:
    refusal = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); };"
    async with opened(chromium, tmp_path, {"entity": "camera.door"}, refusal) as (_, page):
        await live(page)
        await page.get_by_role("button", name="Hold to speak").click()
        await page.get_by_text("The microphone is blocked.").wait_for()


async def test_options_that_cannot_be_used_are_named(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, {}) as (_, page):
        await page.get_by_text("Choose a camera for this card.").wait_for()
        refused = "config => { try { card.setConfig(config); } catch (error) { return error.message; } }"
        for config, word in (
            ({"entity": "light.door"}, "`entity`"),
            ({"entity": "camera.door", "talk": "loud"}, "`talk`"),
            ({"entity": "camera.door", "intersection": 3}, "`intersection`"),
            ({"entity": "camera.door", "aspect_ratio": "wide"}, "`aspect_ratio`"),
        ):
            assert word in str(await page.evaluate(refused, config))


async def test_what_the_card_picker_gets(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, {"entity": "camera.door"}, setup={"preview": True}) as (gateway, page):
        await page.locator("go2py-camera img").wait_for()
        assert not [one for one in (await gateway.info())["consumers"] if one["format_name"].startswith("webrtc")]
        stub = "customElements.get('go2py-camera').getStubConfig(hass, ['camera.other', 'camera.yard'])"
        assert await page.evaluate(stub) == {"entities": ["camera.yard"]}
        assert await page.evaluate("customCards[0].getEntitySuggestion(undefined, 'camera.door')") is None
        labels = await page.evaluate(
            """() => { const { schema, computeLabel } = customElements.get('go2py-camera').getConfigForm();
                 return schema.flatMap(one => one.schema ?? [one]).map(one => computeLabel(one)); }"""
        )
        assert "Cameras" in labels
        assert not [label for label in labels if label.startswith("form.")]


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
async def test_looks(chromium: Path, tmp_path: Path, look: str) -> None:
    """Several cameras and shortcuts fit any width; a name is text."""
    config = {
        "entities": ["camera.door", "camera.yard"],
        "title": "Outside",
        "shortcuts": [{"name": "Light", "service": "light.toggle"}],
    }
    names = {"camera.door": "<img src=x onerror=window.canary=1>"}
    size = {"width": 360 if look == "narrow" else 640, "height": 800}
    async with opened(chromium, tmp_path, config, setup={"names": names}, viewport=size) as (_, page):
        await page.evaluate("look => document.documentElement.classList.add(look)", look)
        await live(page)
        assert await page.evaluate("window.canary") is None
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("button", name="Light").click()
        assert await page.evaluate("hass.sent.some(one => one.type === 'action' && one.what[1] === 'toggle')")
        await page.screenshot(path=tmp_path / f"{look}.png")
