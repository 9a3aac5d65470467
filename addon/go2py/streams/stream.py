"""A stream: the name a user sees, its sources in order, its readers."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import NegotiationError, SourceError
from ..observe.events import Bus
from .negotiate import Known, Plan, Want, mismatch_text, negotiate
from .reader import Attachment, ReaderInfo
from .session import Session
from .source import Offer, SourceUrl
from .track import Track

KINDS = ("video", "audio")


@dataclass(frozen=True, slots=True)
class Slot:
    """One configured source of a stream: its session, or the reason why it has none."""

    url: SourceUrl
    session: Session | None
    error: SourceError | None = None

    @property
    def offers(self) -> tuple[Offer, ...] | None:
        return self.session.offers if self.session else None

    def lets_through(self, kind: str) -> bool:
        """`#media=video+audio` keeps only the kinds it names."""
        media = self.url.parameter("media")
        return not media or kind in media


class Stream:
    """Sources merged under one name. Where a source comes from is decided by its owner, the registry."""

    def __init__(self, name: str, slots: Sequence[Slot], bus: Bus, *, rotate: int = 0, wait: float = 5.0) -> None:
        self.name = name
        self.slots = tuple(slots)
        self.rotate = rotate
        self.attachments: dict[int, Attachment] = {}
        self._bus = bus
        self._wait = wait

    @property
    def sources(self) -> tuple[str, ...]:
        """The configured texts, secrets included."""
        return tuple(slot.url.raw for slot in self.slots)

    async def attach(self, info: ReaderInfo, wants: Sequence[Want], *, wait: float | None = None) -> Attachment:
        """Attach a reader to the tracks that fit its wants.

        Sources not heard of yet are dialled; while they fail, for at most `wait` seconds, they are tried
        again. Raises `SourceError` or `NegotiationError` with go2rtc's texts.
        """
        deadline = asyncio.get_running_loop().time() + (self._wait if wait is None else wait)
        failures: dict[int, str] = {}
        with contextlib.ExitStack() as asked:  # whom we asked stays connected until it is decided
            while True:
                known = self._known(info.source, failures)
                plan = negotiate(known, wants)
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

    def plan(self, info: ReaderInfo, wants: Sequence[Want]) -> Plan:
        """What `attach` would give, as far as sources are known; nobody is dialled."""
        known = self._known(info.source, {})
        return negotiate(["not asked yet" if one is None else one for one in known], wants)

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
                offers = slot.offers
                known.append(offers and tuple(o if slot.lets_through(o.kind) else _hidden(o) for o in offers))
        return known

    def _refusal(self, known: Sequence[Known], wants: Sequence[Want]) -> Exception:
        errors = dict.fromkeys(text for text in known if isinstance(text, str))
        if not wants or any(isinstance(one, tuple) for one in known):
            return NegotiationError(f"streams: {mismatch_text(known, wants)}")
        if errors:
            return SourceError(f"streams: {', '.join(errors)}")
        return SourceError("streams: unknown error: the stream has no sources")

    def _attach(self, info: ReaderInfo, wants: Sequence[Want], plan: Plan) -> Attachment:
        by_session: dict[Session, set[int]] = {}
        by_want: list[Track | None] = [None] * len(wants)
        tracks: dict[Track, None] = {}
        for match in plan.matches:
            session = self.slots[match.source].session
            assert session is not None
            by_session.setdefault(session, set()).add(match.offer)
            if wants[match.want].direction == "recvonly":
                track = session.track(match.offer)
                tracks[track] = None
                by_want[match.want] = by_want[match.want] or track
        holds = [session.hold(frozenset(offers)) for session, offers in by_session.items()]
        ordered = sorted(tracks, key=lambda track: KINDS.index(track.kind))
        attachment = Attachment(info, wants, plan, by_want, ordered, holds, self._detached)
        for hold in holds:
            hold.on_end = attachment.end
        self.attachments[attachment.id] = attachment
        self._bus.publish(
            "reader.added", stream=self.name, reader=attachment.id, format=info.format_name, remote=info.remote_addr
        )
        return attachment

    def _detached(self, attachment: Attachment) -> None:
        self.attachments.pop(attachment.id, None)
        self._bus.publish("reader.removed", stream=self.name, reader=attachment.id, reason=attachment.ended or "")


def _hidden(offer: Offer) -> Offer:
    """An offer that `#media=` leaves out keeps its place and matches nothing."""
    return Offer(offer.codecs, "hidden")
