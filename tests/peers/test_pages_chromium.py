"""The pages in headless Chromium on a whole gateway: they play, fall back, come back, and take no name for markup."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, override

import pytest
import yaml
from aiohttp import web
from playwright.async_api import Locator, Page, Route

from go2py.api.pages import BUILT_IN
from tests.fakes.running import Process, free_ports
from tests.peers.browser import LIVE, MICROPHONE, moves, pixels, shown_by, tab

SMALL = "demo:?size=320x180"
NO_WEBRTC = """
  const Peer = RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer { constructor() { super({iceTransportPolicy: "relay"}); } };
"""
"""No path can be found: as behind a firewall, also for TCP."""
LATE_WEBRTC = """
  const answer = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = async function (...given) {
    await new Promise(done => setTimeout(done, 4000));
    return answer.apply(this, given);
  };
"""
NO_MSE = "delete window.MediaSource; delete window.ManagedMediaSource;"
CANARY = "<img src=x onerror=window.canary=1>"


class Served(Process):
    """A gateway whose file is laid out as people write it, so that the API can change single lines."""

    @override
    def write(self) -> None:
        self.file.write_text(yaml.safe_dump(self.config, sort_keys=False))


@contextlib.asynccontextmanager
async def opened(
    chromium: Path,
    folder: Path,
    path: str,
    *,
    streams: Mapping[str, str] | None = None,
    script: str = "",
    api: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[Served, Page]]:
    """A gateway and a page of it in a tab; behind the block the browser must not have complained."""
    gateway = Served(folder, streams if streams is not None else {"door": SMALL})
    gateway.config["api"] |= api or {}
    async with gateway, tab(chromium, script, **options) as (page, complaints):
        await page.goto(f"http://127.0.0.1:{gateway.port}/{path}")
        yield gateway, page
        assert not complaints.found


def said(page: Page, text: str) -> Locator:
    """A sentence over the picture."""
    return page.locator("go2py-player .message p").filter(has_text=text)


# --- the player


async def test_a_camera_plays_by_webrtc(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=door") as (gateway, page):
        await shown_by(page, "webrtc")
        assert await moves(page)
        player = page.locator("go2py-player")
        assert await player.get_attribute("aria-label") == "door, Live"
        (viewer,) = [one for one in (await gateway.info())["consumers"] if one["format_name"].startswith("webrtc")]
        assert viewer["protocol"].startswith("ws+")
        # sound is off until asked for
        assert await player.evaluate("player => player.video.muted")
        await player.press("m")
        assert not await player.evaluate("player => player.video.muted")
        # statistics measure the delay between gateway and screen
        await player.press("i")
        panel = page.get_by_role("region", name="Statistics")
        await panel.get_by_text("from go2py to the screen").wait_for()
        assert "H.264" in await panel.inner_text()
        await player.press("Escape")
        assert not await panel.is_visible()


async def test_a_camera_is_spoken_to(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=door", flags=MICROPHONE) as (gateway, page):
        await shown_by(page, "webrtc")
        player = page.locator("go2py-player")
        await player.press("t")
        await page.get_by_text("Press to stop").wait_for()
        await until_talking(gateway, "talking")
        await player.press("t")
        await until_talking(gateway, "idle")
        assert await page.evaluate(LIVE)


async def test_who_sees_by_mse_speaks_over_a_line_of_its_own(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=door&mode=mse", flags=MICROPHONE) as (gateway, page):
        await shown_by(page, "mse")
        button = page.get_by_role("button", name="Hold to speak")
        await button.hover()
        await page.mouse.down()
        await until_talking(gateway, "talking")
        await page.mouse.up()
        await until_talking(gateway, "idle")


async def until_talking(gateway: Served, state: str) -> None:
    """Wait until the camera hears somebody, or nobody."""
    async with asyncio.timeout(30):
        while ((await gateway.info())["producers"][0].get("talk") or {}).get("state") != state:
            await asyncio.sleep(0.1)


async def test_sound_survives_a_reload(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=door") as (_, page):
        await shown_by(page, "webrtc")
        await page.get_by_role("button", name="Turn the sound on").click()
        await page.reload()
        await shown_by(page, "webrtc")
        await page.get_by_role("button", name="Turn the sound off").wait_for()


async def test_without_a_path_for_webrtc_it_is_mse(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=door", script=NO_WEBRTC) as (_, page):
        await shown_by(page, "mse")
        assert await moves(page)
        reasons = "() => document.querySelector('go2py-player').view.reasons.webrtc === 'unconnected'"
        await page.wait_for_function(reasons, timeout=30_000)
        assert await page.evaluate(LIVE)


async def test_a_late_webrtc_takes_over_from_mse(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=door", script=LATE_WEBRTC) as (_, page):
        await shown_by(page, "mse")
        await shown_by(page, "webrtc")
        assert await moves(page)


async def test_without_both_it_is_stills(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=door", script=NO_WEBRTC + NO_MSE) as (_, page):
        await shown_by(page, "stills")
        assert await moves(page)
        await page.get_by_title("no connection came about").wait_for()


@pytest.mark.parametrize("mode", ["webrtc", "webrtc/tcp", "mse", "stills"])
async def test_the_way_can_be_chosen(chromium: Path, tmp_path: Path, mode: str) -> None:
    async with opened(chromium, tmp_path, f"stream.html?src=door&mode={mode}") as (gateway, page):
        await shown_by(page, mode.partition("/")[0])
        assert await moves(page)
        if mode == "webrtc/tcp":
            assert "ws+tcp" in {one["protocol"] for one in (await gateway.info())["consumers"]}


@pytest.mark.parametrize("mode", ["webrtc", "mse", "stills"])
async def test_it_comes_back_when_the_gateway_does(chromium: Path, tmp_path: Path, mode: str) -> None:
    async with opened(chromium, tmp_path, f"stream.html?src=door&mode={mode}") as (gateway, page):
        await shown_by(page, mode)
        await gateway.http.close()
        await gateway.stop()
        await said(page, "go2py cannot be reached").wait_for()
        assert await pixels(page), "the last picture stays"
        await said(page, "Last picture").wait_for()
        await gateway.__aenter__()
        await shown_by(page, mode)
        assert await moves(page)


async def test_a_camera_that_does_not_answer_is_told(chromium: Path, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    streams = {"door": f"rtsp://127.0.0.1:{port}/x"}
    async with opened(chromium, tmp_path, "stream.html?src=door", streams=streams) as (gateway, page):
        await said(page, "door is offline").wait_for()
        await said(page, "refuses connections").wait_for()
        # a corrected address is noticed in the same tab
        async with gateway.http.put("/api/streams", params={"name": "door", "src": SMALL}) as answer:
            assert answer.status == 200, await answer.text()
        await shown_by(page, "webrtc")


async def test_an_unknown_name_is_told(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "stream.html?src=nobody") as (_, page):
        await said(page, "There is no camera named nobody").wait_for()
        await page.get_by_role("link", name="All cameras").last.click()
        await page.get_by_role("heading", name="Cameras").wait_for()


async def test_a_wall_shows_several(chromium: Path, tmp_path: Path) -> None:
    streams = {"door": SMALL, "porch": f"{SMALL}&audio=pcma"}
    async with opened(chromium, tmp_path, "stream.html?src=door&src=porch", streams=streams) as (_, page):
        live = "() => document.querySelectorAll('go2py-player[data-phase=live]').length === 2"
        await page.wait_for_function(live, timeout=30_000)
        # sound is one player's at a time
        for name in ("door", "porch"):
            await page.get_by_role("group", name=name).press("m")
        muted = "[...document.querySelectorAll('go2py-player')].map(player => player.video.muted)"
        assert await page.evaluate(muted) == [True, False]
        await page.get_by_role("link", name="Open porch").click()
        await shown_by(page, "webrtc")


async def test_it_plays_in_a_frame_of_another_origin(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "") as (gateway, page):
        source = f"http://127.0.0.1:{gateway.port}/stream.html?src=door"
        text = f'<!doctype html><iframe src="{source}" width="640" height="360"></iframe>'

        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=text, content_type="text/html")

        app = web.Application()
        app.add_routes([web.get("/", answer)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            await page.goto(f"http://localhost:{runner.addresses[0][1]}/")
            player = page.frame_locator("iframe").locator("go2py-player[data-phase=live]")
            await player.wait_for()
        finally:
            await page.goto("about:blank")
            await runner.cleanup()


PANEL = """<!doctype html><html style="--primary-background-color: #111; --card-background-color: #1c1c1c;
  --primary-text-color: #e1e1e1; --primary-color: #009ac7"><iframe src="{path}" width="400" height="600"></iframe>"""


