"""A camera with pictures over HTTP, written against sockets so that it can misbehave below HTTP."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from go2py.protocols.http_auth import ServerAuth, Verdict


@dataclass(slots=True)
class Script:
    """How it behaves; the defaults are those of a good MJPEG camera."""

    pictures: Sequence[bytes] = ()
    still: bool = False
    """One JPEG an answer."""
    user: str = ""
    password: str = ""
    algorithms: tuple[str, ...] = ("MD5",)
    """Of Digest; none: Basic alone."""
    content_type: str = ""
    """Instead of the right one."""
    boundary: str = "frame"
    """Between the parts; `announced` is what the header says of it."""
    announced: str = "frame"
    length: bool = True
    newline: str = "\r\n"
    status: str = "200 OK"
    redirects: tuple[str, ...] = ()
    """Where the first requests are sent."""
    raw: bytes = b""
    """Instead of any answer."""
    endless: bytes = b""
    """Sent again and again behind the head of the answer."""
    rate: float = 25.0
    close_after: int = 0
    """Parts after which it hangs up."""


@dataclass
class HttpCamera:
    script: Script
    requests: list[str] = field(default_factory=list)
    """Paths, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)
    open: int = 0

    async def __aenter__(self) -> Self:
        self._auth = ServerAuth(
            self.script.user, self.script.password, algorithms=self.script.algorithms, basic=not self.script.algorithms
        )
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._server.close_clients()
        await self._server.wait_closed()

    def url(self, path: str = "/video", *, user: str = "", password: str = "") -> str:
        who = f"{user}:{password}@" if user else ""
        return f"http://{who}127.0.0.1:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            self.requests.append(first.split(" ")[1])
            self.headers.append({k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines) if k})
            await self._answer(writer)
        self.open -= 1
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        script = self.script
        if script.raw:
            writer.write(script.raw)
            await writer.drain()
            return
        if len(self.requests) <= len(script.redirects):
            self._head(writer, "302 Found", [f"Location: {script.redirects[len(self.requests) - 1]}"])
            return
        if script.user:
            verdict = self._auth.verify(self.headers[-1].get("authorization", ""), "GET", time.monotonic())
            if verdict is not Verdict.OK:
                offers = [f"WWW-Authenticate: {value}" for value in self._auth.challenge(time.monotonic())]
                self._head(writer, "401 Unauthorized", offers)
                return
        if script.still:
            picture = script.pictures[len(self.requests) % len(script.pictures)]
            lines = [f"Content-Type: {script.content_type or 'image/jpeg'}"]
            if script.length:
                lines.append(f"Content-Length: {len(picture)}")
            self._head(writer, script.status, lines)
            writer.write(picture)
            await writer.drain()
            return
        kind = script.content_type or f"multipart/x-mixed-replace; boundary={script.announced}"
        self._head(writer, script.status, [f"Content-Type: {kind}"])
        await self._parts(writer)

    def _head(self, writer: asyncio.StreamWriter, status: str, lines: Sequence[str]) -> None:
        writer.write("\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode())

    async def _parts(self, writer: asyncio.StreamWriter) -> None:
        script, end = self.script, self.script.newline
        number = 0
        while script.endless:
            writer.write(script.endless)
            await writer.drain()
        while not (script.close_after and number >= script.close_after):
            picture = script.pictures[number % len(script.pictures)]
            lines = [script.boundary, "Content-Type: image/jpeg"]
            if script.length:
                lines.append(f"Content-Length: {len(picture)}")
            data = end.join([*lines, "", ""]).encode() + picture + end.encode()
            for cut in (data[:7], data[7:1000], data[1000:]):  # as it comes from a network
                writer.write(cut)
                await writer.drain()
            number += 1
            await asyncio.sleep(1 / script.rate)
