"""Opens what a camera's URL and transport ask for: TCP, TLS, a tunnel."""

import asyncio
import functools
import ipaddress
import ssl

from ...errors import Unreachable
from ...protocols.rtsp_url import DEFAULT_PORT, RtspUrl
from .connection import Connection


async def dial(url: RtspUrl, transport: str, timeout: float) -> Connection:
    """A connection ready for requests. Raises `Unreachable`, `Unauthorized`, `Unsupported` (of a tunnel)."""
    if transport == "http" or transport.startswith("ws"):
        from . import tunnel  # noqa: PLC0415  few cameras need it, and it brings an HTTP client

        if transport == "http":
            return await tunnel.http(url, timeout)
        return await tunnel.websocket(transport, url, timeout)
    port = url.port or DEFAULT_PORT
    connection = Connection()
    await connect(connection, url, port, timeout, secure=url.scheme in ("rtsps", "rtspx"))
    return connection


async def connect(protocol: asyncio.BaseProtocol, url: RtspUrl, port: int, timeout: float, *, secure: bool) -> None:
    """TCP, and TLS on it where `secure`, to the URL's host. Raises `Unreachable` in words of the user."""
    where = f"{url.address.rpartition(':')[0]}:{port}"
    context = await tls_context(url.scheme, url.host) if secure else None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            await loop.create_connection(lambda: protocol, url.host, port, ssl=context)
    except TimeoutError:
        raise Unreachable(
            f"{where} does not answer within {timeout:g} s; is the camera on and the address right?"
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"{where} has a certificate that is not trusted ({error.verify_message}); rtspx:// goes without"
        ) from None
    except ssl.SSLError:
        raise Unreachable(f"{where} does not speak TLS as expected; try rtsp:// instead") from None
    except ConnectionRefusedError:
        raise Unreachable(f"{where} refuses connections; is RTSP switched on, and the port right?") from None
    except OSError as error:
        raise Unreachable(f"{where} cannot be reached ({error.strerror or 'none of its addresses answers'})") from None


async def tls_context(scheme: str, host: str) -> ssl.SSLContext:
    """Certificates are verified unless the scheme ends in x or the host is an IP address, as hardly any camera has a
    certificate for its address."""
    verify = not scheme.endswith("x") and not _is_address(host)
    return await asyncio.to_thread(_context, verify)  # loading the system's certificates takes tens of ms


@functools.cache
def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
