"""Home Assistant's Supervisor as an app sees it: takes announcements, passes browsers' requests on, looks after it."""

from collections.abc import Mapping
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, web

TOKEN = "0123456789abcdef"
INGRESS_HEADERS = {
    "X-Ingress-Path": "/api/hassio_ingress/T0k3n",
    "X-Hass-Source": "core.ingress",
    "X-Remote-User-Id": "8f2b",
    "X-Remote-User-Name": "paulus",
    "X-Forwarded-For": "192.168.1.20, 172.30.32.1",
    "X-Forwarded-Host": "homeassistant.local:8123",
    "X-Forwarded-Proto": "http",
    "Host": "homeassistant.local:8123",
}
"""What core and Supervisor add; the browser's `Host` comes through both."""


class Supervisor:
    """Listens on `host`, and sends from there. `announced` are the bodies that came, `refuse` holds statuses to
    answer with first."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, services: tuple[str, ...] = ("go2py",)) -> None:
        self.announced: list[dict[str, Any]] = []
        self.refuse: list[int] = []
        self.requests = 0
        self._where = host, port
        self._services = services
        application = web.Application()
        application.router.add_post("/discovery", self._discovery)
        self._runner = web.AppRunner(application)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._where).start()
        self._http = ClientSession(connector=TCPConnector(local_addr=(self._where[0], 0)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    @property
    def environ(self) -> Mapping[str, str]:
        """What an app finds in its environment."""
        return {"SUPERVISOR_TOKEN": TOKEN, "SUPERVISOR_API": self.url}

    async def _discovery(self, request: web.Request) -> web.Response:
        self.requests += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "no such app")
        if self.refuse:
            return _error(self.refuse.pop(0), "not now")
        body = await request.json()
        if body.keys() != {"service", "config"} or body["service"] not in self._services:
            return _error(403, "Apps must list services they provide via discovery in their config!")
        self.announced.append(body["config"])
        return web.json_response({"result": "ok", "data": {"uuid": "5f6a"}})

    # --- towards the app

    async def ingress(self, url: str, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Status and body of a browser's request through Home Assistant's panel."""
        async with self._http.request(method, url + path, headers=INGRESS_HEADERS | headers) as answer:
            return answer.status, await answer.read()

    async def ingress_socket(self, url: str, path: str) -> ClientWebSocketResponse:
        origin = f"http://{INGRESS_HEADERS['Host']}"
        return await self._http.ws_connect(url + path, headers=INGRESS_HEADERS | {"Origin": origin})

    async def watchdog(self, url: str) -> bool:
        """Supervisor's own look at the app."""
        async with self._http.get(f"{url}/api") as answer:
            return answer.status < 300


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"result": "error", "message": message}, status=status)
