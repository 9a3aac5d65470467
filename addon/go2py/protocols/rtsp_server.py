"""The server's side of one RTSP connection (RFC 2326): bytes in, bytes to send and events out.

    INIT ──DESCRIBE──▶ DESCRIBED ──SETUP──▶ READY ──PLAY──▶ PLAYING      a viewer, who may talk on one track
         ──ANNOUNCE──▶                        │ ▲────PAUSE──────┘
                                              └──RECORD──▶ PLAYING       somebody who only talks

Three requests need somebody else: DESCRIBE (what is there to see?), ANNOUNCE (who listens?) and SETUP over UDP (which
ports?). Until `described`, `announced`, `refused` or `set_up` says so, later requests wait in order. Time is an
argument, nothing here sleeps.
"""

import re
import secrets
from collections import deque
from enum import Enum
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from ..errors import ProtocolError
from . import sdp
from .http_auth import Verdict
from .rtsp import Headers, Interleaved, Message, Parser, Request, Response
from .rtsp_events import Announce, Close, Describe, Event, Heard, Leave, Pause, Play, Record, SetUpUdp, Target
from .rtsp_headers import Session, Transport

SESSION_TIMEOUT = 60
"""Seconds without any sign of life from a viewer; told in every `Session` header."""

MAX_WAITING = 64
BACKCHANNEL = "www.onvif.org/ver20/backchannel"
"""What clients `Require` that want to talk (ONVIF Streaming Specification section 5.3)."""
_METHODS = "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
_SEQUENCE_NUMBER = re.compile(r"[!-~]{1,32}")  # meant to be digits; what else it may be is not split into lines
_TRACK = re.compile(r"=(\d{1,3})/?$", re.ASCII)


class Guard(Protocol):
    """Checks credentials; `http_auth.ServerAuth` is one."""

    def challenge(self, now: float, *, stale: bool = False) -> list[str]: ...

    def verify(self, authorization: str, method: str, now: float) -> Verdict: ...


class State(Enum):
    INIT = "init"
    DESCRIBED = "described"
    READY = "ready"
    PLAYING = "playing"
    CLOSED = "closed"


