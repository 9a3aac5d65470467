"""The ICE agent of one viewer (RFC 8445), sans-IO: datagrams in, datagrams and a selected pair out.

A full agent, controlled unless the peer is ICE-lite or a role conflict says otherwise. It answers checks and sends its
own, so that NATs on both sides open; one component, as BUNDLE and rtcp-mux leave it.
"""

import os
import random
from typing import Final

from ...protocols import stun
from ...protocols.stun import Attribute, Kind, Message
from .candidates import Candidate
from .pairs import Base, Credentials, Pair, SockAddr

MAX_PAIRS: Final = 100
MAX_REMOTE: Final = 40
PACE: Final = 0.05
"""Seconds between new checks (RFC 8445 section 14.2)."""
RTO: Final = 0.25
RETRIES: Final = 10
"""Sends of one check, with doubling pauses of at most `RTO_MAX`: about 13 seconds."""
RTO_MAX: Final = 1.6
CONSENT_INTERVAL: Final = 5.0
"""Usual pause between checks on the selected pair, ± 20 % (RFC 7675 section 5.1)."""
CONSENT_RETRY: Final = 0.5
"""Pause after one that was not answered."""
CONSENT_TIMEOUT: Final = 14.0
"""No answer for so long: the viewer is gone. RFC 7675 allows 30 s, a gateway wants its upload back sooner."""
RENOMINATE: Final = 3.0
"""A pair of lower priority takes over when the selected one was not nominated again for so long."""


class _Check:
    """One transaction: needed until its answer comes or it is out of date."""

    __slots__ = ("controlling", "nominate", "pair", "request", "sent")

    def __init__(self, pair: Pair, request: bytes, sent: float, *, controlling: bool, nominate: bool) -> None:
        self.pair, self.request, self.sent = pair, request, sent
        self.controlling, self.nominate = controlling, nominate


