"""Bodies in and out: go2rtc's JSON, errors as sentences, bounded reading."""

import asyncio
import json
from typing import Any

from aiohttp import web

from ..errors import ProtocolError
from ..observe.secret import mask, masked

SDP_BYTES = 64 << 10
CONFIG_BYTES = 1 << 20
BODY_SECONDS = 10.0
CODE = "X-Go2py-Code"
"""Header of an error: what is wrong, in the word of `errors.py` for programs."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def dump(value: Any, *, pretty: bool = False) -> str:
    """JSON as go2rtc writes it: sorted keys; `<`, `>` and `&` escaped (they occur in strings only); secrets masked."""
    layout: dict[str, Any] = {"indent": 2} if pretty else {"separators": (",", ":")}
    return json.dumps(masked(value), sort_keys=True, ensure_ascii=False, **layout).translate(_ESCAPES)


def json_response(value: Any, *, pretty: bool = False) -> web.Response:
    body = dump(value, pretty=pretty) + "\n"
    return web.Response(body=body.encode("utf-8", "replace"), content_type="application/json")


def ok() -> web.Response:
    """Success without a payload."""
    return web.Response()


def error(status: int, sentence: str = "", headers: dict[str, str] | None = None) -> web.Response:
    """An error as plain text, the way clients of go2rtc show it."""
    response = web.Response(status=status, text=mask(sentence) + "\n", headers=headers)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def read_body(request: web.Request, limit: int) -> bytes:
    """The whole body. Raises `HTTPRequestEntityTooLarge` past `limit` bytes, `HTTPRequestTimeout` when it dawdles."""
    length = request.content_length
    if length is not None and length > limit:
        raise web.HTTPRequestEntityTooLarge(limit, length)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_chunked(64 << 10):
                body += chunk
                if len(body) > limit:
                    raise web.HTTPRequestEntityTooLarge(limit, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)


async def read_text(request: web.Request, limit: int) -> str:
    """The body as UTF-8. Raises `ProtocolError` where it is none."""
    try:
        return (await read_body(request, limit)).decode()
    except UnicodeDecodeError:
        raise ProtocolError("the body is not UTF-8") from None


def parse_json(text: str) -> dict[str, Any]:
    """A JSON object from outside. Raises `ProtocolError`."""
    try:
        value = json.loads(text)
    except ValueError, RecursionError:
        raise ProtocolError("this is not JSON") from None
    if not isinstance(value, dict):
        raise ProtocolError("a JSON object is needed")
    return value
