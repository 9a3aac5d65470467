"""The running gateway: built from a configuration, reloaded, and taken down again."""

import asyncio
import contextlib
import gc
import importlib
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from . import __version__
from .api.context import AppContext
from .api.server import ApiServer
from .config.commandline import system
from .config.identity import identity
from .config.load import ConfigFiles
from .config.pauses import Pauses
from .config.schema import endpoint
from .config.store import ConfigStore
from .config.trust import Throttle, open_gate, parse_address
from .config.values import NO_SECRET, Config, RtspConfig, WebRtcConfig
from .config.watch import ConfigDiff, Watcher, report
from .discovery.announce import Announcer, notice
from .errors import Go2pyError
from .observe.events import Bus
from .observe.log import LogConfig, fields, get_logger, shutdown
from .observe.log import setup as setup_log
from .outputs.play.service import PlayService
from .outputs.rtsp import Door, RtspServer
from .protocols.http_auth import ServerAuth
from .protocols.rtsp_server import Guard
from .sources.registry import SCHEMES, dial
from .streams.registry import Registry

if TYPE_CHECKING:
    from .discovery.supervisor import Supervisor
    from .outputs.snapshot import SnapshotService
    from .outputs.webrtc.port import WebRtcPort
    from .outputs.webrtc.session import WebRtcService

_log = get_logger()
_rtsp_log = get_logger("rtsp")
_streams_log = get_logger("streams")
_webrtc_log = get_logger("webrtc")

STOP_SECONDS = 1.5
"""What is not closed by then is left to the end of the process."""
RESTART = -1


