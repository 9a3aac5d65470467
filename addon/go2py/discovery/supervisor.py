"""Home Assistant's Supervisor: tells Home Assistant where the gateway that runs as its app is, and how to log in."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout

from ..config.trust import Credentials
from ..config.values import ApiConfig
from ..observe.log import get_logger
from ..observe.secret import Secret, remember

_log = get_logger("supervisor")

SERVICE = "go2py"
"""Listed under `discovery` in the app's `config.yaml`."""
RETRY_FIRST, RETRY_MAX = 1.0, 60.0
_TIMEOUT = ClientTimeout(total=10)


class _Refused(Exception):
    """Supervisor understood and does not want it: asking again would not help."""


class Supervisor:
    """The Supervisor of an app, at `url` with the app's token. Announces until it was heard, or until `close`."""

    def __init__(self, url: str, token: Secret) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self | None:
        """The one that started us; None when none did."""
        token = environ.get("SUPERVISOR_TOKEN", "")
        if not token:
            return None
        remember(token)
        return cls(environ.get("SUPERVISOR_API") or "http://supervisor", Secret(token))

    def announce(
        self, identity: str, api: ApiConfig, addresses: Sequence[str], credentials: Credentials, rtsp_port: int
    ) -> None:
        """Tell Home Assistant in the background; called again, it replaces what was announced.

        `addresses` are the URLs that the API listens on; Home Assistant is on the same host and shares its network.
        """
        url = next((url for url in addresses if url.startswith("http") and url != f"http://{api.ingress_listen}"), "")
        if not url:
            _log.warning("nothing is announced to Home Assistant: api.listen is off, or its port cannot be had")
            return
        content = {
            "id": identity,
            "url": url + api.base_path,
            "username": credentials.username,
            "password": credentials.password.open(),
            "rtsp_port": rtsp_port,
        }
        before = self._task
        if before is not None:
            before.cancel()
        self._task = asyncio.get_running_loop().create_task(self._announce(before, content), name="supervisor")

    async def close(self) -> None:
        """Stop trying. What was announced stays: Supervisor takes it back when the app is removed."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _announce(self, before: asyncio.Task[None] | None, content: Mapping[str, object]) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        pause = RETRY_FIRST
        while True:
            try:
                await self._post("discovery", {"service": SERVICE, "config": dict(content)})
            except _Refused as refusal:
                _log.error("Supervisor does not announce the gateway: %s", refusal)
                return
            except (TimeoutError, ClientError, OSError) as error:
                level = _log.warning if pause == RETRY_FIRST else _log.debug
                level("Supervisor cannot be reached (%s); it is tried again", str(error) or type(error).__name__)
            else:
                _log.info("announced to Home Assistant")
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_MAX)

    async def _post(self, path: str, body: Mapping[str, object]) -> None:
        headers = {"Authorization": f"Bearer {self._token.open()}"}
        async with (
            ClientSession(headers=headers, timeout=_TIMEOUT) as http,
            http.post(f"{self._url}/{path}", json=body) as answer,
        ):
            if 400 <= answer.status < 500:
                raise _Refused(f"{answer.status} {answer.reason}")
            answer.raise_for_status()
