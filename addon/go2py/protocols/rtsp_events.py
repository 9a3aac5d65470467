"""What the server's side of an RTSP connection asks of its owner: the events of `rtsp_server.ServerSession`."""

from dataclasses import dataclass

from .sdp import Media


@dataclass(frozen=True, slots=True)
class Target:
    """Which stream a client means: `rtsp://host:8554/<name>[?query]`."""

    name: str
    query: tuple[tuple[str, str], ...]
    user_agent: str


@dataclass(frozen=True, slots=True)
class Describe:
    """Somebody wants to see a stream; answer with `described` or `refused`. With `backchannel`, to talk too."""

    target: Target
    backchannel: bool = False


@dataclass(frozen=True, slots=True)
class Announce:
    """Somebody wants to send `media`, which is sound, to a stream; answer with `announced` or `refused`."""

    target: Target
    media: Media


@dataclass(frozen=True, slots=True)
class SetUpUdp:
    """Track number `track` is to be sent to the client's RTP port and, RTCP, to the next one, or comes from there;
    answer with `set_up`."""

    track: int
    ports: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Play:
    """Start sending; `channels` are the RTP channels of tracks set up over TCP, by track number."""

    channels: dict[int, int]


@dataclass(frozen=True, slots=True)
class Record:
    """The client starts to send what it announced; `channels` as in `Play`."""

    channels: dict[int, int]


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet of the client on the track that it may talk on, RTCP if `control`."""

    data: bytes
    control: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop sending until the next `Play`."""


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is over once what was returned before is sent; `slow` after wrong credentials: not at once."""

    reason: str
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """The session is over, give back what it holds. The connection stays: some clients have one more word to say."""


type Event = bytes | Describe | Announce | SetUpUdp | Play | Record | Heard | Pause | Leave | Close
"""Bytes are to be sent; the others are what their classes say."""
