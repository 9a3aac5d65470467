"""Free ports, for when another gateway of the machine has the usual ones."""

import errno
import socket
from collections.abc import Collection
from contextlib import ExitStack

from .values import Endpoint

STEP = 10
"""1984 becomes 1994: easy to remember, and 8554 does not become 8555, which is another listener's."""
TRIES = 100


class Ports:
    """Chooses a port once and remembers it: from then on it is in use because we have it."""

    def __init__(self) -> None:
        self._chosen: dict[Endpoint, int] = {}

    def choose(self, wanted: Endpoint, *, avoid: Collection[int] = ()) -> int:
        """The port of `wanted`, or the nearest `STEP`s above it that is free and none of `avoid`.

        Where none is, or where the system refuses for another reason, it is the one that was wanted: who binds it
        says what is wrong.
        """
        if not wanted.port:
            return 0
        key = Endpoint("", wanted.port, wanted.network)  # the same port at another address is ours already
        if key not in self._chosen:
            candidates = range(wanted.port, min(wanted.port + STEP * TRIES, 65536), STEP)
            allowed = (port for port in candidates if port == wanted.port or port not in avoid)
            self._chosen[key] = next((port for port in allowed if _is_free(wanted, port)), wanted.port)
        return self._chosen[key]


def _is_free(wanted: Endpoint, port: int) -> bool:
    """Whether nobody has the port at any address that is wanted, over any wanted network."""
    hosts = [wanted.host] if wanted.host not in {"", "*"} else ["0.0.0.0", "::"]
    kinds = [socket.SOCK_STREAM] * wanted.tcp + [socket.SOCK_DGRAM] * wanted.udp
    with ExitStack() as held:
        for kind in kinds:
            for host in hosts:
                version = socket.AF_INET6 if ":" in host else socket.AF_INET
                try:
                    probe = held.enter_context(socket.socket(version, kind))
                    if version == socket.AF_INET6:
                        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    if kind == socket.SOCK_STREAM:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as who listens does
                    probe.bind((host, port))
                    if kind == socket.SOCK_STREAM:
                        probe.listen(1)
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        return False
    return True
