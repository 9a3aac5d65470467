"""A Home Assistant process with the integration linked in, in a configuration folder of its own."""

import asyncio
import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from aiohttp import ClientError, ClientSession

from .api import Api, Login

ROOT: Final = Path(__file__).resolve().parents[2]
STUBS: Final = Path(__file__).with_name("stubs")
PYTHON: Final = ROOT / ".venv-home-assistant/bin/python"
RESTART: Final = 100
"""Exit code of a Home Assistant that was told to restart."""
_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 30.0

# Not default_config, which looks for devices in the whole network and takes long to start.
_CONFIGURATION: Final = """\
homeassistant:
  name: go2py
  latitude: 0
  longitude: 0
  elevation: 0
  unit_system: metric
  time_zone: {time_zone}
  country: {country}
  currency: EUR
  # It listens there only; what cameras are to play is fetched from here.
  internal_url: {url}
  allowlist_external_dirs: ["{folder}"]
  media_dirs: {{local: "{folder}/media"}}
frontend:
api:
websocket_api:
config:
history:
logbook:
media_source:
stream:
system_health:
logger:
  default: info
"""
_DONE_STEPS: Final = ("core_config", "analytics", "integration")
"""Of onboarding: they start integrations that want the internet. The user is made through the API."""


class Died(Exception):
    """Home Assistant ended, or does not start; with the end of its log."""


class HomeAssistant:
    """Use as `async with HomeAssistant(folder, port) as home:`.

    `folder` keeps everything, so that the next start finds it again; `more` is YAML behind the configuration that every
    instance has, `environ` goes beside this process' own environment. It is reached from this machine only.
    """

    def __init__(
        self, folder: Path, port: int, *, more: str = "", environ: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "output.log"
        self.login_file = folder / "login.json"
        self._more, self._environ = more, environ
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and wait until it answers. Raises `Died`."""
        self._prepare()
        # Its own session: Ctrl-C on the terminal reaches only who has to stop things in order.
        with self.log.open("wb") as output:
            self.process = await asyncio.create_subprocess_exec(
                PYTHON, "-m", "homeassistant", "-c", self.folder, "--skip-pip", "--log-no-color",
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env=os.environ | {"PYTHONPATH": str(STUBS)} | dict(self._environ),
            )  # fmt: skip
        try:
            async with asyncio.timeout(_START_SECONDS), ClientSession() as http:
                while not await self._answers(http):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            await self.stop()
            raise Died(self.tail()) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> int:
        """SIGTERM, and SIGKILL if that does not end it; the exit code."""
        process = self.process
        assert process is not None
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def signed_in(self, http: ClientSession) -> Api:
        """Its API as the owner; the first time, onboarding makes the owner and a password. Raises `Refused`."""
        if self.login_file.exists():
            login = Login(**json.loads(self.login_file.read_text()))
        else:
            login = Login("demo", secrets.token_urlsafe(9))
            _write_private(self.login_file, json.dumps({"username": login.username, "password": login.password}))
        api = Api(self.url, http)
        await (api.onboard(login, name="Demo") if await api.needs_owner() else api.sign_in(login))
        while (await api.get("/api/config"))["state"] != "RUNNING":  # it answers before its integrations are there
            await asyncio.sleep(0.1)
        api.login = login
        return api

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-30:])

    def _prepare(self) -> None:
        storage = self.folder / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        (self.folder / "media").mkdir(exist_ok=True)
        text = _CONFIGURATION.format(folder=self.folder, url=self.url, time_zone="UTC", country="DE") + self._more
        (self.folder / "configuration.yaml").write_text(text)
        link = self.folder / "custom_components"
        if not link.is_symlink():
            link.symlink_to(ROOT / "custom_components", target_is_directory=True)
        _store(storage / "http", 3, 1, _http(self.port))
        if not (storage / "onboarding").exists():
            _store(storage / "onboarding", 4, 1, {"done": list(_DONE_STEPS)})

    async def _answers(self, http: ClientSession) -> bool:
        if self.process is None or self.process.returncode is not None:
            raise Died(self.tail())
        try:
            async with http.get(f"{self.url}/manifest.json") as answer:
                return answer.status == 200
        except ClientError:
            return False


def _http(port: int) -> dict[str, Any]:
    """Settings of its web server. In YAML they would be on trial, and be taken back after five minutes."""
    return {
        "stable": {
            "server_host": ["127.0.0.1"],
            "server_port": port,
            "cors_allowed_origins": ["https://cast.home-assistant.io"],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": True,
            "ssl_profile": "intermediate_v6",
            "use_x_frame_options": True,
            "created_at": datetime.now(UTC).isoformat(),
            "error": None,
            "error_message": None,
        },
        "pending": None,
        "yaml_migration_done": True,
    }


def _store(path: Path, version: int, minor: int, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({"version": version, "minor_version": minor, "key": path.name, "data": data}))


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
