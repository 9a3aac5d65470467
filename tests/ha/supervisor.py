"""Home Assistant's Supervisor over HTTP, as its client sees it: a store, our app in it, discovery."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.components.hassio.const import DATA_COMPONENT
from homeassistant.components.hassio.handler import HassIO
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.uuid import random_uuid_hex

REPOSITORY, SLUG = "f1e2d3c4", "f1e2d3c4_go2py"

_STORE: Mapping[str, Any] = {
    "advanced": False, "available": True, "build": True, "description": "", "homeassistant": None, "icon": True,
    "logo": True, "name": "go2py", "stage": "stable", "url": None, "arch": ["amd64"], "documentation": True,
}  # fmt: skip
_DETAILS: Mapping[str, Any] = {
    "apparmor": "profile", "auth_api": False, "docker_api": False, "full_access": False, "homeassistant_api": False,
    "host_network": True, "host_pid": False, "ingress": True, "long_description": None, "rating": 7, "signed": False,
    "hassio_api": False, "hassio_role": "default", "detached": False,
}  # fmt: skip
_INSTALLED: Mapping[str, Any] = {
    "hostname": "f1e2d3c4-go2py", "dns": [], "protected": True, "boot": "auto", "boot_config": "auto", "options": {},
    "schema": [], "machine": [], "network": None, "network_description": None, "host_ipc": False, "host_uts": False,
    "host_dbus": False, "privileged": [], "changelog": True, "stdin": False, "gpio": False, "usb": False,
    "uart": False, "kernel_modules": False, "devicetree": False, "udev": False, "video": True, "audio": False,
    "startup": "application", "services": [], "discovery": ["go2py"], "translations": {}, "webui": None,
    "ingress_entry": None, "ingress_url": None, "ingress_port": 61984, "ingress_panel": False, "audio_input": None,
    "audio_output": None, "auto_update": False, "ip_address": "172.30.32.1", "watchdog": True, "devices": [],
    "system_managed": False, "system_managed_config_entry": None,
}  # fmt: skip


class Supervisor:
    """Has our app once its repository is added; `announces` is what the app tells when it runs.

    `refuse` holds statuses by `METHOD path`, `asked` what changed something.
    """

    def __init__(self, announces: Mapping[str, Any]) -> None:
        self.announces = announces
        self.repositories: dict[str, str] = {"core": "core", "a0d7b954": "https://github.com/hassio-addons/repository"}
        self.has_app = True
        self.installed, self.state = False, "stopped"
        self.options: dict[str, Any] = {}
        self.version, self.latest = "0.1.0", "0.1.0"
        self.refuse: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        app = web.Application(middlewares=[self._door])
        app.router.add_get("/store", _json(self._store))
        app.router.add_post("/store/repositories", _json(self._add))
        app.router.add_get(f"/store/addons/{SLUG}", _json(self._store_app))
        app.router.add_get(f"/store/addons/{SLUG}/availability", _json(self._fine))
        app.router.add_post(f"/store/addons/{SLUG}/{{do}}", _json(self._do))
        app.router.add_get(f"/addons/{SLUG}/info", _json(self._info))
        app.router.add_post(f"/addons/{SLUG}/{{do}}", _json(self._do))
        app.router.add_post("/backups/new/partial", _json(self._backup))
        app.router.add_get("/discovery", _json(self._discovery))
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    def adopt(self, hass: HomeAssistant) -> None:
        """Have Home Assistant believe that this is its Supervisor."""
        where = f"{self._server.host}:{self._server.port}"
        hass.data[DATA_COMPONENT] = HassIO(hass.loop, async_get_clientsession(hass), where)
        hass.config.components.add("hassio")

    @property
    def _shown(self) -> dict[str, Any]:
        version = self.version if self.installed else None
        return {
            **_STORE,
            "repository": REPOSITORY,
            "slug": SLUG,
            "version": version,
            "version_latest": self.latest,
            "update_available": self.installed and self.version != self.latest,
        }

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "POST":
            self.asked.append(request.path)
        if refusal := self.refuse.get(f"{request.method} {request.path}"):
            return web.json_response({"result": "error", "message": refusal[1]}, status=refusal[0])
        response: web.StreamResponse = await handler(request)
        return response

    async def _store(self, request: web.Request) -> dict[str, Any]:
        repositories = [
            {"slug": slug, "name": slug, "source": source, "url": source, "maintainer": ""}
            for slug, source in self.repositories.items()
        ]
        other = {**self._shown, "slug": "a0d7b954_go2py", "repository": "a0d7b954", "installed": False}
        known = REPOSITORY in self.repositories and self.has_app
        apps = [{**self._shown, "installed": self.installed}] if known else []
        return {"addons": [other, *apps], "repositories": repositories}

    async def _add(self, request: web.Request) -> dict[str, Any]:
        self.repositories[REPOSITORY] = (await request.json())["repository"] + ".git"
        return {}

    async def _store_app(self, request: web.Request) -> dict[str, Any]:
        return {**self._shown, **_DETAILS, "installed": self.installed}

    async def _info(self, request: web.Request) -> dict[str, Any]:
        return {**self._shown, **_DETAILS, **_INSTALLED, "state": self.state}

    async def _fine(self, request: web.Request) -> dict[str, Any]:
        return {}

    async def _do(self, request: web.Request) -> dict[str, Any]:
        match request.match_info["do"]:
            case "install":
                self.installed = True
            case "update":
                self.version = self.latest
            case "uninstall":
                self.installed = False
            case "options":
                self.options |= await request.json()
            case "start":
                self.state = "started"
            case "stop":
                self.state = "stopped"
        return {}

    async def _backup(self, request: web.Request) -> dict[str, Any]:
        return {"job_id": random_uuid_hex(), "slug": "b4c0"}

    async def _discovery(self, request: web.Request) -> dict[str, Any]:
        told = {"addon": SLUG, "service": "go2py", "uuid": random_uuid_hex(), "config": dict(self.announces)}
        return {"discovery": [told] if self.state == "started" and self.announces else []}


def _json(handler: Callable[[web.Request], Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[web.Response]]:
    """What a handler returns, as Supervisor wraps it."""

    async def respond(request: web.Request) -> web.Response:
        return web.json_response({"result": "ok", "data": await handler(request)})

    return respond
