"""What a group of endpoints looks like to the server."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from ..config.values import Config

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ANY = "*"


@dataclass(frozen=True, slots=True)
class Route:
    """One path and its handlers by method (`*` is every method). A relative path has `base_path` in front.

    `module` is go2rtc's name of what `app.modules` switches.
    """

    path: str
    handlers: Mapping[str, Handler]
    module: str = "api"


class Endpoints(Protocol):
    """A group of endpoints; `close` ends what they still do when the server stops."""

    def routes(self) -> Sequence[Route]: ...
    async def close(self) -> None: ...


def placed(route: Route, config: Config) -> str | None:
    """The path under which a route is reachable; None where the configuration leaves it out."""
    base = "/" + config.api.base_path.strip("/") if config.api.base_path.strip("/") else ""
    path = route.path if route.path.startswith("/") else f"{base}/{route.path}"
    allowed = config.api.allow_paths
    if not config.app.enabled(route.module) or (allowed is not None and path not in allowed):
        return None
    return path


def register(application: web.Application, endpoints: Sequence[Endpoints], config: Config) -> None:
    """Put all routes into an application. A path that ends in `/` takes everything below it, at last."""
    for path, route in _in_order(endpoints, config):
        pattern = path + "{below:.*}" if path.endswith("/") else path
        resource = application.router.add_resource(pattern)
        for method, handler in route.handlers.items():
            resource.add_route(method, handler)
        if ANY not in route.handlers:
            if "GET" in route.handlers:
                resource.add_route("HEAD", route.handlers["GET"])
            resource.add_route(ANY, _refusing(tuple(route.handlers)))


def _refusing(allowed: Sequence[str]) -> Handler:
    """Answers 405 itself: otherwise the pages, which take every path, would say 404."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, allowed)

    return refuse


def _in_order(endpoints: Sequence[Endpoints], config: Config) -> Iterator[tuple[str, Route]]:
    found = [(path, route) for group in endpoints for route in group.routes() if (path := placed(route, config))]
    yield from sorted(found, key=lambda item: (item[0].endswith("/"), -len(item[0])))
