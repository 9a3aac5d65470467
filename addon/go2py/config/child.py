"""For a gateway that another program runs: its orders come on standard input, and the end of it ends the gateway.

Orders come this way because arguments and environment show in lists of processes and reach every command a source runs.
A pipe closes with its writer however that ended, so that nothing is left over.
"""

import os
import signal
import threading
import time
from typing import BinaryIO

from ..errors import ConfigError

MAX_ORDERS = 64 << 10
PATIENCE = 10.0
"""Seconds to close everything, once the other program is gone."""


def read_orders(stream: BinaryIO) -> str:
    """The first line: `{…}` in YAML or JSON that outvotes every file. Raises `ConfigError`."""
    line = stream.readline(MAX_ORDERS)
    if not (line.startswith(b"{") and line.endswith(b"\n")):
        raise ConfigError("standard input: a line {…} with the configuration is expected")
    return line.decode("utf-8", "replace").strip()


def end_with(stream: BinaryIO) -> None:
    """End this process as SIGTERM does once `stream` ends, from a thread: a busy loop does not delay it."""
    threading.Thread(target=_watch, args=(stream.fileno(),), name="child", daemon=True).start()


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)
