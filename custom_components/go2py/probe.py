"""Looking at a camera through the gateway before it is added."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from .client import GatewayClient, GatewayError, GatewayRefused, GatewayUnreachable
from .const import LOGGER
from .models import Media
from .reasons import INVALID_AUTH, OTHER, UNREACHABLE, reason_key
from .sources import InvalidSource, host_of, is_address, with_credentials

_PREFIX = "go2py_look_"
_FRAME_SECONDS = 15.0
_PROBLEMS: Final = {
    "unreachable": UNREACHABLE,
    "closed": "camera_port_closed",
    "credentials_needed": "camera_auth_needed",
    "unauthorized": INVALID_AUTH,
    "busy": "camera_busy",
    "no_stream": "camera_no_stream",
}
"""The gateway's codes (docs/discovery.md) in our words."""
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
    """A camera that brought a picture."""

    sources: tuple[str, ...]
    sub_sources: tuple[str, ...]
    media: Media
    maker: str = ""
    model: str = ""


class Look:
    """A stream for now in the gateway, from the first try until `close`; a preview can be taken from it meanwhile."""

    def __init__(self, client: GatewayClient) -> None:
        self.client = client
        self.name = f"{_PREFIX}{secrets.token_hex(6)}"
        self._made = False

    @staticmethod
    def owns(name: str) -> bool:
        """Whether this is the name of somebody's look."""
        return name.startswith(_PREFIX)

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
        main = survey.sources.get("main") or next(iter(survey.sources.values()), "")
        if not main:
            raise ProbeError(_PROBLEMS.get(survey.problem, OTHER), host=text, detail=survey.message)
        sub = survey.sources.get("sub", "")
        source = with_credentials(main, username, password)
        subs = (with_credentials(sub, username, password),) if sub and sub != main else ()
        return Found((source,), subs, await self.check(source), survey.maker, survey.model)

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
            self._made = True
            await self.client.try_stream(self.name, _own(source))
            media = await self.client.probe(self.name)
            if media.video:
                await self.client.frame(self.name, width=640, limit=_FRAME_SECONDS)
                media = (await self.client.media()).get(self.name, media)
            return media

    @contextmanager
    def _explained(self, host: str) -> Iterator[None]:
        """Turn what the gateway refuses into what a form says."""
        try:
            yield
        except GatewayRefused as error:
            detail = str(error)
            raise ProbeError(reason_key(detail), host=host, detail=detail) from error
        except GatewayUnreachable as error:
            raise ProbeError("gateway_lost", host=host, detail=str(error)) from error
        except GatewayError as error:
            raise ProbeError("gateway_refused", host=host, detail=str(error)) from error

    async def close(self) -> None:
        """Take the stream away again. A gateway that is gone meanwhile has forgotten it by itself."""
        if self._made:
            self._made = False
            try:
                await self.client.delete_stream(self.name)
            except GatewayError as error:
                LOGGER.debug("%s stays until the gateway restarts: %s", self.name, error)


def _own(source: str) -> str:
    """The gateway takes `rtsp://camera/door` for its own `door`, if it has one; a fragment tells them apart."""
    return f"{source}#timeout=10" if source.startswith("rtsp://") and "#" not in source else source
