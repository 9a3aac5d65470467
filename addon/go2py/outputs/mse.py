"""Media Source Extensions over WebSocket (go2rtc's `mse` mode): one session a viewer.

The HTTP server did the handshake and goes on reading; the session writes its frames straight to the transport. They are
made once for all viewers by the `Muxer`, a viewer costs a write.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self

from ..config.settings import StreamSettings
from ..errors import ProtocolError, Unsupported
from ..media import codec as names
from ..protocols import fmp4
from ..protocols.websocket import message
from ..streams.negotiate import CodecWish, Want
from ..streams.pressure import STUCK, Budget, Pressure
from ..streams.reader import Attachment, ReaderInfo
from ..streams.stream import Stream
from .muxer import Batch, Muxer

_PACE = 0.04
"""Seconds between messages of a long replay: so much a browser digests."""

_PCM = (names.PCMA, names.PCMU, names.L16, names.PCML)
_STRINGS: dict[str, tuple[names.Kind, tuple[str, ...]]] = {
    "avc1.640029": ("video", (names.H264,)),
    "hvc1.1.6.L153.B0": ("video", (names.H265,)),
    "mp4a.40.2": ("audio", (names.AAC,)),
    "flac": ("audio", _PCM),
    "opus": ("audio", (names.OPUS,)),
}
"""What clients list, exactly; anything else is ignored."""

_DEFAULT = "avc1.640029,hvc1.1.6.L153.B0,mp4a.40.2"

type Send = Callable[[dict[str, Any]], Awaitable[None]]


def wants_from_codecs(codecs: str) -> tuple[Want, ...]:
    """The wanted tracks of a client's comma list of codec strings, video first; empty means H.264, H.265 and AAC."""
    names_by_kind: dict[names.Kind, list[CodecWish]] = {"video": [], "audio": []}
    for text in (codecs.strip() or _DEFAULT).split(","):
        if known := _STRINGS.get(text.strip()):
            names_by_kind[known[0]] += map(CodecWish, known[1])
    return tuple(Want(kind, tuple(wishes)) for kind, wishes in names_by_kind.items() if wishes)


class MseSession:
    """One viewer. Make it by `open`; whoever made it calls `close` when the socket ends."""

    def __init__(
        self,
        attachment: Attachment,
        transport: asyncio.WriteTransport,
        settings: StreamSettings,
        budget: Budget,
        on_end: Callable[[str], None],
    ) -> None:
        self._attachment = attachment
        self._transport = transport
        self._on_end = on_end
        self._muxer = Muxer.shared(attachment.tracks)
        self._leave = self._muxer.join(self)
        self._pressure = Pressure(
            settings, budget, name=attachment.name, has_video=self._muxer.video is not None, on_shed=self._drop
        )
        self._announced = False
        """Whether the client knows the content type: nothing binary goes before it."""
        self._start: float | None = None
        """When the viewer's time began on the stream's clock; None before its first picture."""
        self._waiting: deque[bytes] = deque()
        """Messages of the replay, and live ones behind them."""
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls,
        stream: Stream,
        codecs: str,
        *,
        info: ReaderInfo,
        send: Send,
        transport: asyncio.WriteTransport,
        settings: StreamSettings,
        budget: Budget,
        on_end: Callable[[str], None],
    ) -> Self:
        """Attach a viewer that listed `codecs`, tell it by `send` the content type, then write to `transport`.

        `send` puts one JSON text message through, uncompressed and in one write. `on_end` is called once with a
        sentence when the stream is over for this viewer. Raises `NegotiationError` or `SourceError`.
        """
        attachment = await stream.attach(info, wants_from_codecs(codecs))
        try:
            session = cls(attachment, transport, settings, budget, on_end)
        except Unsupported:
            attachment.close()
            raise
        try:
            await session._begin(send)
        except BaseException:
            session.close()
            raise
        return session

    async def _begin(self, send: Send) -> None:
        await send({"type": "mse", "value": fmp4.content_type(self._muxer.codecs)})
        # a replay is megabytes at once: how much may wait is the pressure's business
        self._transport.set_write_buffer_limits(high=1 << 30)
        self._announced = True
        self._attachment.on_end = self._ended
        if self._attachment.ended is not None:
            self._ended(self._attachment.ended)
        self._replay()

    def _drop(self, reason: str) -> None:
        """Not worth the wait any more; the connection's end closes the rest."""
        self._attachment.close(reason)
        self._transport.abort()

    def close(self) -> None:
        """Detach; the transport stays open. Safe to call more than once."""
        self._leave()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        self._pressure.close()
        self._attachment.close()

    def write(self, batch: Batch) -> None:
        """Live fragments, from the muxer."""
        if self._start is None:
            if self._announced:
                self._replay()  # its first key picture is in this batch, or still to come
            return
        transport, pressure = self._transport, self._pressure
        if transport.is_closing():
            return
        now = time.monotonic()
        queued = transport.get_write_buffer_size() + (sum(map(len, self._waiting)) if self._waiting else 0)
        units = batch.units
        admitted = [index for index, unit in enumerate(units) if pressure.admit(unit, queued, now)]
        if len(admitted) == len(units):
            data = batch.message
        else:
            self._attachment.dropped(batch.track, len(units) - len(admitted))
            if pressure.stuck(now):
                self._drop(STUCK)
                return
            if not admitted:
                return
            data = batch.some(admitted)
        if self._waiting:
            self._waiting.append(data)
        else:
            transport.write(data)
        if self._waiting or transport.get_write_buffer_size():
            pressure.wrote(len(data), now)
        self._attachment.sent(batch.track, len(data), len(admitted))

    def codecs_changed(self) -> None:
        """A new initialization segment, from the muxer."""
        if self._start is not None:
            self._write_init(self._start)

    def _replay(self) -> None:
        if self._transport.is_closing() or (replay := self._muxer.replay()) is None:
            return
        self._start = replay.start
        if not self._write_init(replay.start):
            return
        self._waiting.extend(replay.messages)
        self._pressure.wrote(sum(map(len, replay.messages)), time.monotonic())
        for track, units, size in replay.counts:
            self._attachment.sent(track, size, units)
        if replay.cut:
            self._pressure.skip()
        self._flush()

    def _flush(self) -> None:
        """The next message of a replay; the others follow one by one."""
        self._timer = None
        if self._waiting and not self._transport.is_closing():
            self._transport.write(self._waiting.popleft())
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(_PACE, self._flush)

    def _write_init(self, start: float) -> bool:
        try:
            data = message(self._muxer.init_segment(start))
        except ProtocolError as error:
            self._ended(str(error))
            return False
        if self._waiting:
            self._waiting.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)
        return True

    def _ended(self, reason: str) -> None:
        on_end, self._on_end = self._on_end, _nothing
        on_end(reason)


def _nothing(reason: str) -> None:
    """The viewer was told already."""
