"""A camera for tests: an RTSP server that misbehaves on request.

`Camera.script` says how it behaves and may be changed while it runs; methods of `Camera` make things happen. It serves
H.264 and G.711 A-law over TCP and UDP, and counts what it is asked.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from go2py.errors import ProtocolError
from go2py.protocols.http_auth import ServerAuth, Verdict
from go2py.protocols.rtsp import Headers, Interleaved, Parser, Request, Response
from go2py.protocols.rtsp_headers import Transport

from .clip import LARGE, SMALL, Clip, clip
from .rtsp_pump import Pump, Track

TRACKS = ("track0", "track1", "track2")
"""Control URLs of picture, sound and loudspeaker."""


@dataclass(slots=True)
class Script:
    """How the camera behaves; the defaults are those of a good one."""

    user: str = ""
    password: str = ""
    auth: str = "SHA-256"
    """`basic`, or the algorithm of Digest."""
    close_on_401: bool = False
    fps: float = 25.0
    gop: int = 25
    """Pictures from one key picture to the next."""
    first: int = 0
    """Number of a session's first picture; 0 is a key picture."""
    weight: int = 0
    """Bytes of user data (SEI) in front of every picture, six times as much in front of a key picture: for a heavier
    stream."""
    audio: bool = True
    audio_only: bool = False
    rtcp: bool = True
    parameter_sets: str = "both"
    """`both`, `band` (only in the stream), `sdp` (only in the description)."""
    max_sessions: int = 100
    """More get 453."""
    refuse_transport: str = ""
    """`tcp` or `udp`: gets 461."""
    refuse_track: str = ""
    """One of `TRACKS`: its SETUP gets 404."""
    content_base: str | None = None
    """None: the right one; empty: none at all."""
    redirect: str = ""
    """DESCRIBE is answered with 302 to here."""
    paths: tuple[str, ...] | None = None
    """Where streams are, queries included; DESCRIBE of another gets 404. None: at every path."""
    get_parameter: bool = True
    keepalive: str = "answer"
    """`answer`, `refuse` (with 501), `ignore`."""
    session_timeout: int = 60
    refuse_backchannel: bool = False
    backchannel: bool = False
    """There is a loudspeaker in the description."""
    answer_play: bool = True
    ask: bool = False
    """Send OPTIONS to the client, between packets."""
    garbage: float = 0.0
    """Share of interleaved frames with rubbish behind them."""
    loss: float = 0.0
    reorder: float = 0.0
    """Shares of datagrams."""
    mute_video: bool = False
    extra_sdp: str = ""
    tweak_channels: int = 0
    """Added to the interleaved channels that the client asked for."""


@dataclass(slots=True)
class Seen:
    """What the camera counted."""

    connections: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    """PLAYs that were answered."""
    playing: int = 0
    most_playing: int = 0
    answers_from_client: int = 0
    receiver_reports: int = 0
    punches: int = 0
    talk: list[bytes] = field(default_factory=list)
    """RTP packets for the loudspeaker."""
    headers: list[Request] = field(default_factory=list)
    """All requests."""

    @property
    def setups(self) -> int:
        return self.requests["SETUP"]

    @property
    def teardowns(self) -> int:
        return self.requests["TEARDOWN"]


