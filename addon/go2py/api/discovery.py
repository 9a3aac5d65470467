"""`/api/discovery` and `/api/onvif`: cameras on the network, and what one of them has. docs/discovery.md has the rules.

Pages of other origins may not use any of it, whatever `api.origin` says of the rest: it looks around in the house.
"""

import json
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

from aiohttp import web

from ..discovery.found import Device
from ..discovery.networks import Link
from ..discovery.probe import Probe, parse_address
from ..discovery.probed import FoundStream, Look, Result
from ..discovery.search import DEFAULT_WAYS, MAX_SECONDS, WAYS, Search
from ..errors import ProtocolError, SourceError
from ..sources.registry import dial, explore
from ..streams.source import SourceUrl
from .caller import caller_of, is_foreign_page
from .context import AppContext
from .respond import dump, error, json_response, parse_json, read_text
from .routes import ANY, Route
from .trial import try_text

SECONDS = 5.0
"""How long a search listens, unless told."""
MAX_SEARCHES = 4
PROBE_BYTES = 16 << 10
BUSY = "this camera is being looked at already; a second look at the same time may lock it"
LINES = "application/x-ndjson"
_HOST = re.compile(r"://(?:[^/@\s]*@)?(?:\[([^\]/]+)\]|([^:/?#\s]+))")
_NAMES = {"MPEG4-GENERIC": "AAC", "MP4A-LATM": "AAC"}
_ONVIF_PLACEHOLDER = "user:pass@"


class DiscoveryEndpoints:
    """`links` None: the networks of the machine."""

    def __init__(self, context: AppContext, links: Sequence[Link] | None = None) -> None:
        self._context = context
        self._search = Search(context.mdns, links)
        self._searches = 0
        self._probing: set[str] = set()

    def routes(self) -> Sequence[Route]:
        return (
            Route("api/onvif", {ANY: self.onvif}, "onvif"),
            Route("api/discovery", {"GET": self.search}, "discovery"),
            Route("api/discovery/probe", {"POST": self.probe}, "discovery"),
        )

    async def close(self) -> None:
        """Searches end with their requests."""

    # --- searching

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Devices on the networks of this machine: a list at the end, or, as NDJSON, a line whenever something new is
        known of one."""
        ways = tuple(request.query.get("by", ",".join(DEFAULT_WAYS)).split(","))
        if unknown := set(ways) - set(WAYS):
            return error(400, f"by is a list of {', '.join(WAYS)}, not {', '.join(sorted(unknown))[:100]}")
        seconds = _seconds(request.query.get("timeout", ""))
        if refusal := self._refusal(request):
            return refusal
        if "stream" not in request.query and LINES not in request.headers.get("Accept", ""):
            last: dict[int, dict[str, Any]] = {}
            async with aclosing(self._devices(seconds, ways)) as devices:
                async for number, device in devices:
                    last[number] = self._told(device)
            return json_response({"devices": list(last.values())})
        response = web.StreamResponse(headers={"Content-Type": LINES, "Cache-Control": "no-cache"})
        async with aclosing(self._devices(seconds, ways)) as devices:
            await response.prepare(request)
            async for number, device in devices:
                await response.write(dump({"number": number, **self._told(device)}).encode() + b"\n")
        await response.write_eof()
        return response

    async def _devices(self, seconds: float, ways: Sequence[str]) -> AsyncGenerator[tuple[int, Device]]:
        """Devices with their number in this search, whenever something new is known."""
        numbers: dict[int, int] = {}
        self._searches += 1
        try:
            async with aclosing(self._search.run(seconds, ways)) as devices:
                async for device in devices:
                    yield numbers.setdefault(id(device), len(numbers)), device
        finally:
            self._searches -= 1

    def _told(self, device: Device) -> dict[str, Any]:
        return {**device.to_json(), "streams": self._known(device.host)}

    def _known(self, host: str) -> list[str]:
        """Names of the streams that have a source at this address."""
        return [
            name
            for name, stream in self._context.registry
            if any(host.lower() == found.lower() for source in stream.sources for found in _hosts(source))
        ]

    def _is_foreign(self, request: web.Request) -> bool:
        caller = caller_of(request)
        proxied = caller.forwarded and self._context.gate.is_proxy(caller.peer)
        return is_foreign_page(request.headers, "", behind_proxy=proxied)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._is_foreign(request):
            return error(403, "a page of another origin may not search")
        if self._searches >= MAX_SEARCHES:
            return error(503, "enough searches are under way; wait for their end")
        return None

    # --- go2rtc's endpoint

    async def onvif(self, request: web.Request) -> web.Response:
        """Without `src` ONVIF devices on the network, with it the profiles of one, in go2rtc's shape."""
        if refusal := self._refusal(request):
            return refusal
        src = request.query.get("src", "")
        sources = await self._profiles(src) if src else await self._found()
        if not sources:
            return error(404, "no sources")
        # not masked: there is nothing in it but what the caller wrote, and placeholders
        body = json.dumps({"sources": sources}, ensure_ascii=False, separators=(",", ":"))
        return web.Response(text=body + "\n", content_type="application/json")

    async def _found(self) -> list[dict[str, str]]:
        found: dict[int, dict[str, str]] = {}
        async with aclosing(self._devices(SECONDS, ("onvif",))) as devices:
            async for number, device in devices:
                told = device.to_json()
                info = " ".join(dict.fromkeys(filter(None, (told["name"], told["model"]))))
                url = device.source.replace("://", f"://{_ONVIF_PLACEHOLDER}", 1)
                found[number] = {"name": device.host, "info": info, "url": url}
        return list(found.values())

    async def _profiles(self, src: str) -> list[dict[str, str]]:
        self._context.registry.validate(src)
        url = SourceUrl(src)
        if url.scheme != "onvif":
            raise ProtocolError("src is a device like onvif://user:password@192.168.1.20")
        device = await explore(url)
        name = " ".join(filter(None, (device.maker, device.model))) or "ONVIF"
        own = re.search(r"://([^/?#]*@)", src)

        def entry(label: str, source: str) -> dict[str, str]:
            text = re.sub(r"://[^/@]*@", "://", source, count=1)
            return {"name": f"{name} {label}", "url": text.replace("://", f"://{own[1] if own else ''}", 1)}

        sources = [entry(f"stream{index}", stream.source) for index, stream in enumerate(device.streams, 1)]
        return sources + ([entry("snapshot", device.snapshot)] if device.snapshot else [])

    # --- looking at one

    async def probe(self, request: web.Request) -> web.Response:
        """What a camera has, for an address and a password or for the text of a source. A POST of a page of ours, or
        of a program."""
        if self._is_foreign(request):
            return error(403, "a page of another origin may not look at cameras")
        body = parse_json(await read_text(request, PROBE_BYTES))
        if "src" in body:
            return await self._try(body)
        values = [body.get(key, "") for key in ("address", "username", "password")]
        if not all(isinstance(value, str) and len(value) <= 1024 for value in values):
            return error(400, "address, username and password are texts")
        address = parse_address(values[0])
        with self._looking(address.host):
            result = await Probe(address, values[1], values[2], _look, lambda text: explore(SourceUrl(text))).run()
        return json_response(_result(result) | {"known": self._known(result.host)})

    async def _try(self, body: dict[str, Any]) -> web.Response:
        text, preview = body["src"], body.get("preview", False)
        if not isinstance(text, str) or not isinstance(preview, bool):
            return error(400, "src is a text, preview true or false")
        hosts = _hosts(text)
        host = hosts[0] if hosts else text
        with self._looking(host):
            told = await try_text(self._context.registry, text, preview=preview)
        return json_response({"address": hosts[0] if hosts else "", **told, "known": self._known(host)})

    @contextmanager
    def _looking(self, host: str) -> Iterator[None]:
        """Raises `HTTPConflict`: a second look at the same time may lock a camera."""
        if host in self._probing:
            raise web.HTTPConflict(reason=BUSY)
        self._probing.add(host)
        try:
            yield
        finally:
            self._probing.discard(host)


