"""aiortc as a WHEP client: decoded pictures and sound, and nothing left when it goes."""

import asyncio
from dataclasses import replace

import av
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack

from go2py.errors import NegotiationError, ProtocolError
from go2py.outputs.webrtc.session import WebRtcService
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from tests.fakes.ear import Ear
from tests.fakes.loop import clip
from tests.fakes.webrtc import gateway


async def watch(registry: Registry, service: WebRtcService) -> tuple[RTCPeerConnection, dict[str, MediaStreamTrack]]:
    pc = RTCPeerConnection()
    tracks: dict[str, MediaStreamTrack] = {}
    pc.on("track", lambda track: tracks.__setitem__(track.kind, track))
    pc.addTransceiver("video", direction="recvonly")
    pc.addTransceiver("audio", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    text, _ = await service.answer(
        registry.require("door"), pc.localDescription.sdp, ReaderInfo("webrtc/whep", protocol="http")
    )
    await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
    return pc, tracks


async def test_pictures_and_sound_arrive_decoded() -> None:
    async with gateway() as (registry, service):
        pc, tracks = await watch(registry, service)
        try:
            pictures = []
            for _ in range(30):
                frame = await asyncio.wait_for(tracks["video"].recv(), 20)
                assert isinstance(frame, av.VideoFrame)
                pictures.append(bytes(frame.planes[0])[:640])
            assert len(set(pictures)) > 10
            loud = 0
            for _ in range(20):
                sound = await asyncio.wait_for(tracks["audio"].recv(), 20)
                assert isinstance(sound, av.AudioFrame)
                loud += any(bytes(sound.planes[0]))
            assert loud > 5
            (session,) = service.sessions.values()
            info = session.attachment.info
            assert info.protocol == "http+udp"
            assert info.remote_addr.split()[1] in {"host", "prflx"}
            video = session.attachment.track("video")
            assert video is not None
            assert session.attachment.senders[video].units >= 30
        finally:
            await pc.close()
        async with asyncio.timeout(20):
            while service.sessions:
                await asyncio.sleep(0.05)
        assert not registry.require("door").attachments
        assert not video.shared


async def test_stream_end_closes_the_connection() -> None:
    async with gateway() as (registry, service):
        pc, _ = await watch(registry, service)
        try:
            registry.delete("door")
            assert not service.sessions
        finally:
            await pc.close()


async def test_microphone_alone_is_refused_without_backchannel() -> None:
    async with gateway() as (registry, service):
        pc = RTCPeerConnection()
        try:
            pc.addTransceiver("audio", direction="sendonly")
            await pc.setLocalDescription(await pc.createOffer())
            with pytest.raises(NegotiationError):
                await service.answer(registry.require("door"), pc.localDescription.sdp, ReaderInfo("webrtc", "ws"))
        finally:
            await pc.close()
        assert not service.sessions
        assert not registry.require("door").attachments


async def test_microphone_alone_is_taken_where_somebody_listens() -> None:
    async with gateway(replace(clip(), ear=Ear())) as (registry, service):
        pc = RTCPeerConnection()
        try:
            pc.addTrack(AudioStreamTrack())
            pc.getTransceivers()[0].direction = "sendonly"
            await pc.setLocalDescription(await pc.createOffer())
            text, session = await service.answer(
                registry.require("door"), pc.localDescription.sdp, ReaderInfo("webrtc", "ws")
            )
            assert "a=recvonly" in text
            await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
            async with asyncio.timeout(20):
                while not session.connected:
                    await asyncio.sleep(0.05)
        finally:
            await pc.close()


async def test_candidates_trickle_both_ways() -> None:
    async with gateway() as (registry, service):
        pc = RTCPeerConnection()
        try:
            pc.addTransceiver("video", direction="recvonly")
            await pc.setLocalDescription(await pc.createOffer())
            offer = pc.localDescription.sdp
            lines = [line for line in offer.splitlines() if not line.startswith("a=candidate")]
            text, session = await service.answer(
                registry.require("door"), "\r\n".join(lines), ReaderInfo("webrtc", "ws"), trickle=True
            )
            assert "a=candidate" not in text
            ours: list[str] = []
            session.trickle(ours.append)
            async with asyncio.timeout(10):
                while not ours or ours[-1]:  # an empty text is the end
                    await asyncio.sleep(0.01)
            ours.pop()
            assert all(line.startswith("candidate:") for line in ours)
            media = text.index("m=video")
            ready = text[media:].replace("a=sendonly", "a=sendonly\r\n" + "\r\n".join(f"a={line}" for line in ours))
            await pc.setRemoteDescription(RTCSessionDescription(text[:media] + ready, "answer"))
            theirs = [line for line in offer.splitlines() if line.startswith(("a=candidate", "a=ice-ufrag"))]
            session.patch("\r\n".join([*theirs, "a=end-of-candidates"]))
            with pytest.raises(ProtocolError):
                session.patch("a=ice-ufrag:other\r\n")
            async with asyncio.timeout(20):
                while not session.connected:
                    await asyncio.sleep(0.05)
            assert session.attachment.info.protocol == "ws+udp"
            assert service.sessions[session.id] is session
            session.close()
            assert not service.sessions
        finally:
            await pc.close()


@pytest.mark.parametrize("text", ["", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"])
async def test_bad_offers_leave_nothing_behind(text: str) -> None:
    async with gateway() as (registry, service):
        with pytest.raises(ProtocolError):
            await service.answer(registry.require("door"), text, ReaderInfo("webrtc", "ws"))
        assert not service.sessions
        assert not registry.require("door").attachments