async def test_it_follows_home_assistant(chromium: Path, tmp_path: Path) -> None:
    """Under ingress the panel is of the same origin: theme, width and menu are its."""
    async with opened(chromium, tmp_path, "log.html", color_scheme="light") as (gateway, page):
        origin = f"http://127.0.0.1:{gateway.port}"

        async def panel(route: Route) -> None:
            await route.fulfill(body=PANEL.replace("{path}", "./"), content_type="text/html")

        await page.route(f"{origin}/panel", panel)
        await page.add_init_script(
            """window.told = [];
            addEventListener('message', event => {
              told.push(event.data.type);
              if (event.data.type === 'home-assistant/subscribe-properties')
                event.source.postMessage({type: 'home-assistant/properties', narrow: true,
                  safeAreaInsets: {top: 11, right: 0, bottom: 0, left: 0}}, origin);
            });"""
        )
        await page.goto(f"{origin}/panel")
        inside = page.frame_locator("iframe")
        await inside.get_by_role("button", name="Open Home Assistant’s menu").click()
        await page.wait_for_function("() => told.includes('home-assistant/toggle-menu')")
        body = inside.locator("body")
        assert await body.evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(17, 17, 17)"
        assert await body.evaluate("body => document.documentElement.dataset.theme") == "dark"
        inset = "body => document.documentElement.style.getPropertyValue('--inset-top')"
        assert await body.evaluate(inset) == "11px"


