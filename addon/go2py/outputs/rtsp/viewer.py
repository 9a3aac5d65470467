"""One playing viewer: what of its tracks goes out, where to, and the sender reports beside it."""

import asyncio
import time
from collections.abc import Callable, Sequence

from ...config.settings import StreamSettings
from ...protocols import rtcp
from ...protocols.rtsp import interleaved_header
from ...streams.pressure import STUCK, Budget, Pressure
from ...streams.reader import Attachment
from .packets import Outgoing, PacketSource
from .udp import UdpSender

_CNAME = "go2py"


class Leg:
    """One track on its way to one viewer: over TCP on `channel`, or over UDP by `udp`."""

    __slots__ = ("channel", "leave", "octets", "offset", "packets", "payload_type", "source", "udp")

    def __init__(self, source: PacketSource, payload_type: int, channel: int, udp: UdpSender | None = None) -> None:
        self.source = source
        self.payload_type = payload_type
        self.channel = channel
        self.udp = udp
        self.offset = 0
        """What to add to the common sequence numbers: less by every packet that was left out."""
        self.packets = 0
        self.octets = 0
        self.leave: Callable[[], None] | None = None


class Viewer:
    """Sends from `start` to `stop`; both may be called again (PAUSE and PLAY). `close` ends it for good."""

    def __init__(
        self,
        attachment: Attachment,
        legs: Sequence[Leg],
        transport: asyncio.WriteTransport,
        settings: StreamSettings,
        budget: Budget,
    ) -> None:
        self._attachment = attachment
        self._legs = {leg.source: leg for leg in legs}
        self._transport = transport
        self._video = next((leg for leg in legs if leg.source.track.kind == "video"), None)
        self._pressure = Pressure(
            settings, budget, name=attachment.name, has_video=self._video is not None, on_shed=self._drop
        )
        self._shown = False

    def start(self) -> None:
        """Send the cached GOP, then what comes."""
        for leg in self._legs.values():
            if leg.leave is None:
                leg.leave = leg.source.join(self)
        self._replay()

    def stop(self) -> None:
        for leg in self._legs.values():
            if leg.leave is not None:
                leg.leave()
                leg.leave = None
        self._shown = False

    def close(self) -> None:
        """Stop and free what the viewer held; safe to call more than once."""
        self.stop()
        for leg in self._legs.values():
            if leg.udp is not None:
                leg.udp.close()
        self._pressure.close()

    def write(self, source: PacketSource, outgoing: Sequence[Outgoing]) -> None:
        """Units of one track, from its source."""
        if not self._shown:
            self._replay()  # the first key picture is among these units, or still to come
            return
        if self._transport.is_closing():
            return
        leg, pressure, now = self._legs[source], self._pressure, time.monotonic()
        queued = self._transport.get_write_buffer_size() if leg.udp is None else leg.udp.queued
        data: list[bytes | bytearray] = []
        for one in outgoing:
            if not pressure.admit(one.units[0], queued, now):
                leg.offset -= one.packets
                self._attachment.dropped(source.track)
                continue
            self._put(leg, one, data)
        if data:
            sent = data[0] if len(data) == 1 else b"".join(data)
            self._transport.write(sent)
            if self._transport.get_write_buffer_size():
                pressure.wrote(len(sent), now)
        elif pressure.stuck(now):
            self._drop(STUCK)

    def _drop(self, reason: str) -> None:
        """Not worth the wait any more; the connection's end closes the rest."""
        self._attachment.close(reason)
        self._transport.abort()

    def report(self) -> None:
        """Sender reports of all tracks that were sent."""
        if self._shown:
            now = time.monotonic()
            for leg in self._legs.values():
                self._report(leg, now)

    def _put(self, leg: Leg, outgoing: Outgoing, data: list[bytes | bytearray]) -> None:
        """Send over UDP, or add to what goes over TCP."""
        rendered = outgoing.rendered(leg.channel, leg.payload_type)
        if leg.udp is not None:
            leg.udp.send(rendered.datagrams(leg.offset))
        else:
            data.append(rendered.shifted(leg.offset) if leg.offset else rendered.data)
        leg.packets += outgoing.packets
        leg.octets += rendered.octets
        self._attachment.sent(leg.source.track, len(rendered.data), len(outgoing.units))

    def _replay(self) -> None:
        """Start with the newest key picture and all that followed it; sound from the same moment on."""
        if self._transport.is_closing():
            return
        start = float("-inf")
        if self._video is not None:
            key = self._video.source.track.gop.key
            if key is None:
                return
            start = key.pts / key.codec.clock_rate
        held = {leg: replay for leg in self._legs.values() if (replay := leg.source.replay(start)) is not None}
        if not held:
            return
        self._shown = True
        first = min(one.units[0].pts / one.units[0].codec.clock_rate for one in held.values())
        data: list[bytes | bytearray] = []
        for leg in self._legs.values():
            leg.offset = 0
            # the first report names the first moment that is sent, so that players begin at 0
            self._report(leg, first)
        for leg, replay in held.items():
            self._put(leg, replay, data)
        for piece in data:
            self._transport.write(piece)
            self._pressure.wrote(len(piece), time.monotonic())
        if self._video is not None and self._video.source.track.gop.cut:
            self._pressure.skip()

    def _report(self, leg: Leg, at: float) -> None:
        """A sender report for the moment `at` of the stream's clock, which is the process's monotonic one."""
        source = leg.source
        report = rtcp.SenderReport(
            source.ssrc,
            rtcp.ntp_time(time.time() - time.monotonic() + at),
            round(at * source.track.codec.clock_rate) & 0xFFFFFFFF,
            leg.packets & 0xFFFFFFFF,
            leg.octets & 0xFFFFFFFF,
        )
        data = rtcp.build((report, rtcp.SourceDescription(((source.ssrc, _CNAME),))))
        if leg.udp is not None:
            leg.udp.report(data)
        elif not self._transport.is_closing():
            self._transport.write(interleaved_header(leg.channel + 1, len(data)) + data)
