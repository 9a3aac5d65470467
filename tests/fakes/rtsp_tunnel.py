"""Ways to a fake camera through HTTP, WebSocket and TLS, each a small server in front of it."""

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from go2py.protocols.http_auth import ServerAuth, Verdict

from .rtsp_camera import Camera

type Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = "127.0.0.1"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def _serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(tracked, HOST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def http_tunnel(camera: Camera, auth: ServerAuth | None = None) -> AsyncIterator[int]:
    """QuickTime's pair of GET and POST, joined by their cookie; yields the port."""
    waiting: dict[str, asyncio.StreamWriter] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        given = next((line[15:] for line in head.split("\r\n") if line.startswith("Authorization: ")), "")
        method = head.split()[0]
        if auth is not None and auth.verify(given, method, 0) is not Verdict.OK:
            challenge = auth.challenge(0)[0]
            writer.write(f"HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\n\r\n".encode())
            await writer.drain()
            return
        cookie = fields["x-sessioncookie"]
        if method == "GET":
            inner, to_camera = await asyncio.open_connection(camera.host, camera.port)
            waiting[cookie] = to_camera
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n")
            await _copy(inner, writer)
            return
        to_camera = waiting.pop(cookie)
        pending = b""
        while data := await reader.read(4096):
            pending += data
            whole = len(pending) // 4 * 4
            to_camera.write(base64.b64decode(pending[:whole]))
            pending = pending[whole:]
        to_camera.close()

    async with _serving(handle) as port:
        yield port


@asynccontextmanager
async def websocket_tunnel(camera: Camera, auth: ServerAuth | None = None) -> AsyncIterator[int]:
    """Binary frames at `/rtsp`, subprotocol `binary`; yields the port."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if auth is not None and auth.verify(request.headers.get("Authorization", ""), "GET", 0) is not Verdict.OK:
            return web.Response(status=401, headers={"WWW-Authenticate": auth.challenge(0)[0]})
        socket = web.WebSocketResponse(protocols=("binary",))
        await socket.prepare(request)
        assert socket.ws_protocol == "binary"
        inner, to_camera = await asyncio.open_connection(camera.host, camera.port)

        async def back() -> None:
            while data := await inner.read(65536):
                await socket.send_bytes(data)
            await socket.close()

        task = asyncio.get_running_loop().create_task(back())
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                to_camera.write(message.data)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        to_camera.close()
        return socket

    app = web.Application()
    app.router.add_get("/rtsp", handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def tls_front(camera: Camera, folder: Path) -> AsyncIterator[int]:
    """TLS with a certificate that nobody trusts; yields the port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, to_camera = await asyncio.open_connection(camera.host, camera.port)
        await asyncio.gather(_copy(reader, to_camera), _copy(inner, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    async with _serving(handle, context) as port:
        yield port


def _certificate(folder: Path) -> Path:
    """A self-signed certificate and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))])
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "camera.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
