"""Conversations with the gateway over its WebSockets: about one WebRTC session, and the events."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from aiohttp import ClientWebSocketResponse, WSMsgType

from .errors import GatewayRefused, GatewayUnreachable, sentence

_SILENCE = 20.0
"""Seconds without an event until the gateway is asked for a sign of life, and again until it is given up."""


class Signalling:
    """Messages of `/api/ws` about one peer connection: an offer and candidates out, an answer and candidates in."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, Any]:
        """`("answer", sdp)`, `("candidate", line)`, where an empty line is their end, or `("talk", status)` of what the
        other side says. Raises `GatewayRefused`."""
        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.TEXT:
                raise StopAsyncIteration
            content = json.loads(message.data)
            match content:
                case {"type": "webrtc", "value": {"type": "answer", "sdp": str(sdp)}}:
                    return "answer", sdp
                case {"type": "webrtc/candidate", "value": str(line)}:
                    return "candidate", line
                case {"type": "talk", "value": dict(status)}:
                    return "talk", status
                case {"type": "error", "value": str(text)}:
                    raise GatewayRefused(sentence(text), str(content.get("code", "")))

    async def offer(self, sdp: str, ice_servers: Sequence[Mapping[str, Any]]) -> None:
        value = {"type": "offer", "sdp": sdp, "ice_servers": ice_servers, "talk": True}
        await self._send({"type": "webrtc", "value": value})

    async def candidate(self, line: str) -> None:
        """A candidate of the other side; an empty one ends them."""
        await self._send({"type": "webrtc/candidate", "value": line})

    async def _send(self, message: Mapping[str, Any]) -> None:
        if not self._socket.closed:
            await self._socket.send_json(message)


async def messages(socket: ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    """Objects until the other side leaves. Raises `GatewayUnreachable` when it is silent and answers no ping."""
    asked = False
    while True:
        try:
            message = await socket.receive(_SILENCE)
        except TimeoutError:
            if asked:
                raise GatewayUnreachable("the gateway fell silent") from None
            asked = True
            await socket.ping()
            continue
        asked = False
        if message.type is WSMsgType.TEXT:
            content = json.loads(message.data)
            if isinstance(content, dict):
                yield content
        elif message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type is not WSMsgType.PONG:
            return
