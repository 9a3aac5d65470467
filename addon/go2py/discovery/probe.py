"""One address and one password: which streams are there?

First the doors: which ports are open, and does ONVIF answer without a password. Then, with it, side by side: ONVIF's
own list, and the stream paths that are usual for the maker. Streams that ONVIF lists count more.

Wrong passwords lock cameras. So the first request that carries one goes alone, by RTSP where that is open, and one
refusal ends everything.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from ..errors import Busy, ProtocolError, SourceError, Unauthorized
from ..observe.log import get_logger
from ..observe.secret import mask
from . import wsdd
from .found import Sighting
from .makers import HTTP_PORTS, RTSP_PORTS, maker_of, pairs
from .networks import Link
from .ports import knock
from .probed import Code, Explored, ExploredStream, FoundStream, Look, Result

_log = get_logger("discovery")

PROBE_SECONDS = 30.0
KNOCK_SECONDS = 2.0
MAX_CHECKED = 4
"""Streams that are opened of those that ONVIF lists."""
HELLO_SECONDS = 1.2
"""For the unicast question by WS-Discovery."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to look: `port` 0 and `path` empty where nothing was said."""

    host: str
    port: int = 0
    path: str = ""

    @property
    def bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_address(text: str) -> Address:
    """What people type: a host, `host:port`, or a URL, of which the path counts for `rtsp://`. Raises
    `ProtocolError`."""
    scheme, separator, rest = text.strip().rpartition("://")
    place, slash, path = rest.rpartition("@")[2].partition("/")
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([\w.-]{1,253}))(?::(\d{1,5}))?", place)
    if match is None and re.fullmatch(r"[0-9a-fA-F:.]{2,45}", place):
        return Address(place)
    if match is None or int(match[3] or 0) > 65535:
        raise ProtocolError("an address is needed, like 192.168.1.20 or camera.local")
    wanted = separator and scheme.lower() == "rtsp" and path
    return Address(match[1] or match[2], int(match[3] or 0), slash + path if wanted else "")


type Opener = Callable[[str], Awaitable[Look]]
"""Opens the source behind a text, looks, and closes it. Raises `SourceError`, `ProtocolError`."""
type Explorer = Callable[[str], Awaitable[Explored]]


