"""The DTLS side of one peer on the loop: the handshake's steps in a worker, timers, and the peer's goodbye."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from ...errors import ProtocolError
from .dtls import DtlsEndpoint, SrtpKeys

MAX_INBOX: Final = 32
"""Datagrams that wait for their turn; a peer sends what is dropped again."""


class Handshake:
    """Owns an endpoint. `done` gets the keys, `over` the reason why it failed or ended; `send` sends one datagram.

    A crowd that joins at once keeps the workers busy, not the loop. Nothing happens before `begin`: until then there
    is no way to answer.
    """

    def __init__(
        self,
        endpoint: DtlsEndpoint,
        workers: Executor,
        send: Callable[[bytes], None],
        done: Callable[[SrtpKeys], None],
        over: Callable[[str], None],
    ) -> None:
        self._endpoint, self._workers = endpoint, workers
        self._send, self._done, self._over = send, done, over
        self._loop = asyncio.get_running_loop()
        self._inbox: list[bytes] = []
        self._begun = self._finished = self._closed = False
        self._job: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A way to the peer is there (again)."""
        if not self._begun:
            self._begun = True
            self._step(first=self._endpoint.role == "client")

    def receive(self, datagram: bytes) -> None:
        """A DTLS datagram of the peer."""
        if len(self._inbox) < MAX_INBOX:
            self._inbox.append(datagram)
            if self._finished:
                self._after()
            else:
                self._step()

    def close(self) -> None:
        """Say goodbye if the peer knows us, and do nothing any more. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._finished:
            self._flush(self._endpoint.close())

    def _step(self, *, first: bool = False, expired: bool = False) -> None:
        """Have a worker take what is there, one job at a time: an endpoint is not for two threads."""
        if self._closed or not self._begun or self._job is not None or not (self._inbox or first or expired):
            return
        datagrams, self._inbox = tuple(self._inbox), []
        self._job = self._loop.run_in_executor(self._workers, _work, self._endpoint, datagrams, expired)
        self._job.add_done_callback(self._stepped)

    def _stepped(self, job: asyncio.Future[None]) -> None:
        self._job = None
        if job.cancelled() or self._closed:
            return
        error = job.exception()
        self._flush(self._endpoint.take())
        if isinstance(error, ProtocolError):
            self._over(str(error))
        elif error is not None:
            raise error
        elif self._endpoint.keys is not None:
            self._finished = True
            self._rearm(None)
            self._done(self._endpoint.keys)
            self._after()
        else:
            self._rearm(self._endpoint.timeout())
            self._step()

    def _rearm(self, wait: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if wait is None else self._loop.call_later(wait, self._expired)

    def _expired(self) -> None:
        self._step(expired=True)

    def _after(self) -> None:
        """What comes after the handshake is rare and quick: our last flight is wanted again, or it is over."""
        if self._closed:
            return
        datagrams, self._inbox = self._inbox, []
        try:
            if datagrams:
                self._endpoint.step(datagrams)
        except ProtocolError as error:
            self._over(str(error))
            return
        self._flush(self._endpoint.take())
        if self._endpoint.closed:
            self._over("the viewer closed the connection")

    def _flush(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self._send(datagram)


def _work(endpoint: DtlsEndpoint, datagrams: tuple[bytes, ...], expired: bool) -> None:
    if expired:
        endpoint.expired()
    if datagrams or not expired:
        endpoint.step(datagrams)
