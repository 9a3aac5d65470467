"""`/api/talk`: whether a camera can be spoken to, and how that stands."""

from collections.abc import Sequence

from aiohttp import web

from ..errors import NegotiationError
from ..streams.talk.talk import Talk
from .context import AppContext
from .respond import json_response
from .routes import Route


class TalkEndpoint:
    def __init__(self, context: AppContext) -> None:
        self._registry = context.registry

    def routes(self) -> Sequence[Route]:
        return (Route("api/talk", {"GET": self.find, "DELETE": self.stop}, "streams"),)

    async def close(self) -> None:
        """Nothing goes on here between two requests."""

    async def find(self, request: web.Request) -> web.Response:
        """Asks a camera that was not asked yet; opens nothing. `talk` is null where it has no backchannel."""
        try:
            return _told(await self._talk(request))
        except NegotiationError as reason:
            return json_response({"talk": None, "reason": str(reason)})

    async def stop(self, request: web.Request) -> web.Response:
        """Ends what is being played into the camera; who speaks by a microphone speaks on."""
        talk = await self._talk(request)
        talk.stop()
        return _told(talk)

    async def _talk(self, request: web.Request) -> Talk:
        return await self._registry.require(request.query.get("src", "")).find_talk()


def _told(talk: Talk) -> web.Response:
    return json_response({"talk": talk.to_json()})