class Camera:
    """Use as `async with Camera() as camera:`, then dial `camera.url`.

    One that refuses its first callers: `stop()` it first thing, `start()` it later; the port stays.
    """

    def __init__(self, script: Script | None = None, *, host: str = "127.0.0.1", seed: int = 1) -> None:
        self.script = script or Script()
        self.seen = Seen()
        self.host, self.port = host, 0
        self.random = random.Random(seed)
        self.clip: Clip = clip(SMALL)
        self.clock_offset = 0.0
        self.unplugged = False
        self._server: asyncio.Server | None = None
        self._clients: set[Client] = set()
        self._auth: ServerAuth | None = None
        self._auth_offset = 0.0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """With the credentials that the script asks for."""
        script = self.script
        who = f"{script.user}:{script.password}@" if script.user else ""
        return f"rtsp://{who}{self.host}:{self.port}/stream"

    # What can happen to a camera

    async def start(self) -> None:
        """Boot; on the same port as before."""
        self._server = await asyncio.start_server(self._connected, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Switch off: all connections end, new ones are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for client in tuple(self._clients):
            await client.end()

    async def reboot(self, seconds: float) -> None:
        await self.stop()
        await asyncio.sleep(seconds)
        await self.start()

    def pull_cable(self) -> None:
        """Nothing is sent, answered or closed from now on."""
        self.unplugged = True

    def plug_in(self) -> None:
        """New connections are served again; the old ones stay dead, as after minutes without a cable."""
        self.unplugged = False
        for client in self._clients:
            client.dead = True

    def jump_clock(self, seconds: float) -> None:
        """RTP timestamps and wall clock jump."""
        self.clock_offset += seconds

    def restart_sequence(self) -> None:
        for track in self._tracks():
            track.rtp.sequence = self.random.getrandbits(16)

    def change_ssrc(self) -> None:
        for track in self._tracks():
            track.rtp.ssrc = self.random.getrandbits(32)

    def change_resolution(self) -> None:
        self.clip = clip(LARGE if self.clip.size == SMALL else SMALL)

    def expire_nonces(self) -> None:
        """The next request with Digest gets 401 with `stale`."""
        self._auth_offset += 1000

    def now(self) -> float:
        """The camera's clock, seconds."""
        return time.monotonic() + self.clock_offset

    # Serving

    def auth(self) -> ServerAuth | None:
        script = self.script
        if script.user and self._auth is None:
            basic = script.auth == "basic"
            algorithms = () if basic else (script.auth,)
            self._auth = ServerAuth(script.user, script.password, realm="camera", algorithms=algorithms, basic=basic)
        return self._auth

    def auth_time(self) -> float:
        return time.monotonic() + self._auth_offset

    def description(self) -> str:
        """The SDP."""
        script, media = self.script, self.clip
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=fake", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"]
        if not script.audio_only:
            sprop = f";sprop-parameter-sets={media.sprop}" if script.parameter_sets != "band" else ""
            lines += [
                "m=video 0 RTP/AVP 96",
                "a=rtpmap:96 H264/90000",
                f"a=fmtp:96 packetization-mode=1;profile-level-id={media.profile_level_id}{sprop}",
                "a=control:track0",
            ]
        if script.audio:
            lines += ["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=control:track1"]
        if script.backchannel:
            lines += ["m=audio 0 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=sendonly", "a=control:track2"]
        return "\r\n".join(lines) + "\r\n" + script.extra_sdp

    def _tracks(self) -> list[Track]:
        return [track for client in self._clients for track in client.tracks.values()]

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client:
        """Who serves a connection."""
        return Client(self, reader, writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.connections += 1
        client = self.serve(reader, writer)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)


