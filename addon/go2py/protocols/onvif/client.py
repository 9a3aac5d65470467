"""The client's side of a conversation with an ONVIF device, without a socket.

Each method is a generator that yields HTTP requests, is sent their answers and returns a value:

    steps = client.profiles()
    request = next(steps)
    try:
        while True:
            request = steps.send(answer_to(request))
    except StopIteration as end:
        profiles = end.value

They raise `Unauthorized`, `Unreachable`, `Unsupported`, `ProtocolError` with sentences for users, and `Refused`.
"""

import secrets
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...errors import ProtocolError, SourceError, Unauthorized, Unreachable, Unsupported
from ..http_auth import ClientAuth, parse_challenges
from ..xml import Element, parse
from . import answers, operations
from .answers import DeviceInformation, Profile
from .soap import CONTENT_TYPE, Fault, body_of, envelope, fault_in, username_token
from .url import OnvifUrl

MEDIA_PATHS = ("/onvif/media_service", "/onvif/Media", "/onvif/media")
"""Where media is found on devices that do not say it, besides their own path."""
CLOCK_TOLERANCE = 5.0
"""Seconds that clocks may differ before it is worth a word; devices allow about as much."""

type Steps[T] = Generator[HttpRequest, HttpAnswer, T]
type Proof = Literal["none", "token", "digest+token", "digest"]
"""How a request proves who asks: by a token in SOAP, by HTTP Digest, by both."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One POST; `headers` may hold an `Authorization`."""

    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`challenges` are the values of `WWW-Authenticate`, `date` that of `Date`, `arrived` wall-clock seconds."""

    status: int
    body: bytes
    challenges: Sequence[str] = ()
    date: str = ""
    arrived: float = 0.0


class Refused(SourceError):
    """The device understood and will not; `fault` says why."""

    def __init__(self, where: str, operation: str, fault: Fault) -> None:
        self.fault = fault
        reason = fault.reason or fault.code or "no reason given"
        super().__init__(f"{where} refuses {operation}: {reason}")


class OnvifClient:
    """One device, one user. A password is sent as proof only, never itself.

    Wrong passwords lock many devices: after the device refused the credentials for good no further request carries
    them. That costs at most two attempts, the token and HTTP Digest where the device asks for it, or three where it
    takes Digest and finds fault with the token.
    """

    def __init__(self, url: OnvifUrl, now: Callable[[], float] = time.time) -> None:
        self.url = url
        self.offset = 0.0
        """Seconds that the device's clock is ahead of ours."""
        self.services: dict[str, str] = {}
        """Paths by name, once `connect` was run."""
        self._now = now
        self._known_clock = False
        self._proof: Proof = "token" if url.user else "none"
        self._auth = ClientAuth(url.user, url.password)
        self._refused = False

    # Operations

    def clock(self) -> Steps[None]:
        """Learn the device's time, without credentials; that it answers shows that ONVIF is spoken here."""
        request = self._request(self.url.path, operations.CLOCK, "none")
        answer = yield request
        theirs = answers.http_time(answer.date)
        try:
            element = self._element(answer, "GetSystemDateAndTime")
            theirs = answers.device_time(element) or theirs
        except Unauthorized, Refused:
            pass  # Axis tells the time to its users only: the date of HTTP must do
        if theirs is not None:
            self.offset = theirs - (answer.arrived or self._now())
            self._known_clock = True

    def connect(self) -> Steps[None]:
        """Learn the clock and where the services are; what the device does not tell is guessed later."""
        yield from self.clock()
        for body, read in (
            (operations.SERVICES, answers.services),
            (operations.CAPABILITIES, answers.capabilities),
        ):
            try:
                found = read((yield from self._ask(self.url.path, body, public=True)))
            except Refused, ProtocolError, Unsupported:
                continue
            self.services |= {name: path for name, path in found.items() if name not in self.services}
            if {"media", "media2"} & self.services.keys():
                return

    def device_information(self) -> Steps[DeviceInformation]:
        """Maker, model, firmware, serial number."""
        answer = yield from self._ask(self.url.path, operations.DEVICE_INFORMATION, public=True)
        return answers.device_information(answer)

    def profiles(self) -> Steps[tuple[Profile, ...]]:
        """All profiles. Those of media come in its order first, as that is what indexes count; what only media2
        knows follows, and where both know one media2 tells, which knows H.265."""
        found: dict[str, Profile] = {}
        failure: SourceError | ProtocolError | None = None
        for service, body in operations.PROFILES:
            if service == "media2" and service not in self.services:
                continue
            try:
                answer = yield from self._media(service, body)
            except (Refused, Unsupported, ProtocolError) as error:
                failure = failure or error
            else:
                for profile in answers.profiles(answer):
                    found[profile.token] = profile.merged(found.get(profile.token))
        if not found:
            raise failure or Unsupported(f"{self.url.address} has no media profile; set one up in the camera")
        return tuple(found.values())

    def stream_uri(self, token: str) -> Steps[str]:
        """The RTSP URI of a profile, as the device says it."""
        return (yield from self._uri("stream", operations.stream_uri(token)))

    def snapshot_uri(self, token: str) -> Steps[str]:
        """The URI of a profile's still picture."""
        return (yield from self._uri("snapshot", operations.snapshot_uri(token)))

    # How they are asked

    def _uri(self, what: str, requests: operations.ByService) -> Steps[str]:
        failure: SourceError | ProtocolError | None = None
        for service, body in requests:
            if service == "media2" and service not in self.services:
                continue
            try:
                uri = answers.media_uri((yield from self._media(service, body)))
            except (Refused, Unsupported, ProtocolError) as error:
                failure = failure or error
            else:
                if uri:
                    return uri
        raise failure or Unsupported(f"{self.url.address} gives no {what} URI for this profile")

    def _media(self, service: str, body: str) -> Steps[Element]:
        """Ask a media service; where the device did not say its path, at those that are usual."""
        if path := self.services.get(service):
            return (yield from self._ask(path, body))
        failure: SourceError | ProtocolError | None = None
        for path in (self.url.path, *MEDIA_PATHS):
            try:
                answer = yield from self._ask(path, body)
            except (Refused, Unsupported, ProtocolError) as error:
                failure = failure or error
            else:
                self.services[service] = path
                return answer
        assert failure is not None
        raise failure

    def _ask(self, path: str, body: str, *, public: bool = False) -> Steps[Element]:
        """One operation; `public` ones are tried without credentials first: there are devices that take offence."""
        operation = operations.name_of(body)
        if public and self._proof != "none":
            answer = yield self._request(path, body, "none")
            try:
                return self._element(answer, operation)
            except Unauthorized:
                pass
        while True:
            if self._refused:
                raise self._unauthorized()
            answer = yield self._request(path, body, self._proof)
            try:
                element = self._element(answer, operation)
            except Unauthorized:
                self._next_proof(answer)
            else:
                self._auth.accepted()
                return element

    def _next_proof(self, answer: HttpAnswer) -> None:
        """The device refused: choose another way of proving who we are, or give up for good."""
        before = self._proof
        digest = any(challenge.scheme == "digest" for challenge in parse_challenges(answer.challenges))
        if before != "none" and answer.status == 401 and digest and self._auth.challenged(answer.challenges):
            self._proof = "digest+token" if before == "token" else before
        elif before == "digest+token" and answer.status != 401:
            self._proof = "digest"
        else:
            self._refused = True
            raise self._unauthorized()

    def _unauthorized(self) -> Unauthorized:
        where = self.url.address
        if not self.url.user:
            return Unauthorized(f"{where} wants a user and password (ONVIF)")
        if not self._known_clock:
            return Unauthorized(
                f"{where} refused the user and password (ONVIF); it did not tell its time, check its clock too"
            )
        return Unauthorized(
            f"{where} refused the user and password (ONVIF); many cameras want an ONVIF user of its own"
        )

    def _request(self, path: str, body: str, proof: Proof) -> HttpRequest:
        header = ""
        if "token" in proof:
            moment = self._now() + self.offset
            header = username_token(self.url.user, self.url.password, secrets.token_bytes(16), moment)
        headers = {"Content-Type": CONTENT_TYPE}
        if "digest" in proof:
            headers["Authorization"] = self._auth.authorization("POST", path)
        return HttpRequest(self.url.endpoint(path), headers, envelope(body, header))

    def _element(self, answer: HttpAnswer, operation: str) -> Element:
        """The operation's response, or what is wrong."""
        where = self.url.address
        root: Element | None = None
        if b"<" in answer.body[:256]:
            try:
                root = parse(answer.body)
            except ProtocolError as error:
                if answer.status == 200:
                    raise ProtocolError(f"{where} answered {operation} with {error}") from None
        fault = fault_in(root) if root is not None else None
        if answer.status == 401 or (fault is not None and fault.unauthorized):
            raise Unauthorized(where)
        if fault is not None:
            raise Refused(where, operation, fault)
        if answer.status in (404, 405, 501):
            raise Unsupported(f"{where} speaks no ONVIF here ({answer.status}); is ONVIF switched on, the port right?")
        if answer.status == 403:
            raise Unauthorized(where)
        if answer.status >= 300:
            raise Unreachable(f"{where} answered {operation} with {answer.status}")
        if root is None or root.name.lower() == "html":
            raise Unsupported(f"{where} answers, but not in ONVIF's language; is this the camera's ONVIF port?")
        return root.first(f"{operation}Response") or body_of(root)
