"""The gateway as a process of Home Assistant's: started, watched, started again, and ended with it."""

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant

from .client import GatewayInfo
from .const import LOGGER
from .environment import Environment, HostingError
from .errors import GatewayError
from .session import passing_client

_LOG: Final = logging.getLogger(f"{__package__}.gateway")
"""What the gateway itself says."""
_LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
_HIDDEN: Final = {"level", "time", "message"}
_START_SECONDS: Final = 60.0
"""A small machine whose disk is busy at boot."""
_STOP_SECONDS: Final = 4.0
_STABLE_SECONDS: Final = 60.0
"""A gateway that ran this long starts over with the shortest delay."""
_BACK_OFF: Final = (1, 2, 5, 10, 30, 60)
_LINE: Final = 1 << 20
_TAIL: Final = 8
_LOOPBACK: Final = "127.0.0.1"
_RTSP, _WEBRTC = 8554, 8555
_STEP, _TRIES = 10, 50
_ROUNDS: Final = 3
"""So often others may choose the same ports in the same moment."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a gateway listens."""

    api: int
    rtsp: int
    webrtc: int

    @classmethod
    def choose(cls) -> Ports:
        """The usual ones, unless another gateway or Home Assistant of this machine has them."""
        with socket.socket() as probe:
            probe.bind((_LOOPBACK, 0))
            api = probe.getsockname()[1]
        rtsp = _first_free(_RTSP, _LOOPBACK, socket.SOCK_STREAM)
        return cls(api, rtsp, _first_free(_WEBRTC, "0.0.0.0", socket.SOCK_STREAM, socket.SOCK_DGRAM))

    def still_free(self) -> bool:
        """Whether nobody took the API's port while the gateway was away."""
        return _is_free(self.api, _LOOPBACK, socket.SOCK_STREAM)

    @property
    def rtsp_address(self) -> str:
        return f"{_LOOPBACK}:{self.rtsp}"

    @property
    def webrtc_address(self) -> str:
        return f":{self.webrtc}"


class GatewayProcess:
    """A gateway with credentials that only Home Assistant knows.

    `moved` is called once where it has to come back at other ports, which ends it.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        environment: Environment,
        folder: Path,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._hass = hass
        self._environment = environment
        self._folder = folder
        self._moved = moved
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        """The first process came to its end."""
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._password = secrets.token_urlsafe(32)
        self._ports = Ports.choose()
        self.pid = 0
        """The process that lives, or lived last."""

    @property
    def data(self) -> Mapping[str, str]:
        """How to reach it."""
        url = f"http://{_LOOPBACK}:{self._ports.api}/"
        return {CONF_URL: url, CONF_USERNAME: "homeassistant", CONF_PASSWORD: self._password}

    async def start(self) -> None:
        """Run until `stop`; returns once the gateway answers. Where it does not: `HostingError` with its last lines."""
        await self._hass.async_add_executor_job(lambda: self._folder.mkdir(parents=True, exist_ok=True))
        for last in (False,) * (_ROUNDS - 1) + (True,):
            self._ended.clear()
            self._task = self._hass.async_create_background_task(self._run(), "go2py gateway")
            try:
                info = await self._answer()
            except BaseException:
                await self.stop()
                raise
            ours = {self._ports.rtsp_address, self._ports.webrtc_address}
            if last or ours.isdisjoint(blocked.address for blocked in info.blocked):
                return
            await self.stop()
            self._ports = Ports.choose()

    async def _answer(self) -> GatewayInfo:
        """Wait for it. Raises `HostingError`."""
        with passing_client(self._hass, self.data) as client:
            try:
                async with asyncio.timeout(_START_SECONDS):
                    while not self._ended.is_set():
                        with suppress(GatewayError):
                            return await client.info()
                        await asyncio.sleep(0.1)
            except TimeoutError:
                self._tail.append(f"no answer for {_START_SECONDS:.0f} seconds")
        raise HostingError("\n".join(self._tail))

    async def stop(self) -> None:
        """End it for good."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                ending = f"ended with code {await self._live()}"
            except OSError as error:
                ending = f"cannot be started: {error}"
                self._tail.append(str(error))
            self._ended.set()
            if time.monotonic() - began > _STABLE_SECONDS:
                failures = 0
            delay = _BACK_OFF[min(failures, len(_BACK_OFF) - 1)]
            LOGGER.warning("The gateway %s; it is started again in %s s", ending, delay)
            await asyncio.sleep(delay)
            failures += 1
            if not self._ports.still_free():
                LOGGER.warning("Another program took the gateway's port")
                self._moved()
                return

    async def _live(self) -> int:
        """One life of the gateway; the exit code. Raises `OSError`."""
        process = await asyncio.create_subprocess_exec(
            str(self._environment.python),
            *("-P", "-m", "go2py", "--child", "-c", self._defaults(), "-c", str(self._folder / "go2py.yaml")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(self._environment.code)},
            limit=_LINE,
            start_new_session=True,  # Ctrl-C on a terminal is for Home Assistant, which ends us in order
        )
        self.pid = process.pid
        assert process.stdin is not None
        assert process.stdout is not None
        reading = asyncio.ensure_future(self._listen(process.stdout))
        try:
            process.stdin.write(self._orders())
            with suppress(ConnectionError):
                await process.stdin.drain()
            code = await process.wait()
            await asyncio.wait([reading], timeout=1)  # its last words; commands it ran may keep the pipe open
            return code
        finally:
            await _end(process)
            reading.cancel()
            await asyncio.wait([reading])

    def _defaults(self) -> str:
        """What the user's file may change."""
        level = "debug" if _LOG.isEnabledFor(logging.DEBUG) else "info"
        return json.dumps(
            {
                "rtsp": {"listen": self._ports.rtsp_address},
                "webrtc": {"listen": self._ports.webrtc_address},
                "log": {"level": level},
            }
        )

    def _orders(self) -> bytes:
        """What it may not, on standard input as it holds the password."""
        data = self.data
        login = {"username": data[CONF_USERNAME], "password": data[CONF_PASSWORD], "local_auth": True}
        orders = {
            "api": {"listen": f"{_LOOPBACK}:{self._ports.api}", **login},
            "rtsp": login,
            "log": {"format": "json", "output": "stdout"},
        }
        return json.dumps(orders).encode() + b"\n"

    async def _listen(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:  # longer than any line should be; the rest of it follows
                continue
            if not line:
                return
            self._write(line.decode("utf-8", "replace").rstrip())

    def _write(self, line: str) -> None:
        """A line of the gateway's log into ours. What is no JSON is Python's own, and never good news."""
        try:
            record: Any = json.loads(line)
            level, message = _LEVELS[record["level"]], str(record["message"])
        except ValueError, KeyError, TypeError:
            level, message = logging.WARNING if self._task else logging.DEBUG, line
        else:
            message += "".join(f" {key}={value}" for key, value in record.items() if key not in _HIDDEN)
        if level >= logging.WARNING:
            self._tail.append(message)
        _LOG.log(level, "%s", message)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask, then insist; commands that it ran go with it."""
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        LOGGER.warning("The gateway does not end by itself")
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _first_free(port: int, host: str, *kinds: int) -> int:
    """The port or one above it; where none is free the first, and who binds it says so."""
    ports = range(port, port + _STEP * _TRIES, _STEP)
    return next((one for one in ports if _is_free(one, host, *kinds)), port)


def _is_free(port: int, host: str, *kinds: int) -> bool:
    for kind in kinds:
        with socket.socket(type=kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the gateway does
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