class App:
    """Everything that runs, with its owner. `run` returns the exit code, or `RESTART`."""

    def __init__(
        self, files: ConfigFiles, config: Config, supervisor: Supervisor | None = None, *, child: bool = False
    ) -> None:
        self._child = child
        self._config = self._opened = config
        self._opening = asyncio.Lock()
        self._bus = Bus()
        folder = config.path.parent if config.path else None
        self._registry = Registry(dial, SCHEMES, config.settings, self._bus, Pauses(folder))
        self._gate = open_gate(config.api, folder)
        self._doors: dict[tuple[str, str], ServerAuth] = {}
        self._throttle = Throttle()
        self._store = ConfigStore(files)
        self._watcher = Watcher(files, config, self._apply, store=self._store)
        self._webrtc = Lazy(self._start_webrtc)
        self._snapshots = Lazy(self._start_snapshots)
        self._rtsp: RtspServer | None = None
        self._rtsp_problem = ""
        self._webrtc_port: WebRtcPort | None = None
        self._supervisor = supervisor
        self._ended: asyncio.Future[int] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: set[str] = set()
        self._context = AppContext(
            config=config,
            gate=self._gate,
            registry=self._registry,
            store=self._store,
            bus=self._bus,
            webrtc=self._webrtc.get,
            snapshots=self._snapshots.get,
            reload=self._watcher.reload,
            restart=lambda: self._end(RESTART),
            exit=self._end,
            play=PlayService(self._bus),
            identity=identity(folder),
            blocked=self._blocked,
        )
        self._api = ApiServer(self._context)
        self._announcer = Announcer(self._context.mdns)

    async def run(self) -> int:
        """Start, run until asked to stop, close."""
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._watcher.trigger)
        try:
            await self._start()
            return await self._ended
        finally:
            await self._close()

    async def _start(self) -> None:
        config = self._config
        self._adopt(config)
        await self._start_rtsp(config)
        self._watcher.start()
        if self._child:  # who started us chose the ports, and asks whether we have them
            self._warm_up()
            await self._webrtc.begun()
        await self._api.start()
        self._announce()
        self._preload(config)
        self._warm_up()
        self._background(self._settle())

    async def _close(self) -> None:
        """Close in the order of the data: doors first, then outputs, then sources."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                self._watcher.close()
                for task in self._tasks:
                    task.cancel()
                farewell = asyncio.ensure_future(self._leave())  # takes its time, as the network wants it
                if self._supervisor is not None:
                    await self._supervisor.close()
                await self._api.close()
                for service in (self._webrtc, self._snapshots):
                    await service.close()
                if self._rtsp is not None:
                    await self._rtsp.close()
                await self._context.play.close()
                await self._registry.close()
                await farewell
        except TimeoutError:
            _log.warning("not everything was closed in time")

    async def _leave(self) -> None:
        """Say goodbye to the network."""
        await self._announcer.close()
        await self._context.mdns.close()

    def _stop(self, number: signal.Signals) -> None:
        self._end(0)
        with contextlib.suppress(OSError):  # whoever read the output may be gone
            os.write(2, f"exit with signal: {number.name}\n".encode())

    def _end(self, code: int) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(code)

    # --- reload ------------------------------------------------------------------------------------------------------

    def _apply(self, config: Config, diff: ConfigDiff) -> None:
        """A new configuration was read: take over what changed."""
        if "api" in diff.sections:
            self._gate = self._context.gate = open_gate(config.api, config.path.parent if config.path else None)
        self._config = self._context.config = config
        self._adopt(config)
        if "preload" in diff.sections:
            for name in tuple(self._registry.preloads):
                if name not in config.preload:
                    self._registry.unload(name)
            self._preload(config)
        if diff.sections & {"api", "app", "rtsp", "webrtc"}:
            self._background(self._reopen())
        elif "discovery" in diff.sections:
            self._announce()
        if "log" in diff.sections:
            self._background(_set_up_log(config.log))
        if "settings" in diff.sections:
            _log.warning("reload: changes under go2py: take effect at the next start")
        self._warm_up()

    async def _reopen(self) -> None:
        """Listen as the configuration says now; who watches through a door that changed has to come again."""
        async with self._opening:
            before, config = self._opened, self._config
            self._opened = config
            await self._api.apply()
            if _rtsp_door(before) != _rtsp_door(config):
                if self._rtsp is not None:
                    await self._rtsp.close()
                    self._rtsp = None
                await self._start_rtsp(config)
            if _webrtc_door(before) != _webrtc_door(config):
                await self._webrtc.close()
                self._warm_up()
        self._announce()

    def _announce(self) -> None:
        """Tell the network where we are, and, as Home Assistant's app, tell it how to log in too."""
        told = notice(self._config, self._api.addresses, self._context.identity)
        self._background(self._announcer.update(told))
        if self._supervisor is not None:
            rtsp = self._rtsp.addresses if self._rtsp is not None else ()
            self._supervisor.announce(
                self._context.identity,
                self._config.api,
                self._api.addresses,
                self._gate.credentials,
                rtsp[0][1] if rtsp else 0,
            )

    def _adopt(self, config: Config) -> None:
        """Make the streams; each mistake in a source is told once."""
        self._registry.apply(config.streams.values())
        refused = set(self._registry.refused())
        for sentence in sorted(refused - self._refused):
            _streams_log.warning("%s", sentence)
        self._refused = refused

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_failure)

    def _preload(self, config: Config) -> None:
        for name, query in config.preload.items():
            present = self._registry.preloads.get(name)
            if present is not None and present.query == query:
                continue
            try:
                self._registry.preload(name, query)
            except Go2pyError as error:
                _log.error("preload of %s: %s", name, error)

    # --- services ----------------------------------------------------------------------------------------------------

    async def _start_rtsp(self, config: Config) -> None:
        rtsp = _rtsp_door(config)
        self._rtsp_problem = ""
        address = endpoint(rtsp.listen) if rtsp else None
        if rtsp is None or address is None:
            return
        self._rtsp = RtspServer(
            self._registry,
            authorize=self._rtsp_guard,
            udp=rtsp.udp,
            default_query=rtsp.default_query,
            packet_size=rtsp.pkt_size,
        )
        try:
            await self._rtsp.start(address.host, address.port)
        except OSError as error:
            advice = "choose another port under rtsp.listen, or stop what uses it"
            self._rtsp_problem = f"cannot listen on {rtsp.listen} ({os.strerror(error.errno or 0)}): {advice}"
            _rtsp_log.error("%s", self._rtsp_problem)
        else:
            _rtsp_log.info("listen", extra=fields(addr=rtsp.listen))

    def _blocked(self) -> Mapping[str, tuple[str, str]]:
        """Outputs that did not get their port: how it is written, and what the log said."""
        webrtc = "; ".join(self._webrtc_port.problems.values()) if self._webrtc_port is not None else ""
        found = {"rtsp": (self._config.rtsp.listen, self._rtsp_problem), "webrtc": (self._config.webrtc.listen, webrtc)}
        return {output: (listen, problem) for output, (listen, problem) in found.items() if problem}

    def _rtsp_guard(self, peer: str) -> Guard | None:
        """go2rtc's rule: from loopback only if told so, else its own credentials or, without them, the gateway's."""
        rtsp = self._config.rtsp
        if not rtsp.local_auth if _is_loopback(peer) else self._gate.open_to(peer):
            return None
        user = (rtsp.username, rtsp.password.open())
        if not rtsp.username:
            user = (self._gate.credentials.username, self._gate.credentials.password.open())
        return Door(self._doors.setdefault(user, ServerAuth(*user)), self._throttle, peer)

    def _warm_up(self) -> None:
        """Load WebRTC's parts once there is something to watch, before the first viewer waits for them."""
        if (len(self._registry) or self._child) and self._config.app.enabled("webrtc"):
            self._webrtc.begin()

    async def _settle(self) -> None:
        """What the start made stays: the garbage collector, off until now, passes it over. The little garbage among
        it stays too, to look for it would stop everything for 40 ms."""
        await self._webrtc.begun()
        gc.freeze()
        gc.enable()

    async def _start_webrtc(self) -> WebRtcService:
        port = await asyncio.to_thread(importlib.import_module, f"{__package__}.outputs.webrtc.port")
        session = await asyncio.to_thread(importlib.import_module, f"{__package__}.outputs.webrtc.session")
        self._webrtc_port = port.WebRtcPort(self._config.webrtc)
        service: WebRtcService = session.WebRtcService(self._webrtc_port)
        await service.start()
        return service

    async def _start_snapshots(self) -> SnapshotService:
        module = await asyncio.to_thread(importlib.import_module, f"{__package__}.outputs.snapshot")
        service: SnapshotService = module.SnapshotService()
        return service