class Probe:
    """One attempt; `run` once."""

    def __init__(self, address: Address, username: str, password: str, open: Opener, explore: Explorer) -> None:
        self._address = address
        self._user, self._password = quote(username, safe=""), quote(password, safe="")
        self._who = f"{self._user}:{self._password}@" if username or password else ""
        self._open, self._explore = open, explore
        self.result = Result(address.host)
        self._first = asyncio.Event()
        """Set when the first request that carried the password was answered, or none will be by RTSP."""
        self._refused = False

    async def run(self) -> Result:
        """What was found, with what stands in the way. Takes half a minute at most and raises nothing."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._run()
        except TimeoutError:
            self.result.problem("failed", f"{self._address.host} answers too slowly to be looked at")
        return self.result

    async def _run(self) -> None:
        result = self.result
        (rtsp, http, answered), hello = await asyncio.gather(self._doors(), self._hello())
        if not rtsp and not http and hello is None:
            self._nobody(answered)
            return
        if hello is not None:
            result.model, result.mac = hello.model, hello.mac
            result.maker = maker_of(hello.name, hello.model)
        loop = asyncio.get_running_loop()
        paths = loop.create_task(self._paths(rtsp[0]) if rtsp else self._no_rtsp())
        device = loop.create_task(self._device(hello, http))
        try:
            explored = await device
            if explored is not None and explored.streams:
                await _ended(paths)
                await self._take(explored)
            elif not self._refused or result.streams:
                await paths
        finally:
            await _ended(device)
            await _ended(paths)
        if not result.streams and not result.problems:
            result.problem(
                "no_stream",
                f"{self._address.host} answers, but none of the usual streams is there; enter the stream's URL from "
                "the camera's manual",
            )

    # --- doors

    async def _doors(self) -> tuple[list[int], list[int], bool]:
        """The open ports for RTSP and for HTTP, in the order of the tables, and whether anything came back at all."""
        given = self._address.port
        rtsp = (given,) if given and self._address.path else tuple(dict.fromkeys((*_only(given), *RTSP_PORTS)))
        http = tuple(dict.fromkeys((*_only(given), *HTTP_PORTS)))
        ports = tuple(dict.fromkeys((*rtsp, *http)))
        answers = await asyncio.gather(*(knock(self._address.host, port, KNOCK_SECONDS) for port in ports))
        found = dict(zip(ports, answers, strict=True))
        is_open = [port for port in ports if found[port] == "open"]
        return (
            [port for port in rtsp if port in is_open],
            [port for port in http if port in is_open],
            any(answer != "silent" for answer in answers),
        )

    async def _hello(self) -> Sighting | None:
        """What the device says of itself by WS-Discovery, asked directly."""
        seen: list[Sighting] = []
        heard = asyncio.Event()

        def take(sighting: Sighting) -> None:
            seen.append(sighting)
            heard.set()

        loop = asyncio.get_running_loop()
        try:
            resolved = await loop.getaddrinfo(self._address.host, None, family=socket.AF_INET)
        except OSError:
            return None
        search = loop.create_task(wsdd.search([Link.any()], HELLO_SECONDS, take, str(resolved[0][4][0])))
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                await heard.wait()
        except TimeoutError:
            pass
        finally:
            search.cancel()
            await asyncio.gather(search, return_exceptions=True)
        return seen[0] if seen else None

    def _nobody(self, answered: bool) -> None:
        host = self._address.host
        if answered:
            self.result.problem(
                "closed", f"{host} is on, but neither RTSP nor ONVIF answers. Switch one of them on in the camera."
            )
        else:
            self.result.problem(
                "unreachable", f"No answer from {host}. Check that the camera has power and is on a network we reach."
            )

    # --- with the password

    async def _no_rtsp(self) -> None:
        self._first.set()

    async def _paths(self, port: int) -> None:
        """Try the usual paths, main stream first, until one is there."""
        own = ((self._address.path, ""),) if self._address.path else ()
        for main, sub in (*own, *pairs(self.result.maker)):
            try:
                look = await self._open(self._rtsp(port, main, talk=True))
            except (SourceError, ProtocolError) as error:
                _log.debug("%s: %s", main, error)
                if self._is_final(error):
                    return
            else:
                self.result.streams.append(
                    FoundStream(main, "main", "path", self._bare(port, main), look=look, checked=True)
                )
                await self._sub(port, sub, look)
                return
            finally:
                self._first.set()

    async def _sub(self, port: int, path: str, main: Look) -> None:
        """The smaller stream beside a main one; a camera that shows the same at every path has none."""
        if not path:
            return
        try:
            look = await self._open(self._rtsp(port, path))
        except (SourceError, ProtocolError) as error:
            _log.debug("%s: %s", path, error)
            return
        if look.size == (0, 0) or look.size != main.size:
            self.result.streams.append(
                FoundStream(path, "sub", "path", self._bare(port, path), look=look, checked=True)
            )

    def _is_final(self, error: SourceError | ProtocolError) -> bool:
        """Whether nothing more is to be tried; tells why."""
        if isinstance(error, Unauthorized):
            self._refuse("unauthorized", error)
            return True
        if isinstance(error, Busy):
            self.result.problem("busy", str(error))
            return True
        return False

    def _refuse(self, code: Code, error: Unauthorized) -> None:
        self._refused = True
        self.result.problem(code if self._who else "credentials_needed", str(error))

    async def _device(self, hello: Sighting | None, http: Sequence[int]) -> Explored | None:
        """What ONVIF says; None where it says nothing."""
        if hello is None and not http:
            return None
        await self._first.wait()
        if self._refused:
            return None
        try:
            return await self._explore(self._onvif(hello))
        except Unauthorized as error:
            seen = bool(self.result.streams)
            self._refuse("onvif_unauthorized" if seen else "unauthorized", error)
        except (SourceError, ProtocolError) as error:
            _log.debug("%s: %s", self._address.host, error)
        return None

    async def _take(self, explored: Explored) -> None:
        """ONVIF's list becomes the result, its first streams with what opening them shows."""
        result = self.result
        result.maker_name, result.model = explored.maker or result.maker_name, explored.model or result.model
        result.maker = maker_of(result.maker_name, result.model) or result.maker
        result.firmware, result.serial = explored.firmware, explored.serial
        result.snapshot, result.clock = without_credentials(explored.snapshot), explored.clock
        told = sorted(explored.streams, key=lambda stream: -stream.size[0] * stream.size[1])
        checked = [await self._checked(stream, index) for index, stream in enumerate(told)]
        checked.sort(key=lambda stream: -stream.look.size[0] * stream.look.size[1])
        last = len(checked) - 1
        result.streams = [
            replace(stream, role="main" if index == 0 else "sub" if index == last else "other")
            for index, stream in enumerate(checked)
        ]

    async def _checked(self, stream: ExploredStream, index: int) -> FoundStream:
        look = Look(stream.video, stream.size, stream.audio, stream.talk)
        source = _plain(stream.direct[0]) if stream.direct else ""
        found = FoundStream(stream.name, "other", "onvif", source, without_credentials(stream.source), look, stream.fps)
        for url in () if self._refused or index >= MAX_CHECKED else stream.direct:
            try:
                # one question is enough: a device has one loudspeaker
                seen = await self._open(f"{url}#backchannel=1" if index == 0 else url)
            except (SourceError, ProtocolError) as error:
                _log.debug("%s: %s", stream.name, error)
                if self._is_final(error):
                    break
            else:
                size = seen.size if seen.size != (0, 0) else look.size
                talk = seen.talk or (index > 0 and look.talk)
                return replace(found, source=_plain(url), look=replace(seen, size=size, talk=talk), checked=True)
        return found

    def _bare(self, port: int, path: str) -> str:
        """The source text of a path, without credentials."""
        return f"rtsp://{self._address.bracketed}{f':{port}' if port != 554 else ''}{path}"

    def _rtsp(self, port: int, path: str, *, talk: bool = False) -> str:
        """The same with them."""
        text = self._bare(port, path.replace("{user}", self._user).replace("{password}", self._password))
        return text.replace("://", f"://{self._who}", 1) + ("#backchannel=1" if talk else "")

    def _onvif(self, hello: Sighting | None) -> str:
        if hello is not None and hello.source:
            return hello.source.replace("://", f"://{self._who}", 1)
        given = self._address.port
        port = f":{given}" if given and not self._address.path else ""
        return f"onvif://{self._who}{self._address.bracketed}{port}"


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def without_credentials(source: str) -> str:
    """A source text that we made, which has no `/` or `@` in its user info."""
    return re.sub(r"://[^/@]*@", "://", source, count=1)


def _plain(url: str) -> str:
    """The same for what a camera answered; empty if there is a secret elsewhere in it: its ONVIF source has none."""
    text = without_credentials(url)
    return text if mask(text) == text else ""


def _only(port: int) -> tuple[int, ...]:
    return (port,) if port else ()
