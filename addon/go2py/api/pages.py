"""The pages: files of this package, or of the folder that `api.static_dir` names."""

import asyncio
import mimetypes
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from .caller import host_name
from .context import AppContext
from .respond import error
from .routes import Route

BUILT_IN = Path(__file__).parent / "www"
INDEX = "index.html"
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/json",
}
"""What the system's own table may have wrong"""


class Pages:
    def __init__(self, context: AppContext) -> None:
        folder = context.config.api.static_dir
        self._root = Path(folder).resolve() if folder else BUILT_IN
        self._own = not folder

    def routes(self) -> Sequence[Route]:
        return (Route("", {"GET": self.read}),)

    async def close(self) -> None:
        """Nothing goes on here between two requests."""

    async def read(self, request: web.Request) -> web.StreamResponse:
        path = await asyncio.to_thread(find, self._root, request.match_info["below"])
        if path is None:
            return error(404, "404 page not found")
        response = web.FileResponse(path, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"})
        response.content_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
        if self._own:
            response.headers["Content-Security-Policy"] = policy(request.headers.get("Host", ""))
            response.headers["Referrer-Policy"] = "no-referrer"
        return response


def find(root: Path, name: str) -> Path | None:
    """The file of this name below `root`; never one outside, none that is hidden."""
    if "\x00" in name or len(name) > 1024:
        return None
    path = root / (name or INDEX)
    if any(part.startswith(".") for part in Path(name).parts):
        return None
    try:
        found = path.resolve(strict=True)
    except OSError:
        return None
    return found if found.is_relative_to(root) and found.is_file() else None


def policy(host: str) -> str:
    """Content-Security-Policy of our pages: nothing inline, nothing from elsewhere, no markup from text.

    They may be framed: Home Assistant shows them in a panel. Older Safari does not count WebSockets under `'self'`.
    """
    sockets = f" ws://{host} wss://{host}" if host_name(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self'; "
        "worker-src 'self' blob:; img-src 'self' data: blob:; media-src 'self' data: blob:; "
        f"connect-src 'self'{sockets}; base-uri 'none'; form-action 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
