"""What a client came for: tracks to be sent to it, a track on which it talks, or both."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import Go2pyError, NegotiationError, SourceError, StreamNotFound
from ...media.codec import Codec
from ...observe.log import fields, get_logger
from ...protocols import sdp
from ...protocols.rtsp_events import Announce, Describe, Target
from ...streams.negotiate import CodecWish, Want, wants_from_query
from ...streams.reader import Attachment, ReaderInfo
from ...streams.registry import Registry
from ...streams.stream import Stream
from ..microphone import Microphone
from ..talker import Talker
from .packets import PacketSource, sources_of
from .speech import described, payload_types, understood

FIRST_PAYLOAD_TYPE = 96
"""Of what is sent; the others follow."""
RECORD_SECONDS = 15.0
"""How long somebody who sends sound may be silent; `timeout=` in the URL says otherwise."""
MAX_PRIORITY = 100

_log = get_logger("rtsp")


@dataclass(slots=True)
class Visit:
    """`sources` are the tracks 0 and up; `ear` is the number of the one on which `microphone` listens.

    `patience` is how long somebody who sends sound may be silent, in seconds.
    """

    attachment: Attachment
    sources: tuple[PacketSource, ...] = ()
    microphone: Microphone | None = None
    ear: int | None = None
    patience: float = RECORD_SECONDS

    @property
    def tracks(self) -> int:
        return len(self.sources) + (self.ear is not None)

    def close(self) -> None:
        """The client leaves; safe to call more than once."""
        if self.microphone is not None:
            self.microphone.close()
        self.attachment.close()


class Visits:
    """Receives clients for a registry. `default_query` and `packet_size` are the server's; `agent` names it."""

    def __init__(self, registry: Registry, agent: str, default_query: str, packet_size: int) -> None:
        self._registry = registry
        self._agent = agent
        self._default_query = default_query
        self._packet_size = packet_size

    async def view(self, wanted: Describe, peer: tuple[str, int]) -> Visit:
        """A viewer, who may talk where it asked for that and the camera listens. Raises `Go2pyError`."""
        target = wanted.target
        query = dict(reversed(target.query))
        # the value of mp4 means something for files only (go2rtc)
        filters = [(key, "" if key == "mp4" else value) for key, value in target.query if key != "microphone"]
        info = _info(target, peer)
        stream = self._registry.require(target.name)
        visit = Visit(await stream.attach(info, wants_from_query(filters, self._default_query)))
        try:
            tracks = visit.attachment.tracks
            visit.sources = tuple(await sources_of(tracks, _number(query.get("pkt_size", "")) or self._packet_size))
            spoken = await _spoken(stream) if wanted.backchannel else {}
        except BaseException:
            visit.close()
            raise
        announced = [
            sdp.Announced(one.track.codec, FIRST_PAYLOAD_TYPE + n, f"trackID={n}")
            for n, one in enumerate(visit.sources)
        ]
        if spoken:
            visit.ear = len(visit.sources)
            visit.microphone = _microphone(visit.attachment, stream, spoken, query, peer)
            announced += described(spoken, visit.ear)
        info.sdp = sdp.build(self._agent, announced)
        return visit

    async def speak(self, wanted: Announce, peer: tuple[str, int]) -> Visit:
        """Somebody who only talks. Raises `Go2pyError`, for which `status_of` has a number."""
        target, media = wanted.target, wanted.media
        query = dict(reversed(target.query))
        stream = self._registry.require(target.name)
        pairs = zip(media.payload_types, media.codecs, strict=True)
        spoken = {number: codec for number, codec in pairs if understood(codec)}
        if not spoken:
            raise NegotiationError(f"rtsp: {media.codecs[0].label()} is not understood")
        wishes = tuple(CodecWish(codec.name, codec.clock_rate) for codec in spoken.values())
        visit = Visit(await stream.attach(_info(target, peer), [Want("audio", wishes, "sendonly")]), ear=0)
        visit.microphone = _microphone(visit.attachment, stream, spoken, query, peer)
        visit.patience = float(_number(query.get("timeout", "")) or RECORD_SECONDS)
        return visit


def status_of(error: Go2pyError) -> int:
    """The answer to somebody who wants to talk: there is nobody of that name; the camera cannot be spoken to, or not in
    this codec; it could, but not now."""
    if isinstance(error, StreamNotFound):
        return 404
    return 405 if isinstance(error, NegotiationError) else 503


def level_of(target: Target) -> int:
    """How loudly a failure is logged, by `log_level=` in the URL; a failed attach is worth a warning."""
    levels = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}
    return levels.get(dict(reversed(target.query)).get("log_level", ""), logging.WARNING)


async def _spoken(stream: Stream) -> dict[int, Codec]:
    """What a viewer may talk in; nothing where nobody would listen."""
    try:
        talk = await stream.find_talk()
    except (NegotiationError, SourceError) as error:
        _log.debug("no backchannel: %s", error, extra=fields(stream=stream.name))
        return {}
    return payload_types(talk.codecs or ())


def _microphone(
    attachment: Attachment, stream: Stream, spoken: dict[int, Codec], query: Mapping[str, str], peer: tuple[str, int]
) -> Microphone:
    priority = min(_number(query.get("priority", "")), MAX_PRIORITY)
    return Microphone(spoken, Talker(stream.find_talk, f"rtsp {peer[0]}", priority=priority), attachment)


def _info(target: Target, peer: tuple[str, int]) -> ReaderInfo:
    return ReaderInfo(
        "rtsp",
        protocol="rtsp+tcp",
        remote_addr=f"{peer[0]}:{peer[1]}",
        user_agent=target.user_agent,
        source=dict(reversed(target.query)).get("source", ""),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
