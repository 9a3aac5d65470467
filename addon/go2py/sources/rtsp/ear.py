"""What is known of a camera's backchannel: its track, and how this camera lets itself be spoken to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from ...media.codec import Codec
from ...protocols.rtsp_url import control_url
from ...protocols.sdp import Media, SessionDescription
from ...protocols.sdp_codec import STATIC, codec_of
from .outlet import Outlet

Way = Literal["own", "extend", "reopen"]
"""On a connection of its own; in the viewing session, as it runs; in the viewing session, made anew for that."""


@dataclass(frozen=True, slots=True)
class BackTrack:
    """The track for the loudspeaker. `url` is for its SETUP, `codecs` go with `payload_types`; `ptime` in ms and `tool`
    are what the description says, 0 and empty where it says nothing."""

    url: str
    codecs: tuple[Codec, ...]
    payload_types: tuple[int, ...]
    ptime: int = 0
    tool: str = ""

    def payload_type(self, codec: Codec) -> int | None:
        """The number of a codec; that of one with the same name and rate where the parameters changed."""
        pairs = tuple(zip(self.payload_types, self.codecs, strict=True))
        same = (number for number, one in pairs if one == codec)
        alike = (number for number, one in pairs if one.label() == codec.label())
        return next(chain(same, alike), None)


@dataclass(slots=True)
class Ear:
    """Shared by the viewing connections to a camera, one after the other, and its backchannel.

    `listed` is what a description showed that nobody had asked for the backchannel. `way` worked the last time.
    `separable` is whether the camera ends the track alone; None: not tried.
    """

    viewed: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """What viewers get, as long as nobody asks for the backchannel."""
    listed: BackTrack | None = None
    track: BackTrack | None = None
    way: Way | None = None
    separable: bool | None = None
    futile: float = float("-inf")
    """When the viewing connection was last made anew and the camera refused the backchannel all the same."""
    asked: asyncio.Future[Outlet] | None = None
    """Whoever opens the viewing connection is to set up `track` too, and to hand it over here."""
    make_way: Callable[[], Awaitable[None]] | None = None
    """Set while a connection of its own is open: closes it, for cameras that allow only one, and sets `asked`."""

    def ask(self) -> asyncio.Future[Outlet]:
        """Have the next viewing connection bring the backchannel along."""
        self.forget()
        self.asked = asyncio.get_running_loop().create_future()
        return self.asked

    def refuse(self, error: Exception) -> None:
        """Tell who asked that it cannot be had, if anybody did."""
        if self.asked is not None and not self.asked.done():
            self.asked.set_exception(error)

    def forget(self) -> None:
        """Have it do without."""
        asked, self.asked = self.asked, None
        if asked is not None and not asked.cancel() and not asked.cancelled():
            asked.exception()  # nobody else will look at it


def listed_track(description: SessionDescription, base: str) -> BackTrack | None:
    """The backchannel of a description that says so, as ONVIF has it (`a=sendonly`, seen from the client)."""
    found = next((media for media in _spoken(description) if media.direction == "sendonly"), None)
    return _track(found, description, base) if found is not None else None


def unlisted_track(described: SessionDescription, base: str, without: SessionDescription) -> BackTrack | None:
    """The backchannel of a camera that forgets to mark it, or marks it as its own view is: what the description
    has, at the end, when the backchannel is asked for, and else not."""
    found, known = _spoken(described), _spoken(without)
    if len(found) <= len(known):
        return None
    return _track(found[-1], described, base)


def _spoken(description: SessionDescription) -> Sequence[Media]:
    return [media for media in description.medias if media.kind == "audio" and media.codecs]


def _track(media: Media, description: SessionDescription, base: str) -> BackTrack:
    attributes = dict(media.attributes)
    ptime = attributes.get("ptime", "")
    return BackTrack(
        control_url(base, media.control),
        tuple(_codec(number, codec, media) for number, codec in zip(media.payload_types, media.codecs, strict=True)),
        media.payload_types,
        int(ptime) if ptime.isascii() and ptime.isdigit() and len(ptime) < 4 else 0,
        dict(description.attributes).get("tool", ""),
    )


def _codec(number: int, codec: Codec, media: Media) -> Codec:
    """H3C describes payload type 0 twice, as PCMA and as PCMU: then it is what the standard says it is."""
    texts = [value.partition(" ") for name, value in media.attributes if name == "rtpmap"]
    named = [codec_of("audio", number, text) for key, _, text in texts if key == str(number)]
    static = STATIC.get(number)
    return static if len(named) > 1 and static in named else codec
