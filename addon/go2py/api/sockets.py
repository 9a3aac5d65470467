"""WebSockets of this server: how they are made, and how all of them are ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import WSCloseCode, web

HEARTBEAT = 25.0
"""Seconds between pings; who does not answer within half of that is gone."""
_CLOSE_SECONDS = 0.5


class Sockets:
    """The open WebSockets of one group of endpoints."""

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._open: dict[web.WebSocketResponse, asyncio.Task[object] | None] = {}

    def __len__(self) -> int:
        return len(self._open)

    @contextlib.asynccontextmanager
    async def accept(self, request: web.Request) -> AsyncIterator[web.WebSocketResponse]:
        """Shake hands. The socket is closed at the end of the block. Raises `HTTPBadRequest` for plain requests."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=self._max_message)
        await socket.prepare(request)
        self._open[socket] = asyncio.current_task()
        try:
            yield socket
        finally:
            del self._open[socket]
            if not socket.closed:
                await _close(socket, WSCloseCode.OK)

    async def close(self) -> None:
        """Say goodbye to all, without waiting for those who do not listen."""
        await asyncio.gather(*(_close(socket, WSCloseCode.GOING_AWAY) for socket in tuple(self._open)))
        tasks = [task for task in self._open.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _close(socket: web.WebSocketResponse, code: WSCloseCode) -> None:
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await socket.close(code=code)
