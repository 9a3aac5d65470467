"""`/api/frame.jpeg`: a still picture."""

import re
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from urllib.parse import quote

from aiohttp import web

from ..errors import Paused, ProtocolError, SourceError
from .caller import is_foreign_page
from .context import AppContext, Snapshot
from .routes import ANY, Route

MAX_SIDE = 8192
MAX_CACHED = 64
MAX_CACHE_SECONDS = 86400.0
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h)"
_DURATION = re.compile(f"(?:{_PART}){{1,8}}")
_ROTATIONS = {"": None, "0": 0, "90": 90, "180": 180, "270": 270, "-90": 270}

type Key = tuple[str, int, int, int | None]


class FrameEndpoint:
    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._cache: OrderedDict[Key, Snapshot] = OrderedDict()

    def routes(self) -> Sequence[Route]:
        return (Route("api/frame.jpeg", {ANY: self.read}, "mjpeg"),)

    async def close(self) -> None:
        """Nothing goes on here between two requests."""

    async def read(self, request: web.Request) -> web.Response:
        """The newest picture, scaled and turned; `poster` takes the newest key picture without waiting.

        With `cache` one younger than that will do, from whoever asked before. The headers tell its age.
        """
        query = request.query
        name = query.get("src", "")
        width, height, rotate = wanted_shape(query)
        lasting = parse_duration(query["cache"]) if "cache" in query else 0.0
        key = (name, width, height, rotate)
        present = self._context.registry.get(name)
        if present is not None and present.paused:
            self._forget(name)
            raise Paused
        cached = self._cache.get(key)
        if lasting and cached is not None and time.time() - cached.taken <= lasting:
            return _picture(request, name, cached)
        stream = self._context.registry.get_or_patch(
            name, query.get("name", ""), trusted=not is_foreign_page(request.headers, self._context.config.api.origin)
        )
        service = await self._context.snapshots()
        poster = query.get("poster", "0") not in {"0", "false"}
        try:
            picture = await service.take(stream, width=width, height=height, rotate=rotate, poster=poster)
        except SourceError as failure:
            raise Paused if stream.paused else failure from None
        if stream.paused:  # meanwhile
            raise Paused
        if lasting:
            self._cache[key] = picture
            self._cache.move_to_end(key)
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return _picture(request, name, picture)

    def _forget(self, name: str) -> None:
        for key in [key for key in self._cache if key[0] == name]:
            del self._cache[key]


def _picture(request: web.Request, name: str, picture: Snapshot) -> web.Response:
    headers = {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Last-Modified": formatdate(picture.taken, usegmt=True),
        "X-Go2py-Age-Ms": str(max(0, round((time.time() - picture.taken) * 1000))),
    }
    file = request.query.get("filename") or request.query.get("download")
    if file is not None or "download" in request.query:
        if file in {None, "", "1", "true"}:
            file = f"{name}_{time.strftime('%Y-%m-%d_%H-%M-%S', time.localtime(picture.taken))}.jpg"
        headers["Content-Disposition"] = attachment(file or "")
    return web.Response(body=picture.jpeg, content_type="image/jpeg", headers=headers)


def attachment(file: str) -> str:
    """A `Content-Disposition` that saves under this name (RFC 6266), whatever characters it has."""
    file = re.sub(r"[\x00-\x1f\x7f/\\:]", "_", file)[:128] or "picture.jpg"
    plain = re.sub(r'[^\x20-\x7e]|["%]', "_", file)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file, safe='', errors='replace')}"


def parse_duration(text: str) -> float:
    """Seconds of a duration as Go writes it: `10s`, `1m30s`, `500ms`. Raises `ProtocolError`."""
    if not _DURATION.fullmatch(text):
        raise ProtocolError("cache is a duration like 500ms, 10s or 1m")
    seconds = 0.0
    for part in re.findall(_PART, text):
        number = part.rstrip("nuµmsh")
        seconds += float(number) * _UNITS[part[len(number) :]]
    return min(seconds, MAX_CACHE_SECONDS)


def wanted_shape(query: Mapping[str, str]) -> tuple[int, int, int | None]:
    """`width`, `height` (0: open) and `rotate` (None: as the stream says) of a query. Raises `ProtocolError`."""
    return _side(query, "width", "w"), _side(query, "height", "h"), wanted_rotation(query)


def wanted_rotation(query: Mapping[str, str]) -> int | None:
    """Degrees clockwise, None: as the stream says. Raises `ProtocolError`."""
    if (text := query.get("rotate", "")) not in _ROTATIONS:
        raise ProtocolError("rotate is one of 0, 90, 180, 270")
    return _ROTATIONS[text]


def _side(query: Mapping[str, str], *names: str) -> int:
    """A size in pixels, 0 if none was given. Raises `ProtocolError`."""
    for name in names:
        text = query.get(name)
        if text:
            if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) <= MAX_SIDE):
                raise ProtocolError(f"{name} is a number of pixels up to {MAX_SIDE}")
            return int(text)
    return 0
