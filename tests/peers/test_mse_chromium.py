"""Headless Chromium plays by Media Source Extensions, with the player logic of go2rtc's video-rtc.js."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, override

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.outputs.mse import MseSession
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.source import Offer, Sink, SourceSpec, SourceUrl
from tests.fakes.loop import LoopSource, clip
from tests.fakes.source import PCMA
from tests.peers.test_webrtc_chromium import FLAGS

# Appends as video-rtc.js does: what comes while the browser is busy waits in 2 MiB, `keep` seconds stay buffered, the
# playback rate follows the gap to the live edge.
PAGE = """<!doctype html><video id=v autoplay playsinline muted></video><script>
window.errors = [];
function start(codecs, keep = 5) {
  const video = document.getElementById("v");
  video.onerror = () => errors.push(video.error.message);
  const source = new MediaSource();
  let buffer, pending = new Uint8Array(2 * 1024 * 1024), size = 0;
  source.addEventListener("sourceopen", connect, {once: true});
  video.src = URL.createObjectURL(source);
  video.play();
  function updated() {
    if (!buffer.updating && size > 0) {
      const data = pending.slice(0, size); size = 0;
      buffer.appendBuffer(data);
    }
    if (!buffer.updating && buffer.buffered && buffer.buffered.length) {
      const end = buffer.buffered.end(buffer.buffered.length - 1), start = end - keep, first = buffer.buffered.start(0);
      if (start > first) { buffer.remove(first, start); source.setLiveSeekableRange(start, end); }
      if (video.currentTime < start) video.currentTime = start;
      const gap = end - video.currentTime;
      video.playbackRate = gap > 0.1 ? gap : 0.1;
      window.gap = gap;
    }
  }
  window.messages = [];
  function connect() {
    const socket = new WebSocket("ws://" + location.host + "/ws?codecs=" + codecs);
    socket.binaryType = "arraybuffer";
    socket.onmessage = received;
  }
  function received(event) {
    if (typeof event.data == "string") {
      window.text = JSON.parse(event.data);
      messages.push("text");
      buffer = source.addSourceBuffer(text.value);
      buffer.mode = "segments";
      buffer.addEventListener("updateend", updated);
      buffer.addEventListener("error", () => errors.push("source buffer"));
      return;
    }
    messages.push(event.data.byteLength);
    if (buffer.updating || size > 0) {
      pending.set(new Uint8Array(event.data), size); size += event.data.byteLength;
    } else buffer.appendBuffer(event.data);
  }
}
function state() {
  const v = document.getElementById("v"), q = v.getVideoPlaybackQuality(), ranges = [];
  for (let i = 0; i < v.buffered.length; i++) ranges.push([v.buffered.start(i), v.buffered.end(i)]);
  return {time: v.currentTime, frames: q.totalVideoFrames, width: v.videoWidth, gap: window.gap, ranges: ranges,
          audio: v.webkitAudioDecodedByteCount, errors: errors, text: window.text};
}
function pixels() {
  const c = document.createElement("canvas");
  c.width = 32; c.height = 18;
  const x = c.getContext("2d");
  x.drawImage(document.getElementById("v"), 0, 0, 32, 18);
  return Array.from(x.getImageData(0, 0, 32, 18).data).join();
}
</script>"""


async def watch(request: web.Request) -> web.WebSocketResponse:
    registry = request.app[REGISTRY]
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    transport = request.transport
    assert transport is not None
    session = await MseSession.open(
        registry.require("door"),
        request.query["codecs"],
        info=ReaderInfo("mse/fmp4", protocol="ws"),
        send=socket.send_json,
        transport=transport,
        settings=registry.settings,
        budget=registry.budget,
        on_end=lambda _: transport.abort(),
    )
    try:
        async for _ in socket:
            pass
    finally:
        session.close()
    return socket


class TelephoneSource(LoopSource):
    """The clip's picture with G.711, which browsers only take as FLAC."""

    @override
    async def _audio(self, sink: Sink) -> None:
        begin, number = time.monotonic(), 0
        while True:
            wave = bytes(0x55 ^ (0x80 if number // 4 % 2 else 0) ^ 0x70 for _ in range(160))
            sink.deliver(1, [AccessUnit(PCMA, (wave,), number * 160, arrived=time.monotonic())])
            number += 1
            await asyncio.sleep(begin + number * 0.02 - time.monotonic())


def dial(url: SourceUrl) -> SourceSpec:
    made = clip(50)
    if url.url.endswith("telephone"):
        made = replace(made, offers=(made.offers[0], Offer((PCMA,))))
        return SourceSpec(url.url, url, lambda: TelephoneSource(made))
    if url.url.endswith("long"):
        made = clip(250)
    return made.dial(url)


REGISTRY = web.AppKey("registry", Registry)


@contextlib.asynccontextmanager
async def browser(chromium: Path, source: str) -> AsyncIterator[tuple[Registry, Page]]:
    registry = Registry(dial, ["loop"], StreamSettings(linger=0.0), Bus())
    registry.apply([StreamConfig("door", (f"loop:{source}",))])
    app = web.Application()
    app[REGISTRY] = registry

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app.add_routes([web.get("/", page), web.get("/ws", watch)])
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with async_playwright() as play:
        running = await play.chromium.launch(executable_path=str(chromium), args=FLAGS)
        try:
            opened = await running.new_page()
            await opened.goto(f"http://{host}:{port}/")
            await opened.wait_for_function("typeof start == 'function'")
            yield registry, opened
        finally:
            await running.close()
            await runner.cleanup()
            await registry.close()


async def shown(page: Page, frames: int) -> dict[str, Any]:
    await page.wait_for_function(f"state().frames >= {frames} || errors.length", timeout=30_000, polling=100)
    found: dict[str, Any] = await page.evaluate("state()")
    assert not found["errors"]
    return found


@pytest.mark.parametrize(("source", "codecs"), [("short", "avc1.640029,opus"), ("telephone", "avc1.640029,flac")])
async def test_chromium_plays_picture_and_sound(chromium: Path, source: str, codecs: str) -> None:
    async with browser(chromium, source) as (_, page):
        await page.evaluate(f"start('{codecs}')")
        found = await shown(page, 50)
        assert found["width"] == 640
        assert found["text"] == {"type": "mse", "value": f'video/mp4; codecs="{codecs}"'}
        await page.wait_for_function("state().audio > 0", timeout=10_000)
        seen = set()
        for _ in range(10):
            seen.add(await page.evaluate("pixels()"))
            await page.wait_for_timeout(150)
        assert len(seen) > 2
        messages = await page.evaluate("messages")
        assert messages[0] == "text"
        assert messages[1] < 4000, "the initialization segment alone"


async def test_a_viewer_in_the_middle_of_a_long_gop_sees_the_newest_picture(chromium: Path) -> None:
    async with browser(chromium, "long") as (registry, page):
        holder = await registry.require("door").attach(ReaderInfo("test"), wants_from_query(()))
        await page.wait_for_timeout(7_000)
        await page.evaluate("start('avc1.640029,opus', 60)")  # forgetting half a group forgets it all
        found = await shown(page, 150)
        assert found["time"] < 2, "the cached pictures take no time"
        await page.wait_for_timeout(12_000)
        frames = found["frames"]
        found = await page.evaluate("state()")
        assert found["frames"] - frames > 250, "over the end of the group"
        assert len(found["ranges"]) == 1
        assert not found["errors"]
        holder.close()
