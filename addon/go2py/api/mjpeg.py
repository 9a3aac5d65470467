"""`/api/stream.mjpeg`: pictures one after the other, for an `<img>`."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aiohttp import web

from ..errors import ProtocolError, Unreachable
from ..outputs.mjpeg import BOUNDARY, DEFAULT_FPS, MAX_FPS, OPENING, Form, Mjpeg, Viewer
from ..streams.stream import Stream
from .caller import caller_of
from .context import AppContext, Snapshot
from .frame import wanted_shape
from .respond import error
from .routes import Route

FIRST_SECONDS = 8.0
"""For the first picture; after it a camera may be away for any time."""
LOOK_SECONDS = 5.0
"""How often it is looked whether a viewer without pictures is still there."""
_FPS = re.compile(r"\d{1,2}(?:\.\d{1,3})?", re.ASCII)


class MjpegEndpoint:
    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._mjpeg = Mjpeg(self._make)
        self._open: set[asyncio.Task[object]] = set()

    def routes(self) -> Sequence[Route]:
        return (Route("api/stream.mjpeg", {"GET": self.read, "POST": self.publish}, "mjpeg"),)

    async def close(self) -> None:
        """End all that are being looked at."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def read(self, request: web.Request) -> web.StreamResponse:
        """`width`, `height`, `rotate` as for stills; `fps` up to 10, 5 where pictures have to be made."""
        query = request.query
        stream = self._context.registry.require(query.get("src", ""))
        form = Form(*wanted_shape(query), fps=_fps(query.get("fps", "")))
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            async with self._mjpeg.view(stream, caller_of(request).reader("mjpeg", "http"), form) as viewer:
                return await self._send(request, stream, viewer)
        finally:
            self._open.discard(task)

    async def publish(self, request: web.Request) -> web.Response:
        return error(501, "mjpeg: publishing is not built yet")

    async def _make(self, stream: Stream, form: Form) -> AsyncGenerator[Snapshot]:
        service = await self._context.snapshots()
        fps = form.fps or DEFAULT_FPS
        stills = service.follow(stream, width=form.width, height=form.height, rotate=form.rotate, fps=fps)
        async with aclosing(stills):
            async for still in stills:
                yield still

    async def _send(self, request: web.Request, stream: Stream, viewer: Viewer) -> web.StreamResponse:
        first = await viewer.part(FIRST_SECONDS)
        if not first:
            raise Unreachable(f"mjpeg: {viewer.reason or f'{stream.name} gave no picture within {FIRST_SECONDS:g} s'}")
        response = web.StreamResponse(
            headers={
                "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
                "Cache-Control": "no-cache",
                "Pragma": "no-cache",
            }
        )
        response.force_close()
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        stuck = self._context.registry.settings.stuck
        data: bytes | None = OPENING + first
        while data is not None:
            try:
                async with asyncio.timeout(stuck):
                    await response.write(data)
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
                return response
            except ConnectionError:  # the viewer left
                return response
            data = await self._next(request, viewer)
        return response

    async def _next(self, request: web.Request, viewer: Viewer) -> bytes | None:
        """The next part; None at the end of the stream or when the viewer left."""
        while True:
            data = await viewer.part(LOOK_SECONDS)
            if data != b"":
                return data
            if request.transport is None or request.transport.is_closing():
                return None


def _fps(text: str) -> float:
    """Pictures a second, 0 if nothing was said. Raises `ProtocolError`."""
    if not text:
        return 0.0
    if not _FPS.fullmatch(text) or not 0 < float(text) <= MAX_FPS:
        raise ProtocolError(f"fps is a number up to {MAX_FPS:g}")
    return float(text)
