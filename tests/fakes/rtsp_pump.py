"""The media of the fake camera: what a session sends while it plays."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from go2py.protocols.rtsp import interleaved_header
from go2py.protocols.rtsp_headers import Transport

from .clip import RtpState, is_key, payloads, user_data

if TYPE_CHECKING:
    from .rtsp_camera import Camera

AUDIO_CHUNK = 0.04
GARBAGE = b"\x17rubbish\x00$\xff\xff\xff between frames"


class Hear(Protocol):
    def __call__(self, packet: bytes, *, control: bool) -> None: ...


class Track:
    """One media of a session and the way it takes: channels of the connection, or a pair of ports."""

    def __init__(
        self,
        camera: Camera,
        number: int,
        send: Callable[[bytes], None],
        silent: Callable[[], bool],
        hear: Hear,
    ) -> None:
        self.camera, self.number = camera, number
        self._hear = hear
        self._silent = silent
        payload_type, clock_rate = (96, 90_000) if number == 0 else (8, 8_000)
        roll = camera.random.getrandbits
        self.rtp = RtpState(payload_type, clock_rate, roll(32), roll(16), roll(32))
        self._send = send
        self._channels = (0, 1)
        self._sockets: tuple[socket.socket, ...] = ()
        self._to: tuple[tuple[str, int], ...] = ()
        self._held: bytes | None = None

    def connect(self, asked: Transport, host: str) -> Transport:
        """Take the transport that a client asks for; what to answer."""
        if asked.protocol == "tcp":
            first, second = asked.interleaved or (0, 1)
            extra = self.camera.script.tweak_channels
            self._channels = (first + extra, second + extra)
            return Transport("tcp", interleaved=self._channels)
        assert asked.client_port is not None
        self._to = tuple((host, port) for port in asked.client_port)
        self._sockets = (_bind(host), _bind(host))
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.add_reader(one, self._readable, one)
        first, second = (one.getsockname()[1] for one in self._sockets)
        return Transport("udp", client_port=asked.client_port, server_port=(first, second))

    @property
    def channel(self) -> int:
        """The interleaved channel of RTP."""
        return self._channels[0]

    def close(self) -> None:
        for one in self._sockets:
            asyncio.get_running_loop().remove_reader(one)
            one.close()
        self._sockets = ()

    def put(self, packet: bytes, *, control: bool = False) -> None:
        """Send a packet, with what the script does to it on its way."""
        script, chance = self.camera.script, self.camera.random.random
        if not self._to:
            rubbish = GARBAGE if chance() < script.garbage else b""
            self._send(interleaved_header(self._channels[control], len(packet)) + packet + rubbish)
            return
        if chance() < script.loss and not control:
            return
        if chance() < script.reorder and self._held is None and not control:
            self._held = packet
            return
        self._datagram(packet, control=control)
        if self._held is not None and not control:
            held, self._held = self._held, None
            self._datagram(held, control=False)

    def ask(self, request: bytes) -> None:
        """Send a request of the camera's own between the packets."""
        if not self._to:
            self._send(request)

    def _datagram(self, packet: bytes, *, control: bool) -> None:
        if self._sockets and not self._silent():
            self._sockets[control].sendto(packet, self._to[control])

    def _readable(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(2048)
        except OSError:
            return
        if len(data) == 4:
            self.camera.seen.punches += 1
        elif data[1:2] == b"\xc9":
            self.camera.seen.receiver_reports += 1
        elif self.number == 2 and not self._silent():
            self._hear(data, control=sock is not self._sockets[0])


class Pump:
    """Sends the tracks of one session in real time until stopped."""

    def __init__(self, camera: Camera, tracks: dict[int, Track]) -> None:
        self._camera, self._tracks = camera, tracks
        jobs = {0: self._video, 1: self._audio}
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(jobs[number](track)) for number, track in tracks.items() if number in jobs]
        self._tasks.append(loop.create_task(self._reports()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _video(self, track: Track) -> None:
        number, due, clip = self._camera.script.first, time.monotonic(), self._camera.clip
        while True:
            script = self._camera.script
            if self._camera.clip is not clip:
                number, clip = 0, self._camera.clip
            if not script.mute_video:
                self._picture(track, number)
                if script.ask and number % 5 == 0:
                    track.ask(f"OPTIONS * RTSP/1.0\r\nCSeq: {number}\r\n\r\n".encode())
                number += 1
            due += 1 / script.fps
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _picture(self, track: Track, number: int) -> None:
        camera = self._camera
        picture = camera.clip.picture(number, camera.script.gop)
        seconds = camera.now()
        units = [picture]
        if is_key(picture) and camera.script.parameter_sets != "sdp":
            units = [camera.clip.sps, camera.clip.pps, picture]
        if camera.script.weight:
            units.insert(-1, user_data(camera.script.weight * (6 if is_key(picture) else 1)))
        parts = [part for unit in units for part in payloads(unit)]
        for part in parts[:-1]:
            track.put(track.rtp.packet(part, seconds, marker=False))
        track.put(track.rtp.packet(parts[-1], seconds, marker=True))

    async def _audio(self, track: Track) -> None:
        due = time.monotonic()
        while True:
            samples = b"\xd5" * int(AUDIO_CHUNK * 8000)
            track.put(track.rtp.packet(samples, self._camera.now(), marker=False))
            due += AUDIO_CHUNK
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _reports(self) -> None:
        while True:
            if self._camera.script.rtcp:
                seconds = self._camera.now()
                wall = time.time() + self._camera.clock_offset
                for track in self._tracks.values():
                    if track.number == 2:
                        continue
                    track.put(track.rtp.sender_report(seconds, wall), control=True)
            await asyncio.sleep(1.0)


def _bind(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0)
    sock.bind((host, 0))
    return sock
