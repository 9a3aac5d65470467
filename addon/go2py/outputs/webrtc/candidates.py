"""ICE candidates as text and number: what the peer announces, what we announce (RFC 8839, RFC 8445 section 5.1)."""

import ipaddress
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ...errors import ConfigError, ProtocolError
from .settings import Network

CandidateType = Literal["host", "srflx", "prflx", "relay"]
TYPES: Final[dict[str, CandidateType]] = {"host": "host", "srflx": "srflx", "prflx": "prflx", "relay": "relay"}

MAX_LINE: Final = 512
UDP_BASE: Final = 2130706431
"""Type preference of host over UDP (126), highest local preference, component 1."""
TCP_BASE: Final = 1671430143
"""Host over passive TCP, 27 below UDP (RFC 6544 section 4.2 leaves the numbers open; these are what clients know)."""
_PREFERENCE: Final[dict[CandidateType, int]] = {"host": 126, "prflx": 110, "srflx": 100, "relay": 2}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate. `host` is an IP address, or a name where somebody announced one."""

    foundation: str
    network: Network
    priority: int
    host: str
    port: int
    type: CandidateType
    tcptype: str = ""
    related: tuple[str, int] | None = None

    def line(self) -> str:
        """`candidate:…`, as in SDP without `a=` and as in signalling messages."""
        text = f"candidate:{self.foundation} 1 {self.network} {self.priority} {self.host} {self.port} typ {self.type}"
        if self.related:
            text += f" raddr {self.related[0]} rport {self.related[1]}"
        return f"{text} tcptype {self.tcptype}" if self.tcptype else text

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address; names (mDNS of browsers above all) are not resolved."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def parse_candidate(line: str) -> Candidate:
    """A candidate line, with or without `a=`. Raises ProtocolError."""
    if len(line) > MAX_LINE:
        raise ProtocolError("candidate line is too long")
    words = line.strip().removeprefix("a=").removeprefix("candidate:").split()
    if len(words) < 8 or words[6] != "typ" or words[7] not in TYPES:
        raise ProtocolError("not a candidate line")
    network = words[2].lower()
    if network not in {"udp", "tcp"}:
        raise ProtocolError("candidate of an unknown network")
    extra = dict(zip(words[8::2], words[9::2], strict=False))
    return Candidate(
        foundation=words[0],
        network="udp" if network == "udp" else "tcp",
        priority=_number(words[3], 0xFFFFFFFF),
        host=words[4],
        port=_number(words[5], 65535),
        type=TYPES[words[7]],
        tcptype=extra.get("tcptype", ""),
    )


def priority(type_: CandidateType, network: Network, rank: int) -> int:
    """Priority of a local candidate; rank 0 is the best address. Always below what is configured (`extra`)."""
    if network == "tcp":
        return TCP_BASE - (rank + 1 << 8)
    return (_PREFERENCE[type_] << 24) + (65534 - rank << 8) + 255


def make_candidate(
    type_: CandidateType, network: Network, host: str, port: int, rank: int, related: tuple[str, int] | None = None
) -> Candidate:
    """A local candidate with foundation and priority."""
    tcptype = "passive" if network == "tcp" else ""
    foundation = _foundation(type_, related[0] if related else host, network)
    return Candidate(foundation, network, priority(type_, network, rank), host, port, type_, tcptype, related)


def extra_candidates(configured: Iterable[tuple[str, int]], networks: Sequence[Network]) -> list[Candidate]:
    """Candidates from the configuration: earlier entries have a higher priority, all a higher one than found ones."""
    made: list[Candidate] = []
    for host, port in configured:
        for network in networks:
            base = TCP_BASE if network == "tcp" else UDP_BASE
            tcptype = "passive" if network == "tcp" else ""
            foundation = _foundation("host", host, network)
            made.append(Candidate(foundation, network, base - len(made) - 1, host, port, "host", tcptype))
    return made


def parse_extra(text: str, default_port: int) -> tuple[str, int]:
    """A configured candidate: `host:port`, `[v6]:port`, a bare host; `stun:port` comes out as host `stun`.

    Raises ConfigError.
    """
    host, colon, digits = text.strip().rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):  # a bare name or IPv6 address
        host, digits = text.strip(), str(default_port)
    host = host.strip("[]")
    if not host or not digits.isdecimal() or not 0 < int(digits) < 65536:
        raise ConfigError("write host:port or stun:port", key="webrtc.candidates")
    return host, int(digits)


def _foundation(type_: str, address: str, network: str) -> str:
    return str(zlib.crc32(f"{type_}{address}{network}4".encode()))


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) > most:
        raise ProtocolError("candidate line with a bad number")
    return int(text)
