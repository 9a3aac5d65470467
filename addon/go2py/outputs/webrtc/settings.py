"""`webrtc.listen` taken apart; the other keys of the section are used as `config.values.WebRtcConfig` has them."""

from typing import Literal, NamedTuple

from ...config.values import CandidateFilters
from ...errors import ConfigError

Network = Literal["udp", "tcp"]


class Listen(NamedTuple):
    """`host` is empty for all addresses; a port of 0 is a random one, None means not at all."""

    host: str
    udp: int
    tcp: int | None

    @property
    def announced(self) -> tuple[Network, ...]:
        """The networks for which a configured candidate gets a line: those with a fixed port."""
        ports: tuple[tuple[Network, int | None], ...] = (("udp", self.udp), ("tcp", self.tcp))
        return tuple(network for network, port in ports if port)


def parse_listen(text: str) -> Listen:
    """`host:port[/tcp|/udp]`: both, or one fixed and UDP random; empty is random UDP only. Raises ConfigError."""
    if not text:
        return Listen("", 0, None)
    address, _, network = text.partition("/")
    host, colon, digits = address.rpartition(":")
    if not colon or not digits.isdecimal() or int(digits) > 65535 or network not in {"", "tcp", "udp"}:
        raise ConfigError("write host:port, host:port/tcp or host:port/udp", key="webrtc.listen")
    port = int(digits)
    return Listen(host.strip("[]"), 0 if network == "tcp" else port, None if network == "udp" else port)


def allows(filters: CandidateFilters, network: Network, version: int) -> bool:
    """Whether `filters.networks` lets UDP or TCP over this IP version through."""
    return filters.networks is None or f"{network}{version}" in filters.networks