async def test_leaving_the_picture_ends_the_stream(chromium: Path, tmp_path: Path) -> None:
    """A player that is scrolled away costs nothing after its grace time, and is back when it is seen."""
    async with opened(chromium, tmp_path, "stream.html?src=door") as (_, page):
        await shown_by(page, "webrtc")
        player = page.locator("go2py-player")
        await player.evaluate("player => player.style.setProperty('margin-top', '3000px')")
        await page.wait_for_function("() => document.querySelector('go2py-player').dataset.phase === 'paused'")
        assert await pixels(page), "the last picture stays"
        await player.evaluate("player => player.style.removeProperty('margin-top')")
        await shown_by(page, "webrtc")


# --- the list


async def test_a_camera_is_added_and_removed(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "") as (gateway, page):
        await page.get_by_role("article", name="door").get_by_text("320×180").wait_for()
        await page.get_by_role("button", name="Add a camera").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Add", exact=True).click()
        await dialog.get_by_text("Give the camera a name.").wait_for()
        await dialog.get_by_label("Name").fill("porch")
        await dialog.get_by_label("Address").fill("exec:rm")
        await dialog.get_by_label("Address").press("Enter")
        await dialog.get_by_text("It was not added").wait_for()
        await dialog.get_by_label("Address").fill(SMALL)
        await dialog.get_by_label("Address").press("Enter")
        tile = page.get_by_role("article", name="porch")
        await tile.get_by_text("H.264").wait_for()
        assert "porch" in gateway.file.read_text()
        await tile.get_by_role("button", name="Remove porch").click()
        await page.get_by_role("dialog").get_by_role("button", name="Keep").click()
        assert await tile.is_visible()
        await tile.get_by_role("button", name="Remove porch").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        await tile.wait_for(state="detached")
        assert "porch" not in gateway.file.read_text()


async def test_an_empty_list_says_how_to_begin(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "", streams={}) as (_, page):
        await page.get_by_role("heading", name="No cameras yet").wait_for()
        await page.get_by_role("button", name="Add the demo camera").click()
        await page.get_by_role("article", name="demo").wait_for()
        await page.get_by_role("link", name="Watch demo").click()
        await shown_by(page, "webrtc")


