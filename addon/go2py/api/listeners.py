"""Where the HTTP server listens: TCP, TLS, a unix socket. What cannot be bound is told and left out."""

import asyncio
import contextlib
import errno
import socket
import ssl
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..config.values import ApiConfig
from ..errors import ConfigError
from ..observe.log import fields, get_logger

_log = get_logger("api")

type Factory = Callable[[], asyncio.Protocol]

_BACKLOG = 512


class Listeners:
    """Binds first and accepts from `start` on. `addresses` are URLs of what listens, `unix:` for a socket."""

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()
        self._servers: list[tuple[asyncio.Server, str]] = []

    async def bind(self, config: ApiConfig, factory: Factory) -> None:
        loop = asyncio.get_running_loop()
        addresses: list[str] = []
        if config.listen and (sock := _bound(config.listen, "api.listen")):
            server = await loop.create_server(factory, sock=sock, backlog=_BACKLOG, start_serving=False)
            self._servers.append((server, _shown(config.listen, sock)))
            addresses.append(_url("http", sock))
        if config.tls_listen and config.tls_cert and config.tls_key:
            context = await _tls_context(config)
            sock = _bound(config.tls_listen, "api.tls_listen") if context else None
            if context and sock:
                server = await loop.create_server(
                    factory, sock=sock, ssl=context, backlog=_BACKLOG, start_serving=False
                )
                self._servers.append((server, _shown(config.tls_listen, sock)))
                addresses.append(_url("https", sock))
        elif config.tls_listen:
            _log.warning("api.tls_listen needs api.tls_cert and api.tls_key too; TLS stays off")
        if config.unix_listen and (sock := _bound_unix(config.unix_listen)):
            server = await loop.create_unix_server(factory, sock=sock, backlog=_BACKLOG, start_serving=False)
            self._servers.append((server, config.unix_listen))
            addresses.append(f"unix:{config.unix_listen}")
        if config.ingress_listen and (sock := _bound(config.ingress_listen, "api.ingress_listen")):
            server = await loop.create_server(factory, sock=sock, backlog=_BACKLOG, start_serving=False)
            self._servers.append((server, _shown(config.ingress_listen, sock)))
            addresses.append(_url("http", sock))
        self.addresses = tuple(addresses)

    async def start(self) -> None:
        """Accept connections, and say so in the words that Home Assistant waits for."""
        for server, shown in self._servers:
            await server.start_serving()
            _log.info("listen", extra=fields(addr=shown))

    def close(self) -> None:
        """Accept no more; connections stay."""
        for server, _ in self._servers:
            server.close()
        self._servers.clear()
        for address in self.addresses:
            if address.startswith("unix:"):
                with contextlib.suppress(OSError):
                    Path(address.removeprefix("unix:")).unlink()
        self.addresses = ()


def parse_listen(text: str, key: str) -> tuple[str, int]:
    """Host (empty for every address) and port of `host:port`. Raises `ConfigError`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ConfigError("write :port or host:port", key=key)
    host = host.strip("[]")
    return ("" if host == "*" else host), int(port)


def _bound(text: str, key: str) -> socket.socket | None:
    """A bound socket, for both IP versions where no host is given; None when that fails."""
    try:
        host, port = parse_listen(text, key)
        if host:
            version = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=version)
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except ConfigError as error:
        _log.error("%s", error)
    except OSError as error:
        _log.error("cannot listen on %s (%s): %s", text, error.strerror or error, _advice(error, key))
    return None


def _bound_unix(path: str) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(Path(path).stat().st_mode):  # left over; any other file makes bind fail
                Path(path).unlink()
        sock.bind(path)
    except (OSError, ValueError) as error:
        sock.close()
        _log.error("cannot listen on %s (%s): check api.unix_listen", path, error)
        return None
    return sock


def _advice(error: OSError, key: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"another program has the port, maybe go2rtc or another go2py: stop it, or change {key}"
        case errno.EACCES:
            return f"this user may not have the port: set {key} to one above 1023"
        case errno.EADDRNOTAVAIL:
            return f"this machine has no such address: change {key}"
        case _:
            return f"check {key}"


async def _tls_context(config: ApiConfig) -> ssl.SSLContext | None:
    try:
        return await asyncio.to_thread(load_tls, config.tls_cert, config.tls_key.open())
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        _log.error("the certificate cannot be used (%s): check api.tls_cert and api.tls_key", error)
        return None


def load_tls(certificate: str, key: str) -> ssl.SSLContext:
    """A server's context. PEM text if one of the two has a line end, else both are paths. Raises `OSError`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    if "\n" not in certificate + key:
        context.load_cert_chain(certificate, key)
        return context
    with tempfile.TemporaryDirectory(prefix="go2py-") as folder:  # OpenSSL reads files only; the folder is 0700
        paths = Path(folder, "certificate"), Path(folder, "key")
        for path, text in zip(paths, (certificate, key), strict=True):
            path.write_text(text)
        context.load_cert_chain(*paths)
    return context


def _shown(configured: str, sock: socket.socket) -> str:
    """The address as it was configured, with the real port where that was left to the system."""
    host, _, port = configured.rpartition(":")
    return configured if int(port) else f"{host}:{sock.getsockname()[1]}"


def _url(scheme: str, sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