def run(files: ConfigFiles, config: Config, supervisor: Supervisor | None = None, *, child: bool = False) -> int:
    """Run the gateway until it is told to stop; the exit code, or `RESTART`. Raises `ConfigError`."""
    problems = setup_log(config.log).problems
    try:
        _log.info(f"go2py platform={system()} version={__version__}")
        if config.path is not None:
            _log.info("config", extra=fields(path=str(config.path)))
        report(config)
        for problem in problems:
            _log.warning(problem)
        return asyncio.run(_run(files, config, supervisor, child=child))
    finally:
        shutdown()


async def _set_up_log(config: LogConfig) -> None:
    await asyncio.to_thread(setup_log, config)  # the old output gets time to take what waits for it


async def refused(config: Config) -> list[str]:
    """Sources of a configuration that nothing here can dial, and why; none is dialled."""
    registry = Registry(dial, SCHEMES, config.settings, Bus())
    registry.apply(replace(stream, keep=False) for stream in config.streams.values())
    sentences = list(registry.refused())
    await registry.close()
    return sentences


async def _run(files: ConfigFiles, config: Config, supervisor: Supervisor | None, *, child: bool) -> int:
    return await App(files, config, supervisor, child=child).run()


class Closable(Protocol):
    async def close(self) -> None: ...


class Lazy[T: Closable]:
    """A service that is made once, when first asked for. A failed start is tried again by the next who asks."""

    def __init__(self, start: Callable[[], Coroutine[None, None, T]]) -> None:
        self._start = start
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """Start making it, if nobody did."""
        task = self._task
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            self._task = asyncio.get_running_loop().create_task(self._start(), name=self._start.__name__)
            self._task.add_done_callback(_log_failure)

    async def get(self) -> T:
        self.begin()
        assert self._task is not None
        return await asyncio.shield(self._task)

    async def begun(self) -> None:
        """Wait until what was begun is done, well or not."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def close(self) -> None:
        """End it; who asks next gets a new one."""
        task, self._task = self._task, None
        if task is None:
            return
        if not task.done():
            task.cancel()
        (made,) = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(made, BaseException):
            await made.close()


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s failed", task.get_name(), exc_info=error)


def _rtsp_door(config: Config) -> RtspConfig | None:
    """What the RTSP server is made from; credentials are looked at with every connection."""
    rtsp = config.rtsp
    open_ = config.app.enabled("rtsp") and rtsp.listen
    return replace(rtsp, username="", password=NO_SECRET, local_auth=False) if open_ else None


def _webrtc_door(config: Config) -> WebRtcConfig | None:
    return config.webrtc if config.app.enabled("webrtc") else None


def _is_loopback(peer: str) -> bool:
    address = parse_address(peer)
    return address is not None and address.is_loopback
