"""Headless Chromium plays: over UDP, over TCP alone, joining in the middle of a long group of pictures."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from go2py.config.values import CandidateFilters, WebRtcConfig
from go2py.outputs.webrtc.batch import RtpBatch, Shift
from go2py.outputs.webrtc.session import Session, WebRtcService
from go2py.outputs.webrtc.transport import PeerTransport
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from tests.fakes.loop import clip
from tests.fakes.webrtc import LOOPBACK, gateway

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

PAGE = """<!doctype html><video id=v autoplay playsinline></video><script>
async function start(tcp) {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: "max-bundle"});
  const stream = new MediaStream();
  pc.ontrack = e => { stream.addTrack(e.track); document.getElementById("v").srcObject = stream; };
  pc.addTransceiver("video", {direction: "recvonly"});
  pc.addTransceiver("audio", {direction: "recvonly"});
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise(done => { if (pc.iceGatheringState == "complete") done();
    pc.onicegatheringstatechange = () => pc.iceGatheringState == "complete" && done(); });
  let offer = pc.localDescription.sdp;
  const answer = await (await fetch("/whep", {method: "POST", body: offer})).text();
  await pc.setRemoteDescription({type: "answer", sdp: answer});
}
async function restart() {
  const pc = window.pc, before = pc.remoteDescription.sdp, names = ["ice-ufrag", "ice-pwd"];
  const pick = (sdp, name) => sdp.match(new RegExp(`a=${name}:(.*)`))[1];
  const gathered = new Promise(done => { pc.onicecandidate = e => e.candidate || done(); });
  await pc.setLocalDescription(await pc.createOffer({iceRestart: true}));
  await gathered;
  const offer = pc.localDescription.sdp;
  const lines = [...names.map(name => `a=${name}:${pick(offer, name)}`), ...offer.match(/a=candidate:.*/g)];
  const answer = await (await fetch("/whep", {method: "PATCH", body: lines.join("\\r\\n")})).text();
  const renew = (sdp, name) => sdp.replaceAll(new RegExp(`a=${name}:.*`, "g"), `a=${name}:${pick(answer, name)}`);
  const fresh = before.replaceAll(/a=candidate:.*\\r\\n/g, "");  // those name the old user fragment
  await pc.setRemoteDescription({type: "answer", sdp: names.reduce(renew, fresh)});
  const usernameFragment = pick(answer, "ice-ufrag");
  for (const candidate of answer.match(/candidate:.*/g))
    await pc.addIceCandidate({candidate: `${candidate} ufrag ${usernameFragment}`, sdpMid: "0", usernameFragment});
  return pick(offer, "ice-ufrag");
}
async function stats() {
  const found = {};
  for (const s of (await window.pc.getStats()).values()) {
    if (s.type == "inbound-rtp") found[s.kind] = s;
    if (s.type == "candidate-pair" && s.nominated) found.pair = s;
    if (s.type == "transport") found.transport = s;
  }
  return JSON.parse(JSON.stringify(found));
}
function pixels() {
  const v = document.getElementById("v"), c = document.createElement("canvas");
  c.width = 32; c.height = 18;
  const x = c.getContext("2d");
  x.drawImage(v, 0, 0, 32, 18);
  return Array.from(x.getImageData(0, 0, 32, 18).data).join();
}
</script>"""


@contextlib.asynccontextmanager
async def browser(
    chromium: Path, registry: Registry, service: WebRtcService, host: str = "127.0.0.1"
) -> AsyncIterator[Page]:
    """A page of Chromium that can `start()` to watch."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def whep(request: web.Request) -> web.Response:
        answer, _ = await service.answer(
            registry.require("door"), await request.text(), ReaderInfo("webrtc/whep", protocol="http")
        )
        return web.Response(text=answer, content_type="application/sdp", status=201)

    async def patch(request: web.Request) -> web.Response:
        return web.Response(text=only(service).patch(await request.text()))

    app = web.Application()
    app.add_routes([web.get("/", page), web.post("/whep", whep), web.patch("/whep", patch)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    port = runner.addresses[0][1]
    async with async_playwright() as play:
        running = await play.chromium.launch(executable_path=str(chromium), args=FLAGS)
        try:
            opened = await running.new_page()
            await opened.goto(f"http://{host}:{port}/")
            yield opened
        finally:
            await running.close()
            await runner.cleanup()


type Stats = dict[str, dict[str, Any]]


async def until(page: Page, condition: Callable[[Stats], bool]) -> Stats:
    """Wait until the peer connection's statistics say so."""
    async with asyncio.timeout(20):
        while True:
            found: Stats = await page.evaluate("stats()")
            if "video" in found and condition(found):
                return found
            await asyncio.sleep(0.05)


async def decoded(page: Page, pictures: int) -> Stats:
    """Wait for so many decoded pictures."""
    return await until(page, lambda found: found["video"].get("framesDecoded", 0) >= pictures)


def only(service: WebRtcService) -> Session:
    (session,) = service.sessions.values()
    return session


@pytest.mark.parametrize("network", ["udp", "tcp"])
async def test_chromium_shows_pictures_that_change(chromium: Path, network: str) -> None:
    settings = LOOPBACK
    if network == "tcp":
        settings = WebRtcConfig(listen="127.0.0.1:0", filters=CandidateFilters(loopback=True, networks=("tcp4",)))
    async with gateway(settings=settings) as (registry, service), browser(chromium, registry, service) as page:
        await page.evaluate("start()")
        found = await decoded(page, 50)
        assert found["video"]["frameWidth"] == 640
        await until(page, lambda found: found["audio"].get("totalAudioEnergy", 0) > 0)
        seen = set()
        for _ in range(5):
            seen.add(await page.evaluate("pixels()"))
            await page.wait_for_timeout(200)
        assert len(seen) > 2
        info = only(service).attachment.info
        assert info.protocol == f"http+{network}"
        assert info.details["srtp"] == "SRTP_AEAD_AES_128_GCM"


async def test_an_ice_restart_keeps_the_picture(chromium: Path) -> None:
    async with gateway() as (registry, service), browser(chromium, registry, service) as page:
        await page.evaluate("start()")
        before = await decoded(page, 10)
        address = only(service).transport.remote_address
        ufrag = await page.evaluate("restart()")
        await until(page, lambda _: only(service).transport.remote_address != address)
        found = await until(page, lambda found: found["transport"].get("iceLocalUsernameFragment") == ufrag)
        await decoded(page, found["video"]["framesDecoded"] + 50)
        assert found["transport"]["dtlsState"] == before["transport"]["dtlsState"] == "connected"
        assert found["video"]["ssrc"] == before["video"]["ssrc"]


async def test_joining_in_the_middle_catches_up(chromium: Path) -> None:
    async with gateway(clip(gop=250)) as (registry, service), browser(chromium, registry, service) as page:
        holder = await registry.require("door").attach(ReaderInfo("test"), wants_from_query(()))
        await page.wait_for_timeout(4_000)
        await page.evaluate("start()")
        found = await decoded(page, 100)
        assert found["video"]["keyFramesDecoded"] == 1
        assert found["video"]["framesDropped"] == 0
        assert found["video"]["packetsLost"] == 0
        (sender,) = [sender for sender in only(service).viewer.senders if sender.video]
        await until(page, lambda _: sender.waiting == 0)
        await decoded(page, 150)
        holder.close()


async def test_rotation_turns_the_picture(chromium: Path) -> None:
    async with gateway() as (registry, service):
        registry.require("door").rotate = 90
        async with browser(chromium, registry, service) as page:
            await page.evaluate("start()")
            await decoded(page, 10)
            await page.wait_for_function("document.getElementById('v').videoWidth == 360")


def lossy(monkeypatch: pytest.MonkeyPatch, share: float, until: float = float("inf")) -> None:
    """Lose this share of packets between the sender and the network, retransmissions too."""
    chance = random.Random(2)
    send = PeerTransport.send_rtp

    def sometimes(self: PeerTransport, batch: RtpBatch, shift: Shift | None = None) -> int:
        if time.monotonic() < until:
            kept = tuple(packet for packet in batch.packets if chance.random() >= share)
            return send(self, RtpBatch(kept), shift) if kept else 0
        return send(self, batch, shift)

    monkeypatch.setattr(PeerTransport, "send_rtp", sometimes)


async def test_two_percent_loss_is_repaired(chromium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lossy(monkeypatch, 0.02)
    async with gateway(clip(gop=250)) as (registry, service), browser(chromium, registry, service) as page:
        await page.evaluate("start()")
        video = (await decoded(page, 200))["video"]
        assert video["retransmittedPacketsReceived"] > 5
        assert video["framesDropped"] == 0
        assert video["pliCount"] == 0


async def test_lost_picture_is_replayed_from_the_cache(chromium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six seconds without a packet are beyond retransmission, and the next key picture is far."""
    async with gateway(clip(gop=500)) as (registry, service), browser(chromium, registry, service) as page:
        await page.evaluate("start()")
        before = (await decoded(page, 40))["video"]["framesDecoded"]
        lossy(monkeypatch, 1.0, time.monotonic() + 6.0)
        await page.wait_for_timeout(6_000)
        video = (await decoded(page, before + 200))["video"]
        assert video["keyFramesDecoded"] == 2
        assert video["pliCount"] > 0
        assert sum(sender.replays for sender in only(service).viewer.senders) >= 2
