"""Home Assistant's API as its frontend uses it: signing in, REST, WebSocket commands, configuration flows."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import ClientSession

_FLOW: Final = "/api/config/config_entries/flow"
_SUBENTRY_FLOW: Final = "/api/config/config_entries/subentries/flow"


class Refused(Exception):
    """Home Assistant does not do what was asked; with its answer."""


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str = field(repr=False)


class Api:
    """One Home Assistant, used by one user. Tokens last half an hour, enough for a script."""

    login: Login

    def __init__(self, url: str, http: ClientSession) -> None:
        self.url = url
        self._http = http
        self._client = {"client_id": f"{url}/"}
        self.tokens: dict[str, Any] = {}
        """The answer to the latest request for tokens."""
        self._ids = itertools.count(1)

    # --- who we are ---------------------------------------------------------------------------------------------------

    async def needs_owner(self) -> bool:
        """Whether nobody was made yet."""
        async with self._http.get(f"{self.url}/api/onboarding") as answer:  # not there any more, once all is done
            return answer.status == 200 and not all(step["done"] for step in await answer.json())

    async def onboard(self, login: Login, name: str) -> None:
        """Make the owner of a new instance. Raises `Refused`."""
        user = {"name": name, "username": login.username, "password": login.password, "language": "en"}
        made = await self.post("/api/onboarding/users", user | self._client)
        await self._take_tokens(made["auth_code"])

    async def sign_in(self, login: Login) -> None:
        """Raises `Refused`."""
        start = {"handler": ["homeassistant", None], "redirect_uri": f"{self.url}/"}
        flow = await self.post("/auth/login_flow", start | self._client)
        answer = {"username": login.username, "password": login.password}
        result = await self.post(f"/auth/login_flow/{flow['flow_id']}", answer | self._client)
        if result["type"] != "create_entry":
            raise Refused(f"{login.username} cannot sign in: {result.get('errors')}")
        await self._take_tokens(result["result"])

    async def _take_tokens(self, code: str) -> None:
        form = {"grant_type": "authorization_code", "code": code} | self._client
        async with self._http.post(f"{self.url}/auth/token", data=form) as answer:
            if answer.status != 200:
                raise Refused(await answer.text())
            self.tokens = await answer.json()

    def browser_tokens(self) -> dict[str, Any]:
        """What the frontend keeps as `hassTokens` in its local storage."""
        expires = int((time.time() + self.tokens["expires_in"]) * 1000)
        return self.tokens | {"hassUrl": self.url, "clientId": self._client["client_id"], "expires": expires}

    # --- asking -------------------------------------------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        """JSON of a GET. Raises `Refused`."""
        return await self._ask("GET", path)

    async def post(self, path: str, body: Any = None) -> Any:
        """JSON of a POST. Raises `Refused`."""
        return await self._ask("POST", path, body)

    async def delete(self, path: str) -> Any:
        """JSON of a DELETE. Raises `Refused`."""
        return await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}
        async with self._http.request(method, self.url + path, json=body, headers=headers) as answer:
            if answer.status >= 400:
                raise Refused(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def command(self, kind: str, **fields: Any) -> Any:
        """The result of a WebSocket command. Raises `Refused`."""
        async with self._http.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.tokens["access_token"]})
            await socket.receive_json()
            number = next(self._ids)
            await socket.send_json({"id": number, "type": kind, **fields})
            while (message := await socket.receive_json())["type"] != "result":
                pass
        if not message["success"]:
            raise Refused(f"{kind}: {message['error']}")
        return message["result"]

    async def act(self, action: str, **data: Any) -> None:
        """Do an action as `camera.turn_off`. Raises `Refused`."""
        domain, _, name = action.partition(".")
        await self.post(f"/api/services/{domain}/{name}", data)

    async def state(self, entity: str) -> str:
        """The state of an entity, empty where there is none."""
        states = await self.get("/api/states")
        return next((one["state"] for one in states if one["entity_id"] == entity), "")

    # --- configuration flows ------------------------------------------------------------------------------------------

    async def add_integration(self, domain: str, *steps: dict[str, Any]) -> dict[str, Any]:
        """Go through the forms of a new integration; its entry. Raises `Refused`."""
        return await self._flow(_FLOW, {"handler": domain}, steps)

    async def add_subentry(self, entry: str, kind: str, *steps: dict[str, Any]) -> dict[str, Any]:
        """Go through the forms of a new subentry. Raises `Refused`."""
        return await self._flow(_SUBENTRY_FLOW, {"handler": [entry, kind]}, steps)

    async def change_subentry(self, entry: str, kind: str, subentry: str, *steps: dict[str, Any]) -> None:
        """Go through the forms of a subentry that exists. Raises `Refused`."""
        start = {"handler": [entry, kind], "subentry_id": subentry}
        await self._flow(_SUBENTRY_FLOW, start, steps, end="reconfigure_successful")

    async def _flow(
        self, base: str, start: dict[str, Any], steps: tuple[dict[str, Any], ...], end: str = ""
    ) -> dict[str, Any]:
        step = await self.post(base, start)
        for answer in steps:
            if step["type"] == "abort":
                break
            step = await self._settled(base, await self.post(f"{base}/{step['flow_id']}", answer))
            if step.get("errors"):
                break
        if step["type"] != "create_entry" and not (end and step.get("reason") == end):
            told = step.get("reason") or step.get("errors") or step["step_id"]
            raise Refused(f"{start['handler']}: {step['type']} {told} {step.get('description_placeholders') or ''}")
        return dict(step)

    async def _settled(self, base: str, step: Any) -> Any:
        """The step behind a progress bar."""
        while step["type"] in {"progress", "progress_done"}:
            await asyncio.sleep(0.1)
            step = await self.get(f"{base}/{step['flow_id']}")
        return step
