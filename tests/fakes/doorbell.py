"""A doorbell for tests: a camera with a loudspeaker, and a button that does not work while somebody speaks to it.

It counts the presses it could deliver and how often and how long its loudspeaker was taken, and records what it hears.
"""

import asyncio
import struct
import time
from dataclasses import dataclass
from typing import override

from go2py.protocols.rtsp import Request

from .rtsp_camera import Camera, Client, Script

LOUDSPEAKER = 2
"""Number of its track."""


@dataclass(slots=True)
class DoorbellScript(Script):
    """How it behaves; the defaults are those of a good one."""

    codecs: tuple[str, ...] = ("0 PCMU/8000",)
    """Payload type and rtpmap of the loudspeaker; a type may come twice."""
    ptime: int = 0
    tool: str = ""
    """What the description says is the maker's software."""
    listed: bool = False
    """The loudspeaker is in every description, not only for who asks."""
    only_at: str = ""
    """What a URL has to hold for it to be described."""
    marked: str = "sendonly"
    """`sendonly` as ONVIF has it, `recvonly` as the camera's own view is, or nothing."""
    changes_sound: bool = False
    """Who asks for the loudspeaker is told another codec for the microphone."""
    refuse_describe: int = 0
    """Status for who asks for the loudspeaker; 1: it hangs up, 2: it answers nothing."""
    refuse_alone: int = 0
    """Status for SETUP of the loudspeaker in a session without a picture."""
    refuse_extension: int = 0
    """Status for its SETUP while the session plays; 1: it hangs up."""
    refuse_inclusion: int = 0
    """Status for its SETUP beside the picture, before PLAY."""
    refuse_require: int = 0
    """Status for a SETUP with `Require`."""
    refuse_speaker: str = ""
    """Whoever has this name may only look."""
    ears: int = 1
    """Sessions that may have the loudspeaker at once; more get 453."""
    parting: str = "takes"
    """TEARDOWN of the loudspeaker alone: `takes`, `refuses` (460), `ends` the session, `mutes` all of it."""
    record: bool = False
    """A session with nothing but the loudspeaker is no PLAY but a RECORD."""
    drop_after: int = 0
    """Packets after which the connection of who speaks is dropped, once."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An RTP packet for the loudspeaker, `at` on `time.monotonic()`."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class Doorbell(Camera):
    """Use as `async with Doorbell() as doorbell:`, then dial `doorbell.url`."""

    script: DoorbellScript

    def __init__(self, script: DoorbellScript | None = None, *, host: str = "127.0.0.1", seed: int = 1) -> None:
        super().__init__(script or DoorbellScript(), host=host, seed=seed)
        self.presses = self.delivered = 0
        self.opened = 0
        """How often the loudspeaker was taken."""
        self.heard: list[Heard] = []
        self.reports: list[bytes] = []
        """RTCP from who spoke."""
        self.asked = 0
        """Descriptions for who asked for the loudspeaker."""
        self._taken: dict[Client, float] = {}
        self._seconds = 0.0

    @property
    def speakers(self) -> int:
        """How many have the loudspeaker now."""
        return len(self._taken)

    @property
    def open_seconds(self) -> float:
        """How long it was taken, all openings together."""
        now = time.monotonic()
        return self._seconds + sum(now - since for since in self._taken.values())

    @property
    def sound(self) -> bytes:
        """All payloads."""
        return b"".join(one.payload for one in self.heard)

    def press(self) -> bool:
        """Somebody presses the button; whether anybody is told."""
        self.presses += 1
        self.delivered += not self._taken
        return not self._taken

    def take(self, client: Client) -> None:
        if client not in self._taken:
            self.opened += 1
            self._taken[client] = time.monotonic()

    def give(self, client: Client) -> None:
        if (since := self._taken.pop(client, None)) is not None:
            self._seconds += time.monotonic() - since

    def may_take(self, client: Client) -> bool:
        return len(self._taken.keys() - {client}) < self.script.ears

    def described(self, *, asked: bool) -> str:
        """The SDP for who asked for the loudspeaker or not."""
        script = self.script
        text = self.description()
        if script.tool:
            text = text.replace("a=control:*\r\n", f"a=tool:{script.tool}\r\na=control:*\r\n", 1)
        if asked and script.changes_sound:
            text = text.replace("m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000", "m=audio 0 RTP/AVP 0")
        if not (asked or script.listed):
            return text
        types = " ".join(dict.fromkeys(codec.split()[0] for codec in script.codecs))
        lines = [f"m=audio 0 RTP/AVP {types}", f"a=control:track{LOUDSPEAKER}"]
        lines += [f"a=rtpmap:{codec}" for codec in script.codecs]
        lines += [f"a={script.marked}"] if script.marked else []
        lines += [f"a=ptime:{script.ptime}"] if script.ptime else []
        return text + "\r\n".join(lines) + "\r\n"

    @override
    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client:
        return _Visitor(self, reader, writer)


class _Visitor(Client):
    """One connection to the doorbell."""

    camera: Doorbell

    @override
    async def free(self) -> None:
        self.camera.give(self)
        await super().free()

    @override
    def hear(self, packet: bytes, *, control: bool) -> None:
        camera = self.camera
        if control:
            camera.reports.append(packet)
            return
        first, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", packet)
        assert first == 0x80
        camera.heard.append(
            Heard(time.monotonic(), second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, packet[12:])
        )
        if camera.script.drop_after and len(camera.heard) >= camera.script.drop_after:
            camera.script.drop_after = 0
            self.writer.transport.abort()

    @override
    def describe(self, request: Request) -> None:
        camera, status = self.camera, self.camera.script.refuse_describe
        asked = "Require" in request.headers and camera.script.only_at in request.url
        camera.asked += asked
        if asked and status == 1:
            self.writer.transport.abort()
        elif asked and status == 2:
            return
        elif asked and status:
            self.answer(request, status)
        else:
            fields = [("Content-Type", "application/sdp"), ("Content-Base", f"{request.url}/")]
            self.answer(request, 200, fields, camera.described(asked=asked))

    @override
    def setup(self, request: Request) -> None:
        status = self._refusal(request) if self._is_loudspeaker(request) else 0
        if status == 1:
            self.writer.transport.abort()
        elif status:
            self.answer(request, status)
        else:
            super().setup(request)
            if LOUDSPEAKER in self.tracks:
                self.camera.take(self)

    def _refusal(self, request: Request) -> int:
        """Status; 0 where there is none."""
        script = self.camera.script
        if script.refuse_speaker and f'"{script.refuse_speaker}"' in request.headers.get("Authorization"):
            return 403
        if script.refuse_require and "Require" in request.headers:
            return script.refuse_require
        if not self.camera.may_take(self):
            return 453
        if self.pump is not None:
            return script.refuse_extension
        return script.refuse_inclusion if self.tracks else script.refuse_alone

    @override
    async def serve_request(self, request: Request) -> None:
        alone = self.camera.script.record and set(self.tracks) == {LOUDSPEAKER}
        if request.method == "PLAY" and alone:
            self.answer(request, 400)
        elif request.method == "RECORD" and alone:
            self.play(request)
        elif request.method == "TEARDOWN" and self._is_loudspeaker(request):
            await self._part(request)
        else:
            await super().serve_request(request)

    async def _part(self, request: Request) -> None:
        match self.camera.script.parting:
            case "refuses":
                self.answer(request, 460)
            case "ends":
                self.answer(request)
                await self.writer.drain()
                self.writer.close()
            case parting:
                self.answer(request)
                self.tracks.pop(LOUDSPEAKER).close()
                self.camera.give(self)
                if parting == "mutes" and self.pump is not None:
                    await self.pump.stop()

    @staticmethod
    def _is_loudspeaker(request: Request) -> bool:
        return request.url.rstrip("/").endswith(f"track{LOUDSPEAKER}")
