"""Carries a conversation with an ONVIF device over HTTP."""

import asyncio
import time
from typing import Self

import aiohttp
from yarl import URL

from ...errors import ProtocolError, Unreachable
from ...protocols.onvif.client import HttpAnswer, HttpRequest, Steps
from ...protocols.xml import MAX_BYTES

REQUEST_SECONDS = 5.0
_AGENT = "go2py"


class Asker:
    """One device's HTTP client; use as `async with`. Every request has a connection of its own: there are cameras that
    close a kept one without a word."""

    def __init__(self, timeout: float = REQUEST_SECONDS) -> None:
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, ssl=False),  # no camera has a certificate for its address
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _AGENT},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def run[T](self, steps: Steps[T]) -> T:
        """What the conversation returns. Raises what it raises, and `Unreachable`."""
        try:
            request = next(steps)
            while True:
                request = steps.send(await self._post(request))
        except StopIteration as end:
            value: T = end.value
            return value

    async def _post(self, request: HttpRequest) -> HttpAnswer:
        where = request.url.split("/")[2]
        try:
            async with self._session.post(
                URL(request.url, encoded=True), data=request.body, headers=request.headers, allow_redirects=False
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(64 << 10):
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise ProtocolError(f"{where} answers with more than a megabyte")
                challenges = response.headers.getall("WWW-Authenticate", [])
                date = response.headers.get("Date", "")
                return HttpAnswer(response.status, bytes(body), challenges, date, time.time())
        except TimeoutError:
            raise Unreachable(f"{where} does not answer within {self._timeout:g} s (ONVIF)") from None
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{where} cannot be reached (ONVIF: {error.os_error.strerror or 'no route'})") from None
        except aiohttp.ClientError, ValueError:
            raise Unreachable(f"{where} gave no proper HTTP answer (ONVIF)") from None
        except asyncio.IncompleteReadError, OSError:
            raise Unreachable(f"{where} closed the connection (ONVIF)") from None
