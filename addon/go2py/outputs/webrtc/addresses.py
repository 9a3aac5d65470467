"""The machine's addresses, best first: what the port binds and announces."""

import ipaddress
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import ifaddr

from ...config.values import CandidateFilters

_BRIDGE: Final = re.compile(r"(docker|br-[0-9a-f]{12}|hassio|veth|virbr|cni|flannel|podman|lxc|lxd)")
_DOCKER: Final = ipaddress.ip_network("172.16.0.0/12")


class Reach(IntEnum):
    """How likely a viewer gets to an address; worse ones are announced only where nothing better is there."""

    LAN = 0
    DOCKER_RANGE = 1
    """172.16/12 on an ordinary interface: a real network in some houses, so it is announced, but last."""
    LINK_LOCAL = 2
    BRIDGE = 3
    LOOPBACK = 4


@dataclass(frozen=True, slots=True, order=True)
class LocalAddress:
    """An address of this machine; orders by usefulness. `scope` is the interface index of a link-local one."""

    reach: Reach
    version: int
    interface: str
    host: str
    scope: int = 0

    def sockaddr(self, host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """`host` as this address's sockets name it; a link-local peer is on our own link."""
        if self.version == 4:
            return host, port
        return host, port, 0, self.scope


def local_address(host: str, interface: str = "", scope: int = 0) -> LocalAddress:
    """An address with its reach."""
    ip = ipaddress.ip_address(host)
    if ip.is_loopback:
        reach = Reach.LOOPBACK
    elif _BRIDGE.match(interface):
        reach = Reach.BRIDGE
    elif ip.is_link_local:
        reach = Reach.LINK_LOCAL
    else:
        reach = Reach.DOCKER_RANGE if ip.version == 4 and ip in _DOCKER else Reach.LAN
    return LocalAddress(reach, ip.version, interface, host, scope if ip.is_link_local else 0)


def scan() -> list[LocalAddress]:
    """Every address of every interface (`getifaddrs`, well below a millisecond), best first."""
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                found.append(local_address(ip.ip, adapter.name))
            else:
                found.append(local_address(ip.ip[0], adapter.name, ip.ip[2]))
    return sorted(found)


def usable(found: list[LocalAddress], filters: CandidateFilters, host: str = "") -> list[LocalAddress]:
    """The addresses to bind: those the filters let through, unroutable ones only where nothing else is left.

    `host` is the configured one: an address is used as it is, `0.0.0.0` and `::` mean all of that family.
    """
    if host and not (ip := ipaddress.ip_address(host)).is_unspecified:
        return [next((address for address in found if address.host == str(ip)), local_address(host))]
    version = ipaddress.ip_address(host).version if host == "0.0.0.0" else 0
    kept = [address for address in found if (not version or address.version == version) and _passes(address, filters)]
    if filters.ips is not None or filters.interfaces is not None:  # chosen by name: nobody knows better
        return [address for address in kept if address.reach < Reach.LOOPBACK or _loopback_wanted(address, filters)]
    good = [address for address in kept if address.reach <= Reach.DOCKER_RANGE]
    if not good:
        best = min((address.reach for address in kept), default=Reach.LOOPBACK)
        good = [address for address in kept if address.reach == best]
    if filters.loopback:
        good += [address for address in kept if address.reach == Reach.LOOPBACK and address not in good]
    return good


def _passes(address: LocalAddress, filters: CandidateFilters) -> bool:
    return (filters.interfaces is None or address.interface in filters.interfaces) and (
        filters.ips is None or address.host in filters.ips
    )


def _loopback_wanted(address: LocalAddress, filters: CandidateFilters) -> bool:
    return filters.loopback or address.host in (filters.ips or ()) or address.interface in (filters.interfaces or ())
