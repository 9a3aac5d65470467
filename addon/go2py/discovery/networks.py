"""The networks that this machine is on: where to search."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

_BRIDGE = re.compile(r"(docker|br-[0-9a-f]{12}|hassio|veth|virbr|cni|flannel|podman|lxc|lxd)")


@dataclass(frozen=True, slots=True)
class Link:
    """One IPv4 address of this machine and the network that it is in."""

    address: str
    network: ipaddress.IPv4Network
    interface: str = ""

    @classmethod
    def any(cls) -> Self:
        """Whichever address the system takes: for a question to one host."""
        return cls("0.0.0.0", ipaddress.IPv4Network("0.0.0.0/0"))


def links() -> list[Link]:
    """All IPv4 addresses except loopback and those of virtual networks of containers. Cameras have IPv4."""
    import ifaddr  # noqa: PLC0415  not needed before the first search

    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if not isinstance(ip.ip, str) or _BRIDGE.match(adapter.name):
                continue
            network = ipaddress.IPv4Network((ip.ip, ip.network_prefix), strict=False)
            if not network.is_loopback:
                found.append(Link(ip.ip, network, adapter.name))
    return found
