"""A gateway with its real API over a fake camera, for tests that speak HTTP."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from go2py.api.context import AppContext
from go2py.api.server import ApiServer
from go2py.config.load import ConfigFiles
from go2py.config.settings import StreamSettings
from go2py.config.store import ConfigStore
from go2py.config.trust import Credentials, Gate
from go2py.config.values import ApiConfig, CandidateFilters, Config, Endpoint, StreamConfig, WebRtcConfig
from go2py.errors import SourceError
from go2py.observe.events import Bus
from go2py.observe.secret import Secret
from go2py.outputs.play.service import PlayService
from go2py.streams.registry import Registry
from go2py.streams.stream import Stream
from tests.fakes.source import FakeCamera

FAST = StreamSettings(linger=0.2, wait=0.6, retry_first=0.05, retry_max=0.1)
CREDENTIALS = Credentials("admin", Secret("correct horse"))
API = ApiConfig(listen="127.0.0.1:0")


@dataclass(frozen=True)
class Still:
    jpeg: bytes
    taken: float


@dataclass
class FakeSnapshots:
    """Remembers what was asked of it."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    error: SourceError | None = None

    async def take(
        self, stream: Stream, *, width: int = 0, height: int = 0, rotate: int | None = None, poster: bool = False
    ) -> Still:
        self.asked.append({"stream": stream.name, "size": (width, height), "rotate": rotate, "poster": poster})
        if self.error is not None:
            raise self.error
        return Still(b"\xff\xd8picture\xff\xd9", time.time() - 0.5)

    async def follow(
        self, stream: Stream, *, width: int = 0, height: int = 0, rotate: int | None = None, fps: float
    ) -> AsyncGenerator[Still]:
        while True:
            yield await self.take(stream, width=width, height=height, rotate=rotate)
            await asyncio.sleep(1 / fps)


class Gateway:
    """Everything that the API is given, as far as a test needs it. `ended` has what exit and restart were told."""

    def __init__(self, folder: Path, api: ApiConfig = API, *, file: str | None = "", modules: Any = None) -> None:
        self.camera = FakeCamera()
        self.snapshots = FakeSnapshots()
        self.ended: list[int | str] = []
        self.reloads = 0
        self.file = folder / "go2py.yaml"
        if file is not None:
            self.file.write_text(file)
        arguments = (str(self.file),) if file is not None else ("{}",)
        bus = Bus()
        registry = Registry(self.camera.dial, ["fake", "ffmpeg", "rtsp"], FAST, bus)
        config = Config(api=api)
        if modules is not None:
            config = replace(config, app=replace(config.app, modules=frozenset(modules)))
        self.context = AppContext(
            config=config,
            gate=Gate(
                CREDENTIALS,
                local_auth=api.local_auth,
                trust=api.trust,
                trusted_proxies=api.trusted_proxies,
                hosts=api.hosts,
            ),
            registry=registry,
            store=ConfigStore(ConfigFiles(arguments, directory=folder)),
            bus=bus,
            play=PlayService(bus),
            webrtc=self._webrtc,
            snapshots=self._snapshots,
            reload=self._reload,
            restart=lambda: self.ended.append("restart"),
            exit=self.ended.append,
        )
        self.server = ApiServer(self.context)
        self.webrtc: Any = None

    async def __aenter__(self) -> Self:
        self.context.registry.apply([StreamConfig("door", ("fake://user:secret@camera/1",))])
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()
        await self.context.registry.close()
        if self.webrtc is not None:
            await self.webrtc.close()
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return self.server.addresses[0]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def _webrtc(self) -> Any:
        """The real service, on a random port."""
        if self.webrtc is None:
            from go2py.outputs.webrtc.port import WebRtcPort
            from go2py.outputs.webrtc.session import WebRtcService

            endpoint = Endpoint("127.0.0.1", 0, "udp")
            config = WebRtcConfig("127.0.0.1:0/udp", endpoint, filters=CandidateFilters(loopback=True))
            self.webrtc = WebRtcService(WebRtcPort(config))
            await self.webrtc.start()
        return self.webrtc

    async def _snapshots(self) -> FakeSnapshots:
        return self.snapshots

    async def _reload(self) -> None:
        self.reloads += 1


async def raw(gateway: Gateway, data: bytes) -> bytes:
    """What the server says to bytes that are no proper request, until it closes or 5 s passed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    writer.write_eof()
    try:
        async with asyncio.timeout(5):
            return await reader.read(65536)
    finally:
        writer.close()


def headers(**values: str) -> Mapping[str, str]:
    """Header names from keywords: `X_Forwarded_For` is `X-Forwarded-For`."""
    return {name.replace("_", "-"): value for name, value in values.items()}
