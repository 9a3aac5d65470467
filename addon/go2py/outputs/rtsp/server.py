"""The listening side: accepts connections and owns them."""

import asyncio
from collections.abc import Callable
from typing import Any

from ... import __version__
from ...protocols.rtsp_server import Guard
from ...streams.registry import Registry
from .connection import Connection
from .udp import UdpPorts
from .visit import Visits

_CLOSE_SECONDS = 1.0

type Authorize = Callable[[str], Guard | None]
"""Which credentials a peer address must bring; None where it is trusted."""


class RtspServer:
    """Streams of a registry over RTSP. `start` may be called for several addresses; `close` ends all of it.

    `authorize` says for an IP address who checks it. `udp` allows transport over UDP. `default_query` has the filters
    for viewers that give none. `packet_size` is the size of an RTP packet with its header, 0 the default of 1472.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        authorize: Authorize,
        udp: bool = False,
        default_query: str = "video&audio",
        packet_size: int = 0,
    ) -> None:
        self.registry = registry
        self.authorize = authorize
        self.udp = udp
        self.agent = f"go2py/{__version__}"
        self.visits = Visits(registry, self.agent, default_query, packet_size)
        self.connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._ports: dict[str, asyncio.Task[UdpPorts]] = {}

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of every listening socket."""
        return tuple(socket.getsockname()[:2] for server in self._servers for socket in server.sockets)

    async def start(self, host: str | None, port: int) -> None:
        """Listen; host None or empty means every address. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: Connection(self), host or None, port))

    async def close(self) -> None:
        """Stop listening and close all connections."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        for connection in tuple(self.connections):
            connection.close()
        if self.connections:
            await asyncio.wait([connection.closed for connection in self.connections], timeout=_CLOSE_SECONDS)
        for connection in tuple(self.connections):
            connection.abort()
        for server in servers:
            await server.wait_closed()
        ports = await asyncio.gather(*self._ports.values(), return_exceptions=True)
        self._ports.clear()
        for opened in ports:
            if isinstance(opened, UdpPorts):
                opened.close()

    async def udp_ports(self, host: str) -> UdpPorts:
        """The pair of ports on a local address, opened with the first viewer there. Raises `OSError`."""
        task = self._ports.get(host)
        if task is None or _failed(task):
            task = self._ports[host] = asyncio.create_task(UdpPorts.open(host))
        return await asyncio.shield(task)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
