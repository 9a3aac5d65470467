"""`/api/streams` and its relatives: the list, changes to it, the graph, preloads, plans."""

from collections.abc import Sequence
from urllib.parse import quote_plus

from aiohttp import web

from ..errors import ConfigError, NegotiationError, ProtocolError, SourceError, StreamNotFound
from ..observe.secret import MASK, mask
from ..streams.info import consumer_info, dot, stream_info
from ..streams.negotiate import wants_from_query
from ..streams.reader import ReaderInfo
from ..streams.stream import Stream
from .caller import caller_of
from .context import AppContext
from .play import PlayEndpoints
from .respond import CODE, error, json_response, ok, parse_json, read_text
from .routes import ANY, Route

JSON = "application/json"
SOURCES_BYTES = 512 << 10
"""As many sources as a stream takes, as long as they may be, and JSON's escapes."""
_FILTERS = ("audio", "microphone", "video")


class StreamEndpoints:
    def __init__(self, context: AppContext, play: PlayEndpoints) -> None:
        self._context = context
        self._registry = context.registry
        self._play = play

    def routes(self) -> Sequence[Route]:
        streams = {
            "GET": self.read,
            "PUT": self.put,
            "PATCH": self.patch,
            "POST": self.post,
            "DELETE": self.delete,
        }
        preloads = {"GET": self.preloads, "PUT": self.preload, "DELETE": self.unload}
        return (
            Route("api/streams", streams, "streams"),
            Route("api/streams.dot", {ANY: self.graph}, "streams"),
            Route("api/schemes", {ANY: self.schemes}, "streams"),
            Route("api/preload", preloads, "streams"),
            Route("api/plan", {"GET": self.plan}, "streams"),
        )

    async def close(self) -> None:
        """Nothing goes on here between two requests."""

    # --- /api/streams

    async def read(self, request: web.Request) -> web.Response:
        src = request.query.get("src")
        if not src:
            return self._all()
        stream = self._registry.get(src)
        if stream is None:
            return error(404)
        if any(key in request.query for key in _FILTERS):
            return await self._probe(request, stream)
        return json_response(stream_info(stream), pretty=True)

    async def put(self, request: web.Request) -> web.Response:
        """Create or replace a stream, in memory and in the file; one that is there just so is left alone."""
        name, sources = await _asked(request)
        if not sources:
            return self._all()
        name = name or sources[0]
        present = self._registry.get(name)
        if present is not None:
            sources = [_unmasked(source, present) for source in sources]
        if any(f"://{MASK}@" in source for source in sources):
            raise ConfigError("streams: the source has *** where user and password belong")
        if self._registry.news(name, sources):
            await self._save("streams", name, sources)  # what cannot be saved is not half there
            self._registry.put(name, sources)
        return ok()

    async def patch(self, request: web.Request) -> web.Response:
        name, sources = await _asked(request)
        if not sources:
            return self._all()
        if not name:
            return error(400, "name is needed")
        self._registry.patch(name, sources[0])
        return ok()

    async def post(self, request: web.Request) -> web.Response:
        """go2rtc's play and publish; publishing cannot be followed so far."""
        source, target = request.query.get("src", ""), request.query.get("dst", "")
        if not target:
            return error(400, "dst is needed")
        if stream := self._registry.get(target):
            await self._play.from_streams(request)
            return json_response(stream_info(stream), pretty=True)
        if self._registry.get(source) is None:
            return error(404, "stream not found")
        return error(501, "streams: publishing is not built yet")

    async def delete(self, request: web.Request) -> web.Response:
        name = request.query.get("src")
        if not name:
            return self._all()
        self._registry.delete(name)
        if self._context.store.path is not None:
            await self._context.store.delete(("streams", name))
        return ok()

    def _all(self) -> web.Response:
        return json_response({name: stream_info(stream) for name, stream in self._registry})

    async def _probe(self, request: web.Request, stream: Stream) -> web.Response:
        """Attach for a moment, which dials the sources, and tell what they have."""
        try:
            attachment = await stream.attach(
                caller_of(request).reader("probe", "http"), wants_from_query(request.query.items())
            )
        except (SourceError, NegotiationError) as refusal:
            return error(500, str(refusal), {CODE: refusal.code})
        try:
            return json_response(stream_info(stream), pretty=True)
        finally:
            attachment.close()

    async def _save(self, section: str, name: str, value: str | list[str]) -> None:
        """Write one setting; a gateway that runs without a file keeps it in memory only."""
        if self._context.store.path is not None:
            await self._context.store.set((section, name), value)

    # --- the others

    async def graph(self, request: web.Request) -> web.Response:
        names = request.query.getall("src", [])
        streams = dict.fromkeys(stream for name, stream in self._registry if not names or name in names)
        return web.Response(text=mask(dot(streams)), content_type="text/vnd.graphviz")

    async def schemes(self, request: web.Request) -> web.Response:
        return json_response(sorted(self._registry.schemes))

    async def plan(self, request: web.Request) -> web.Response:
        """What a reader with these filters would get, and why not more; nobody is dialled for it."""
        stream = self._registry.require(request.query.get("src", ""))
        wants = wants_from_query(request.query.items())
        plan = stream.plan(ReaderInfo("plan"), wants)
        return json_response({"sources": [str(slot.url) for slot in stream.slots], **plan.to_json(wants)}, pretty=True)

    async def preloads(self, request: web.Request) -> web.Response:
        return json_response(
            {
                name: {
                    "consumer": consumer_info(preload.attachment) if preload.attachment else {},
                    "query": preload.query,
                }
                for name, preload in self._registry.preloads.items()
            }
        )

    async def preload(self, request: web.Request) -> web.Response:
        name = request.query.get("src", "")
        pairs = sorted((key, value) for key, value in request.query.items() if key in _FILTERS)
        query = "&".join(f"{key}={quote_plus(value, safe=',')}" if value else key for key, value in pairs)
        present = self._registry.preloads.get(name)
        if present is not None and present.query == (query or "video&audio"):
            return ok()
        try:
            self._registry.preload(name, query)
        except StreamNotFound:
            return error(404, f"streams: stream not found: {name}")
        await self._save("preload", name, query)
        return ok()

    async def unload(self, request: web.Request) -> web.Response:
        name = request.query.get("src", "")
        if not self._registry.unload(name):
            return error(404, f"streams: preload not found: {name}")
        if self._context.store.path is not None:
            await self._context.store.delete(("preload", name))
        return ok()


async def _asked(request: web.Request) -> tuple[str, list[str]]:
    """`name` and all `src` of a request: in the query, or, where no log of a proxy may have them, as JSON in its body.

    Raises `ProtocolError`.
    """
    query = request.query
    name, sources = query.get("name", ""), query.getall("src", [])
    if request.content_type == JSON and (text := await read_text(request, SOURCES_BYTES)):
        body = parse_json(text)
        name, sources = body.get("name", name), body.get("src", sources)
        if isinstance(sources, str):
            sources = [sources]
        if not isinstance(name, str) or not isinstance(sources, list) or not all(isinstance(s, str) for s in sources):
            raise ProtocolError("name is a text, src a text or a list of texts")
    return name, [source for source in sources if source]


def _unmasked(source: str, stream: Stream) -> str:
    """What a listing masked and a client sends back means the source that the stream has."""
    if MASK not in source:
        return source
    return next((one for one in stream.sources if mask(one) == source), source)
