"""The whole gateway in this process, on ports of its own, for tests of promises that cross all layers."""

import asyncio
import gc
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession

from go2py.app import App
from go2py.config.load import ConfigFiles
from go2py.streams.registry import Registry
from go2py.streams.session import Session

QUICK = {
    "linger": 0.3,
    "wait": 3,
    "watchdog": 1.0,
    "first_picture": 2.0,
    "backlog": 0.5,
    "stuck": 1.5,
    "retry_first": 0.1,
    "retry_max": 0.3,
}
"""Settings that make tests short."""

type Streams = Mapping[str, str | Sequence[str]]


class Running:
    """Use as `async with Running(folder, {"door": camera.url}) as gateway:`; stopped, and checked for leaks, behind it."""

    def __init__(self, folder: Path, streams: Streams, settings: Mapping[str, Any] | None = None) -> None:
        self.file = folder / "go2py.yaml"
        self.config: dict[str, Any] = {
            "api": {"listen": "127.0.0.1:0", "username": "admin", "password": "correct horse"},
            "rtsp": {"listen": "127.0.0.1:0"},
            "webrtc": {"listen": "127.0.0.1:0", "filters": {"loopback": True}},
            "streams": dict(streams),
            "go2py": QUICK | dict(settings or {}),
        }

    def write(self) -> None:
        """Store `config`: before the start, or for a reload."""
        self.file.write_text(json.dumps(self.config))

    async def __aenter__(self) -> Self:
        self.write()
        files = ConfigFiles([str(self.file)], environ={})
        self._before = left()
        self.app = App(files, files.load())
        self._run = asyncio.get_running_loop().create_task(self.app.run())
        await until(lambda: self.app._api.addresses or self._run.done())
        if self._run.done():
            self._run.result()
        self.webrtc = await self.app._webrtc.get()
        self.http = ClientSession(self.url)
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self.http.close()
        self.app._context.exit(0)
        code = await self._run
        gc.unfreeze()
        if kind is None:
            assert code == 0
            await until(lambda: left()[0] <= self._before[0])

    @property
    def url(self) -> str:
        return self.app._api.addresses[0]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def rtsp_port(self) -> int:
        assert self.app._rtsp is not None
        return self.app._rtsp.addresses[0][1]

    @property
    def webrtc_port(self) -> int:
        sockets = self.webrtc._port.sockets()
        return int(sockets[0].port)

    @property
    def registry(self) -> Registry:
        return self.app._registry

    def session(self, stream: str = "door") -> Session:
        """Of the stream's first source."""
        found = self.registry.require(stream).slots[0].session
        assert found is not None
        return found

    def readers(self, stream: str = "door") -> int:
        return len(self.registry.require(stream).attachments)

    async def info(self, stream: str = "door") -> dict[str, Any]:
        """What the API tells of a stream."""
        async with self.http.get("/api/streams", params={"src": stream}) as answer:
            value: dict[str, Any] = await answer.json()
            return value


def left() -> tuple[set[str], int]:
    """Names of tasks beside the present one, and open file descriptors."""
    present = asyncio.current_task()
    tasks = {task.get_name() for task in asyncio.all_tasks() if task is not present}
    return tasks, len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something to be true. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
