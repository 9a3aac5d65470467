"""Looking at a camera through the gateway before it is added."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from .client import GatewayClient, GatewayError, GatewayRefused, GatewayUnreachable
from .const import LOGGER
from .models import Media
from .reasons import reason_key
from .sources import InvalidSource, candidates, host_of

_PREFIX = "go2py_look_"
_SECONDS = 45.0
_FRAME_SECONDS = 15.0
_MOVES_ON = frozenset({"camera_path", "camera_error"})
"""Reasons for which another path of the same camera may do better."""


class ProbeError(Exception):
    """The camera cannot be used as given: a translation key, with what the gateway said."""

    def __init__(self, key: str, *, host: str = "", detail: str = "") -> None:
        super().__init__(key)
        self.key, self.host, self.detail = key, host, detail


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that brought a picture."""

    sources: tuple[str, ...]
    media: Media


class Look:
    """A stream for now in the gateway, from the first try until `close`; a preview can be taken from it meanwhile."""

    def __init__(self, client: GatewayClient) -> None:
        self.client = client
        self.name = f"{_PREFIX}{secrets.token_hex(6)}"
        self._made = False

    async def find(self, text: str, username: str = "", password: str = "") -> Found:
        """The first source that works of those that `text` may mean. Raises `ProbeError`."""
        failure = ProbeError("camera_source")
        try:
            async with asyncio.timeout(_SECONDS):
                for source in candidates(text, username, password):
                    try:
                        return Found((source,), await self.check(source))
                    except ProbeError as error:
                        failure = error
                        if error.key not in _MOVES_ON:
                            break
        except InvalidSource:
            raise ProbeError("camera_source") from None
        except TimeoutError:
            raise ProbeError("camera_unreachable", host=host_of(text)) from None
        raise failure

    async def check_all(self, sources: Sequence[str]) -> Media:
        """Try each of several sources of one camera; what the first carries. Raises `ProbeError`."""
        checked = [await self.check(source) for source in reversed(sources)]
        return checked[-1]

    async def check(self, source: str) -> Media:
        """Connect to one source and wait for its picture. Raises `ProbeError`."""
        host = host_of(source)
        try:
            await self.close()
            self._made = True
            await self.client.try_stream(self.name, _own(source))
            media = await self.client.probe(self.name)
            if media.video:
                await self.client.frame(self.name, width=640, limit=_FRAME_SECONDS)
                media = (await self.client.media()).get(self.name, media)
        except GatewayRefused as error:
            detail = str(error)
            raise ProbeError(reason_key(detail), host=host, detail=detail) from error
        except GatewayUnreachable as error:
            raise ProbeError("gateway_lost", host=host, detail=str(error)) from error
        except GatewayError as error:
            raise ProbeError("gateway_refused", host=host, detail=str(error)) from error
        return media

    async def close(self) -> None:
        """Take the stream away again. A gateway that is gone meanwhile has forgotten it by itself."""
        if self._made:
            self._made = False
            try:
                await self.client.delete_stream(self.name)
            except GatewayError as error:
                LOGGER.debug("%s stays until the gateway restarts: %s", self.name, error)


def _own(source: str) -> str:
    """The gateway takes `rtsp://camera/door` for its own stream `door`, if there is one; a fragment tells them apart."""
    return f"{source}#timeout=10" if source.startswith("rtsp://") and "#" not in source else source


