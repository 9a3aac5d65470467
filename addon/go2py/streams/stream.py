"""A stream: the name a user sees, its sources in order, its readers."""

import asyncio
import contextlib
from collections.abc import Sequence

from ..errors import NegotiationError, Paused, SourceError
from ..observe.events import Bus
from .derived import Derivation, derive
from .negotiate import Known, Match, Plan, Want, mismatch_text, negotiate
from .reader import Attachment, ReaderInfo
from .session import KINDS, Session
from .slot import Slot
from .talk.talk import Talk
from .track import Track


class Stream:
    """Sources merged under one name. Where a source comes from is decided by its owner, the registry.

    `paused`: nobody may look at its cameras or talk to them, for privacy; `Registry.pause` sets it.
    """

    def __init__(
        self, name: str, slots: Sequence[Slot], bus: Bus, *, rotate: int = 0, wait: float = 5.0, transcode: bool = True
    ) -> None:
        self.name = name
        self.slots = tuple(slots)
        self.rotate = rotate
        self.paused = False
        self._transcode = transcode
        self.attachments: dict[int, Attachment] = {}
        self._bus = bus
        self._wait = wait

    @property
    def sources(self) -> tuple[str, ...]:
        """The configured texts, secrets included."""
        return tuple(slot.url.raw for slot in self.slots)

    @property
    def state(self) -> dict[str, str]:
        """`state` (`on`, `off`) and its `reason`, as the API tells them."""
        return {"state": "off", "reason": "paused"} if self.paused else {"state": "on", "reason": ""}

    async def attach(self, info: ReaderInfo, wants: Sequence[Want], *, wait: float | None = None) -> Attachment:
        """Attach a reader to the tracks that fit its wants.

        Sources not heard of yet are dialled; while they fail, for at most `wait` seconds, they are tried
        again. Raises `SourceError` (`Paused` among them) or `NegotiationError` with go2rtc's texts.
        """
        if wants and all(want.direction == "sendonly" for want in wants):  # a microphone and nothing else
            await self.find_talk(self._wait if wait is None else wait)
            return self._attach(info, wants, Plan((), ()))
        deadline = asyncio.get_running_loop().time() + (self._wait if wait is None else wait)
        failures: dict[int, str] = {}
        with contextlib.ExitStack() as asked:  # whom we asked stays connected until it is decided
            while True:
                if self.paused:
                    raise Paused
                known = self._known(info.source, failures)
                plan = negotiate(known, wants, transcode=self._transcode)
                if plan.dial is None:
                    break
                session = self.slots[plan.dial].session
                assert session is not None
                asked.callback(session.hold().release)
                try:
                    await session.offered(deadline)
                except SourceError as error:
                    failures[plan.dial] = str(error)
            if not plan.matches:
                raise self._refusal(known, wants)
            return self._attach(info, wants, plan)

    @property
    def talk(self) -> Talk | None:
        """How to speak to the camera: of the first source that has a way and is not known to have no backchannel."""
        talks = [slot.session.talk for slot in self.slots if slot.session is not None and slot.session.talk is not None]
        return next((talk for talk in talks if talk.codecs != ()), talks[0] if talks else None)

    async def find_talk(self, wait: float = 5.0) -> Talk:
        """The talk of the first source whose camera takes any; cameras that were not asked yet are.

        Raises `NegotiationError` where none has a backchannel, `SourceError` where none can be asked, also `Paused`.
        """
        error: NegotiationError | SourceError = NegotiationError("streams: the camera has no backchannel")
        for slot in self.slots:
            if self.paused:
                raise Paused
            if slot.session is None or slot.session.talk is None:
                continue
            try:
                await slot.session.talk.find(wait)
            except (NegotiationError, SourceError) as reason:
                error = reason
            else:
                if self.paused:  # meanwhile
                    raise Paused
                return slot.session.talk
        raise error

    def plan(self, info: ReaderInfo, wants: Sequence[Want]) -> Plan:
        """What `attach` would give, as far as sources are known; nobody is dialled."""
        known = self._known(info.source, {})
        asked = ["not asked yet" if one is None else one for one in known]
        return negotiate(asked, wants, transcode=self._transcode)

    def end(self, reason: str) -> None:
        """Tell all readers that the stream is over."""
        for attachment in tuple(self.attachments.values()):
            attachment.end(reason)

    def _known(self, loop_marker: str, failures: dict[int, str]) -> list[Known]:
        known: list[Known] = []
        for index, slot in enumerate(self.slots):
            if loop_marker and slot.url.raw == loop_marker:
                known.append("is the reader itself")
            elif index in failures:
                known.append(failures[index])
            elif slot.session is None:
                known.append(str(slot.error))
            else:
                known.append(slot.offers)
        return known

    def _refusal(self, known: Sequence[Known], wants: Sequence[Want]) -> Exception:
        errors = dict.fromkeys(text for text in known if isinstance(text, str))
        if not wants or any(isinstance(one, tuple) for one in known):
            return NegotiationError(f"streams: {mismatch_text(known, wants)}")
        if errors:
            refusal = SourceError(f"streams: {', '.join(errors)}")
            codes = {slot.code for slot in self.slots} - {""}
            refusal.code = codes.pop() if len(codes) == 1 else refusal.code
            return refusal
        return SourceError("streams: unknown error: the stream has no sources")

    def _attach(self, info: ReaderInfo, wants: Sequence[Want], plan: Plan) -> Attachment:
        if self.paused:  # meanwhile
            raise Paused
        by_session: dict[Session, set[int]] = {}
        by_want: list[Track | None] = [None] * len(wants)
        tracks: dict[Track, None] = {}
        derivations: list[Derivation] = []
        # who may talk holds nothing: a backchannel is opened by speech
        views = [(match, self._session(match)) for match in plan.matches if wants[match.want].direction == "recvonly"]
        for match, session in views:
            by_session.setdefault(session, set()).add(match.offer)
        holds = [session.hold(frozenset(offers)) for session, offers in by_session.items()]
        for match, session in views:
            track = session.track(match.offer)
            if match.action == "transcode":
                derivations.append(derive(track, match.codec))
                track = derivations[-1].track
            tracks[track] = None
            by_want[match.want] = by_want[match.want] or track
        ordered = sorted(tracks, key=lambda track: KINDS.index(track.kind))
        attachment = Attachment(info, wants, plan, by_want, ordered, [*holds, *derivations], self._detached)
        for hold in holds:
            hold.on_end = attachment.end
        self.attachments[attachment.id] = attachment
        self._bus.publish(
            "reader.added", stream=self.name, reader=attachment.id, format=info.format_name, remote=info.remote_addr
        )
        return attachment

    def _session(self, match: Match) -> Session:
        session = self.slots[match.source].session
        assert session is not None
        return session

    def _detached(self, attachment: Attachment) -> None:
        self.attachments.pop(attachment.id, None)
        self._bus.publish("reader.removed", stream=self.name, reader=attachment.id, reason=attachment.ended or "")
