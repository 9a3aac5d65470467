"""A WebRTC service on loopback with one stream, `door`, that plays a clip."""

import contextlib
from collections.abc import AsyncIterator

from go2py.config.settings import StreamSettings
from go2py.config.values import CandidateFilters, StreamConfig, WebRtcConfig
from go2py.observe.events import Bus
from go2py.outputs.webrtc.port import WebRtcPort
from go2py.outputs.webrtc.session import WebRtcService
from go2py.sources.registry import SCHEMES, dial
from go2py.streams.registry import Registry
from tests.fakes.loop import Clip, clip

LOOPBACK = WebRtcConfig(listen="127.0.0.1:0", filters=CandidateFilters(loopback=True))


@contextlib.asynccontextmanager
async def gateway(
    made: Clip | None = None, settings: WebRtcConfig = LOOPBACK, *, url: str = ""
) -> AsyncIterator[tuple[Registry, WebRtcService]]:
    """Started, and closed at the end. The stream plays the clip, or what is behind the URL."""
    registry = Registry(dial if url else (made or clip()).dial, ["loop", *SCHEMES], StreamSettings(linger=0.0), Bus())
    registry.apply([StreamConfig("door", (url or "loop:1",))])
    service = WebRtcService(WebRtcPort(settings))
    await service.start()
    try:
        yield registry, service
    finally:
        await service.close()
        await registry.close()
