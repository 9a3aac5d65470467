"""A connection to the camera for nothing but talk."""

import asyncio
import socket

from ...errors import ProtocolError, SourceError, Unsupported
from ...observe.log import get_logger
from ...protocols.rtsp_client import Refused
from ...protocols.rtsp_url import RtspUrl
from .conversation import Conversation
from .ear import BackTrack, listed_track
from .options import Options
from .outlet import Outlet, set_up

_log = get_logger("rtsp")

CHECK = 10.0
"""At most so many seconds between two questions whether the camera is still there."""
UNACKNOWLEDGED = 5000
"""Milliseconds for which sent bytes may stay unacknowledged by the camera's network."""
_SESSION_NOT_FOUND = 454


class OwnSession:
    """`open` it once, `close` it always."""

    def __init__(self, url: RtspUrl, options: Options) -> None:
        self._conversation = Conversation(url, options)
        self._outlet: Outlet | None = None
        self._watch: asyncio.Task[None] | None = None

    async def open(self, known: BackTrack | None) -> Outlet:
        """DESCRIBE, SETUP, PLAY. `known` is the track of a camera whose description does not say which one it is.
        Raises `SourceError`, `ProtocolError`."""
        conversation = self._conversation
        description = await conversation.describe(backchannel=True)
        track = listed_track(description, conversation.base) or known
        if track is None:
            raise Unsupported(f"{conversation.url.address} has no backchannel")
        transport = "udp" if conversation.options.transport == "udp" else "tcp"
        self._outlet = await set_up(conversation, track, transport)
        await self._play()
        self._impatient()
        self._watch = asyncio.get_running_loop().create_task(self._check(self._outlet), name="RTSP talk")
        return self._outlet

    async def close(self) -> None:
        """Give the camera free; safe at any time."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        if self._outlet is not None:
            self._outlet.close()
        await self._conversation.close()

    async def _play(self) -> None:
        """PLAY, as ONVIF has it; Thingino takes a backchannel alone for a recording."""
        try:
            await self._conversation.play(backchannel=True)
        except Refused as refusal:
            try:
                await self._conversation.play("RECORD", backchannel=True)
            except SourceError:
                raise refusal from None

    def _impatient(self) -> None:
        """Nothing comes from the camera here that would show that it is still there."""
        transport = self._conversation.connected().transport
        sock = transport.get_extra_info("socket") if transport is not None else None
        if sock is not None and (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, UNACKNOWLEDGED)

    async def _check(self, outlet: Outlet) -> None:
        """Keep the session alive; tell the outlet when the camera forgot it, or does not answer any more."""
        conversation, client = self._conversation, self._conversation.client
        lost = conversation.connected().lost
        answers = False
        while True:
            await asyncio.wait((lost,), timeout=min(CHECK, client.keepalive_interval))
            if lost.done():
                return
            try:
                await conversation.ask(client.keepalive())
                answers = True
            except Refused as refusal:
                if refusal.status == _SESSION_NOT_FOUND:
                    outlet.lose(str(refusal))
                    return
                client.keepalive_refused()
            except (SourceError, ProtocolError) as error:
                if answers:
                    outlet.lose(str(error))
                    return
                _log.debug("%s: keepalive: %s", conversation.url.address, error)
