"""Looking at a camera through the gateway before it is added."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from .client import GatewayClient
from .const import LOGGER
from .errors import GatewayError, GatewayRefused, GatewayUnreachable
from .found import Survey
from .models import Media
from .reasons import CODES, reason_key
from .sources import InvalidSource, host_of, hosts_of, is_address, is_link, runs_commands, with_credentials

_PREFIX = "go2py_look_"
NO_ERROR: Final = {"host": "", "detail": "", "address": "192.168.1.30", "link": "rtsp://…"}
"""Placeholders of the texts; forms always have them all."""


class ProbeError(Exception):
    """The camera cannot be used as given: a translation key, with what the gateway said."""

    def __init__(self, key: str, *, host: str = "", detail: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.placeholders = {**NO_ERROR, "host": host, "detail": detail}


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that brought a picture. `sub` describes the small one, `device` is the hardware address if told."""

    sources: tuple[str, ...]
    sub_sources: tuple[str, ...]
    media: Media
    sub: str = ""
    talk: bool = False
    maker: str = ""
    model: str = ""
    device: str = ""
    address: str = ""


class Look:
    """A stream for now in the gateway, from the first try until `end`; a preview can be taken from it meanwhile."""

    alive: ClassVar[dict[str, Look]] = {}
    """Those that are in use, by name."""

    def __init__(self, client: GatewayClient) -> None:
        self.client = client
        self.name = f"{_PREFIX}{secrets.token_hex(6)}"
        self.ended = False
        self._made = False

    @staticmethod
    def owns(name: str) -> bool:
        """Whether this is the name of somebody's look."""
        return name.startswith(_PREFIX)

    @classmethod
    def forgotten(cls, names: Iterable[str]) -> list[str]:
        """Those among a gateway's streams that were left by a Home Assistant that ended in the middle of a form."""
        return sorted(name for name in names if cls.owns(name) and name not in cls.alive)

    @classmethod
    async def end_all(cls, client: GatewayClient) -> None:
        """The connection to a gateway ends: take away what there is for forms that are still open."""
        for look in [look for look in cls.alive.values() if look.client is client]:
            await look.end()

    async def find(self, text: str, username: str = "", password: str = "") -> Found:
        """The camera that `text`, an address or a source, means. Raises `ProbeError`."""
        text = text.strip()
        try:
            if not is_address(text):
                source = with_credentials(text, username, password)
                return Found((source,), (), await self.check(source))
        except InvalidSource:
            raise ProbeError("camera_source") from None
        with self._explained(text):
            survey = await self.client.survey(text, username, password)
        return await self._chosen(survey, text, username, password)

    async def _chosen(self, survey: Survey, text: str, username: str, password: str) -> Found:
        """The best stream that a survey found, and the small one beside it."""
        streams = survey.streams
        main = streams.get("main") or next(iter(streams.values()), None)
        if main is None:
            raise ProbeError(reason_key(survey.problem), host=text, detail=survey.message)
        sub = streams.get("sub")
        if sub is not None and sub.source == main.source:
            sub = None
        source = with_credentials(main.source, username, password)
        return Found(
            (source,),
            (with_credentials(sub.source, username, password),) if sub else (),
            await self.check(source),
            sub.picture if sub else "",
            survey.talk,
            survey.maker,
            survey.model,
            survey.mac,
            survey.address if survey.address.lower() in hosts_of((source,)) else "",
        )

    async def beside(self, main: Found, text: str, username: str, password: str) -> Found:
        """`main` with the small picture behind this link, which has to come too. Raises `ProbeError`."""
        if not is_link(text):
            raise ProbeError("camera_sub_source")
        source = with_credentials(text, username, password)
        with self._explained(host_of(source)):
            media = await self._sight(source)
        return replace(main, sub_sources=(source,), sub=" ".join(filter(None, (media.video, media.resolution))))

    async def check_all(self, sources: Sequence[str]) -> Media:
        """Try each of several sources of one camera; what the first carries. Raises `ProbeError`."""
        if not sources:
            raise ProbeError("camera_source")
        checked = [await self.check(source) for source in reversed(sources)]
        return checked[-1]

    async def check(self, source: str) -> Media:
        """Connect to one source and wait for its picture. Raises `ProbeError`."""
        with self._explained(host_of(source)):
            await self.close()
            media = await self._sight(source)
            self._begin()
            try:
                await self.client.try_stream(self.name, _own(source))
            finally:
                if self.ended:  # while the gateway was working: it may have made the stream after it was taken away
                    self._made = True
                    await self.close()
            return media

    async def _sight(self, source: str) -> Media:
        """What a source carries, once it brought a picture. Raises `ProbeError` and `GatewayError`."""
        if runs_commands(source):
            raise ProbeError("camera_command")
        sight = await self.client.look_at(source)
        if sight.problem:
            raise ProbeError(reason_key(sight.problem), host=host_of(source), detail=sight.message)
        return sight.media

    @contextmanager
    def _explained(self, host: str) -> Iterator[None]:
        """Turn what the gateway refuses into what a form says."""
        try:
            yield
        except GatewayRefused as error:
            key = reason_key(error.code) if error.code in CODES else "gateway_refused"
            raise ProbeError(key, host=host, detail=str(error)) from error
        except GatewayUnreachable as error:
            raise ProbeError("gateway_lost", host=host, detail=str(error)) from error
        except GatewayError as error:
            raise ProbeError("gateway_refused", host=host, detail=str(error)) from error

    def _begin(self) -> None:
        if self.ended:
            raise ProbeError("camera_error")
        self._made = True
        self.alive[self.name] = self

    async def end(self) -> None:
        """Take the stream away for good, also one that is about to be made."""
        self.ended = True
        await self.close()

    async def close(self) -> None:
        """Take the stream away. A gateway that is gone meanwhile has forgotten it by itself."""
        if self._made and not self.client.closed:
            self._made = False
            try:
                await self.client.delete_stream(self.name)
            except GatewayError as error:
                LOGGER.debug("%s stays until the gateway restarts: %s", self.name, error)
        self.alive.pop(self.name, None)


def _own(source: str) -> str:
    """The gateway takes `rtsp://camera/door` for its own `door`, if it has one; a fragment tells them apart."""
    return f"{source}#timeout=10" if source.startswith("rtsp://") and "#" not in source else source
