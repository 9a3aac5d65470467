"""Sources that run before anybody looks."""

import asyncio
from typing import TYPE_CHECKING

from ..errors import Go2pyError, Paused
from ..observe.log import get_logger
from .negotiate import wants_from_query
from .reader import Attachment, ReaderInfo

if TYPE_CHECKING:
    from .registry import Registry

_log = get_logger("streams")


class Preload:
    """A reader that reads nothing: it keeps sources running so that the first viewer need not wait."""

    RETRY = 5.0

    def __init__(self, registry: Registry, name: str, query: str) -> None:
        self.query = query
        self.attachment: Attachment | None = None
        self._registry = registry
        self._name = name
        self._task = asyncio.get_running_loop().create_task(self._hold(), name=f"preload {name}")

    async def _hold(self) -> None:
        pairs = [(key, value) for key, _, value in (part.partition("=") for part in self.query.split("&"))]
        wants = wants_from_query(pairs)
        while True:
            ended = asyncio.Event()
            try:
                stream = self._registry.require(self._name)
                self.attachment = await stream.attach(ReaderInfo("preload"), wants)
                self.attachment.on_end = lambda _reason, ended=ended: ended.set()
                if self.attachment.ended is None:
                    await ended.wait()
            except Paused:
                pass  # `Registry.resume` makes a new preload
            except Go2pyError as error:
                _log.info("preload of %s: %s", self._name, error)
            finally:
                if self.attachment is not None:
                    self.attachment.close()
                    self.attachment = None
            await asyncio.sleep(self.RETRY)

    def close(self) -> None:
        self._task.cancel()