async def _look(text: str) -> Look:
    """Open a source, see what it offers, close it."""
    source = dial(SourceUrl(text)).create()
    try:
        offers = await source.open()
    finally:
        await source.close()
    codecs = {offer.kind: offer.codecs[0] for offer in reversed(offers) if offer.direction == "recvonly"}
    video, audio = codecs.get("video"), codecs.get("audio")
    if video is None and audio is None:
        raise SourceError("neither picture nor sound")
    return Look(
        video.name if video else "",
        (video.width, video.height) if video else (0, 0),
        _NAMES.get(audio.name, audio.name) if audio else "",
        any(offer.direction == "sendonly" for offer in offers),
    )


def _result(found: Result) -> dict[str, Any]:
    return {
        "address": found.host,
        "maker": found.maker.name if found.maker else found.maker_name,
        "hint": found.maker.hint if found.maker else "",
        "model": found.model,
        "firmware": found.firmware,
        "serial": found.serial,
        "mac": found.mac,
        "clock": round(found.clock, 1),
        "streams": [_stream(stream) for stream in found.streams],
        "talk": any(stream.look.talk for stream in found.streams),
        "snapshot": found.snapshot,
        "problems": [{"code": problem.code, "message": problem.message} for problem in found.problems],
    }


def _stream(stream: FoundStream) -> dict[str, Any]:
    width, height = stream.look.size
    return {
        "name": stream.name,
        "role": stream.role,
        "via": stream.via,
        "source": stream.source or stream.onvif,
        "onvif": stream.onvif,
        "video": stream.look.video,
        "width": width,
        "height": height,
        "fps": stream.fps,
        "audio": stream.look.audio,
        "talk": stream.look.talk,
        "checked": stream.checked,
    }


def _hosts(source: str) -> list[str]:
    return [one or other for one, other in _HOST.findall(source)]


def _seconds(text: str) -> float:
    """Raises `ProtocolError`."""
    if not text:
        return SECONDS
    if not re.fullmatch(r"\d{1,3}(?:\.\d{1,3})?", text, re.ASCII) or not 0 < float(text) <= MAX_SECONDS:
        raise ProtocolError(f"timeout is a number of seconds up to {MAX_SECONDS:g}")
    return float(text)
