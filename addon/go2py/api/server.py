"""The HTTP server: endpoints, the door in front of them, errors as sentences."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from ..config.values import ApiConfig, Config
from ..errors import ConfigError, Go2pyError, Paused, ProtocolError, StreamNotFound
from ..observe.log import TRACE, fields, get_logger
from ..observe.secret import mask
from .application import ApplicationEndpoints
from .auth import admit, set_cookie
from .caller import caller_of
from .context import AppContext
from .discovery import DiscoveryEndpoints
from .events import EventsEndpoint
from .frame import FrameEndpoint
from .listeners import Listeners
from .mjpeg import MjpegEndpoint
from .pages import Pages
from .pause import PauseEndpoint
from .play import PlayEndpoints
from .respond import CODE, CONFIG_BYTES, error
from .routes import Endpoints, register
from .streams import StreamEndpoints
from .talk import TalkEndpoint
from .webrtc import RtspToWebRtcEndpoints, WebRtcEndpoint
from .websocket import WebSocketEndpoint

_log = get_logger("api")
_http_log = _log.getChild("http")

FIRST_REQUEST_SECONDS = 10.0
"""For the headers of a connection's first request …"""
KEEPALIVE_SECONDS = 75.0
"""… and of every later one."""
MAX_LINE = 64 << 10
"""Sources travel in the query, several of them with up to 8 KiB each."""
_SHUTDOWN_SECONDS = 0.5


def _is_ours(record: logging.LogRecord) -> bool:
    """Requests that cannot be parsed are strangers' noise: a line at debug level, no stack."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        _log.debug("%s", record.getMessage(), extra=fields(error=type(error).__name__))
        return False
    return True


_http_log.addFilter(_is_ours)

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
}


class ApiServer:
    """Serves `context` from `start` to `close`. `addresses` are the URLs it listens on."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._listeners = Listeners()
        self._runner: web.AppRunner | None = None
        self._endpoints: Sequence[Endpoints] = ()
        self._config: Config | None = None
        self._patience: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}

    @property
    def addresses(self) -> tuple[str, ...]:
        return self._listeners.addresses

    async def start(self) -> None:
        """Listen as configured; to be called when everything else is there. What cannot be bound is logged."""
        context = self._context
        config = self._config = context.config
        if not config.app.enabled("api"):
            return
        play = PlayEndpoints(context)
        self._endpoints = (
            ApplicationEndpoints(context),
            StreamEndpoints(context, play),
            WebSocketEndpoint(context),
            WebRtcEndpoint(context),
            RtspToWebRtcEndpoints(context),
            FrameEndpoint(context),
            MjpegEndpoint(context),
            PauseEndpoint(context),
            TalkEndpoint(context),
            play,
            EventsEndpoint(context),
            DiscoveryEndpoints(context),
            Pages(context),
        )
        application = web.Application(middlewares=[self._answer], client_max_size=CONFIG_BYTES)
        application.on_response_prepare.append(self._decorate)
        register(application, self._endpoints, config)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=_http_log,
            handle_signals=False,
            keepalive_timeout=KEEPALIVE_SECONDS,
            max_line_size=MAX_LINE,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        await self._runner.setup()
        await self._listeners.bind(config.api, self._connection)
        await self._listeners.start()

    async def apply(self) -> None:
        """Follow the context's new configuration. Connections are kept unless listeners or routes changed."""
        if self._config is None or _shape(self._config) != _shape(self._context.config):
            await self.close()
            await self.start()
        self._config = self._context.config

    async def close(self) -> None:
        """Stop listening, end all connections; takes about a second at most."""
        self._listeners.close()
        await asyncio.gather(*(group.close() for group in self._endpoints))
        self._endpoints = ()
        for timer in self._patience.values():
            timer.cancel()
        self._patience.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _connection(self) -> asyncio.Protocol:
        """One more connection; it is closed when no whole request head comes."""
        assert self._runner is not None
        assert self._runner.server is not None
        protocol = self._runner.server()
        loop = asyncio.get_running_loop()
        self._patience[protocol] = loop.call_later(FIRST_REQUEST_SECONDS, self._give_up, protocol)
        return protocol

    def _give_up(self, protocol: web.RequestHandler) -> None:
        self._patience.pop(protocol, None)
        protocol.force_close()

    # --- every request

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The outermost step: the door, then the endpoint; whatever goes wrong becomes a status and a sentence."""
        timer = self._patience.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        if _log.isEnabledFor(TRACE):
            _log.log(TRACE, "%s %s %s", request.method, mask(request.path_qs), caller_of(request).address)
        try:
            return await self._enter(request, handler)
        except web.HTTPException as refusal:
            if refusal.status < 400:
                raise
            sentence = f"{refusal.status} {refusal.reason}" if refusal.status != 404 else "404 page not found"
            headers = {"Allow": refusal.headers["Allow"]} if "Allow" in refusal.headers else None
            return error(refusal.status, sentence, headers)
        except Go2pyError as failure:
            return error(status_of(failure), str(failure), {CODE: failure.code})
        except ConnectionError:
            raise  # the client left
        except Exception:  # noqa: BLE001  logged with its stack, and the next request is served
            _log.exception("%s %s failed", request.method, request.path)
            return error(500, "internal error, see the log")

    async def _enter(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = self._context.config.api.origin
        if request.method == "OPTIONS" and origin == "*" and "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204)
        admission = await admit(request, self._context.gate, origin)
        if admission.refusal is not None:
            return admission.refusal
        response = await handler(request)
        if admission.cookie and not response.prepared and request.method in {"GET", "HEAD"}:
            set_cookie(request, response, admission.cookie)
        return response

    async def _decorate(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "go2py"
        if self._context.config.api.origin == "*":
            response.headers.update(_CORS)


def status_of(failure: Go2pyError) -> int:
    """What an error of ours is to a client: its own mistake, or a camera's."""
    match failure:
        case StreamNotFound():
            return 404
        case ConfigError() | ProtocolError():
            return 400
        case Paused():
            return 503
        case _:
            return 500


def _shape(config: Config) -> object:
    """What listeners and routes are made from; the rest of the section is looked at with every request."""
    door = ApiConfig()
    return config.app, replace(
        config.api,
        username=door.username,
        password=door.password,
        local_auth=door.local_auth,
        trust=door.trust,
        trusted_proxies=door.trusted_proxies,
        hosts=door.hosts,
        origin=door.origin,
    )