class IceAgent:
    """Feed it `receive`, `tick` and remote candidates; send what `take` gives; look at `selected` and `failed`.

    All times are seconds of one monotonic clock. `tag` begins every transaction id, so that a shared port finds the
    agent of a response. Text in `failed` is the reason why the connection is over.
    """

    def __init__(self, local: Credentials, tag: bytes = b"") -> None:
        self.local = local
        self.remote: Credentials | None = None
        self.selected: Pair | None = None
        self.failed = ""
        self.round_trip: float | None = None
        self.controlling = False
        self.tie_breaker = _tie_breaker()
        self._tag = tag
        self._old_local: Credentials | None = None
        self._bases: list[Base] = []
        self._remotes: list[Candidate] = []
        self._pairs: dict[tuple[Base, SockAddr], Pair] = {}
        self._triggered: list[Pair] = []
        self._checks: dict[bytes, _Check] = {}
        self._out: list[tuple[Pair, bytes]] = []
        self._next_pace = 0.0
        self._consent_due = 0.0
        self._consent_at = 0.0
        """When the newest answered check on the selected pair was answered."""
        self._consent_sent = 0.0

    # --- what signalling says

    def add_base(self, base: Base) -> None:
        """A socket that may be used from now on; it is paired with all remote candidates."""
        self._bases.append(base)
        for candidate in self._remotes:
            self._pair_up(base, candidate)

    def remove_base(self, base: Base) -> None:
        """The socket is gone, and all pairs on it but the selected one, which a new one replaces or consent ends."""
        if base in self._bases:
            self._bases.remove(base)
        for pair in [pair for pair in self._pairs.values() if pair.base is base]:
            self._drop(pair)

    def set_remote(self, remote: Credentials, *, lite: bool = False) -> None:
        """The peer's credentials. Other ones than before are an ICE restart: pairs start afresh, media goes on."""
        if self.remote is not None and (self.remote.ufrag, self.remote.key) == (remote.ufrag, remote.key):
            return
        if self.remote is not None:
            self._remotes.clear()
            for pair in list(self._pairs.values()):
                self._drop(pair)
        self.remote = remote
        if lite:
            self.controlling = True  # RFC 8445 section 6.1.1: the full side of the two controls
        for pair in self._pairs.values():
            self._prepare(pair)

    def restart(self, local: Credentials) -> None:
        """New local credentials; checks with the old ones are answered until a pair of the new ones is selected."""
        self._old_local, self.local = self.local, local

    def add_remote(self, candidate: Candidate) -> None:
        """A candidate of the peer. Names and TCP ones are passed over: the peer's own checks show us its address."""
        if candidate.network != "udp" or not candidate.port or not candidate.is_address:
            return
        if len(self._remotes) >= MAX_REMOTE or candidate in self._remotes:
            return
        self._remotes.append(candidate)
        for base in self._bases:
            self._pair_up(base, candidate)

    # --- what the network says

    def receive(self, data: bytes | memoryview, base: Base, address: SockAddr, now: float) -> bool:
        """A STUN datagram; True when it was authentic. Raises ProtocolError when it is not STUN at all."""
        message = stun.parse(data)
        if message.method != stun.BINDING:
            return False
        if message.kind is Kind.REQUEST:
            return self._request(message, base, address, now)
        if message.kind is Kind.INDICATION:
            return False
        return self._response(message, base, address, now)

    def _request(self, message: Message, base: Base, address: SockAddr, now: float) -> bool:
        to, from_ = message.username
        local = next((one for one in (self.local, self._old_local) if one and one.ufrag.encode() == to), None)
        if local is None or not message.verify(local.key):
            return False  # silence instead of 401: strangers learn nothing and cost nothing
        pair = self._pairs.get((base, address)) or self._learn(base, address, message.priority or 0)
        if message.unknown:
            value = stun.unknown_attributes(message.unknown)
            self._refuse(pair, message, local, 420, "Unknown Attribute", (Attribute.UNKNOWN_ATTRIBUTES, value))
            return True
        if self._conflict(message):
            self._refuse(pair, message, local, 487, "Role Conflict")
            return True
        mapped = stun.xor_address(address[0], address[1], message.transaction)
        answer = stun.build(Kind.SUCCESS, message.transaction, ((Attribute.XOR_MAPPED_ADDRESS, mapped),), local.key)
        self._out.append((pair, answer))
        if local is not self.local and (self.remote is None or from_ != self.remote.ufrag.encode()):
            return True
        pair.local = local  # Chromium keeps naming our old fragment on a pair it made before it had our answer
        if message.use_candidate and not self.controlling:
            pair.nominated, pair.last_nominated = True, now
        if pair.valid:
            self._consider(pair, now)
        elif pair.busy:
            pair.due = min(pair.due, now + PACE)  # the other way is open now
        elif pair not in self._triggered:
            pair.failed = False
            self._triggered.append(pair)
            self._next_pace = min(self._next_pace, now)
        return True

    def _conflict(self, message: Message) -> bool:
        """Repair a role conflict (RFC 8445 section 7.3.1.1); True when the peer has to change."""
        theirs = message.controlling if self.controlling else message.controlled
        if theirs is None:
            return False
        if self.controlling == (self.tie_breaker >= theirs):
            return True
        self._switch_role()
        return False

    def _switch_role(self) -> None:
        self.controlling = not self.controlling
        for pair in self._pairs.values():
            self._prepare(pair)

    def _refuse(
        self, pair: Pair, message: Message, local: Credentials, code: int, reason: str, *more: tuple[int, bytes]
    ) -> None:
        attributes = ((Attribute.ERROR_CODE, stun.error_code(code, reason)), *more)
        self._out.append((pair, stun.build(Kind.ERROR, message.transaction, attributes, local.key)))

    def _response(self, message: Message, base: Base, address: SockAddr, now: float) -> bool:
        check = self._checks.get(message.transaction)
        if check is None or check.pair.remote is None or not message.verify(check.pair.remote.key):
            return False
        pair = check.pair
        del self._checks[message.transaction]
        if pair.busy == message.transaction:
            pair.busy = b""
        if base is not pair.base or address != pair.address:  # RFC 8445 section 7.2.5.2.1
            pair.failed = True
            return False
        if message.kind is Kind.ERROR:
            if message.error == 487:
                if check.controlling == self.controlling:  # several checks may have been refused at once
                    self._switch_role()
                    self.tie_breaker = _tie_breaker()
                self._triggered.append(pair)
            elif pair is not self.selected:
                pair.failed = True
            return True
        pair.valid, pair.failed = True, False
        self.round_trip = now - check.sent
        if check.nominate and self.controlling:
            pair.nominated, pair.last_nominated = True, now
        if pair is self.selected:
            self._consent_at = now
            self._consent_due = self._consent_sent + CONSENT_INTERVAL * random.uniform(0.8, 1.2)
        else:
            self._consider(pair, now)
        return True

    def _consider(self, pair: Pair, now: float) -> None:
        """Select a valid pair that was nominated, if it is the better one or the peer moved on to it."""
        if self.controlling and not pair.nominated and not self._settled:
            self._check(pair, now, nominate=True)
            return
        current = self.selected
        if not pair.nominated or pair is current:
            return
        if (
            current is not None
            and current.remote is pair.remote
            and pair.priority <= current.priority
            and not current.base.closed
            and now - current.last_nominated <= RENOMINATE
        ):
            return
        self.selected = pair
        self._consent_at = self._consent_sent = now
        self._consent_due = now + CONSENT_INTERVAL * random.uniform(0.8, 1.2)
        if pair.local is self.local:
            self._old_local = None
        self._triggered.clear()
        for other in [other for other in self._pairs.values() if not (other.valid or other.busy)]:
            self._drop(other)

    # --- time

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self.failed or self.remote is None:
            return
        self._retransmit(now)
        if self.selected is not None:
            self._consent(now)
        if now >= self._next_pace:
            pair = self._next_check()
            if pair is not None:
                self._check(pair, now, nominate=self.controlling and pair.nominated)
                self._next_pace = now + PACE

    def next_timer(self) -> float | None:
        """When `tick` is wanted, None when only news from outside can change anything."""
        if self.failed or self.remote is None:
            return None
        times = [pair.due for pair in self._pairs.values() if pair.busy]
        if self.selected is not None:
            times.append(min(self._consent_due, self._consent_at + CONSENT_TIMEOUT))
        if self._triggered or (not self._settled and any(map(_waits, self._pairs.values()))):
            times.append(self._next_pace)
        return min(times, default=None)

    def take(self) -> list[tuple[Pair, bytes]]:
        """What has to be sent now, to the address and from the base of each pair."""
        out, self._out = self._out, []
        return out

    def _next_check(self) -> Pair | None:
        while self._triggered:
            pair = self._triggered.pop(0)
            if not pair.busy and pair.remote is not None:
                return pair
        if self._settled:
            return None
        return max(filter(_waits, self._pairs.values()), key=lambda pair: pair.priority, default=None)

    def _retransmit(self, now: float) -> None:
        for pair in self._pairs.values():
            if not pair.busy or now < pair.due:
                continue
            if pair.sends >= RETRIES:
                del self._checks[pair.busy]
                pair.busy, pair.failed = b"", True
                continue
            self._out.append((pair, self._checks[pair.busy].request))
            pair.sends += 1
            pair.due = now + min(RTO * 2**pair.sends, RTO_MAX)

    def _consent(self, now: float) -> None:
        if now - self._consent_at >= CONSENT_TIMEOUT:
            self.failed = "the viewer no longer answers"
            return
        if now < self._consent_due:
            return
        for id_, one in list(self._checks.items()):
            if now - one.sent > CONSENT_TIMEOUT and one.pair.busy != id_:
                del self._checks[id_]
        assert self.selected is not None
        self._send(self.selected, now, nominate=self.controlling)
        self._consent_sent = now
        self._consent_due = now + CONSENT_RETRY  # an answer moves it on

    # --- pairs

    @property
    def _settled(self) -> bool:
        """Whether a pair of the present credentials is selected, not one from before a restart."""
        return self.selected is not None and self.selected.remote is self.remote

    def _check(self, pair: Pair, now: float, *, nominate: bool) -> None:
        if pair.busy:
            self._checks.pop(pair.busy, None)
        pair.busy = self._send(pair, now, nominate=nominate)
        pair.sends, pair.due = 1, now + RTO

    def _send(self, pair: Pair, now: float, *, nominate: bool) -> bytes:
        assert pair.remote is not None
        assert pair.local is not None
        transaction = stun.new_transaction(self._tag)
        role = Attribute.ICE_CONTROLLING if self.controlling else Attribute.ICE_CONTROLLED
        attributes = [
            (Attribute.USERNAME, f"{pair.remote.ufrag}:{pair.local.ufrag}".encode()),
            (Attribute.PRIORITY, stun.number32(pair.base.peer_reflexive)),
            (role, stun.number64(self.tie_breaker)),
        ]
        if nominate:
            attributes.append((Attribute.USE_CANDIDATE, b""))
        request = stun.build(Kind.REQUEST, transaction, attributes, pair.remote.key)
        self._checks[transaction] = _Check(pair, request, now, controlling=self.controlling, nominate=nominate)
        self._out.append((pair, request))
        return transaction

    def _pair_up(self, base: Base, candidate: Candidate) -> None:
        address = base.target(candidate)
        if address is None or self._settled:
            return  # settled: the peer nominates what it likes better by its own checks
        known = self._pairs.get((base, address))
        if known is not None:
            if known.type == "prflx":
                known.type, known.remote_priority = candidate.type, candidate.priority
                self._prepare(known)
        elif len(self._pairs) < MAX_PAIRS:
            self._add(Pair(base, address, candidate.type, candidate.priority))

    def _learn(self, base: Base, address: SockAddr, remote_priority: int) -> Pair:
        """A peer-reflexive candidate (RFC 8445 section 7.3.1.3); it may push out a pair that leads nowhere."""
        if len(self._pairs) >= MAX_PAIRS:
            idle = [pair for pair in self._pairs.values() if not pair.valid and pair is not self.selected]
            self._drop(min(idle or self._pairs.values(), key=lambda pair: (not pair.failed, pair.priority)))
        pair = Pair(base, address, "prflx", remote_priority)
        self._add(pair)
        return pair

    def _add(self, pair: Pair) -> None:
        self._prepare(pair)
        self._pairs[pair.base, pair.address] = pair

    def _prepare(self, pair: Pair) -> None:
        """Priority of the pair in our role (RFC 8445 section 6.1.2.3) and the credentials of this generation."""
        mine, theirs = pair.base.priority, pair.remote_priority
        first = mine > theirs if self.controlling else theirs > mine
        pair.priority = (min(mine, theirs) << 32) + 2 * max(mine, theirs) + first
        pair.local, pair.remote = self.local, self.remote

    def _drop(self, pair: Pair) -> None:
        self._pairs.pop((pair.base, pair.address), None)
        if pair.busy:
            self._checks.pop(pair.busy, None)
            pair.busy = b""
        if pair in self._triggered:
            self._triggered.remove(pair)


def _waits(pair: Pair) -> bool:
    return not (pair.valid or pair.busy or pair.failed)


def _tie_breaker() -> int:
    return int.from_bytes(os.urandom(8))
