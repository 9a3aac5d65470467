"""`go2rtc-client`, Home Assistant's own library, over all of its surface that the gateway covers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from go2rtc_client import Go2RtcRestClient, WebRTCSdpOffer
from go2rtc_client.exceptions import Go2RtcClientError
from go2rtc_client.ws import (
    Go2RtcWsClient,
    ReceiveMessages,
    WebRTCAnswer,
    WebRTCCandidate,
    WebRTCOffer,
    WsError,
)

from tests.fakes.gateway import Gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with Gateway(tmp_path) as gateway:
        yield gateway


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
def client(gateway: Gateway, session: ClientSession) -> Go2RtcRestClient:
    return Go2RtcRestClient(session, gateway.url)


@pytest.fixture
def offer(root: Path) -> str:
    return (root / "tests/captures/offers/chromium_view.sdp").read_text()


async def test_version_is_supported(client: Go2RtcRestClient) -> None:
    assert str(await client.validate_server_version()) == "1.9.15"


async def test_schemes(client: Go2RtcRestClient) -> None:
    assert {"rtsp", "ffmpeg"} <= await client.schemes.list()


async def test_streams(gateway: Gateway, client: Go2RtcRestClient) -> None:
    sources = ["rtsp://user:pass@192.0.2.1/s", "ffmpeg:camera.x#audio=opus#query=log_level=debug"]
    await client.streams.add("camera.x", sources)
    await client.streams.add("camera.x", sources)
    await client.streams.add("single", "rtsp://192.0.2.1/t")
    streams = await client.streams.list()
    assert [producer.url for producer in streams["camera.x"].producers] == [
        "rtsp://***@192.0.2.1/s",
        "ffmpeg:camera.x#audio=opus#query=log_level=debug",
    ]
    assert gateway.context.registry.require("camera.x").sources == tuple(sources)
    with pytest.raises(Go2RtcClientError):
        await client.streams.add("bad", "exec:sh")


async def test_preload(client: Go2RtcRestClient) -> None:
    assert await client.preload.list() == {}
    await client.preload.enable("door", video_codec_filter=["h264"], audio_codec_filter=["pcma"])
    assert (await client.preload.list())["door"].query == "video&audio"
    await client.preload.disable("door")
    assert await client.preload.list() == {}
    with pytest.raises(Go2RtcClientError):
        await client.preload.enable("nobody")


async def test_snapshot(gateway: Gateway, client: Go2RtcRestClient) -> None:
    assert (await client.get_jpeg_snapshot("door", 320, 180)).startswith(b"\xff\xd8")
    assert gateway.snapshots.asked[0]["size"] == (320, 180)


async def test_whep(client: Go2RtcRestClient, offer: str) -> None:
    answer = await client.webrtc.forward_whep_sdp_offer("door", WebRTCSdpOffer(offer))
    assert answer.type == "answer"
    assert "a=candidate:" in answer.sdp


async def test_websocket(
    gateway: Gateway, session: ClientSession, offer: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = Go2RtcWsClient(session, gateway.url, source="door")
    received: asyncio.Queue[ReceiveMessages] = asyncio.Queue()
    client.subscribe(received.put_nowait)
    await client.send(WebRTCOffer(offer, []))
    await client.send(WebRTCCandidate("candidate:1 1 udp 1 127.0.0.1 9 typ host"))
    await client.send(WebRTCCandidate(""))
    async with asyncio.timeout(10):
        assert isinstance(await received.get(), WebRTCAnswer)
        candidate = await received.get()
    assert isinstance(candidate, WebRTCCandidate)
    assert candidate.candidate.startswith("candidate:")
    await client.close()
    assert len(gateway.webrtc.sessions) == 1
    assert not [record for record in caplog.records if record.name.startswith("go2rtc_client")]


async def test_websocket_error(gateway: Gateway, session: ClientSession, offer: str) -> None:
    client = Go2RtcWsClient(session, gateway.url, source="nobody")
    received: asyncio.Queue[ReceiveMessages] = asyncio.Queue()
    client.subscribe(received.put_nowait)
    await client.send(WebRTCOffer(offer, []))
    async with asyncio.timeout(10):
        error = await received.get()
    assert isinstance(error, WsError)
    assert error.error == "webrtc: stream not found"
    await client.close()
