"""One RTSP dialogue with a camera: connect, describe, set up, ask; redirects and challenges are followed."""

import asyncio

from ... import __version__
from ...errors import ProtocolError, SourceError, Unreachable
from ...observe.log import get_logger
from ...observe.secret import mask
from ...protocols import sdp
from ...protocols.rtsp import Request, Response
from ...protocols.rtsp_client import BACKCHANNEL, RtspClient, TransportRefused
from ...protocols.rtsp_headers import Transport
from ...protocols.rtsp_url import RtspUrl, base_url
from .connection import Connection
from .dial import dial
from .options import Options

_log = get_logger("rtsp")

MAX_REDIRECTS = 5
MAX_CHALLENGES = 3
GOODBYE = 0.25
"""Seconds that TEARDOWN may take."""

_AGENT = f"go2py/{__version__}"


class Conversation:
    """`url` holds the credentials; nothing else shows them. All that is asked raises `SourceError`, `ProtocolError`.

    `base` is what `a=control` is relative to, `text` the description as it came, masked.
    """

    def __init__(self, url: RtspUrl, options: Options) -> None:
        self.url, self.options = url, options
        self.client = RtspClient(url, _AGENT)
        self.connection: Connection | None = None
        self.base = str(url)
        self.text = ""
        self.tunnelled = options.transport not in ("tcp", "udp")

    async def describe(self, *, backchannel: bool = False) -> sdp.SessionDescription:
        """Connect anew and fetch the description."""
        for _ in range(MAX_REDIRECTS + 1):
            self.client = RtspClient(self.url, _AGENT)
            await self.dial()
            answer = await self._describe(backchannel=backchannel)
            if not isinstance(answer, RtspUrl):
                return answer
            self.url = answer
        raise Unreachable(f"{self.url.address} redirects again and again")

    async def describe_again(self, *, backchannel: bool = False) -> sdp.SessionDescription:
        """Fetch the description once more, on the same connection."""
        answer = await self._describe(backchannel=backchannel)
        if isinstance(answer, RtspUrl):
            raise ProtocolError(f"{self.url.address} redirects what it answered before")
        return answer

    async def setup(self, url: str, asked: Transport, *, backchannel: bool = False) -> Transport:
        """Set a track up; what the camera made of the transport. Raises `TransportRefused` besides."""
        fields = {"Transport": str(asked)} | _require(backchannel)
        response = await self.ask(self.client.request("SETUP", url, fields))
        text = response.headers.get("Transport")
        answer = Transport.parse(text) if text else asked
        if answer.protocol != asked.protocol:
            raise TransportRefused(f"{self.url.address} answered SETUP with another transport than asked for")
        return answer

    async def play(self, method: str = "PLAY", *, backchannel: bool = False) -> None:
        """PLAY, or RECORD, of all that is set up."""
        await self.ask(self.client.request(method, self.base, _require(backchannel)))

    async def end(self, url: str, timeout: float, *, backchannel: bool = False) -> None:
        """TEARDOWN of one track, answered within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self.ask(self.client.request("TEARDOWN", url, _require(backchannel)))
        except TimeoutError:
            raise Unreachable(f"{self.url.address} did not answer TEARDOWN") from None

    async def ask(self, request: Request) -> Response:
        """Send a request and what the answer calls for, until it is answered for good; a redirect is an error."""
        response = await self._ask(request)
        if isinstance(response, RtspUrl):
            raise ProtocolError(f"{self.url.address} redirects a {request.method}")
        return response

    async def dial(self) -> None:
        """A fresh connection in place of the present one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()
        self.connection = await dial(self.url, self.options.transport, self.options.timeout)

    async def close(self) -> None:
        """End the session and the connection; safe at any time."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        connection.mute()
        try:
            if self.client.session is not None and not connection.lost.done():
                # The answer is waited for: closing over unread packets would reset the connection and TEARDOWN with it.
                await connection.ask(self.client.request("TEARDOWN", self.base), GOODBYE)
        except (SourceError, ProtocolError) as error:
            _log.debug("%s: TEARDOWN: %s", self.url.address, error)
        finally:
            await connection.close()

    def connected(self) -> Connection:
        """The connection. Raises `Unreachable` where there is none."""
        if self.connection is None:
            raise Unreachable(f"{self.url.address}: the connection is closed")
        return self.connection

    def placed(self, error: Unreachable | ProtocolError) -> Unreachable | ProtocolError:
        """The error of a connection, with the camera's address in front."""
        return type(error)(f"{self.url.address}: {error}")

    def free_channel(self) -> int:
        """The lowest even interleaved channel behind those in use."""
        connection = self.connected()
        return (max((*connection.receivers, *connection.control), default=-1) + 2) & ~1

    async def _describe(self, *, backchannel: bool) -> sdp.SessionDescription | RtspUrl:
        """One DESCRIBE; a URL means: not here but there."""
        fields = {"Accept": "application/sdp"} | _require(backchannel)
        response = await self._ask(self.client.request("DESCRIBE", fields=fields))
        if isinstance(response, RtspUrl):
            return response
        headers = response.headers
        self.base = base_url(headers.get("Content-Base") or headers.get("Content-Location"), self.client.url)
        try:
            description = sdp.parse(response.body)
        except ProtocolError as error:
            raise self.placed(error) from None
        self.text = mask(response.body.decode(errors="replace"))
        return description

    async def _ask(self, request: Request) -> Response | RtspUrl:
        for attempt in range(MAX_CHALLENGES):
            response = await self._exchange(request, again=attempt > 0)
            verdict = self.client.judge(request, response)
            if not isinstance(verdict, Request):
                return verdict or response
            request = verdict
        raise Unreachable(f"{self.url.address} wants new credentials again and again")

    async def _exchange(self, request: Request, *, again: bool) -> Response:
        """One request, one answer. There are cameras that close the connection behind a challenge: the request that
        follows it is tried on a second one."""
        while True:
            connection = self.connected()
            try:
                return await connection.ask(request, self.options.timeout)
            except (Unreachable, ProtocolError) as error:
                if not again or self.client.session is not None or not connection.lost.done():
                    raise self.placed(error) from None
            again = False
            await self.dial()


def _require(backchannel: bool) -> dict[str, str]:
    """ONVIF Streaming Specification 5.3.1: in every request that has to do with the backchannel."""
    return {"Require": BACKCHANNEL} if backchannel else {}
