"""Speaking to an RTSP camera (ONVIF Streaming Specification 5.3).

Viewers are to notice nothing, so a talk has a connection of its own. A camera that has no session left for it is spoken
to in the viewing session: extended as it runs, or, where the camera refuses that, made anew with the backchannel.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import override

from ...errors import Busy, ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from ...media.codec import Codec
from ...media.unit import AccessUnit
from ...observe.log import get_logger
from ...protocols.rtsp_client import Refused
from ...protocols.rtsp_url import RtspUrl
from ...streams.talk.backchannel import Backchannel, Link
from .conversation import Conversation
from .ear import BackTrack, Ear, Way, listed_track, unlisted_track
from .manner import extensible
from .options import Options
from .outlet import Outlet
from .own import OwnSession
from .source import RtspSource

_log = get_logger("rtsp")

FIND_SECONDS = 8.0
OPEN_SECONDS: dict[Way, float] = {"own": 2.5, "extend": 1.5, "reopen": 3.5}
"""For each way where there are others; 7 s together."""
ALONE_SECONDS = 7.0
REST = 300.0
"""Seconds for which viewers are spared after their connection was opened anew in vain: another app may be speaking."""


class RtspBackchannel(Backchannel):
    """See `Backchannel`. `ear` is shared with the viewing connections to the same camera."""

    def __init__(self, url: RtspUrl, options: Options, ear: Ear, link: Link) -> None:
        self._url, self._options, self._ear, self._link = url, options, ear, link
        self._own: OwnSession | None = None
        self._outlet: Outlet | None = None
        self._codec: Codec | None = None
        self._moving = False
        """A viewer needs the camera's only session: the talk is on its way into that."""
        self._staying: asyncio.Task[None] | None = None
        """Has the viewing connection run on while somebody speaks in it."""
        self._mending: asyncio.Task[None] | None = None

    @override
    async def find(self) -> tuple[Codec, ...]:
        self._ear.track = self._ear.listed or await self._look()
        return self._ear.track.codecs if self._ear.track is not None else ()

    @override
    async def open(self, codec: Codec) -> None:
        await self.close()
        if self._mending is not None:
            await asyncio.wait((self._mending,), timeout=OPEN_SECONDS["reopen"])
        self._codec = codec
        viewing = self._viewing()
        if viewing is not None and viewing.outlet is not None and viewing.outlet.usable:
            self._begin(viewing.outlet, codec)  # the camera could not part from it after the last talk
            return
        failure: SourceError | ProtocolError | None = None
        ways = self._ways(viewing)
        for way in ways:
            try:
                async with asyncio.timeout(OPEN_SECONDS[way] if len(ways) > 1 else ALONE_SECONDS):
                    outlet = await self._opened(way)
                self._begin(outlet, codec)
            except Unauthorized, Unsupported:
                raise
            except (SourceError, ProtocolError, TimeoutError) as error:
                _log.info("%s cannot be spoken to (%s): %s", self._url.address, way, str(error) or "no answer in time")
                late = Unreachable(f"{self._url.address} does not answer in time")
                failure = failure or (late if isinstance(error, TimeoutError) else error)
                if way == "reopen":
                    self._ear.futile = monotonic()
            else:
                self._ear.way = way if viewing is not None else self._ear.way
                return
        assert failure is not None
        raise failure

    @override
    def send(self, units: Sequence[AccessUnit]) -> None:
        if self._outlet is not None:
            self._outlet.send(units)
        elif not self._moving:
            raise Unreachable(f"{self._url.address}: the backchannel is closed")

    @override
    async def close(self) -> None:
        outlet, own, staying = self._outlet, self._own, self._staying
        self._outlet = self._own = self._staying = None
        self._moving, self._ear.make_way = False, None
        self._ear.forget()
        if outlet is not None:
            outlet.pause()
        viewing = self._viewing()
        try:
            if own is not None:
                await own.close()
            elif viewing is not None:
                await self._release(viewing)
        finally:
            if staying is not None:
                staying.cancel()

    # Finding

    async def _look(self) -> BackTrack | None:
        """Ask the camera, on a short session of its own."""
        try:
            async with asyncio.timeout(FIND_SECONDS):
                for url in _variants(self._url):
                    if (track := await self._look_at(url)) is not None:
                        return track
        except TimeoutError:
            raise Unreachable(f"{self._url.address} takes too long to say whether it can be spoken to") from None
        return None

    async def _look_at(self, url: RtspUrl) -> BackTrack | None:
        conversation = Conversation(url, self._options)
        try:
            try:
                description = await conversation.describe(backchannel=True)
            except Unauthorized, Busy:
                raise
            except Refused, Unsupported:
                return None
            except Unreachable, ProtocolError:
                if conversation.connection is None:
                    raise
                # It breaks off or answers nothing when it is asked that.
                return listed_track(await conversation.describe(), conversation.base)
            base = conversation.base
            return listed_track(description, base) or unlisted_track(
                description, base, await conversation.describe_again()
            )
        finally:
            await conversation.close()

    # Opening

    def _viewing(self) -> RtspSource | None:
        source = self._link.source
        return source if isinstance(source, RtspSource) and source.playing else None

    def _ways(self, viewing: RtspSource | None) -> Sequence[Way]:
        """What worked the last time comes first."""
        if viewing is None or next(_variants(self._url, self._ear.track)) != self._url:
            return ("own",)
        ways: list[Way] = ["own", "extend", "reopen"]
        if self._options.backchannel:
            ways = ["extend", "reopen", "own"]
        if self._ear.track is not None and not extensible(self._ear.track.tool):
            ways.remove("extend")
        if monotonic() - self._ear.futile < REST:
            ways.remove("reopen")
        return sorted(ways, key=lambda way: way != self._ear.way)

    async def _opened(self, way: Way) -> Outlet:
        if way == "own":
            return await self._on_its_own()
        if self._ear.track is None:
            self._ear.track = await self._look()
        track = self._ear.track
        if track is None:
            raise Unsupported(f"{self._url.address} has no backchannel")
        if way == "extend":
            viewing = self._viewing()
            if viewing is None:
                raise Unreachable(f"{self._url.address}: the viewing connection is gone")
            return await viewing.extend(track)
        return await self._anew()

    async def _on_its_own(self) -> Outlet:
        own = self._own = OwnSession(next(_variants(self._url, self._ear.track)), self._options)
        try:
            outlet = await own.open(self._ear.track)
        except BaseException:
            self._own = None
            await own.close()
            raise
        self._ear.make_way = self._make_way
        return outlet

    async def _anew(self) -> Outlet:
        coming = self._ear.ask()
        try:
            await self._link.reopen()
            return await coming
        finally:
            self._ear.forget()

    def _begin(self, outlet: Outlet, codec: Codec) -> None:
        outlet.begin(codec, self._lost)
        self._outlet = outlet
        if self._own is None:
            self._staying = asyncio.get_running_loop().create_task(_stay(self._link), name="RTSP talk in view")

    async def _make_way(self) -> None:
        """A viewer came and the camera allows only one session: go on in the viewer's."""
        own, outlet, codec = self._own, self._outlet, self._codec
        if own is None or outlet is None or codec is None:
            return
        self._moving, self._own, self._outlet, self._ear.make_way = True, None, None, None
        outlet.pause()
        await own.close()

        def moved(coming: asyncio.Future[Outlet]) -> None:
            if coming.cancelled() or not self._moving:
                return
            self._moving = False
            if (error := coming.exception()) is not None:
                self._lost(str(error))
            else:
                self._begin(coming.result(), codec)

        coming = self._ear.ask()
        coming.add_done_callback(moved)
        late = Unreachable(f"{self._url.address}: the viewer for whom the talk made way did not come")
        asyncio.get_running_loop().call_later(
            OPEN_SECONDS["reopen"], lambda: None if coming.done() else coming.set_exception(late)
        )

    # Ending

    async def _release(self, viewing: RtspSource) -> None:
        """Also what an opening left behind that was given up."""
        if not await viewing.release():
            _log.info("%s ended the picture with the talk; opening it again", self._url.address)
            self._mending = asyncio.get_running_loop().create_task(self._mend(), name="RTSP reopen")

    async def _mend(self) -> None:
        try:
            await self._link.reopen()
        except (SourceError, ProtocolError) as error:
            _log.debug("%s: %s", self._url.address, error)

    def _lost(self, reason: str) -> None:
        self._outlet = None
        if self.on_lost is not None:
            self.on_lost(reason)


async def _stay(link: Link) -> None:
    """Have the viewing connection run, with what it has, until cancelled."""
    offers = link.offers or ()
    watched = next((index for index, offer in enumerate(offers) if offer.direction == "recvonly"), None)
    try:
        held = await link.run_for(watched)
    except SourceError as error:
        _log.debug("%s", error)
        return
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        held.release()


_DAHUA = "/cam/realmonitor?"


def _variants(url: RtspUrl, track: BackTrack | None = None) -> Iterator[RtspUrl]:
    """Where the backchannel may be, only there where its track is known: Dahua's paths have it with `proto=Onvif`."""
    onvif = replace(url, path=f"{url.path}&unicast=true&proto=Onvif")
    if not url.path.startswith(_DAHUA) or "proto=" in url.path.lower():
        yield url
    elif track is not None and "proto=onvif" in track.url.lower():
        yield onvif
    else:
        yield from (url, onvif)
