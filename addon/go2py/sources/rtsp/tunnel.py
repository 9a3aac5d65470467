"""RTSP through an HTTP GET/POST pair (QuickTime's tunnel), or in binary WebSocket frames (Axis, Dahua)."""

import asyncio
import base64
import secrets
import ssl
from dataclasses import replace
from typing import override
from urllib.parse import urlsplit

import aiohttp

from ...errors import Unauthorized, Unreachable, Unsupported
from ...protocols.http_auth import ClientAuth
from ...protocols.rtsp import Headers, Request, Response
from ...protocols.rtsp_url import RtspUrl
from .connection import FLUSH, Connection
from .dial import connect, tls_context

_POST_LENGTH = 32767
"""What every client announces for the POST; no server counts."""


class _Post(asyncio.Protocol):
    """The way to the camera; its end is the end of the tunnel."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.transport: asyncio.Transport | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.fail(Unreachable("the camera closed the tunnel"))
        self._gone.set_result(None)

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(base64.b64encode(data))

    async def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            await asyncio.wait((self._gone,), timeout=FLUSH)
            self.transport.abort()
            await self._gone


async def http(url: RtspUrl, timeout: float) -> Connection:
    """The tunnel on the URL's port, or the one of HTTP(S) where the URL has none."""
    secure = url.scheme != "rtsp"
    port = url.port or (443 if secure else 80)
    auth = ClientAuth(url.user, url.password)
    path = url.path or "/"
    cookie = ("x-sessioncookie", secrets.token_hex(11))
    host = ("Host", str(replace(url, port=port, path="")).partition("://")[2])
    for _ in range(3):
        connection = Connection()
        await connect(connection, url, port, timeout, secure=secure)
        request = _http("GET", path, auth, host, cookie, ("Accept", "application/x-rtsp-tunnelled"))
        try:
            response = await connection.ask(request, timeout)
            if response.status == 401 and auth.challenged(response.headers.all("WWW-Authenticate")):
                await connection.close()
                continue
            _check_tunnel(response, url.address)
            post = _Post(connection)
            await connect(post, url, port, timeout, secure=secure)
        except BaseException:
            await connection.close()
            raise
        assert post.transport is not None
        length = ("Content-Length", str(_POST_LENGTH))
        head = _http("POST", path, auth, host, cookie, ("Content-Type", "application/x-rtsp-tunnelled"), length)
        post.transport.write(head.encode())
        connection.write = post.write
        connection.on_close(post.close)
        return connection
    raise Unauthorized(f"{url.address} refused the user and password for the HTTP tunnel")


def _http(method: str, path: str, auth: ClientAuth, *fields: tuple[str, str]) -> Request:
    headers = Headers([*fields, ("Cache-Control", "no-cache")])
    if answer := auth.authorization(method, path):
        headers.add("Authorization", answer)
    return Request(method, path, headers, version="HTTP/1.0")


def _check_tunnel(response: Response, where: str) -> None:
    if response.status == 401:
        raise Unauthorized(f"{where} refused the user and password for the HTTP tunnel")
    if response.status != 200:
        raise Unsupported(
            f"{where} has no RTSP tunnel over HTTP here (status {response.status}); try another transport"
        )


async def websocket(target: str, url: RtspUrl, timeout: float) -> Connection:
    """The tunnel at a ws:// or wss:// URL, with its credentials, or with those of the RTSP URL where it has none."""
    parts = urlsplit(target)
    where = parts.netloc.rpartition("@")[2]
    own = RtspUrl.parse(target)
    auth = ClientAuth(own.user or url.user, own.password or url.password)
    address = f"{parts.scheme}://{where}{own.path}"
    context = (
        await tls_context("rtspx" if url.scheme == "rtspx" else "wss", own.host) if parts.scheme == "wss" else True
    )
    client = aiohttp.ClientSession()
    try:
        async with asyncio.timeout(timeout):
            socket = await _upgrade(client, address, own.path or "/", auth, context, where)
    except TimeoutError:
        await client.close()
        raise Unreachable(f"{where} does not answer within {timeout:g} s") from None
    except BaseException:
        await client.close()
        raise
    connection = Connection()
    pump = _Pump(connection, client, socket)
    connection.write = pump.write
    connection.on_close(pump.close)
    return connection


async def _upgrade(
    client: aiohttp.ClientSession, address: str, path: str, auth: ClientAuth, context: ssl.SSLContext | bool, where: str
) -> aiohttp.ClientWebSocketResponse:
    for _ in range(3):
        answer = auth.authorization("GET", path)
        headers = {"Authorization": answer} if answer else {}
        try:
            return await client.ws_connect(
                address, protocols=("binary",), headers=headers, ssl=context, max_msg_size=1 << 20
            )
        except aiohttp.WSServerHandshakeError as error:
            if error.status != 401:
                raise Unreachable(f"{where} refuses the WebSocket (status {error.status})") from None
            if not auth.challenged(error.headers.getall("WWW-Authenticate", []) if error.headers else []):
                break
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{where} cannot be reached by WebSocket ({type(error).__name__})") from None
    raise Unauthorized(f"{where} refused the user and password for the WebSocket")


class _Pump:
    """Carries bytes between a WebSocket and a connection; owns both ends of the WebSocket."""

    def __init__(
        self, connection: Connection, client: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        self._connection, self._client, self._socket = connection, client, socket
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self._reader = loop.create_task(self._read(), name="RTSP tunnel in")
        self._sender = loop.create_task(self._send(), name="RTSP tunnel out")

    def write(self, data: bytes) -> None:
        self._outbox.put_nowait(data)

    async def close(self) -> None:
        """Send what waits, then close."""
        self._outbox.put_nowait(None)
        await asyncio.wait((self._sender,), timeout=FLUSH)
        self._reader.cancel()
        self._sender.cancel()
        await asyncio.gather(self._reader, self._sender, return_exceptions=True)
        try:
            async with asyncio.timeout(FLUSH):
                await self._socket.close()
        except TimeoutError:
            pass  # a camera that does not answer the farewell
        finally:
            await self._client.close()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self._connection.received(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._connection.received(message.data.encode())
        self._connection.fail(Unreachable("the camera closed the WebSocket"))

    async def _send(self) -> None:
        try:
            while (data := await self._outbox.get()) is not None:
                await self._socket.send_bytes(data)
        except (aiohttp.ClientError, OSError) as error:
            self._connection.fail(Unreachable(f"the WebSocket broke ({type(error).__name__})"))
