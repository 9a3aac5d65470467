"""A WebRTC service on loopback with one stream, `door`, that plays a clip."""

import contextlib
from collections.abc import AsyncIterator

from go2py.config.settings import StreamSettings
from go2py.config.values import CandidateFilters, StreamConfig, WebRtcConfig
from go2py.observe.events import Bus
from go2py.outputs.webrtc.port import WebRtcPort
from go2py.outputs.webrtc.session import WebRtcService
from go2py.streams.registry import Registry
from tests.fakes.loop import Clip, clip

LOOPBACK = WebRtcConfig(listen="127.0.0.1:0", filters=CandidateFilters(loopback=True))


@contextlib.asynccontextmanager
async def gateway(
    made: Clip | None = None, settings: WebRtcConfig = LOOPBACK
) -> AsyncIterator[tuple[Registry, WebRtcService]]:
    """Started, and closed at the end."""
    registry = Registry((made or clip()).dial, ["loop"], StreamSettings(linger=0.0), Bus())
    registry.apply([StreamConfig("door", ("loop:1",))])
    service = WebRtcService(WebRtcPort(settings))
    await service.start()
    try:
        yield registry, service
    finally:
        await service.close()
        await registry.close()
