"""A camera's pictures over HTTP: MJPEG as it comes, or a still that is asked for again and again."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import override

import aiohttp

from ...errors import ProtocolError, Unreachable, Unsupported
from ...media import jpeg
from ...media.codec import JPEG, VIDEO_CLOCK, Codec
from ...media.unit import AccessUnit
from ...protocols.multipart import MAX_PART, MultipartReader, announced_boundary
from ...streams.source import Offer, Sink, Source, SourceInfo
from .client import Client, Target

STILL_SECONDS = 1.0
"""From one request for a still to the next, at least."""
BODY_SECONDS = 5.0
"""For a still, from the head of the answer on."""
_STILL = frozenset({"image/jpeg", "image/jpg", "image/pjpeg"})
_MULTIPART = frozenset({"multipart/x-mixed-replace", "multipart/mixed"})
_CHUNK = 64 << 10


class HttpSource(Source):
    """See `Source`."""

    def __init__(self, target: Target) -> None:
        self.info = SourceInfo("http", "http", target.address, url=target.text)
        self._target = target
        self._client: Client | None = None
        self._response: aiohttp.ClientResponse | None = None
        self._opened = AsyncExitStack()
        self._codec = Codec(JPEG, "video", VIDEO_CLOCK)
        self._still = b""

    @override
    async def open(self) -> Sequence[Offer]:
        self._client = Client(self._target)
        self._opened.push_async_callback(self._client.close)
        response = await self._opened.enter_async_context(self._client.get())
        kind = response.content_type.lower()
        if kind in _MULTIPART:
            self.info.format_name = "mpjpeg"
            self._response = response
        elif kind in _STILL:
            self.info.format_name = "image"
            self._still = await self._read(response)
            self._picture(self._still)  # its size
        else:
            raise Unsupported(
                f"{self._target.address} delivers {kind[:100]}; understood are a JPEG (image/jpeg) and MJPEG "
                "(multipart/x-mixed-replace)"
            )
        return (Offer((self._codec,)),)

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        if self._response is None:
            await self._poll(sink)
        else:
            await self._stream(self._response, sink)

    @override
    async def close(self) -> None:
        await self._opened.aclose()

    async def _stream(self, response: aiohttp.ClientResponse, sink: Sink) -> None:
        """Until the camera ends it."""
        parser = MultipartReader(announced_boundary(response.headers.get("Content-Type", "")))
        try:
            while data := await response.content.readany():
                sink.alive(len(data))
                units = [unit for part in parser.feed(data) if (unit := self._unit(part)) is not None]
                if units:
                    sink.deliver(0, units)
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{self._target.address} broke off ({type(error).__name__})") from None

    async def _poll(self, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        assert self._client is not None
        still, asked = self._still, loop.time()
        while True:
            sink.alive(len(still))
            sink.deliver(0, [self._picture(still)])
            await asyncio.sleep(asked + STILL_SECONDS - loop.time())
            asked = loop.time()
            async with self._client.get() as response:
                still = await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """A whole picture. Raises `SourceError` or `ProtocolError`."""
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in response.content.iter_chunked(_CHUNK):
                    body += chunk
                    if len(body) > MAX_PART:
                        raise ProtocolError(f"{self._target.address} sends a picture that is too large")
        except TimeoutError:
            raise Unreachable(f"{self._target.address} takes too long to send a picture") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{self._target.address} broke off ({type(error).__name__})") from None
        return bytes(body)

    def _picture(self, data: bytes) -> AccessUnit:
        unit = self._unit(data)
        if unit is None:
            raise ProtocolError(f"{self._target.address} sends something that is no JPEG")
        return unit

    def _unit(self, data: bytes) -> AccessUnit | None:
        """What is no JPEG gives nothing."""
        data = data[data.find(jpeg.SOI) :] if not data.startswith(jpeg.SOI) and jpeg.SOI in data[:64] else data
        if not data.startswith(jpeg.SOI):
            return None
        try:
            width, height = jpeg.size(data)
        except ProtocolError:  # progressive and others that are shown all the same
            width, height = 0, 0
        if (width, height) != (self._codec.width, self._codec.height):
            self._codec = self._codec.with_(width=width, height=height)
        now = time.monotonic()
        return AccessUnit(self._codec, (data,), round(now * VIDEO_CLOCK), arrived=now)
