"""Pause in the whole gateway: every door is shut, over restarts too."""

import asyncio
from pathlib import Path

from aiohttp import WSMsgType

from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.running import Running

OFFER = Path(__file__).parents[1] / "captures/offers/chromium_view.sdp"


async def rtsp(gateway: Running) -> str:
    """The status line of a DESCRIBE."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rtsp_port)
    writer.write(f"DESCRIBE rtsp://127.0.0.1:{gateway.rtsp_port}/door RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
    async with asyncio.timeout(10):
        line = await reader.readline()
    writer.close()
    return line.decode().strip()


async def refused_everywhere(gateway: Running) -> None:
    for path in ("frame.jpeg", "stream.mjpeg", "frame.jpeg?cache=1h"):
        async with gateway.http.get(f"/api/{path}{'&' if '?' in path else '?'}src=door") as answer:
            assert (answer.status, answer.headers["X-Go2py-Code"]) == (503, "paused"), path
    async with gateway.http.post(
        "/api/webrtc?src=door", data=OFFER.read_bytes(), headers={"Content-Type": "application/sdp"}
    ) as answer:
        assert answer.status == 503
    async with gateway.http.get("/api/streams?src=door&video=all") as answer:
        assert answer.status in {500, 503}
    async with gateway.http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "mse"})
        message = await socket.receive(timeout=10)
        assert message.type is WSMsgType.TEXT
        assert "the stream is paused" in message.data
    assert not (await rtsp(gateway)).startswith("RTSP/1.0 200")
    info = await gateway.info()
    assert (info["state"], info["consumers"]) == ("off", [])


async def test_every_door_is_shut_over_restarts_too(tmp_path: Path) -> None:
    async with Camera(Script(backchannel=True)) as camera:
        streams = {"door": camera.url}
        async with Running(tmp_path, streams) as gateway:
            async with gateway.http.get("/api/frame.jpeg?src=door") as answer:
                assert answer.status == 200
            async with gateway.http.get("/api/stream.mjpeg?src=door") as viewer:
                await viewer.content.readany()
                assert camera.seen.playing == 1
                async with gateway.http.post("/api/pause?src=door") as answer:
                    assert (await answer.json())["lasting"] is True
                async with asyncio.timeout(5):
                    await viewer.read()
            async with asyncio.timeout(5):
                while camera.seen.playing:
                    await asyncio.sleep(0.01)
            seen = camera.seen.connections
            await refused_everywhere(gateway)
            assert camera.seen.connections == seen
        async with Running(tmp_path, streams, {}) as gateway:
            gateway.config["preload"] = {"door": "video"}
            gateway.config["streams"]["hall"] = camera.url + "#media=audio"
            gateway.write()
            await refused_everywhere(gateway)
            async with gateway.http.delete("/api/pause?src=door") as answer:
                assert answer.status == 200
            async with gateway.http.get("/api/frame.jpeg?src=door") as answer:
                assert answer.status == 200
        async with Running(tmp_path, streams) as gateway:
            assert (await gateway.info())["state"] == "on"