async def test_problems_are_counted_with_their_reasons(chromium: Path, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    streams = {"door": SMALL, "dead": f"rtsp://user:canary@127.0.0.1:{port}/x"}
    async with opened(chromium, tmp_path, "", streams=streams) as (_, page):
        await page.get_by_text("1 problem").wait_for()
        dead = page.get_by_role("article", name="dead")
        await dead.get_by_text("refuses connections").wait_for()
        assert "canary" not in await page.content()


@pytest.mark.parametrize("path", ["", "stream.html", "stream.html?src={name}", "log.html", "config.html"])
async def test_names_are_never_markup(chromium: Path, tmp_path: Path, path: str) -> None:
    path = path.replace("{name}", "%3Cimg%20src%3Dx%20onerror%3Dwindow.canary%3D1%3E")
    async with opened(chromium, tmp_path, path, streams={CANARY: SMALL, "door": SMALL}) as (_, page):
        if "html" not in path or "stream" in path:
            await page.get_by_text(CANARY).first.wait_for()
        await page.wait_for_timeout(1_000)
        assert await page.evaluate("window.canary") is None
        assert await page.locator("img[src=x]").count() == 0


# --- configuration and log


async def test_the_configuration_is_edited(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "config.html") as (gateway, page):
        text = page.get_by_label("Configuration as YAML")
        await page.wait_for_function("() => document.querySelector('textarea').value.includes('door')")
        before = await text.input_value()
        await text.fill("streams:\n  a: b\n bad: [\n")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_text("Not saved:").wait_for()
        assert await text.input_value() == "streams:\n  a: b\n bad: [\n"
        await page.get_by_role("button", name="Discard changes").click()
        await text.fill(before.replace("door:", "front:"))
        await text.press("Control+s")
        await page.get_by_text("Saved.").wait_for()
        assert "front:" in gateway.file.read_text()
        # somebody else writes meanwhile
        await text.fill(before)
        async with gateway.http.put("/api/streams", params={"name": "other", "src": SMALL}) as answer:
            assert answer.status == 200, await answer.text()
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("button", name="Load the newer one").click()
        await page.wait_for_function("() => document.querySelector('textarea').value.includes('other')")


async def test_the_log_is_shown_and_filtered(chromium: Path, tmp_path: Path) -> None:
    async with opened(chromium, tmp_path, "log.html") as (_, page):
        lines = page.get_by_role("region", name="Log lines")
        await lines.get_by_text("[api] listen").wait_for()
        await page.get_by_label("Filter").fill("no such text")
        await lines.get_by_text("No line fits").wait_for()


# --- all of them


async def test_pages_work_below_a_path(chromium: Path, tmp_path: Path) -> None:
    gateway = Served(tmp_path, {"door": SMALL})
    gateway.config["api"]["base_path"] = "/cam"
    gateway.about = "/cam/api"
    async with gateway, tab(chromium) as (page, complaints):
        await page.goto(f"http://127.0.0.1:{gateway.port}/cam/")
        await page.get_by_role("link", name="Watch door").click()
        await shown_by(page, "webrtc")
        assert not complaints.found


@pytest.mark.parametrize("path", ["", "config.html", "log.html", "stream.html?src=door", "stream.html"])
async def test_pages_are_narrow_and_named(chromium: Path, tmp_path: Path, path: str) -> None:
    """320 px without sideways scrolling; every control has a name, every page a title and at most one first heading."""
    streams = {"door": SMALL, "a_camera_with_a_name_that_nobody_would_want_to_type_twice": SMALL}
    size = {"width": 320, "height": 600}
    async with opened(chromium, tmp_path, path, streams=streams, viewport=size) as (_, page):
        await page.locator("article, textarea, go2py-player, .log li").first.wait_for()
        await page.wait_for_timeout(500)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        assert await page.title() != "go2py"
        nameless = """() => {
          const roots = [document, ...[...document.querySelectorAll('go2py-player')].map(one => one.shadowRoot)];
          const controls = roots.flatMap(root => [...root.querySelectorAll('button, a, input, select, textarea')]);
          return controls.filter(one => !one.closest('[aria-hidden=true], [hidden]'))
            .filter(one => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length))
            .map(one => one.outerHTML);
        }"""
        assert await page.evaluate(nameless) == []
        assert await page.locator("h1").count() <= 1


async def test_a_camera_that_is_off_is_no_problem(chromium: Path, tmp_path: Path) -> None:
    """Nor is it seen: it was switched off for privacy."""
    async with opened(chromium, tmp_path, "") as (gateway, page):
        tile = page.get_by_role("article", name="door")
        await tile.locator("img:not([hidden])").wait_for(state="attached")
        async with gateway.http.post("/api/pause", params={"src": "door"}) as answer:
            assert answer.status == 200, await answer.text()
        await tile.get_by_text("Off", exact=True).wait_for()
        await tile.locator("img[hidden]").wait_for(state="attached")
        assert not await page.get_by_text("problem").count()
        async with gateway.http.delete("/api/pause", params={"src": "door"}) as answer:
            assert answer.status == 200, await answer.text()
        await tile.locator("img:not([hidden])").wait_for(state="attached")


async def test_all_texts_are_there(chromium: Path, tmp_path: Path) -> None:
    """Each key that the modules name has a text."""
    async with opened(chromium, tmp_path, "log.html") as (_, page):
        strings = await page.evaluate("async () => (await import('/lib/strings.js')).default")
    used = set()
    for module in BUILT_IN.rglob("*.js"):
        used |= set(re.findall(r'\bt\(\s*"([a-z0-9.-]+)"', module.read_text()))
    assert len(used) > 60
    missing = {key for key in used if key not in strings and f"{key}.other" not in strings}
    assert not missing
