"""Load in a process of its own: an object there whose methods are called from here."""

import asyncio
import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Any, Protocol, Self

_CONTEXT = multiprocessing.get_context("spawn")
PATIENCE = 60.0


class Load(Protocol):
    """What a worker runs: made from keyword arguments, started on its own event loop."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...


class Worker:
    """Runs `load(**parameters)` in a new process, on these cores. Use it as a context manager."""

    def __init__(self, load: type[Load], *, cores: set[int] | None = None, **parameters: Any) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_run, args=(theirs, load, cores, parameters), daemon=True)
        self._process.start()
        theirs.close()
        self._take()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ask(self, method: str, **arguments: Any) -> Any:
        """Call an async method of the load and wait for what it returns. Raises RuntimeError with its error."""
        self._pipe.send((method, arguments))
        return self._take()

    def stop(self) -> None:
        if self._process.is_alive():
            self._pipe.send(None)
            self._process.join(5)
            self._process.kill()
        self._process.join()
        self._pipe.close()

    def _take(self) -> Any:
        if not self._pipe.poll(PATIENCE):
            raise RuntimeError("a worker does not answer")
        fine, value = self._pipe.recv()
        if not fine:
            raise RuntimeError(value)
        return value


def _run(pipe: Connection, load: type[Load], cores: set[int] | None, parameters: dict[str, Any]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    asyncio.run(_serve(pipe, load, parameters))


async def _serve(pipe: Connection, load: type[Load], parameters: dict[str, Any]) -> None:
    made = load(**parameters)
    await _answer(pipe, made.start())
    while (call := await asyncio.to_thread(_receive, pipe)) is not None:
        method, arguments = call
        await _answer(pipe, getattr(made, method)(**arguments))
    await made.close()


def _receive(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except EOFError:  # whoever started us is gone
        return None


async def _answer(pipe: Connection, work: Any) -> None:
    try:
        pipe.send((True, await work))
    except Exception as error:  # noqa: BLE001  told to whoever asked
        pipe.send((False, f"{type(error).__name__}: {error}"))
