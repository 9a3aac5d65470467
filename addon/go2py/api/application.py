"""Endpoints about the gateway itself: version, configuration, log, restart."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Sequence

from aiohttp import web

from .. import __version__
from ..config.commandline import COMPATIBLE
from ..observe.log import ring
from ..observe.secret import mask
from .context import AppContext
from .respond import CONFIG_BYTES, error, json_response, ok, read_text
from .routes import ANY, Route

_GRACE = 0.1
"""Seconds for the answer to leave before the process ends."""


class ApplicationEndpoints:
    def __init__(self, context: AppContext) -> None:
        self._context = context

    def routes(self) -> Sequence[Route]:
        config = {"GET": self.read_config, "POST": self.replace_config, "PATCH": self.patch_config}
        return (
            Route("api", {ANY: self.about}),
            Route("api/config", config),
            Route("api/log", {"GET": self.log, "DELETE": self.clear_log, ANY: self.log_refused}),
            Route("api/exit", {ANY: self.exit}),
            Route("api/restart", {ANY: self.restart}),
            Route("api/stack", {ANY: self.stack}, "debug"),
        )

    async def close(self) -> None:
        """Nothing goes on here between two requests."""

    async def about(self, request: web.Request) -> web.Response:
        config = self._context.config
        info: dict[str, object] = {
            "version": COMPATIBLE,
            "go2py": __version__,
            "revision": self._context.revision,
            "id": self._context.identity,
            "host": request.headers.get("Host", ""),
            "time": round(time.time(), 4),  # a player ties its clock to ours by this, for the delay it shows
        }
        if self._context.store.path is not None:
            info["config_path"] = str(self._context.store.path)
        if config.app.enabled("rtsp"):
            info["rtsp"] = {"listen": config.rtsp.listen, "default_query": config.rtsp.default_query}
            if config.rtsp.pkt_size:
                info["rtsp"] |= {"pkt_size": config.rtsp.pkt_size}  # type: ignore[operator]
        if blocked := self._context.blocked():
            info["listeners"] = [
                {"name": output, "listen": listen, "problem": problem} for output, (listen, problem) in blocked.items()
            ]
        return json_response(info)

    # --- configuration; `ConfigError` becomes a 400 with its sentence

    async def read_config(self, request: web.Request) -> web.Response:
        if self._context.store.path is None:
            return error(410)
        text = await self._context.store.masked()
        if text is None:
            return error(404)
        return web.Response(body=text.encode(), content_type="application/yaml")

    async def replace_config(self, request: web.Request) -> web.Response:
        if self._context.store.path is None:
            return error(410)
        await self._context.store.replace(await read_text(request, CONFIG_BYTES))
        await self._context.reload()
        return ok()

    async def patch_config(self, request: web.Request) -> web.Response:
        if self._context.store.path is None:
            return error(410)
        await self._context.store.patch(await read_text(request, CONFIG_BYTES))
        await self._context.reload()
        return ok()

    # --- log

    async def log(self, request: web.Request) -> web.Response:
        return web.Response(body=ring.text(), content_type="application/jsonlines")

    async def clear_log(self, request: web.Request) -> web.Response:
        ring.clear()
        return web.Response(text="OK")

    async def log_refused(self, request: web.Request) -> web.Response:
        return error(400, "Method not allowed")

    # --- the process

    async def exit(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return error(400)
        code = request.query.get("code", "")
        if not (code.isascii() and code.isdecimal() and len(code) <= 3 and int(code) <= 125):
            return error(400, "Code must be in the range [0, 125]")
        asyncio.get_running_loop().call_later(_GRACE, self._context.exit, int(code))
        return ok()

    async def restart(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return error(400)
        asyncio.get_running_loop().call_later(_GRACE, self._context.restart)
        return ok()

    async def stack(self, request: web.Request) -> web.Response:
        """Where every thread and every task stands, for debugging."""
        parts: list[str] = []
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():  # noqa: SLF001  documented for exactly this
            parts += [f"thread {names.get(ident, ident)}\n", *traceback.format_stack(frame), "\n"]
        for task in sorted(asyncio.all_tasks(), key=asyncio.Task.get_name):
            parts.append(f"task {task.get_name()}\n")
            for frame in task.get_stack(limit=8):
                parts += traceback.format_stack(frame, limit=1)
        return web.Response(text=mask("".join(parts)))
