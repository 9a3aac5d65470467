"""What the ICE agent works on: local bases, credentials, and pairs of a base with an address of the peer."""

from typing import Protocol

from .candidates import Candidate, CandidateType

type SockAddr = tuple[str, int] | tuple[str, int, int, int]
"""As the socket module has them for IPv4 and IPv6."""


class Base(Protocol):
    """A local socket or connection that checks can leave from; compared by identity."""

    @property
    def priority(self) -> int:
        """Of its host candidate."""

    @property
    def peer_reflexive(self) -> int:
        """Priority that a candidate learned from checks out of this base would have (RFC 8445 section 7.1.1)."""

    @property
    def closed(self) -> bool: ...

    def target(self, candidate: Candidate) -> SockAddr | None:
        """The candidate's address in this socket's form; None when it cannot be reached from here."""


class Credentials:
    """User fragment and password of one side."""

    __slots__ = ("key", "password", "ufrag")

    def __init__(self, ufrag: str, password: str) -> None:
        self.ufrag, self.password = ufrag, password
        self.key = password.encode()


class Pair:
    """A way between the two: `base` here, `address` there."""

    __slots__ = (
        "address", "base", "busy", "due", "failed", "last_nominated", "local", "nominated", "priority", "remote",
        "remote_priority", "sends", "type", "valid",
    )  # fmt: skip

    def __init__(self, base: Base, address: SockAddr, type_: CandidateType, remote_priority: int) -> None:
        self.base, self.address, self.type, self.remote_priority = base, address, type_, remote_priority
        self.priority = 0
        self.local: Credentials | None = None
        self.remote: Credentials | None = None
        self.valid = self.failed = self.nominated = False
        self.last_nominated = float("-inf")
        self.busy: bytes = b""
        """Transaction of the check under way."""
        self.sends = 0
        self.due = 0.0