class Client:
    """One connection and its session."""

    def __init__(self, camera: Camera, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.camera = camera
        self.tracks: dict[int, Track] = {}
        self.dead = False
        self._reader, self.writer = reader, writer
        self._task = asyncio.current_task()
        self.pump: Pump | None = None
        self.session = f"{camera.random.getrandbits(32):08d}"

    @property
    def silent(self) -> bool:
        return self.dead or self.camera.unplugged

    async def serve(self) -> None:
        parser = Parser()
        try:
            while data := await self._reader.read(65536):
                for message in parser.feed(data):
                    if self.silent:
                        continue
                    await self._handle(message)
        except ConnectionError, ProtocolError:
            return
        finally:
            await self.free()

    async def end(self) -> None:
        """Drop the connection."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def free(self) -> None:
        if self.pump is not None:
            self.camera.seen.playing -= 1
            await self.pump.stop()
        for track in self.tracks.values():
            track.close()
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, data: bytes) -> None:
        """Write, unless nothing leaves this camera."""
        if not self.silent and not self.writer.is_closing():
            self.writer.write(data)

    async def _handle(self, message: Request | Response | Interleaved) -> None:
        seen = self.camera.seen
        match message:
            case Request():
                seen.requests[message.method] += 1
                seen.headers.append(message)
                if self._authorized(message):
                    await self.serve_request(message)
            case Response():
                seen.answers_from_client += 1
            case Interleaved(channel, packet):
                if 2 in self.tracks and channel - self.tracks[2].channel in (0, 1):
                    self.hear(packet, control=channel != self.tracks[2].channel)

    def hear(self, packet: bytes, *, control: bool) -> None:
        """RTP or RTCP for the loudspeaker."""
        if not control:
            self.camera.seen.talk.append(packet)

    def _authorized(self, request: Request) -> bool:
        auth = self.camera.auth()
        if auth is None:
            return True
        now = self.camera.auth_time()
        verdict = auth.verify(request.headers.get("Authorization"), request.method, now)
        if verdict is Verdict.OK:
            return True
        challenges = auth.challenge(now, stale=verdict is Verdict.STALE)
        self.answer(request, 401, [("WWW-Authenticate", value) for value in challenges])
        if self.camera.script.close_on_401:
            self.writer.close()
        return False

    def answer(
        self, request: Request, status: int = 200, fields: list[tuple[str, str]] | None = None, body: str = ""
    ) -> None:
        headers = Headers([("CSeq", request.cseq), *(fields or [])])
        self.send(Response(status, headers=headers, body=body.encode()).encode())

    async def serve_request(self, request: Request) -> None:
        match request.method:
            case "OPTIONS" | "GET_PARAMETER":
                self._keepalive(request)
            case "DESCRIBE":
                self.describe(request)
            case "SETUP":
                self.setup(request)
            case "PLAY":
                self.play(request)
            case "TEARDOWN":
                self.answer(request)
                await self.writer.drain()
                self.writer.close()
            case _:
                self.answer(request, 501)

    def _keepalive(self, request: Request) -> None:
        script = self.camera.script
        if script.keepalive == "ignore":
            return
        methods = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN" + (", GET_PARAMETER" if script.get_parameter else "")
        refused = script.keepalive == "refuse" or (request.method == "GET_PARAMETER" and not script.get_parameter)
        self.answer(request, 501 if refused else 200, [("Public", methods)])

    def describe(self, request: Request) -> None:
        script = self.camera.script
        if script.redirect:
            self.answer(request, 302, [("Location", script.redirect)])
            return
        path = "/" + request.url.partition("://")[2].partition("/")[2]
        if script.paths is not None and path not in script.paths:
            self.answer(request, 404)
            return
        if script.refuse_backchannel and "Require" in request.headers:
            self.answer(request, 551)
            return
        fields = [("Content-Type", "application/sdp")]
        base = f"{request.url}/" if script.content_base is None else script.content_base
        if base:
            fields.append(("Content-Base", base))
        self.answer(request, 200, fields, self.camera.description())

    def setup(self, request: Request) -> None:
        camera, script = self.camera, self.camera.script
        if camera.seen.playing - (self.pump is not None) >= script.max_sessions:
            self.answer(request, 453)
            return
        asked = Transport.parse(request.headers.get("Transport"))
        if asked.protocol == script.refuse_transport:
            self.answer(request, 461)
            return
        name = request.url.rstrip("/").rpartition("/")[2]
        if name not in TRACKS or name == script.refuse_track:
            self.answer(request, 404)
            return
        track = Track(camera, TRACKS.index(name), self.send, lambda: self.silent, self.hear)
        answer = track.connect(asked, self.writer.get_extra_info("peername")[0])
        self.tracks[track.number] = track
        session = f"{self.session};timeout={script.session_timeout}"
        self.answer(request, 200, [("Transport", str(answer)), ("Session", session)])

    def play(self, request: Request) -> None:
        camera = self.camera
        if request.headers.get("Session") != self.session or not self.tracks:
            self.answer(request, 454)
            return
        if camera.script.answer_play:
            self.answer(request, 200, [("Session", self.session)])
        if self.pump is None:
            camera.seen.sessions += 1
            camera.seen.playing += 1
            camera.seen.most_playing = max(camera.seen.most_playing, camera.seen.playing)
            self.pump = Pump(camera, self.tracks)