class ServerSession:
    """One connection. `guard` is None for a peer that is trusted; `udp` allows transport over UDP."""

    def __init__(self, agent: str, *, guard: Guard | None = None, udp: bool = False) -> None:
        self.state = State.INIT
        self.id = f"{secrets.randbelow(10**8):08d}"
        self._agent, self._guard, self._udp = agent, guard, udp
        self._parser = Parser()
        self._waiting: deque[Message] = deque()
        self._open: Request | None = None  # the request that somebody else is answering
        self._target: Target | None = None
        self._sdp = b""
        self._tracks = 0
        self._ear: int | None = None
        self._records = False
        self._channels: dict[int, int] = {}

    @property
    def closed(self) -> bool:
        return self.state is State.CLOSED

    @property
    def busy(self) -> bool:
        """A request waits for `described`, `refused` or `set_up`."""
        return self._open is not None

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take bytes of the viewer. Never raises: nonsense is answered with 400 and `Close`."""
        if self.closed:
            return []
        heard: list[Event] = []
        try:
            for message in self._parser.feed(data):
                if not isinstance(message, Interleaved):
                    self._waiting.append(message)
                elif (one := self._heard(message)) is not None:
                    heard.append(one)
        except ProtocolError as error:
            return [*self._work(now), *self._break(400, str(error))]
        events = [*heard, *self._work(now)]
        if len(self._waiting) <= MAX_WAITING:
            return events
        return [*events, *self._break(413, "too many requests at once")]

    def described(self, description: str, tracks: int, now: float, *, ear: int | None = None) -> list[Event]:
        """The stream is there, `description` is its SDP, its tracks are `trackID=0` up to `tracks` - 1; on `ear` the
        client may talk."""
        if (request := self._take_open()) is None:
            return []
        self._sdp, self._tracks, self._ear = description.encode(), tracks, ear
        self.state = State.DESCRIBED
        return [self._description(request), *self._work(now)]

    def announced(self, now: float) -> list[Event]:
        """Somebody listens to what was announced."""
        if (request := self._take_open()) is None:
            return []
        self._tracks, self._ear, self._records = 1, 0, True
        self.state = State.DESCRIBED
        return [self._reply(request, 200), *self._work(now)]

    def refused(self, reason: str, status: int = 404) -> list[Event]:
        """The stream cannot be had (404, as go2rtc answers), or not be spoken to."""
        if (request := self._take_open()) is None:
            return []
        return self._end(Response(status, headers=self._headers(request)), reason)

    def set_up(self, wanted: SetUpUdp, server_ports: tuple[int, int] | None, now: float) -> list[Event]:
        """The ports that serve a viewer over UDP; None if there are none."""
        if (request := self._take_open()) is None:
            return []
        if server_ports is None:
            return [self._reply(request, 461), *self._work(now)]
        self._channels.pop(wanted.track, None)
        self.state = State.READY
        mode = "record" if self._records else ""
        transport = Transport("udp", client_port=wanted.ports, server_port=server_ports, mode=mode)
        return [self._reply(request, 200, ("Transport", str(transport))), *self._work(now)]

    def _work(self, now: float) -> list[Event]:
        events: list[Event] = []
        while self._waiting and self._open is None and not self.closed:
            message = self._waiting.popleft()
            if isinstance(message, Request):
                events += self._handle(message, now)
        return events

    def _handle(self, request: Request, now: float) -> list[Event]:
        if (denial := self._denied(request, now)) is not None:
            return denial
        if self._target is None and "://" in request.url:
            self._target = _target(request)  # the query of the first request counts (go2rtc)
        session = request.headers.get("Session").partition(";")[0].strip()
        if session and session != self.id:
            return [self._reply(request, 454)]
        match request.method:
            case "OPTIONS":
                return [self._reply(request, 200, ("Public", _METHODS))]
            case "DESCRIBE":
                return self._describe(request)
            case "SETUP":
                return self._setup(request)
            case "PLAY" | "RECORD":
                return self._start(request)
            case "PAUSE":
                return self._pause(request)
            case "GET_PARAMETER" | "SET_PARAMETER":
                return [self._reply(request, 200)]
            case "TEARDOWN":
                return self._tear_down(request)
            case "ANNOUNCE":
                return self._announce(request)
        return [self._reply(request, 501, ("Public", _METHODS))]

    def _denied(self, request: Request, now: float) -> list[Event] | None:
        if self._guard is None:
            return None
        verdict = self._guard.verify(request.headers.get("Authorization"), request.method, now)
        if verdict is Verdict.OK:
            return None
        challenges = self._guard.challenge(now, stale=verdict is Verdict.STALE)
        response = Response(401, headers=self._headers(request, *(("WWW-Authenticate", text) for text in challenges)))
        if verdict is Verdict.WRONG:
            *events, close = self._end(response, "wrong user or password")
            assert isinstance(close, Close)
            return [*events, Close(close.reason, slow=True)]
        return [response.encode()]

    def _describe(self, request: Request) -> list[Event]:
        if self.state is not State.INIT:
            return [self._description(request)]
        self._target = self._target or _target(request)
        self._open = request
        asked = dict(reversed(self._target.query)).get("backchannel", "0") not in ("", "0")
        return [Describe(self._target, asked or BACKCHANNEL in request.headers.get("Require"))]

    def _announce(self, request: Request) -> list[Event]:
        if self.state is not State.INIT:
            return [self._reply(request, 455)]
        if request.headers.get("Content-Type").partition(";")[0].strip().lower() != "application/sdp":
            return self._end(Response(415, headers=self._headers(request)), "what is announced needs an SDP")
        try:
            medias = sdp.parse(request.body).medias
        except ProtocolError as error:
            return self._end(Response(400, headers=self._headers(request)), str(error))
        if len(medias) != 1 or medias[0].kind != "audio" or not medias[0].codecs:
            response = Response(415, "Only One Audio Track Is Taken", self._headers(request))
            return self._end(response, "only one audio track can be sent to a camera")
        self._target = self._target or _target(request)
        self._open = request
        return [Announce(self._target, medias[0])]

    def _setup(self, request: Request) -> list[Event]:
        if self.state not in (State.DESCRIBED, State.READY):
            return [self._reply(request, 455)]
        found = _TRACK.search(request.url)
        track = int(found[1]) if found else 0 if self._tracks == 1 else self._tracks
        if track >= self._tracks:
            return [self._reply(request, 400)]
        for transport in Transport.parse_all(request.headers.get("Transport")):
            if transport.multicast:
                continue
            if transport.protocol == "tcp":
                channel = 2 * track  # whatever a viewer asks for, as go2rtc does: all readers share the same bytes
                if self._records and transport.interleaved is not None:
                    channel = transport.interleaved[0]
                self._channels[track] = channel
                self.state = State.READY
                answer = Transport(interleaved=(channel, channel + 1), mode="record" if self._records else "")
                return [self._reply(request, 200, ("Transport", str(answer)))]
            if self._udp and transport.client_port is not None and transport.client_port[0] > 0:
                self._open = request
                return [SetUpUdp(track, transport.client_port)]
        return [self._reply(request, 461)]

    def _start(self, request: Request) -> list[Event]:
        if self._records != (request.method == "RECORD"):
            return [self._reply(request, 455)]
        if self.state is State.PLAYING:
            return [self._reply(request, 200)]
        if self.state is not State.READY:
            return [self._reply(request, 455)]
        self.state = State.PLAYING
        channels = dict(self._channels)
        return [self._reply(request, 200), Record(channels) if self._records else Play(channels)]

    def _heard(self, message: Interleaved) -> Heard | None:
        """RTP on the track to talk on; RTCP of viewers is a sign of life, no more."""
        if self._ear is None or (channel := self._channels.get(self._ear)) is None:
            return None
        control = message.channel - channel
        return Heard(message.data, control == 1) if control in (0, 1) and self.state is State.PLAYING else None

    def _pause(self, request: Request) -> list[Event]:
        if self.state is not State.PLAYING:  # GStreamer may say so once more behind its TEARDOWN
            return [self._reply(request, 200)]
        self.state = State.READY
        return [self._reply(request, 200), Pause()]

    def _tear_down(self, request: Request) -> list[Event]:
        reply = self._reply(request, 200)
        self.state = State.INIT
        self._channels.clear()
        self._sdp, self._tracks, self._ear, self._records = b"", 0, None, False
        return [reply, Leave()]

    def _description(self, request: Request) -> bytes:
        headers = self._headers(request, ("Content-Type", "application/sdp"))
        return Response(200, headers=headers, body=self._sdp).encode()

    def _reply(self, request: Request, status: int, *headers: tuple[str, str]) -> bytes:
        return Response(status, headers=self._headers(request, *headers)).encode()

    def _headers(self, request: Request | None, *more: tuple[str, str]) -> Headers:
        headers = Headers()
        if request is not None and _SEQUENCE_NUMBER.fullmatch(request.cseq):
            headers.add("CSeq", request.cseq)
        headers.add("Server", self._agent)
        if self.state in (State.READY, State.PLAYING):
            headers.add("Session", str(Session(self.id, SESSION_TIMEOUT)))
        for name, value in more:
            headers.add(name, value)
        return headers

    def _take_open(self) -> Request | None:
        """The request that is answered now; None if the connection is over meanwhile."""
        request, self._open = self._open, None
        return request

    def _break(self, status: int, reason: str) -> list[Event]:
        """The client does not keep to the protocol."""
        return [] if self.closed else self._end(Response(status, headers=self._headers(None)), reason)

    def _end(self, response: Response, reason: str) -> list[Event]:
        self.state = State.CLOSED
        self._waiting.clear()
        self._open = None
        return [response.encode(), Close(reason)]


def _target(request: Request) -> Target:
    """`rtsp://host:8554/<name>[?query]`; the name is the whole path."""
    rest = request.url.partition("://")[2] or request.url
    path, _, query = rest.partition("/")[2].partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=64)
    except ValueError:
        pairs = []
    return Target(unquote(path.rstrip("/")), tuple(pairs), request.headers.get("User-Agent")[:256])
