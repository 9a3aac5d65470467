"""aiortc as somebody who speaks: a sound that is known at every instant, as it leaves a microphone."""

import asyncio
import time
from fractions import Fraction
from typing import override

import av
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from go2py.errors import Go2pyError
from go2py.outputs.webrtc.session import Session, WebRtcService
from go2py.streams.reader import ReaderInfo
from go2py.streams.stream import Stream
from tests.fakes.sound import Wave, samples

RATE = 48_000
FRAME = 960


class Voice(MediaStreamTrack):
    """A microphone in front of which `wave` sounds; `began` is when, on the monotonic clock."""

    kind = "audio"

    def __init__(self, wave: Wave) -> None:
        super().__init__()
        self.began: float | None = None
        self._wave = wave
        self._number = 0

    @override
    async def recv(self) -> av.AudioFrame:
        if self.began is None:
            self.began = time.monotonic()
        await asyncio.sleep(max(0.0, self.began + self._number * FRAME / RATE - time.monotonic()))
        frame = av.AudioFrame("s16", "mono", FRAME)
        frame.planes[0].update(samples(self._wave, RATE, self._number * FRAME, FRAME))
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._number * FRAME, Fraction(1, RATE)
        self._number += 1
        return frame


async def speak(
    service: WebRtcService,
    stream: Stream,
    track: MediaStreamTrack | None,
    *,
    direction: str = "sendonly",
    view: bool = False,
) -> tuple[RTCPeerConnection, Session, str]:
    """Connect with a microphone, `view` with a picture too; the answer is the last."""
    pc = RTCPeerConnection()
    if view:
        pc.addTransceiver("video", direction="recvonly")
    pc.addTransceiver(track or "audio", direction=direction)
    await pc.setLocalDescription(await pc.createOffer())
    try:
        text, session = await service.answer(stream, pc.localDescription.sdp, ReaderInfo("webrtc", "ws"))
    except Go2pyError:
        await pc.close()
        raise
    await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
    return pc, session, text
