"""WebRTC for the API: an offer comes in, an answer and a session go out."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from ...config.values import IceServer
from ...errors import NegotiationError, ProtocolError, SourceError
from ...media.codec import Codec
from ...observe.log import fields, get_logger
from ...protocols import webrtc_sdp as sdp
from ...protocols.webrtc_sdp import Local, Offer
from ...streams.reader import Attachment, ReaderInfo
from ...streams.stream import Stream
from ...streams.talk.status import Status
from ..microphone import Microphone
from ..talker import Talker
from .ducking import Ducking
from .negotiation import Outgoing, Slot, answer_media, outgoing, slots_of, spoken, wants_of
from .pacer import Pacer
from .port import WebRtcPort
from .transport import PeerTransport
from .viewer import Viewer

_TICK = 0.5
"""Seconds between two looks at a viewer."""
_TURNS = 10
_log = get_logger("webrtc")


class Session:
    """One peer connection. It lives until the peer vanishes, the stream ends or `close`; signalling may end before.

    `id` is random and unguessable. `on_closed` is called once, with a reason, when it is over.
    """

    def __init__(
        self,
        attachment: Attachment,
        transport: PeerTransport,
        viewer: Viewer,
        offer: Offer,
        forget: Callable[[Session], None],
    ) -> None:
        self.id = secrets.token_urlsafe(18)
        self.attachment = attachment
        self.transport = transport
        self.viewer = viewer
        self.on_closed: Callable[[str], None] | None = None
        self.gathered: tuple[str, ...] | None = None
        """All our candidates, once an answer had to wait for them."""
        self._offer = offer
        self._remote_ufrag = offer.transport.ice_ufrag
        self._forget = forget
        self._gathering: asyncio.Task[object] | None = None
        self._protocol = attachment.info.protocol
        self._closed = False
        transport.on_connected = self._connected
        transport.on_rtcp = viewer.on_rtcp
        transport.on_closed = self._release
        attachment.on_end = self.close
        self.on_talk: Callable[[Status], None] | None = None
        """Called with how it stands with what the peer says, at changes and for the level."""
        self._ducking = Ducking(viewer.senders)
        self._talker = viewer.microphone.talker if viewer.microphone is not None else None
        if viewer.microphone is not None:
            transport.on_rtp = viewer.microphone.rtp
            viewer.microphone.talker.on_status = self._talked

    @property
    def connected(self) -> bool:
        return self.transport.connected

    @property
    def local(self) -> Local:
        """Our side of the transport, for an answer."""
        transport = self.transport
        return Local(
            transport.ufrag,
            transport.password,
            " ".join(transport.fingerprint),
            transport.setup,
            self.gathered or (),
            complete=self.gathered is not None,
        )

    def add_candidate(self, line: str) -> None:
        """A candidate of the peer, or an empty text after the last. Raises `ProtocolError` when it is none."""
        if not self._closed:
            self.transport.add_candidate(line)

    def trickle(self, send: Callable[[str], None]) -> None:
        """Hand our candidates to `send`, now and as they are found, and an empty text after the last. To be called once
        the answer is on its way."""
        self.transport.on_candidate = send

        async def gather() -> None:
            await self.transport.gather()
            if not self._closed:
                send("")

        if self._gathering is None and not self._closed:
            self._gathering = asyncio.get_running_loop().create_task(gather())

    def patch(self, fragment: str) -> str:
        """A trickle fragment (RFC 9725 section 4.3): candidates, or new credentials, which restart ICE while media goes
        on; what to answer to these, else nothing. Raises `ProtocolError` when it is broken."""
        parsed = sdp.parse_fragment(fragment)
        restarts = parsed.ice_ufrag not in ("", self._remote_ufrag)
        if restarts:
            self.transport.restart(parsed.ice_ufrag, parsed.ice_pwd)
            self._remote_ufrag = parsed.ice_ufrag
        for candidate in parsed.candidates:
            self.add_candidate(candidate)
        if parsed.complete:
            self.add_candidate("")
        return sdp.build_fragment(self._offer, self.local) if restarts else ""

    def close(self, reason: str = "") -> None:
        """End the peer connection and detach from the stream; safe to call more than once."""
        if not self._closed:
            self.transport.close()
            self._release(reason)

    def _connected(self, profile: str) -> None:
        info = self.attachment.info
        transport = self.transport
        info.protocol = f"{self._protocol}+{transport.protocol}"
        info.remote_addr = f"{transport.remote_address} {transport.candidate_type}"
        info.details["srtp"] = profile
        if self._talker is not None:
            self._talker.name = f"webrtc {transport.remote_host}"
        _log.debug("connected", extra=fields(remote=info.remote_addr, protocol=info.protocol, srtp=profile))
        self.viewer.start()

    def _talked(self, status: Status) -> None:
        talk = self._talker.talk if self._talker is not None else None
        if talk is not None:
            self._ducking.update(talk.settings.duck, talking=status.state == "talking")
        if self.on_talk is not None:
            self.on_talk(status)

    def _release(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        if self.viewer.microphone is not None:
            self.viewer.microphone.close()
        self._ducking.close()
        if self._gathering is not None:
            self._gathering.cancel()
        self.viewer.close()
        self.attachment.close()
        self._forget(self)
        if self.on_closed is not None:
            self.on_closed(reason)


class WebRtcService:
    """All peer connections over one port. `sessions` has them by id, for WHEP's PATCH and DELETE."""

    def __init__(self, port: WebRtcPort) -> None:
        self.sessions: dict[str, Session] = {}
        self._port = port
        self._pacer = Pacer()
        self._timer: asyncio.TimerHandle | None = None
        self._turn = 0

    async def start(self) -> None:
        """Open the port."""
        await self._port.start()
        self._tick()

    async def close(self) -> None:
        """End all sessions, then the port."""
        for session in tuple(self.sessions.values()):
            session.close("the gateway stops")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pacer.close()
        await self._port.close()

    async def answer(
        self,
        stream: Stream,
        offer_sdp: str,
        info: ReaderInfo,
        *,
        ice_servers: Sequence[IceServer] | None = None,
        trickle: bool = False,
        rotation: int | None = None,
        priority: int = 0,
    ) -> tuple[str, Session]:
        """Attach a viewer to `stream` and answer its offer.

        With `trickle` the answer has no candidates: `Session.trickle` hands them on. Without, it waits for all of
        them. `rotation` in degrees clockwise replaces the stream's; `priority` is that of its microphone. Raises
        `ProtocolError`, `NegotiationError` or `SourceError`, and nothing is left of the viewer then.
        """
        offer = sdp.parse_offer(offer_sdp)
        slots = slots_of(offer)
        attachment = await stream.attach(info, wants_of(slots))
        with ExitStack() as undo:
            undo.callback(attachment.close)
            going = _outgoing(slots, attachment, stream.rotate if rotation is None else rotation)
            transport = self._port.new_peer(ice_servers)
            undo.callback(transport.close)
            viewer = Viewer(transport, attachment, going, self._pacer)
            if said := spoken(slots):
                talker = Talker(stream.find_talk, "webrtc", priority=priority)
                viewer.microphone = Microphone(said, talker, attachment)
            session = Session(attachment, transport, viewer, offer, self._forget)
            undo.callback(session.close, "the offer could not be answered")
            self.sessions[session.id] = session
            takes = stream.talk.codecs if stream.talk is not None else ()
            text = await self._describe(offer, slots, session, takes, trickle=trickle)
            undo.pop_all()
        return text, session

    async def _describe(
        self, offer: Offer, slots: Sequence[Slot], session: Session, takes: Sequence[Codec] | None, *, trickle: bool
    ) -> str:
        """Bring the offer to the transport and write the answer."""
        remote, transport, viewer = offer.transport, session.transport, session.viewer
        setup = remote.setup or "actpass"
        transport.set_remote(remote.ice_ufrag, remote.ice_pwd, remote.fingerprints, setup, lite=offer.ice_lite)
        for section in offer.sections:
            if offer.shares_transport(section):
                for candidate in section.candidates:
                    _add_leniently(session, candidate)
        if session.attachment.ended is not None:
            raise SourceError(f"streams: {session.attachment.ended}")
        if not trickle:
            session.gathered = await transport.gather()
        sent = [
            (one, sender.group.ssrc, sender.repair[1] if sender.repair else 0)
            for one, sender in zip(viewer.outgoing, viewer.senders, strict=True)
        ]
        media = answer_media(offer, slots, sent, viewer.cname, takes)
        return sdp.build_answer(offer, media, session.local, secrets.randbits(62))

    def _forget(self, session: Session) -> None:
        self.sessions.pop(session.id, None)

    def _tick(self) -> None:
        """Some of the viewers each time: the reports of a crowd must not hold up a picture."""
        now = time.monotonic()
        sessions = tuple(self.sessions.values())
        self._turn = (self._turn + 1) % _TURNS
        for session in sessions[self._turn :: _TURNS]:
            if session.connected:
                session.viewer.tick(now)
        pause = _TICK / _TURNS if sessions else _TICK
        self._timer = asyncio.get_running_loop().call_later(pause, self._tick)


def _outgoing(slots: Sequence[Slot], attachment: Attachment, rotation: int) -> list[Outgoing]:
    """How the attached tracks go into the m-lines that asked for them."""
    seeing = [slot for slot in slots if slot.view is not None]
    matched = zip(seeing, attachment.by_want, strict=False) if seeing else ()
    going = [outgoing(slot, track, rotation) for slot, track in matched if track is not None]
    found = [one for one in going if one is not None]
    if seeing and not found:
        raise NegotiationError("webrtc: no offered payload type fits the stream")
    return found


def _add_leniently(session: Session, candidate: str) -> None:
    """Candidates inside an offer are hints; one that cannot be read loses only itself."""
    try:
        session.add_candidate(candidate)
    except ProtocolError as error:
        _log.debug("candidate passed over", extra=fields(error=error))
