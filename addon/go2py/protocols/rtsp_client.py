"""The client's side of an RTSP conversation, without a socket: what to send, and what the answers mean.

request()  ──▶ camera ──▶ judge() ──▶ None      all well
                                 ├──▶ Request   ask again: with credentials, with a fresh nonce
                                 ├──▶ RtspUrl   go there
                                 └── raises     SourceError, told in words of the user
"""

from collections.abc import Mapping

from ..errors import Busy, ProtocolError, SourceError, Unauthorized, Unreachable
from .http_auth import ClientAuth
from .rtsp import REASONS, Headers, Request, Response
from .rtsp_headers import Session
from .rtsp_url import RtspUrl

BACKCHANNEL = "www.onvif.org/ver20/backchannel"
"""The ONVIF feature tag for `Require` (Streaming Specification 5.3)."""

KEEPALIVE = 20.0
"""Seconds between keepalives where the server names no timeout."""


class TransportRefused(SourceError):
    """SETUP was answered with 461: another transport may do."""


class Refused(Unreachable):
    """Answered with a status that means no; `status` says which."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RtspClient:
    """Numbers, signs and names requests; keeps session id, credentials and what the server can do."""

    def __init__(self, url: RtspUrl, user_agent: str) -> None:
        self.url = url
        self.session: Session | None = None
        self.methods: frozenset[str] = frozenset()
        """What `Public` named; empty until told."""
        self._auth = ClientAuth(url.user, url.password)
        self._user_agent = user_agent
        self._sequence = 0
        self._bypassed = False

    def request(self, method: str, url: str = "", fields: Mapping[str, str] | None = None) -> Request:
        """A request ready to go out; without `url` it is for the presentation."""
        self._sequence += 1
        target = url or str(self.url)
        headers = Headers([("CSeq", str(self._sequence)), ("User-Agent", self._user_agent)])
        for name, value in (fields or {}).items():
            headers.add(name, value)
        if self.session is not None:
            headers.add("Session", self.session.id)
        if answer := self._auth.authorization(method, target):
            headers.add("Authorization", answer)
        return Request(method, target, headers)

    def judge(self, request: Request, response: Response) -> Request | RtspUrl | None:
        """See the module's drawing. Raises `SourceError`, `ProtocolError`."""
        if public := response.headers.get("Public"):
            self.methods = frozenset(word.strip().upper() for word in public.split(","))
        status = response.status
        if status == 401:
            return self._challenged(request, response)
        self._auth.accepted()
        if 200 <= status < 300:
            if request.method == "SETUP" and (text := response.headers.get("Session")):
                self.session = self.session or Session.parse(text)
            return None
        if status in (301, 302, 303, 305, 307, 308):
            location = response.headers.get("Location")
            if not location:
                raise ProtocolError(f"{self.url.address} redirects without saying where")
            return self.url.moved(location)
        raise self._refusal(request.method, status)

    def keepalive(self) -> Request:
        """GET_PARAMETER where the server offers it, else OPTIONS, which also finds out."""
        method = "GET_PARAMETER" if "GET_PARAMETER" in self.methods else "OPTIONS"
        return self.request(method)

    def keepalive_refused(self) -> None:
        """GET_PARAMETER was offered and is refused: ask by OPTIONS from now on."""
        self.methods -= {"GET_PARAMETER"}

    @property
    def keepalive_interval(self) -> float:
        """Seconds; three fit into the session's timeout, so that one may get lost."""
        timeout = self.session.timeout if self.session else 0
        return max(1.0, timeout / 3) if timeout else KEEPALIVE

    def _challenged(self, request: Request, response: Response) -> Request:
        values = response.headers.all("WWW-Authenticate")
        where = self.url.address
        if self._auth.challenged(values):
            return self._again(request, request.url)
        if self.url.user or self.url.password:
            raise Unauthorized(f"{where} refused the user and password; check them in the source's URL")
        if not self._bypassed and any("TP-LINK Streaming Media" in value for value in values):
            self._bypassed = True  # these cameras ask nobody who calls them localhost
            return self._again(request, request.url.replace(self.url.host, "127.0.0.1", 1))
        raise Unauthorized(f"{where} wants a user and password; put them into the URL: rtsp://user:password@…")

    def _again(self, request: Request, url: str) -> Request:
        dropped = {"cseq", "user-agent", "session", "authorization"}
        fields = {name: value for name, value in request.headers if name.lower() not in dropped}
        return self.request(request.method, url, fields)

    def _refusal(self, method: str, status: int) -> SourceError:
        where = self.url.address
        match status:
            case 403:
                return Unauthorized(f"{where} forbids access to this stream (403); check the user's rights there")
            case 404:
                return Refused(f"{where} has no stream at this path (404); check the path in the source's URL", status)
            case 453 | 503:
                return Busy(f"{where} allows no further session ({status}); close another viewer of this camera")
            case 461 if method == "SETUP":
                return TransportRefused(f"{where} refuses this transport (461); try #transport=tcp or #transport=udp")
            case _:
                reason = f" {REASONS[status]}" if status in REASONS else ""
                return Refused(f"{where} answered {method} with {status}{reason}", status)
