"""The door of the HTTP server: Host, Origin, credentials, and the cookie that stands for them.

Safari sends no Basic credentials with a WebSocket, therefore a Basic login also sets a cookie. It holds the time when
it ends and a proof made with the password: it needs no state, outlives a restart and dies with the password.
"""

import asyncio
import base64
import hmac
import time
from dataclasses import dataclass

from aiohttp import web

from ..config.trust import UNIX, Credentials, Gate
from .caller import caller_of, client_of, host_name, is_foreign_page, is_own_host
from .respond import error

REALM = "go2rtc"
COOKIE = "go2py"
COOKIE_SECONDS = 7 * 24 * 3600
_MAX_HEADER = 4096
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def parse_basic(header: str) -> tuple[str, str] | None:
    """User and password of an `Authorization` header (RFC 7617), None where it holds none."""
    scheme, _, text = header[:_MAX_HEADER].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def sign_cookie(credentials: Credentials, expires: int) -> str:
    key = credentials.password.open().encode()
    proof = hmac.new(key, f"go2py cookie {expires:x} {credentials.username}".encode(), "sha256").hexdigest()
    return f"{expires:x}.{proof}"


def cookie_life(credentials: Credentials, cookie: str, now: float) -> float:
    """Seconds for which the cookie is still good; 0 or less when it is not."""
    stamp = cookie.partition(".")[0]
    if not 0 < len(stamp) <= 12 or not stamp.isalnum():
        return 0
    try:
        expires = int(stamp, 16)
    except ValueError:
        return 0
    good = hmac.compare_digest(cookie.encode("utf-8", "replace"), sign_cookie(credentials, expires).encode())
    return expires - now if good else 0


@dataclass(frozen=True, slots=True)
class Admission:
    """What the door says: a refusal to answer with, or come in; `cookie` is to be set after a login by password."""

    refusal: web.Response | None = None
    cookie: str = ""


async def admit(request: web.Request, gate: Gate, origin: str) -> Admission:
    """Look at Host, Origin, address and credentials of a request; `origin` is what `api.origin` says."""
    host = host_name(request.headers.get("Host", ""))
    if host is None:
        return Admission(error(400, "the request needs a Host header"))
    caller = caller_of(request)
    proxied = caller.forwarded and gate.is_proxy(caller.peer)
    changes = request.method not in _SAFE or request.headers.get("Upgrade", "").lower() == "websocket"
    if changes and is_foreign_page(request.headers, origin, behind_proxy=proxied):
        return Admission(error(403, 'a page of another origin may not do this; api.origin: "*" would allow it'))
    is_open = gate.open_to(caller.peer, forwarded=caller.forwarded)
    if is_open and (proxied or caller.peer == UNIX or is_own_host(host, gate.hosts)):
        return Admission()
    # only a proxy that is relied on is believed whom it speaks for
    guesser = client_of(request.headers, caller.peer) if proxied else caller.peer
    admission = await _identify(request, gate, guesser)
    if is_open and admission.refusal is not None and admission.refusal.status == 401:
        sentence = "is not known as a name of this gateway: use its IP address, or list the name in api.hosts"
        return Admission(error(403, f"{host} {sentence}"))
    return admission


async def _identify(request: web.Request, gate: Gate, guesser: str) -> Admission:
    """By cookie or by password; wrong passwords of one `guesser` are answered ever later."""
    credentials = gate.credentials
    if cookie_life(credentials, request.cookies.get(COOKIE, ""), time.time()) > 0:
        return Admission()
    given = parse_basic(request.headers.get("Authorization", ""))
    if given is not None:
        loop = asyncio.get_running_loop()
        delay = gate.throttle.delay(guesser, loop.time())
        if delay is None:
            sentence = "too many wrong passwords came from this address; wait a minute"
            return Admission(error(429, sentence, {"Retry-After": "60"}))
        if delay:
            await asyncio.sleep(delay)
        if credentials.match(*given):
            gate.throttle.succeeded(guesser)
            return Admission(cookie=sign_cookie(credentials, int(time.time()) + COOKIE_SECONDS))
        gate.throttle.failed(guesser, loop.time())
    return Admission(error(401, "Unauthorized", {"WWW-Authenticate": f'Basic realm="{REALM}"'}))


def set_cookie(request: web.Request, response: web.StreamResponse, cookie: str) -> None:
    """Have the browser remember a login, for the WebSocket."""
    response.set_cookie(
        COOKIE, cookie, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="Strict", secure=request.secure
    )
