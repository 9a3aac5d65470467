"""HTTP as cameras speak it: one request at a time, Digest or Basic when asked, few redirects."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from ...errors import ProtocolError, SourceError, Unauthorized, Unreachable
from ...protocols.http_auth import ClientAuth
from ...protocols.rtsp_url import RtspUrl

ANSWER_SECONDS = 5.0
"""For the head of an answer, redirects and a password included."""
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443, "httpx": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask for. `headers` may hold secrets."""

    url: RtspUrl
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """`host:port` for people."""
        host = f"[{self.url.host}]" if ":" in self.url.host else self.url.host
        return f"{host}:{self.url.port or _PORTS.get(self.url.scheme, 80)}"

    @property
    def verified(self) -> bool:
        """Whether the certificate counts: no camera has one for its address."""
        try:
            ipaddress.ip_address(self.url.host)
        except ValueError:
            return self.url.scheme == "https"
        return False

    @property
    def text(self) -> str:
        """The URL for the wire, without credentials."""
        scheme = "https" if self.url.scheme == "httpx" else self.url.scheme
        return f"{scheme}://{self.address}{self.url.path if self.url.path.startswith('/') else '/' + self.url.path}"


class Client:
    """Asks one camera; close it at the end. Every request has a connection of its own: there are cameras that close a
    kept one without a word."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._auth = ClientAuth(target.url.user, target.url.password)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": "go2py", **target.headers},
        )

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def get(self) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer with status 200, its body unread. Raises `SourceError`, from within the block too."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await self._ask()
        except TimeoutError:
            raise Unreachable(f"{self._target.address} does not answer within {ANSWER_SECONDS:g} s") from None
        except aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError:
            raise Unreachable(f"{self._target.address}: TLS failed; httpx:// takes any certificate") from None
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or "no route"
            raise Unreachable(f"{self._target.address} cannot be reached ({reason})") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise Unreachable(f"{self._target.address} gave no proper HTTP answer ({type(error).__name__})") from None
        try:
            yield response
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{self._target.address} broke off ({type(error).__name__})") from None
        finally:
            response.close()

    async def _ask(self) -> aiohttp.ClientResponse:
        """Follow redirects and answer one challenge. Credentials go to the camera's own host only."""
        url, redirects = self._target.text, 0
        first = URL(url, encoded=True)
        while True:
            here = URL(url, encoded=True)
            own = here.host == first.host and (here.scheme == "https" or first.scheme == "http")
            uri = here.raw_path_qs
            authorization = self._auth.authorization("GET", uri) if own else ""
            response = await self._session.get(
                here,
                headers={"Authorization": authorization} if authorization else None,
                allow_redirects=False,
                ssl=self._target.verified or not own,
            )
            if response.status == 200:
                self._auth.accepted()
                return response
            challenges = response.headers.getall("WWW-Authenticate", [])
            location = response.headers.get("Location", "")
            response.close()
            if response.status in _REDIRECTS and location:
                redirects += 1
                url = urljoin(url, location)
                if redirects > MAX_REDIRECTS or not url.startswith(("http://", "https://")):
                    raise SourceError(f"{self._target.address} redirects to no end")
            elif response.status != 401 or not own or not self._auth.challenged(challenges):
                raise _refusal(self._target.address, response.status, response.reason or "")


def _refusal(address: str, status: int, reason: str) -> SourceError | ProtocolError:
    if status in {401, 403}:
        return Unauthorized(f"{address}: wrong user or password")
    text = f"{address} answers {status} {reason[:100]}".rstrip()
    return Unreachable(text) if status >= 500 else SourceError(text)
