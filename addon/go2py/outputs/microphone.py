"""What a client says to a camera: RTP comes in, is put in order, and goes on as a voice."""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence

from ..errors import ProtocolError
from ..media.codec import Codec
from ..media.unit import AccessUnit
from ..protocols import rtcp
from ..protocols.rtp.sound import SoundReceiver
from ..streams.reader import Attachment
from .talker import Talker


class Microphone:
    """One for each client, whichever way its packets come. `codecs` are what it may send, by payload type."""

    def __init__(self, codecs: Mapping[int, Codec], talker: Talker, attachment: Attachment) -> None:
        self.talker = talker
        self._receiver = SoundReceiver(codecs, secrets.randbits(32))
        self._attachment = attachment
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def rtp(self, packet: bytes) -> None:
        """A packet of the client; nonsense is dropped."""
        if not self._closed:
            self._say(self._receiver.push(packet, time.monotonic()))

    def rtcp(self, packets: Sequence[rtcp.Packet]) -> None:
        """Reports of the client."""
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                self._receiver.reported(packet, time.monotonic())

    def control(self, data: bytes) -> None:
        """The same from a compound packet; nonsense is passed over."""
        try:
            self.rtcp(rtcp.parse(data))
        except ProtocolError:
            return

    def report(self) -> bytes:
        """A receiver report to send; empty where nothing came yet."""
        return b"" if self._closed else self._receiver.report(time.monotonic())

    def close(self) -> None:
        """The client leaves; safe to call more than once."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self.talker.close()

    def _expire(self) -> None:
        self._timer = None
        self._say(self._receiver.expire(time.monotonic()))

    def _say(self, units: Sequence[AccessUnit]) -> None:
        receiver = self._receiver
        if receiver.codec is not None:
            self._attachment.heard(receiver.codec, receiver.bytes, receiver.packets, receiver.lost)
        if units:
            self.talker.push(units)
        if receiver.deadline is not None and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, receiver.deadline - time.monotonic()), self._expire)
