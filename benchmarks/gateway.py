"""The gateway under test, as a process."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from .measure import cpu_seconds, memory_mb

COMMAND = Path(sys.executable).with_name("go2py")
START_SECONDS = 20.0


class Gateway:
    """A gateway with these streams on ports of its own, on loopback. Use it as a context manager."""

    def __init__(self, streams: Mapping[str, str], *, cores: set[int] | None = None, **sections: Any) -> None:
        self.api, self.rtsp, self.webrtc = free_ports(3)
        config = {
            "api": {"listen": f"127.0.0.1:{self.api}", "username": "bench", "password": "bench"},
            "rtsp": {"listen": f"127.0.0.1:{self.rtsp}"},
            "webrtc": {"listen": f"127.0.0.1:{self.webrtc}", "filters": {"loopback": True}},
            "log": {"level": "warn"},
            "streams": dict(streams),
        } | sections
        self._folder = tempfile.TemporaryDirectory(prefix="go2py-bench-")
        self._log = Path(self._folder.name, "log")
        self._began = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(COMMAND), "-c", json.dumps(config)],
                cwd=self._folder.name,
                stdout=log,
                stderr=log,
                preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,  # noqa: PLW1509  no threads yet
            )
        self.start_seconds = self._await_answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds(self._process.pid)

    @property
    def memory(self) -> float:
        """Resident memory, MiB."""
        return memory_mb(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str) -> bytes:
        """The body of an answer of the API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api}/{path}", timeout=20) as answer:
            body: bytes = answer.read()
            return body

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _await_answer(self) -> float:
        """Seconds from the start of the process to the first byte of an answer."""
        while time.monotonic() - self._began < START_SECONDS:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.api), 1) as connection:
                connection.sendall(b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                if connection.recv(1):
                    return time.monotonic() - self._began
            time.sleep(0.002)
        said = self._log.read_text(errors="replace")
        self.stop()
        raise RuntimeError(f"the gateway does not answer: {said}")


def free_ports(count: int) -> list[int]:
    """Ports that are free for TCP and UDP, below those that the system gives to others."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(20_000, 32_000)
        with (
            contextlib.suppress(OSError),
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            if port not in ports:
                ports.append(port)
    return ports
