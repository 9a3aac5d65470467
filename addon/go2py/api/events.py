"""`/api/events`: everything that changes, over a WebSocket. docs/events.md is the contract with clients."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import WSMsgType, web

from ..observe.events import Event
from ..observe.log import get_logger
from ..streams.facts import facts
from ..streams.info import stream_info
from ..streams.stream import Stream
from .caller import caller_of
from .context import AppContext
from .media_news import MediaNews
from .respond import dump
from .routes import Route
from .sockets import Sockets

_log = get_logger("api")

SCHEMA = 1
"""Raised when a client of the old schema would go wrong; new fields and types do not count."""
MAX_WAITING = 1024
"""Messages for one client; who is further behind is closed and starts with a fresh snapshot."""
MAX_MESSAGE = 4096
_INTERNAL = frozenset({"source.media"})
_WITH_STREAM = frozenset({"stream.added", "stream.changed"})


class EventsEndpoint:
    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._sockets = Sockets(MAX_MESSAGE)
        self._clients: set[Client] = set()
        self._unsubscribe: Callable[[], None] | None = None
        self._news = MediaNews(context.registry, self._tell_media)

    def routes(self) -> Sequence[Route]:
        return (Route("api/events", {"GET": self.serve}),)

    async def close(self) -> None:
        await self._sockets.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        async with self._sockets.accept(request) as socket:
            client = Client(request, socket)
            self._join(client)
            try:
                client.put(self._snapshot())
                await client.run()
            finally:
                self._leave(client)
            return socket

    def _join(self, client: Client) -> None:
        self._clients.add(client)
        if self._unsubscribe is None:
            self._unsubscribe = self._context.bus.subscribe(self._publish)
            self._news.start()

    def _leave(self, client: Client) -> None:
        self._clients.discard(client)
        if not self._clients and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._news.stop()

    def _publish(self, event: Event) -> None:
        if event.type not in _INTERNAL:
            self._send(event.type, event.time, event.data)
        self._news.follow(event)

    def _tell_media(self, data: dict[str, Any]) -> None:
        self._send("stream.media", time.time(), data)

    def _send(self, type: str, when: float, data: dict[str, Any]) -> None:
        """Encode once, for all clients."""
        if type in _WITH_STREAM and (stream := self._context.registry.get(str(data.get("stream")))) is not None:
            data = data | describe(stream)
        text = _message(type, when, data)
        for client in tuple(self._clients):
            client.put(text)

    def _snapshot(self) -> str:
        streams = {
            name: describe(stream) | {"play": self._context.play.status(name)}
            for name, stream in self._context.registry
        }
        return _message("snapshot", time.time(), {"schema": SCHEMA, "streams": streams})


def describe(stream: Stream) -> dict[str, Any]:
    """Sources and readers of a stream, as in `/api/streams` and with the ids that events carry."""
    info = stream_info(stream)
    sources = [
        {
            "source": slot.session.id if slot.session else None,
            "url": producer["url"],
            "state": producer.get("state", "idle"),
            "reason": producer.get("reason", ""),
            "code": producer.get("code", ""),
            "restarts": producer.get("restarts", 0),
            "medias": producer.get("medias", []),
            **({"talk": producer["talk"]} if "talk" in producer else {}),
        }
        for slot, producer in zip(stream.slots, info["producers"], strict=True)
    ]
    readers = [
        {"reader": attachment.id, "format": attachment.info.format_name, "remote": attachment.info.remote_addr}
        for attachment in stream.attachments.values()
    ]
    return {"sources": sources, "readers": readers, **facts(stream)}


def _message(type: str, when: float, data: dict[str, Any]) -> str:
    return dump({"type": type, "time": round(when, 3), "data": data})


class Client:
    """One listener and what waits for it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._transport = request.transport
        self._remote = caller_of(request).address
        self._socket = socket
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()

    def put(self, text: str) -> None:
        if len(self._waiting) >= MAX_WAITING:
            _log.warning("a listener on events is too slow and was closed", extra={"fields": {"remote": self._remote}})
            self._waiting.clear()
            if self._transport is not None:
                self._transport.abort()
            return
        self._waiting.append(text)
        self._filled.set()

    async def run(self) -> None:
        """Send until the client leaves."""
        writer = asyncio.get_running_loop().create_task(self._write())
        try:
            async for message in self._socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                while self._waiting:
                    await self._socket.send_str(self._waiting.popleft())
                self._filled.clear()
                await self._filled.wait()
