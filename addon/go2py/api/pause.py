"""`/api/pause`: streams that nobody may watch, for privacy."""

from collections.abc import Sequence

from aiohttp import web

from .context import AppContext
from .respond import json_response
from .routes import Route


class PauseEndpoint:
    def __init__(self, context: AppContext) -> None:
        self._registry = context.registry

    def routes(self) -> Sequence[Route]:
        return (Route("api/pause", {"GET": self.read, "POST": self.pause, "DELETE": self.resume}, "streams"),)

    async def close(self) -> None:
        """Nothing goes on here between two requests."""

    async def read(self, request: web.Request) -> web.Response:
        return json_response({"paused": list(self._registry.pauses)})

    async def pause(self, request: web.Request) -> web.Response:
        """Answered when the cameras are let go; `lasting` says whether it holds after a restart."""
        name = request.query.get("src", "")
        lasting = await self._registry.pause(name)
        return self._told(name, lasting=lasting)

    async def resume(self, request: web.Request) -> web.Response:
        name = request.query.get("src", "")
        lasting = await self._registry.resume(name)
        return self._told(name, lasting=lasting)

    def _told(self, name: str, *, lasting: bool) -> web.Response:
        stream = self._registry.require(name)
        return json_response({"stream": name, **stream.state, "lasting": lasting})
