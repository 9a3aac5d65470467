"""The tracks that come from a camera: SETUP of each, over the connection's channels or UDP ports."""

import random
from collections.abc import Mapping
from time import monotonic

from ...errors import SourceError, Unauthorized
from ...observe.log import get_logger
from ...protocols.rtp.reception import Reception
from ...protocols.rtsp_client import TransportRefused
from ...protocols.rtsp_headers import Transport
from ...protocols.rtsp_url import control_url
from ...protocols.sdp import Media
from ...streams.source import Sink
from .conversation import Conversation
from .receiver import Receiver
from .udp import PortPair

_log = get_logger("rtsp")


class Incoming:
    """`transport` is what the camera is asked for, `tcp` or `udp`: the other one from the moment it refuses."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.transport = "udp" if conversation.options.transport == "udp" else "tcp"
        self._ports: list[PortPair] = []

    async def set_up(self, medias: Mapping[int, Media], sink: Sink) -> None:
        """Each media by its offer. One that cannot be had is gone without as long as there is another. Raises
        `SourceError`, `ProtocolError`."""
        done = 0
        refusal: SourceError | None = None
        for offer, media in medias.items():
            try:
                await self._fitting(Receiver(offer, media, sink), media, first=not done)
                done += 1
            except SourceError as error:
                if self._conversation.connected().lost.done() or isinstance(error, Unauthorized):
                    raise
                refusal = refusal or error
                _log.info("%s: without %s: %s", self._conversation.url.address, media.codecs[0].label(), error)
        if refusal is not None and not done:
            raise refusal

    def close(self) -> None:
        """Free the ports."""
        ports, self._ports = self._ports, []
        for pair in ports:
            pair.close()

    async def _fitting(self, receiver: Receiver, media: Media, *, first: bool) -> None:
        try:
            await self._track(receiver, media)
        except TransportRefused:
            if not first or self._conversation.tunnelled:
                raise
            self.transport = "udp" if self.transport == "tcp" else "tcp"
            _log.info("%s: refused; trying %s", self._conversation.url.address, self.transport)
            await self._track(receiver, media)

    async def _track(self, receiver: Receiver, media: Media) -> None:
        url = control_url(self._conversation.base, media.control)
        if self.transport == "udp":
            await self._datagrams(receiver, url, media.codecs[0].clock_rate)
        else:
            await self._channels(receiver, url)

    async def _channels(self, receiver: Receiver, url: str) -> None:
        channel = self._conversation.free_channel()
        answer = await self._conversation.setup(url, Transport("tcp", interleaved=(channel, channel + 1)))
        data, control = answer.interleaved or (channel, channel + 1)
        connection = self._conversation.connected()
        connection.receivers[data] = receiver
        connection.control[control] = receiver

    async def _datagrams(self, receiver: Receiver, url: str, clock_rate: int) -> None:
        transport = self._conversation.connected().transport
        assert transport is not None
        local, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        pair = PortPair(local[0], transport.get_extra_info("socket").family)
        self._ports.append(pair)
        receiver.reception = Reception(clock_rate, random.getrandbits(32))
        answer = await self._conversation.setup(url, Transport("udp", client_port=pair.ports))
        pair.start(receiver, peer[0], answer, self._heard)

    def _heard(self, size: int) -> None:
        """Datagrams came."""
        if (connection := self._conversation.connection) is not None:
            connection.heard = monotonic()
            if connection.alive is not None:
                connection.alive(size)
