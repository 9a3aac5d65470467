"""`/api/stream.mjpeg`: one picture after the other, made once for all who look, nothing for nobody."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession, MultipartReader

from go2py.api import mjpeg
from go2py.media import codec as names
from go2py.media.unit import AccessUnit
from go2py.outputs import rolling, snapshot
from go2py.outputs.snapshot import SnapshotService
from go2py.transcode.decode import VideoDecoder
from tests.fakes.gateway import Gateway
from tests.fakes.still_camera import StillCamera, decode_jpeg, read_jpeg


class Source:
    """A camera that goes on, in a gateway that makes real pictures."""

    def __init__(self, gateway: Gateway, codec: str, *, rate: float = 20.0) -> None:
        self.camera = StillCamera(codec=codec)
        self.rate = rate
        gateway.context.registry._dial = self.camera.dial
        gateway.context.registry.put("pictures", ["fake://pictures"])

    async def run(self) -> None:
        while True:
            self.camera.show(1)
            await asyncio.sleep(1 / self.rate)


@asynccontextmanager
async def running(gateway: Gateway, codec: str = names.H264) -> AsyncIterator[Source]:
    service = SnapshotService(idle=0.3)
    gateway.snapshots = service  # type: ignore[assignment]
    source = Source(gateway, codec)
    task = asyncio.create_task(source.run())
    yield source
    task.cancel()
    await gateway.server.close()
    await service.close()


async def pictures(answer: ClientResponse, count: int) -> list[bytes]:
    reader = MultipartReader.from_response(answer)
    found = []
    async with asyncio.timeout(30):
        for _ in range(count):
            part = await reader.next()
            assert part is not None
            assert not isinstance(part, MultipartReader)
            assert part.headers["Content-Type"] == "image/jpeg"
            data = bytes(await part.read())
            assert len(data) == int(part.headers["Content-Length"])
            found.append(data)
    return found


async def test_video_becomes_pictures_at_a_bounded_rate(gateway: Gateway, http: ClientSession) -> None:
    async with running(gateway):
        async with http.get("/api/stream.mjpeg?src=pictures") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Connection"] == "close"
            started = time.monotonic()
            shown = [read_jpeg(data) for data in await pictures(answer, 6)]
            assert time.monotonic() - started > 0.8, "5 a second"
        assert shown == sorted(set(shown)), "each is newer than the one before"
        async with http.get("/api/stream.mjpeg?src=pictures&width=160&rotate=90&fps=10") as answer:
            (data, *_) = await pictures(answer, 2)
            frame = decode_jpeg(data)
            assert (frame.width, frame.height) == (120, 160)


async def test_made_once_for_all_and_not_at_all_for_nobody(
    gateway: Gateway, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[float] = []
    decoded: list[int] = []
    encode, decode = snapshot._from_picture, rolling._decode

    def encoding(picture: object, shape: object) -> object:
        made.append(time.monotonic())
        return encode(picture, shape)  # type: ignore[arg-type]

    def decoding(decoder: VideoDecoder | None, units: Sequence[AccessUnit], threads: int) -> VideoDecoder:
        decoded.append(len(units))
        return decode(decoder, units, threads)

    monkeypatch.setattr(snapshot, "_from_picture", encoding)
    monkeypatch.setattr(rolling, "_decode", decoding)
    async with running(gateway) as source:
        stream = gateway.context.registry.require("pictures")
        async with (
            http.get("/api/stream.mjpeg?src=pictures") as one,
            http.get("/api/stream.mjpeg?src=pictures") as two,
        ):
            first, second = await asyncio.gather(pictures(one, 4), pictures(two, 4))
            assert len({*first, *second}) <= len(made) + 1
            assert len(made) <= 6
            assert [a.info.format_name for a in stream.attachments.values()].count("mjpeg") == 2
        async with asyncio.timeout(10):
            while stream.attachments:
                await asyncio.sleep(0.05)
        before = len(decoded), len(made)
        source.camera.show(5)
        await asyncio.sleep(0.5)
        assert (len(decoded), len(made)) == before


async def test_pictures_of_a_camera_pass_as_they_are(gateway: Gateway, http: ClientSession) -> None:
    async with running(gateway, names.JPEG), http.get("/api/stream.mjpeg?src=pictures") as answer:
        shown = [read_jpeg(data) for data in await pictures(answer, 10)]
        assert shown == list(range(shown[0], shown[0] + 500, 50)), "every one"


async def test_it_ends_with_the_stream(gateway: Gateway, http: ClientSession) -> None:
    async with running(gateway):
        async with http.get("/api/stream.mjpeg?src=pictures") as answer:
            await pictures(answer, 1)
            await gateway.context.registry.pause("pictures")
            async with asyncio.timeout(10):
                await answer.read()
        async with http.get("/api/stream.mjpeg?src=pictures") as answer:
            assert (answer.status, answer.headers["X-Go2py-Code"]) == (503, "paused")


async def test_a_viewer_that_does_not_read_holds_nobody_up(gateway: Gateway, http: ClientSession) -> None:
    async with running(gateway, names.JPEG):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
        writer.write(b"GET /api/stream.mjpeg?src=pictures HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readline()
        async with http.get("/api/stream.mjpeg?src=pictures") as answer:
            shown = [read_jpeg(data) for data in await pictures(answer, 40)]
            assert shown == list(range(shown[0], shown[0] + 2000, 50))
        writer.close()


async def test_no_picture_is_an_error_and_not_an_empty_success(
    gateway: Gateway, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mjpeg, "FIRST_SECONDS", 0.3)
    gateway.context.registry._dial = StillCamera(codec=names.JPEG, first=0).dial
    gateway.context.registry.put("dark", ["fake://dark"])
    async with http.get("/api/stream.mjpeg?src=dark") as answer:
        assert answer.status == 500
        assert await answer.text() == "mjpeg: dark gave no picture within 0.3 s\n"
    async with http.get("/api/stream.mjpeg?src=nobody") as answer:
        assert answer.status == 404
    for query in ("fps=11", "fps=0", "fps=x", "width=0", "rotate=45"):
        async with http.get(f"/api/stream.mjpeg?src=door&{query}") as answer:
            assert answer.status == 400, query
    async with http.post("/api/stream.mjpeg?dst=door") as answer:
        assert answer.status == 501


async def test_the_gateway_stops_while_somebody_looks(tmp_path: Path) -> None:
    async with ClientSession() as http, Gateway(tmp_path) as gateway:
        answer = await http.get(f"{gateway.url}/api/stream.mjpeg?src=door")
        assert answer.status == 200
        async with asyncio.timeout(10):
            await gateway.server.close()
        answer.close()
