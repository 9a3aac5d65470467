"""An RTSP camera as a source: DESCRIBE, SETUP of what is wanted, PLAY, keepalive, TEARDOWN."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import override

from ...errors import Busy, ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from ...observe.log import get_logger
from ...observe.secret import mask
from ...protocols import sdp
from ...protocols.rtsp_url import RtspUrl, control_url
from ...streams.source import Offer, Sink, Source, SourceInfo
from .connection import Connection
from .conversation import Conversation
from .ear import BackTrack, Ear, listed_track
from .incoming import Incoming
from .options import Options
from .outlet import Outlet, set_up

_log = get_logger("rtsp")

PARTING, PICTURE = 0.3, 0.5
"""Seconds for the TEARDOWN of the backchannel alone, and after it for the picture to show that it goes on."""
_FLIGHT = 0.1
"""Seconds for which packets may still arrive that were sent before an answer."""


class RtspSource(Source):
    """See `Source`. `url` holds the credentials; nothing else of this class shows them."""

    def __init__(self, url: RtspUrl, options: Options, ear: Ear) -> None:
        self.info = SourceInfo("rtsp", url=mask(str(url)))
        self.outlet: Outlet | None = None
        """The backchannel, where this session has it."""
        self.playing = False
        self._options, self._ear = options, ear
        self._conversation = Conversation(url, options)
        self._backchannel = options.backchannel is True
        self._incoming = Incoming(self._conversation)
        self._medias: tuple[sdp.Media, ...] = ()
        self._indexes: tuple[int, ...] = ()
        """Position in the description, by offer."""

    @override
    async def open(self) -> Sequence[Offer]:
        try:
            await self._describe()
        except Busy as error:
            if not await self._can_do_differently(error):
                raise
            await self._describe()
        return [Offer(self._medias[index].codecs, self._medias[index].direction) for index in self._indexes]

    @override
    async def play(self, wanted: frozenset[int], sink: Sink) -> None:
        try:
            await self._begin(sorted(wanted), sink)
            self.playing = True
            await self._hand_over()
            await self._watch(self._conversation.connected())
        finally:
            self.playing = False
            self._silence()

    @override
    async def close(self) -> None:
        self._silence()
        await self._conversation.close()

    # The backchannel in this session

    async def extend(self, track: BackTrack) -> Outlet:
        """Add it to the session while it plays. Undone by `release`, also where it failed. Raises `SourceError`,
        `ProtocolError`."""
        if not self.playing:
            raise Unreachable(f"{self._conversation.url.address} is not being watched")
        self.outlet = outlet = await set_up(self._conversation, track, self._incoming.transport)
        try:
            await self._conversation.play(backchannel=True)
        except BaseException:
            outlet.close()  # still to be released, but never to be used
            raise
        return outlet

    async def release(self) -> bool:
        """Give it back while the session goes on, if the camera can do that; else it stays, silent. False: the camera
        took it for the end of the whole session."""
        outlet, ear, conversation = self.outlet, self._ear, self._conversation
        if outlet is None or ear.separable is False:
            return True
        connection = conversation.connected()
        try:
            await conversation.end(outlet.track.url, PARTING, backchannel=True)
        except (SourceError, ProtocolError) as error:
            _log.debug("%s keeps the backchannel in the session: %s", conversation.url.address, error)
            ear.separable = False
            return not connection.lost.done()
        self.outlet = None
        outlet.close()
        ear.separable = await _goes_on(connection)
        return ear.separable

    # Opening

    async def _describe(self) -> None:
        """Connect and fetch the description; without the backchannel when that is what fails."""
        conversation, asked = self._conversation, self._asks
        self._drop()
        try:
            description = await conversation.describe(backchannel=asked)
        except (SourceError, ProtocolError) as error:
            if not asked or isinstance(error, Unauthorized):
                raise
            self._give_up(error)
            asked = False
            description = await conversation.describe()
        if asked and not self._backchannel and self._ear.viewed != self._shown(description):
            # Asked for the backchannel, some cameras describe picture and sound in another way; viewers keep theirs.
            description = await conversation.describe_again()
        self._medias = description.medias
        self._indexes = tuple(self._shown(description))
        if not asked or self._backchannel:
            self._ear.listed = listed_track(description, conversation.base)
            self._ear.viewed = self._shown(description)
        self.info.sdp = conversation.text
        self._tell()
        if not self._indexes:
            raise Unsupported(f"{conversation.url.address} offers neither picture nor sound")

    def _shown(self, description: sdp.SessionDescription) -> dict[int, tuple[str, ...]]:
        """The medias that are offered, by their place: labels of the codecs, then the control URL.

        A backchannel that nobody configured is not among them, whatever the camera marks it as.
        """
        track, listed = self._ear.track, self._ear.listed
        hidden = track.url if track is not None and listed is None and not self._backchannel else ""
        found: dict[int, tuple[str, ...]] = {}
        for index, media in enumerate(description.medias):
            url = control_url(self._conversation.base, media.control)
            if media.codecs and media.kind in ("video", "audio") and url != hidden:
                found[index] = (*(codec.label() for codec in media.codecs), url)
        return found

    def _tell(self) -> None:
        conversation = self._conversation
        connection = conversation.connected()
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        self.info.url = mask(str(conversation.url))
        self.info.remote_addr = f"{peer[0]}:{peer[1]}" if peer else conversation.url.address
        tunnel = self._options.transport.partition(":")[0]
        self.info.protocol = f"rtsp+{tunnel if conversation.tunnelled else self._incoming.transport}"

    # Beginning

    @property
    def _asks(self) -> bool:
        """Whether this connection is to have the backchannel."""
        asked = self._ear.asked
        return self._backchannel or (asked is not None and not asked.done())

    async def _begin(self, wanted: Sequence[int], sink: Sink) -> None:
        """SETUP and PLAY; where the backchannel is in the way, without it."""
        while True:
            try:
                medias = {offer: self._medias[self._indexes[offer]] for offer in wanted}
                await self._incoming.set_up(medias, sink)
                self._tell()
                await self._bring_along()
                connection = self._conversation.connected()
                connection.alive = sink.alive
                await self._start(connection)
            except (SourceError, ProtocolError) as error:
                if not await self._can_do_differently(error):
                    raise
            else:
                return
            before = [self._medias[index].control for index in self._indexes]
            await self._describe()
            after = [self._medias[index].control for index in self._indexes]
            if after != before[: len(after)] or max(wanted, default=0) >= len(after):
                raise Unreachable(f"{self._conversation.url.address} offers other tracks without its backchannel")

    async def _can_do_differently(self, error: SourceError | ProtocolError) -> bool:
        """Whether another attempt makes sense: after a talk on a connection of its own has made way, or without the
        backchannel (Dahua and Amcrest let only one session have it)."""
        if isinstance(error, Busy) and (make_way := self._ear.make_way) is not None:
            await make_way()
            return True
        if isinstance(error, Unauthorized) or not self._asks:
            return False
        self._give_up(error)
        return True

    def _give_up(self, error: SourceError | ProtocolError) -> None:
        _log.info("%s: not with a backchannel (%s); trying without", self._conversation.url.address, error)
        self._backchannel = False
        self._ear.refuse(error)

    async def _bring_along(self) -> None:
        """SETUP of the backchannel for who asked; a refusal of it alone spoils nothing."""
        asked, track = self._ear.asked, self._ear.track
        if asked is None or asked.done() or track is None:
            return
        try:
            self.outlet = await set_up(self._conversation, track, self._incoming.transport)
        except (SourceError, ProtocolError) as error:
            if self._conversation.connected().lost.done():
                raise
            self._ear.refuse(error)

    async def _hand_over(self) -> None:
        asked, self._ear.asked = self._ear.asked, None
        if self.outlet is None:
            return
        if asked is not None and not asked.done():
            asked.set_result(self.outlet)
        else:
            await self.release()  # who asked has given up

    # Playing

    async def _start(self, connection: Connection) -> None:
        """PLAY; its answer may come behind the first packets, or, from some cameras, never."""
        asked = monotonic()
        try:
            await self._conversation.play(backchannel=self.outlet is not None)
        except Unreachable:
            if connection.lost.done() or connection.heard <= asked:
                raise

    async def _watch(self, connection: Connection) -> None:
        """Keep the session alive until it ends; ask a silent camera whether it is still there."""
        timeout, client = self._options.timeout, self._conversation.client
        due = monotonic() + client.keepalive_interval
        while True:
            wait = min(due, connection.heard + timeout) - monotonic()
            await asyncio.wait((connection.lost,), timeout=max(0.0, wait))
            if connection.lost.done():
                raise self._conversation.placed(connection.lost.result())
            now = monotonic()
            if now >= due or now - connection.heard >= timeout:
                await self._keep_alive(connection)
                due = now + client.keepalive_interval
                if connection.heard <= now:
                    raise Unreachable(f"{self._conversation.url.address} stopped answering")

    async def _keep_alive(self, connection: Connection) -> None:
        client = self._conversation.client
        try:
            await self._conversation.ask(client.keepalive())
        except (SourceError, ProtocolError) as error:
            # Refused or unanswered: as long as packets come, the camera may think of it what it wants.
            _log.debug("%s: keepalive: %s", self._conversation.url.address, error)
            if not connection.lost.done():
                client.keepalive_refused()

    # Ending

    def _silence(self) -> None:
        """Deliver nothing any more."""
        if self._conversation.connection is not None:
            self._conversation.connection.mute()
        self._drop()

    def _drop(self) -> None:
        """Free what belongs to a session that is over."""
        outlet, self.outlet = self.outlet, None
        if outlet is not None:
            outlet.close()
        self._incoming.close()


async def _goes_on(connection: Connection) -> bool:
    """Whether packets still come after what was asked last."""
    since = monotonic() + _FLIGHT
    while connection.heard <= since and not connection.lost.done():
        if monotonic() > since + PICTURE:
            return False
        await asyncio.sleep(0.02)
    return not connection.lost.done()
