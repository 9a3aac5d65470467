"""The whole gateway on ports of its own, in this process or in one of its own, for promises that cross all layers."""

import asyncio
import contextlib
import gc
import json
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientError, ClientSession, encode_basic_auth

from go2py.app import App
from go2py.config.load import ConfigFiles
from go2py.streams.registry import Registry
from go2py.streams.session import Session

USER, PASSWORD = "admin", "correct horse"
LOGIN = encode_basic_auth(USER, PASSWORD)
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


class Gateway:
    """What viewers need of a gateway; `config` may be changed and written again."""

    http: ClientSession
    rtsp_port: int
    webrtc_port: int

    def __init__(self, folder: Path, streams: Streams, settings: Mapping[str, Any] | None = None) -> None:
        self.file = folder / "go2py.yaml"
        self.config: dict[str, Any] = {
            "api": {"listen": "127.0.0.1:0", "username": USER, "password": PASSWORD},
            "rtsp": {"listen": "127.0.0.1:0"},
            "webrtc": {"listen": "127.0.0.1:0", "filters": {"loopback": True}},
            "streams": dict(streams),
            "go2py": QUICK | dict(settings or {}),
        }

    def write(self) -> None:
        """Store `config`: before the start, or for a reload."""
        self.file.write_text(json.dumps(self.config))

    async def info(self, stream: str = "door") -> dict[str, Any]:
        """What the API tells of a stream."""
        async with self.http.get("/api/streams", params={"src": stream}) as answer:
            value: dict[str, Any] = await answer.json()
            return value


class Running(Gateway):
    """In this process: `async with Running(folder, {"door": camera.url}) as gateway:`; no task is left behind it."""

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
        self.url = self.app._api.addresses[0]
        self.http = ClientSession(self.url)
        assert self.app._rtsp is not None
        self.rtsp_port = self.app._rtsp.addresses[0][1]
        self.webrtc_port = self.webrtc._port.sockets()[0].port
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self.http.close()
        self.app._context.exit(0)
        code = await self.stopped()
        if kind is None:
            assert code == 0
            await until(lambda: left()[0] <= self._before[0])

    async def stopped(self) -> int:
        """Wait for the end; the exit code."""
        code = await self._run
        gc.unfreeze()
        return code

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


class Process(Gateway):
    """In a process of its own, that is terminated behind the block. `log` is what it wrote.

    `prefix` is a command that runs the gateway's; `host` is where it is reached.
    """

    prefix: tuple[str, ...] = ()
    host = "127.0.0.1"

    about = "/api"
    """What answers when it runs; it is elsewhere with a `base_path`."""

    def __init__(self, folder: Path, streams: Streams, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(folder, streams, settings)
        self.rtsp_port, self.webrtc_port, self.port = free_ports(3)
        for section, port in (("api", self.port), ("rtsp", self.rtsp_port), ("webrtc", self.webrtc_port)):
            self.config[section]["listen"] = f"{self.host}:{port}"
        self.url = f"http://{self.host}:{self.port}"
        self.log = b""

    async def __aenter__(self) -> Self:
        self.write()
        self.process = await asyncio.create_subprocess_exec(
            *self.prefix, Path(sys.executable).with_name("go2py"), "-c", self.file, stdout=PIPE, stderr=STDOUT
        )
        self._reading = asyncio.get_running_loop().create_task(self._read())
        self.http = ClientSession(self.url, headers={"Authorization": LOGIN})
        try:
            async with asyncio.timeout(30):
                while not await self._answers():
                    assert self.process.returncode is None, self.log
                    await asyncio.sleep(0.05)
        except BaseException as error:
            error.add_note(self.log.decode())
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        await self.stop()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(10):
            await self._reading
            return await self.process.wait()

    def deafen(self) -> None:
        """Close the pipe that it writes to."""
        assert self.process.stdout is not None
        transport: Any = self.process.stdout._transport  # type: ignore[attr-defined]
        transport.close()

    async def _answers(self) -> bool:
        try:
            async with self.http.get(self.about) as answer:
                return answer.status == 200
        except ClientError:
            return False

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(1 << 16):
            self.log += data


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has, over TCP and UDP."""
    with contextlib.ExitStack() as bound:
        found: list[int] = []
        while len(found) < count:
            tcp = bound.enter_context(socket.create_server(("127.0.0.1", 0)))
            udp = bound.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                found.append(tcp.getsockname()[1])
        return found


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
