"""Chromium speaks: a page that talks by a microphone or by tones of its own, and the gateway that it talks to."""

import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Page, async_playwright

from go2py.errors import Go2pyError
from go2py.outputs.webrtc.session import Session, WebRtcService
from go2py.streams.reader import ReaderInfo
from go2py.streams.stream import Stream
from tests.fakes.sound import Wave, samples
from tests.peers.test_webrtc_chromium import FLAGS

RATE = 48_000
PAGE = """<!doctype html><video id=v autoplay playsinline></video><script>
const pcs = window.pcs = {}, tracks = window.tracks = {};
const context = new AudioContext({sampleRate: 48000});
async function microphone() {
  const plain = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
  return (await navigator.mediaDevices.getUserMedia({audio: plain})).getAudioTracks()[0];
}
function tone(hertz) {
  const source = new OscillatorNode(context, {frequency: hertz}), gain = new GainNode(context, {gain: 0.3});
  const out = new MediaStreamAudioDestinationNode(context, {channelCount: 1});
  source.connect(gain).connect(out);
  source.start();
  return out.stream.getAudioTracks()[0];
}
async function make(what) { return what === "microphone" ? await microphone() : what ? tone(what) : null; }
// view: "" (only a microphone), "sendrecv", or "beside" (a microphone with an m-line of its own beside what is heard)
async function talk(name, what, view) {
  const pc = pcs[name] = new RTCPeerConnection({bundlePolicy: "max-bundle"});
  const track = tracks[name] = await make(what);
  const kind = track ?? "audio";
  if (view !== "sendrecv") pc.addTransceiver(kind, {direction: "sendonly"});
  if (view) {
    const stream = new MediaStream();
    pc.ontrack = e => { stream.addTrack(e.track); document.getElementById("v").srcObject = stream; };
    pc.addTransceiver("video", {direction: "recvonly"});
    pc.addTransceiver(view === "sendrecv" ? kind : "audio", {direction: view === "sendrecv" ? "sendrecv" : "recvonly"});
  }
  await pc.setLocalDescription(await pc.createOffer());
  await new Promise(done => { if (pc.iceGatheringState == "complete") done();
    pc.onicegatheringstatechange = () => pc.iceGatheringState == "complete" && done(); });
  const reply = await fetch("/offer", {method: "POST", body: pc.localDescription.sdp});
  const answer = await reply.text();
  if (!reply.ok) { pc.close(); return answer; }
  await pc.setRemoteDescription({type: "answer", sdp: answer});
  return answer;
}
function sender(name) { return pcs[name].getTransceivers().find(one => one.direction.startsWith("send")).sender; }
async function replace(name, what) { await sender(name).replaceTrack(tracks[name] = await make(what)); }
function enable(name, on) { tracks[name].enabled = on; }
function hangUp(name) { pcs[name].close(); }
async function stats(name) {
  const found = {};
  for (const s of (await pcs[name].getStats()).values())
    if (["inbound-rtp", "outbound-rtp", "remote-inbound-rtp"].includes(s.type)) found[`${s.type} ${s.kind}`] = s;
  return JSON.parse(JSON.stringify(found));
}
</script>"""


def record(path: Path, sound: Wave, seconds: float) -> Path:
    """A WAV file for the microphone, which plays it again and again."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples(sound, RATE, 0, round(seconds * RATE)))
    return path


class Talkers:
    """A page whose peer connections have names; `sessions` are the gateway's, in the order in which they came."""

    def __init__(self, page: Page, sessions: list[Session]) -> None:
        self.page = page
        self.sessions = sessions

    async def talk(self, name: str, what: str | int | None = "microphone", view: str = "") -> str:
        """Connect; the answer, or why there is none."""
        answer: str = await self.page.evaluate("args => talk(...args)", [name, what, view])
        return answer

    async def replace(self, name: str, what: str | int | None) -> None:
        await self.page.evaluate("args => replace(...args)", [name, what])

    async def enable(self, name: str, *, on: bool) -> None:
        await self.page.evaluate("args => enable(...args)", [name, on])

    async def hang_up(self, name: str) -> None:
        await self.page.evaluate("name => hangUp(name)", name)

    async def stats(self, name: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = await self.page.evaluate("name => stats(name)", name)
        return found


@contextlib.asynccontextmanager
async def talkers(
    chromium: Path, service: WebRtcService, stream: Stream, sound: Path | None = None
) -> AsyncIterator[Talkers]:
    """Chromium in front of a gateway; its microphone hears the file `sound`, else beeps."""
    sessions: list[Session] = []

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        try:
            answer, session = await service.answer(stream, await request.text(), ReaderInfo("webrtc", protocol="http"))
        except Go2pyError as error:
            return web.Response(status=500, text=str(error))
        sessions.append(session)
        return web.Response(text=answer)

    app = web.Application()
    app.add_routes([web.get("/", page), web.post("/offer", offer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    flags = [*FLAGS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    if sound is not None:
        flags.append(f"--use-file-for-fake-audio-capture={sound}")
    async with async_playwright() as play:
        running = await play.chromium.launch(executable_path=str(chromium), args=flags)
        try:
            opened = await running.new_page()
            await opened.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
            yield Talkers(opened, sessions)
        finally:
            await running.close()
            await runner.cleanup()
