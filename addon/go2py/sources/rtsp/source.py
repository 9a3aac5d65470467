"""An RTSP camera as a source: DESCRIBE, SETUP of what is wanted, PLAY, keepalive, TEARDOWN."""

import asyncio
import random
from collections.abc import Sequence
from time import monotonic
from typing import override

from ... import __version__
from ...errors import ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from ...observe.log import get_logger
from ...observe.secret import mask
from ...protocols import sdp
from ...protocols.rtsp import Request, Response
from ...protocols.rtsp_client import BACKCHANNEL, RtspClient, TransportRefused
from ...protocols.rtsp_headers import Transport
from ...protocols.rtsp_url import RtspUrl, base_url, control_url
from ...streams.source import Offer, Sink, Source, SourceInfo
from .connection import Connection
from .dial import dial
from .options import Options
from .receiver import Receiver
from .reception import Reception
from .udp import PortPair

_log = get_logger("rtsp")

MAX_REDIRECTS = 5
MAX_CHALLENGES = 3
GOODBYE = 0.25
"""Seconds that TEARDOWN may take."""


class RtspSource(Source):
    """See `Source`. `url` holds the credentials; nothing else of this class shows them."""

    def __init__(self, url: RtspUrl, options: Options) -> None:
        self.info = SourceInfo("rtsp", url=mask(str(url)))
        self._url, self._options = url, options
        self._backchannel = options.backchannel
        self._transport = options.transport if options.transport in ("tcp", "udp") else "tcp"
        self._tunnelled = options.transport not in ("tcp", "udp")
        self._client = RtspClient(url, f"go2py/{__version__}")
        self._connection: Connection | None = None
        self._base = str(url)
        self._medias: tuple[sdp.Media, ...] = ()
        self._indexes: tuple[int, ...] = ()
        """Position in the description, by offer."""
        self._ports: list[PortPair] = []

    @override
    async def open(self) -> Sequence[Offer]:
        await self._describe()
        return [Offer(self._medias[index].codecs, self._medias[index].direction) for index in self._indexes]

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        try:
            await self._setup_all(sorted(wanted), sink)
            connection = self._connected()
            connection.alive = sink.alive
            await self._start(connection)
            await self._watch(connection)
        finally:
            if self._connection is not None:
                self._connection.mute()
            self._close_ports()

    @override
    async def close(self) -> None:
        connection, self._connection = self._connection, None
        self._close_ports()
        if connection is None:
            return
        connection.mute()
        if self._client.session is not None and not connection.lost.done():
            # The answer is waited for: closing over unread packets would reset the connection and TEARDOWN with it.
            try:
                await connection.ask(self._client.request("TEARDOWN", self._base), GOODBYE)
            except (SourceError, ProtocolError) as error:
                _log.debug("%s: TEARDOWN: %s", self._url.address, error)
        await connection.close()

    # Opening

    async def _describe(self) -> None:
        """Connect and fetch the description; without the backchannel when that is what fails."""
        try:
            await self._redirected()
        except (SourceError, ProtocolError) as error:
            if not self._backchannel or isinstance(error, Unauthorized):
                raise
            _log.info("%s: not with a backchannel (%s); trying without", self._url.address, error)
            self._backchannel = False
            await self._redirected()

    async def _redirected(self) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            moved = await self._described()
            if moved is None:
                return
            self._url = moved
        raise Unreachable(f"{self._url.address} redirects again and again")

    async def _described(self) -> RtspUrl | None:
        """One connection and DESCRIBE; a URL means: not here but there."""
        self._client = RtspClient(self._url, f"go2py/{__version__}")
        await self._dial()
        fields = {"Accept": "application/sdp"}
        if self._backchannel:
            fields["Require"] = BACKCHANNEL
        response = await self._ask(self._client.request("DESCRIBE", fields=fields))
        if isinstance(response, RtspUrl):
            return response
        headers = response.headers
        self._base = base_url(headers.get("Content-Base") or headers.get("Content-Location"), self._client.url)
        try:
            self._medias = sdp.parse(response.body).medias
        except ProtocolError as error:
            raise self._placed(error) from None
        self.info.sdp = mask(response.body.decode(errors="replace"))
        self._indexes = tuple(
            index for index, media in enumerate(self._medias) if media.codecs and media.kind in ("video", "audio")
        )
        if not self._indexes:
            raise Unsupported(f"{self._url.address} offers neither picture nor sound")
        return None

    async def _dial(self) -> None:
        """A fresh connection in place of the present one."""
        self._close_ports()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        self._connection = await dial(self._url, self._options.transport, self._options.timeout)
        self._tell()

    def _tell(self) -> None:
        connection = self._connected()
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        self.info.url = mask(str(self._url))
        self.info.remote_addr = f"{peer[0]}:{peer[1]}" if peer else self._url.address
        tunnel = self._options.transport.partition(":")[0]
        self.info.protocol = f"rtsp+{tunnel if self._tunnelled else self._transport}"

    # Setting up

    async def _setup_all(self, wanted: Sequence[int], sink: Sink) -> None:
        try:
            await self._setup_each(wanted, sink)
        except (SourceError, ProtocolError) as error:
            if not self._backchannel:
                raise
            # Dahua and Amcrest let only one session have the backchannel
            _log.info("%s: not with a backchannel (%s); trying without", self._url.address, error)
            self._backchannel = False
            before = [self._medias[index].control for index in self._indexes]
            await self._redirected()
            after = [self._medias[index].control for index in self._indexes]
            if after != before[: len(after)] or max(wanted, default=0) >= len(after):
                raise Unreachable(f"{self._url.address} offers other tracks without its backchannel") from None
            await self._setup_each(wanted, sink)

    async def _setup_each(self, wanted: Sequence[int], sink: Sink) -> None:
        """A track that cannot be had is gone without as long as there is another."""
        done = 0
        refusal: SourceError | None = None
        for offer in wanted:
            index = self._indexes[offer]
            try:
                receiver = Receiver(offer, self._medias[index], sink)
                await self._setup_fitting(receiver, index, first=not done)
                done += 1
            except SourceError as error:
                if self._connected().lost.done() or isinstance(error, Unauthorized):
                    raise
                refusal = refusal or error
                _log.info("%s: without %s: %s", self._url.address, self._medias[index].codecs[0].label(), error)
        if refusal is not None and not done:
            raise refusal

    async def _setup_fitting(self, receiver: Receiver, index: int, *, first: bool) -> None:
        try:
            await self._setup(receiver, index)
        except TransportRefused:
            if not first or self._tunnelled:
                raise
            self._transport = "udp" if self._transport == "tcp" else "tcp"
            _log.info("%s: refused; trying %s", self._url.address, self._transport)
            await self._setup(receiver, index)
            self._tell()

    async def _setup(self, receiver: Receiver, index: int) -> None:
        url = control_url(self._base, self._medias[index].control)
        if self._transport == "udp":
            await self._setup_udp(receiver, url, self._medias[index].codecs[0].clock_rate)
        else:
            await self._setup_tcp(receiver, url, index * 2)

    async def _setup_tcp(self, receiver: Receiver, url: str, channel: int) -> None:
        answer = await self._ask_transport(url, Transport("tcp", interleaved=(channel, channel + 1)))
        data, control = answer.interleaved or (channel, channel + 1)
        connection = self._connected()
        connection.receivers[data] = receiver
        connection.control[control] = receiver

    async def _setup_udp(self, receiver: Receiver, url: str, clock_rate: int) -> None:
        transport = self._connected().transport
        assert transport is not None
        local, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        pair = PortPair(local[0], transport.get_extra_info("socket").family)
        self._ports.append(pair)
        receiver.reception = Reception(clock_rate, random.getrandbits(32))
        answer = await self._ask_transport(url, Transport("udp", client_port=pair.ports))
        pair.start(receiver, peer[0], answer, self._heard)

    async def _ask_transport(self, url: str, asked: Transport) -> Transport:
        response = await self._ask(self._client.request("SETUP", url, {"Transport": str(asked)}))
        if isinstance(response, RtspUrl):
            raise ProtocolError(f"{self._url.address} redirects a SETUP")
        text = response.headers.get("Transport")
        answer = Transport.parse(text) if text else asked
        if answer.protocol != asked.protocol:
            raise TransportRefused(f"{self._url.address} answered SETUP with another transport than asked for")
        return answer

    def _heard(self, size: int) -> None:
        """Datagrams came."""
        if (connection := self._connection) is not None:
            connection.heard = monotonic()
            if connection.alive is not None:
                connection.alive(size)

    # Playing

    async def _start(self, connection: Connection) -> None:
        """PLAY; its answer may come behind the first packets, or, from some cameras, never."""
        asked = monotonic()
        try:
            answer = await self._ask(self._client.request("PLAY", self._base))
        except Unreachable:
            if connection.lost.done() or connection.heard <= asked:
                raise
            return
        if isinstance(answer, RtspUrl):
            raise ProtocolError(f"{self._url.address} redirects a PLAY")

    async def _watch(self, connection: Connection) -> None:
        """Keep the session alive until it ends; ask a silent camera whether it is still there."""
        timeout = self._options.timeout
        due = monotonic() + self._client.keepalive_interval
        while True:
            wait = min(due, connection.heard + timeout) - monotonic()
            await asyncio.wait((connection.lost,), timeout=max(0.0, wait))
            if connection.lost.done():
                raise self._placed(connection.lost.result())
            now = monotonic()
            if now >= due or now - connection.heard >= timeout:
                await self._keep_alive(connection)
                due = now + self._client.keepalive_interval
                if connection.heard <= now:
                    raise Unreachable(f"{self._url.address} stopped answering")

    async def _keep_alive(self, connection: Connection) -> None:
        request = self._client.keepalive()
        try:
            await self._ask(request)
        except (SourceError, ProtocolError) as error:
            # Refused or unanswered: as long as packets come, the camera may think of it what it wants.
            _log.debug("%s: keepalive: %s", self._url.address, error)
            if not connection.lost.done():
                self._client.keepalive_refused()

    # Asking

    async def _ask(self, request: Request) -> Response | RtspUrl:
        """Send a request and what the answer calls for, until it is answered for good."""
        for attempt in range(MAX_CHALLENGES):
            response = await self._exchange(request, again=attempt > 0)
            verdict = self._client.judge(request, response)
            if not isinstance(verdict, Request):
                return verdict or response
            request = verdict
        raise Unreachable(f"{self._url.address} wants new credentials again and again")

    async def _exchange(self, request: Request, *, again: bool) -> Response:
        """One request, one answer. There are cameras that close the connection behind a challenge: the request that
        follows it is tried on a second one."""
        while True:
            connection = self._connected()
            try:
                return await connection.ask(request, self._options.timeout)
            except (Unreachable, ProtocolError) as error:
                if not again or self._client.session is not None or not connection.lost.done():
                    raise self._placed(error) from None
            again = False
            await self._dial()

    def _placed(self, error: Unreachable | ProtocolError) -> Unreachable | ProtocolError:
        """The error of a connection, with the camera's address in front."""
        return type(error)(f"{self._url.address}: {error}")

    def _connected(self) -> Connection:
        if self._connection is None:
            raise Unreachable(f"{self._url.address}: the connection is closed")
        return self._connection

    def _close_ports(self) -> None:
        ports, self._ports = self._ports, []
        for pair in ports:
            pair.close()
