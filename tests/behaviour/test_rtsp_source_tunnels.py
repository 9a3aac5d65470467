"""RTSP through HTTP, WebSocket and TLS."""

import asyncio
from pathlib import Path

import pytest

from go2py.errors import Unauthorized, Unreachable, Unsupported
from go2py.protocols.http_auth import ServerAuth
from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.rtsp_tunnel import http_tunnel, tls_front, websocket_tunnel
from tests.fakes.sink import watching


def guard(scheme: str) -> ServerAuth | None:
    if not scheme:
        return None
    return ServerAuth(
        "admin", "s3cret", algorithms=() if scheme == "basic" else (scheme,), basic=scheme == "basic", nonce_life=1e9
    )


@pytest.mark.parametrize("auth", ["", "basic", "MD5"])
async def test_http_tunnel(auth: str) -> None:
    async with Camera(Script(user="admin", password="s3cret")) as camera, http_tunnel(camera, guard(auth)) as port:
        async with watching(f"rtsp://admin:s3cret@127.0.0.1:{port}/stream#transport=http") as playing:
            await playing.more(0, 20)
            await playing.more(1)
            assert playing.source.info.protocol == "rtsp+http"
        assert camera.seen.teardowns == 1


async def test_http_tunnel_with_wrong_password() -> None:
    async with Camera() as camera, http_tunnel(camera, guard("MD5")) as port:
        with pytest.raises(Unauthorized, match="tunnel"):
            async with watching(f"rtsp://admin:wrong@127.0.0.1:{port}/stream#transport=http"):
                pass


async def test_http_server_without_a_tunnel() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unsupported, match="no RTSP tunnel"):
            async with watching(f"rtsp://127.0.0.1:{port}/stream#transport=http"):
                pass


@pytest.mark.parametrize("auth", ["", "basic", "MD5"])
async def test_websocket_tunnel(auth: str) -> None:
    async with Camera(Script(user="admin", password="s3cret")) as camera, websocket_tunnel(camera, guard(auth)) as port:
        url = f"rtsp://admin:s3cret@127.0.0.1/stream#transport=ws://127.0.0.1:{port}/rtsp"
        async with watching(url) as playing:
            await playing.more(0, 20)
            await playing.more(1)
            assert playing.source.info.protocol == "rtsp+ws"
        assert camera.seen.teardowns == 1


async def test_websocket_tunnel_with_wrong_password() -> None:
    async with Camera() as camera, websocket_tunnel(camera, guard("MD5")) as port:
        with pytest.raises(Unauthorized, match="WebSocket"):
            async with watching(f"rtsp://admin:wrong@127.0.0.1/stream#transport=ws://127.0.0.1:{port}/rtsp"):
                pass


async def test_camera_that_goes_away_behind_a_websocket() -> None:
    async with Camera() as camera, websocket_tunnel(camera) as port:
        url = f"rtsp://127.0.0.1/stream#transport=ws://127.0.0.1:{port}/rtsp"
        async with watching(url) as playing:
            await playing.more(0)
            await camera.stop()
            assert isinstance(await playing.ended(), Unreachable)


@pytest.mark.parametrize("start", ["rtsps://127.0.0.1", "rtspx://localhost"])
async def test_tls_without_verification_plays(start: str, tmp_path: Path) -> None:
    async with Camera() as camera, tls_front(camera, tmp_path) as port:
        async with watching(f"{start}:{port}/stream") as playing:
            await playing.more(0, 20)
            await playing.more(1)
        assert all(request.url.startswith("rtsps://") for request in camera.seen.headers)


async def test_tls_certificate_of_a_name_is_verified(tmp_path: Path) -> None:
    async with Camera() as camera, tls_front(camera, tmp_path) as port:
        with pytest.raises(Unreachable, match="not trusted"):
            async with watching(f"rtsps://localhost:{port}/stream"):
                pass


async def test_tls_where_there_is_none() -> None:
    async with Camera() as camera:
        with pytest.raises(Unreachable):
            async with watching(f"rtsps://127.0.0.1:{camera.port}/stream#timeout=1"):
                pass
