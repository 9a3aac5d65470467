"""Viewers and strangers that misbehave: what they cost the gateway, and that they cost those who watch nothing."""

import asyncio
import gc
import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from go2py.outputs.mse import MseSession
from go2py.outputs.rtsp.connection import Connection
from go2py.outputs.webrtc import transport
from go2py.outputs.webrtc.session import Session
from go2py.streams.reader import Attachment
from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.running import Gateway, Process, Running, left, until
from tests.fakes.viewers import OVER_TCP, MseViewer, RtspViewer, Viewer, still, watch

GOP = 10
HEAVY = 40_000
"""Bytes a picture: 8 Mbit/s, so that what a stuck reader's kernel holds is soon full."""
SLOW = {"backlog": 0.5, "stuck": 1.5}


@pytest.fixture
async def camera() -> AsyncIterator[Camera]:
    async with Camera(Script(gop=GOP)) as camera:
        yield camera


def thin_socket(*_: Any) -> socket.socket:
    """One whose kernel takes little before somebody reads."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(0)
    return made


type Lazy = Callable[[Gateway], AbstractAsyncContextManager[Viewer]]
"""A viewer that asks for everything and reads nothing, until told to `read_on`."""


@asynccontextmanager
async def lazy_rtsp(gateway: Gateway) -> AsyncIterator[RtspViewer]:
    thin = thin_socket()
    await asyncio.get_running_loop().sock_connect(thin, ("127.0.0.1", gateway.rtsp_port))
    streams = await asyncio.open_connection(sock=thin, limit=1024)
    viewer = RtspViewer(*streams, f"rtsp://127.0.0.1:{gateway.rtsp_port}/door")
    try:
        await viewer.play()
        yield viewer
    finally:
        viewer.vanish()
        await viewer.close()


@asynccontextmanager
async def lazy_mse(gateway: Gateway) -> AsyncIterator[MseViewer]:
    connector = TCPConnector(socket_factory=thin_socket)
    async with ClientSession(gateway.http._base_url, connector=connector) as http:
        viewer = await MseViewer.connect(http, "door")
        try:
            yield viewer
        finally:
            viewer.vanish()
            await viewer.close()


def newest(gateway: Running) -> Attachment:
    """The reader that came last."""
    return list(gateway.registry.require("door").attachments.values())[-1]


def nothing_lost(viewers: Sequence[Viewer]) -> None:
    for viewer in viewers:
        assert viewer.intact
        assert viewer.rising
        assert viewer.unbroken
        assert all(before.place == GOP - 1 for before, after in pairwise(viewer.pictures) if after.key), type(viewer)


@pytest.mark.parametrize("lazy", [lazy_rtsp, lazy_mse])
async def test_a_slow_reader_goes_on_with_a_key_picture(camera: Camera, tmp_path: Path, lazy: Lazy) -> None:
    camera.script.weight = HEAVY
    async with (
        Running(tmp_path, {"door": camera.url}, SLOW | {"stuck": 60}) as gateway,
        watch(gateway, outputs=OVER_TCP) as others,
        lazy(gateway) as viewer,
    ):
        await until(lambda: gateway.readers() > len(others))
        slow = newest(gateway)
        await until(lambda: slow.senders[slow.tracks[0]].drops > 20)
        viewer.read_on()
        await until(lambda: _skips(viewer))
        await viewer.sees(20)
        assert viewer.rising
        assert viewer.unbroken, "never from the middle of a GOP"
        if isinstance(viewer, RtspViewer):
            assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(viewer.sequences)), "skipped, not lost"
        await asyncio.gather(*(other.sees(50) for other in others))
        nothing_lost(others)


def _skips(viewer: Viewer) -> bool:
    """Whether it was shown a part and then what came a GOP later or more."""
    return any(after.time - before.time > GOP * 3600 for before, after in pairwise(viewer.pictures))


@pytest.mark.parametrize("lazy", [lazy_rtsp, lazy_mse])
async def test_a_reader_that_never_reads_is_closed(
    camera: Camera, tmp_path: Path, lazy: Lazy, caplog: pytest.LogCaptureFixture
) -> None:
    camera.script.weight = HEAVY
    async with Running(tmp_path, {"door": camera.url}, SLOW) as gateway, watch(gateway, outputs=OVER_TCP) as others:
        async with lazy(gateway):
            await until(lambda: gateway.registry.budget.total > 100_000)
            await until(lambda: gateway.readers() == len(others))
            await until(lambda: gateway.registry.budget.total < 100_000)
        await asyncio.gather(*(viewer.sees(50) for viewer in others))
        nothing_lost(others)
        assert "took nothing" in caplog.text


async def test_past_the_budget_the_slowest_is_dropped_first(
    camera: Camera, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera.script.weight = HEAVY
    patient = {"backlog": 60, "stuck": 60, "budget_bytes": 3_000_000}
    async with (
        Running(tmp_path, {"door": camera.url}, patient) as gateway,
        watch(gateway, outputs=OVER_TCP) as others,
        lazy_rtsp(gateway),
    ):
        await until(lambda: gateway.registry.budget.total > 1_500_000)
        first = newest(gateway)
        async with lazy_mse(gateway):
            await until(lambda: first.id not in gateway.registry.require("door").attachments)
            assert gateway.readers() == len(others) + 1, "only the one that held most"
            assert gateway.registry.budget.total <= 3_000_000
            assert f"{first.info.remote_addr} is the slowest reader" in caplog.text
            assert "slowest" in str(first.ended)
        await asyncio.gather(*(viewer.sees(30) for viewer in others))
        nothing_lost(others)


async def test_two_hundred_that_vanish_leave_nothing(
    camera: Camera, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "HANDSHAKE_TIMEOUT", 1.0)
    offer = (root / "tests/captures/offers/chromium_view.sdp").read_text()

    async def visit(gateway: Running, number: int) -> None:
        """Connect, ask for something, and go without a word."""
        match number % 5:
            case 0:
                viewer = await RtspViewer.connect(gateway, "door")
                viewer.vanish()
            case 1:
                viewer = await RtspViewer.connect(gateway, "door")
                await viewer.play()
                viewer.vanish()
            case 2 | 3:
                async with ClientSession(gateway.url) as http, http.ws_connect("/api/ws?src=door") as ws:
                    kind, value = ("mse", "") if number % 5 == 2 else ("webrtc/offer", offer)
                    await ws.send_json({"type": kind, "value": value})
                    if number % 2:
                        await ws.receive()
                    ws._response.connection.transport.abort()  # type: ignore[union-attr]
            case _:
                async with ClientSession(gateway.url) as http, http.post("/api/webrtc?src=door", data=offer) as answer:
                    assert answer.status == 200

    async with Running(tmp_path, {"door": camera.url}) as gateway, watch(gateway) as viewers:
        for number in range(5):
            await visit(gateway, number)
        await until(lambda: gateway.readers() == len(viewers))
        before, files = _alive(), left()[1]
        for start in range(0, 200, 20):
            await asyncio.gather(*(visit(gateway, start + number) for number in range(20)))
        await until(lambda: gateway.readers() == len(viewers))
        await until(lambda: left()[1] <= files)
        await until(lambda: _alive() == before)
        assert len(gateway.webrtc.sessions) == 1
        await asyncio.gather(*(viewer.sees() for viewer in viewers))


def _alive() -> Counter[type]:
    """How many of what readers are made of."""
    gc.collect()
    kinds = (Attachment, MseSession, Connection, Session, transport.PeerTransport)
    return Counter(type(one) for one in gc.get_objects() if isinstance(one, kinds))


NONSENSE = (
    b"\0" * 5000,
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"POST /api/webrtc?src=door HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
    b"GET /api/ws?src=door HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n",
    b"DESCRIBE rtsp://x/door RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4294967296\r\n\r\n",
    b"$\0\xff\xff" * 5000,
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n" + b"A: b\r\n" * 50_000,
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + os.urandom(512),
)


async def test_nonsense_costs_nothing_to_those_who_watch(camera: Camera, tmp_path: Path) -> None:
    """100,000 datagrams at the WebRTC port, rubbish and half requests at every TCP port."""
    async with Process(tmp_path, {"door": camera.url}) as gateway, watch(gateway) as viewers:
        start = time.monotonic()
        await asyncio.sleep(2)
        quiet = max(viewer.longest_gap(start) for viewer in viewers)
        start = time.monotonic()
        hostile = [asyncio.create_task(_talk_nonsense(port)) for port in (gateway.port, gateway.rtsp_port)]
        hostile.append(asyncio.create_task(_talk_nonsense(gateway.webrtc_port)))
        await _flood(gateway.webrtc_port, 100_000)
        for task in hostile:
            await task
        await asyncio.gather(*(viewer.sees() for viewer in viewers))
        for viewer in viewers:
            assert viewer.intact
            assert viewer.longest_gap(start) < max(1.0, 4 * quiet), type(viewer).__name__
        assert len((await gateway.info())["consumers"]) == len(viewers)
        assert b"Traceback" not in gateway.log


async def _flood(port: int, count: int) -> None:
    """Random datagrams that begin like STUN, DTLS, RTP and like nothing."""
    chance = random.Random(1)
    stun = struct.pack(">HHI12s", 1, 8, 0x2112A442, b"transaction1") + b"\0\6\0\4abcd"
    heads = (b"", b"\0\1\0\0\x21\x12\xa4\x42", b"\x16\xfe\xfd\0\0", b"\x80\x60\0\1", b"\x80\xc8\0\6", stun)
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.settimeout(0)
        udp.connect(("127.0.0.1", port))
        for number in range(count):
            data = heads[number % len(heads)] + chance.randbytes(chance.choice((0, 4, 40, 400, 1400)))
            try:
                udp.send(data)
            except BlockingIOError:
                await asyncio.sleep(0.001)
            if number % 50 == 0:
                await asyncio.sleep(0)


async def _talk_nonsense(port: int) -> None:
    """Say it and never read; some stop halfway."""
    writers = []
    for _ in range(5):
        for data in NONSENSE:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            writer.write(data)
            await asyncio.sleep(0)
    for writer in writers:
        writer.transport.abort()


async def test_a_reload_touches_only_what_changed(
    camera: Camera, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Camera() as other, Camera() as third:
        streams = {"door": camera.url, "gate": other.url}
        async with Running(tmp_path, streams) as gateway, watch(gateway) as door, watch(gateway, "gate") as gate:
            gateway.config["streams"]["gate"] = third.url
            gateway.config["streams"]["yard"] = other.url
            gateway.write()
            gateway.app._watcher.trigger()
            await asyncio.gather(*(viewer.ended.wait() for viewer in gate if not isinstance(viewer, RtspViewer)))
            async with watch(gateway, "gate") as again, watch(gateway, "yard") as yard:
                await asyncio.gather(*(viewer.sees() for viewer in (*door, *again, *yard)))
            nothing_lost(door)
            assert camera.seen.sessions == 1
            assert third.seen.sessions == 1
            gateway.file.write_text("streams: [")
            gateway.app._watcher.trigger()
            await asyncio.gather(*(viewer.sees() for viewer in door))
            await until(lambda: "stays in force" in caplog.text)


async def test_sigterm_with_viewers_ends_in_time(camera: Camera, tmp_path: Path) -> None:
    camera.script.weight = HEAVY
    async with (
        Process(tmp_path, {"door": camera.url}, {"stuck": 60}) as gateway,
        watch(gateway) as viewers,
        lazy_rtsp(gateway),
        lazy_mse(gateway),
    ):
        await still(gateway.http)
        await asyncio.sleep(2)
        assert await gateway.stop() == 0
        assert b"not everything was closed in time" not in gateway.log
        await asyncio.gather(*(viewer.ended.wait() for viewer in viewers))
        await until(lambda: camera.seen.teardowns == 1)


async def test_sigterm_is_heard_although_nobody_reads_the_output(tmp_path: Path) -> None:
    async with Process(tmp_path, {}) as gateway:
        gateway.deafen()
        assert await gateway.stop() == 0


async def test_nothing_is_left_after_the_stop(camera: Camera, tmp_path: Path) -> None:
    async def run() -> None:
        streams = {"door": camera.url, "demo": "demo:?size=160x120"}
        async with Running(tmp_path, streams) as gateway, watch(gateway) as viewers:
            await still(gateway.http)
            await still(gateway.http, "demo")
            gateway.app._context.exit(0)
            await gateway.stopped()
            await asyncio.gather(*(viewer.ended.wait() for viewer in viewers))

    await run()  # what is loaded once stays
    before = left()
    threads = {thread.name for thread in threading.enumerate()}
    await run()
    await until(lambda: left() == before)
    assert {name for name in (thread.name for thread in threading.enumerate()) if not name.startswith("asyncio_")} <= (
        threads
    )
    await until(lambda: not camera.seen.playing)
