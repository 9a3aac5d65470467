"""Runs in a network of its own, with one interface: WSDiscovery announces a camera, which go2py searches for, and
searches for a fake camera. Prints what both found."""

import asyncio
import json
import subprocess
import warnings
from importlib import import_module
from typing import Any

from go2py.discovery import networks, wsdd
from go2py.discovery.found import Sighting
from tests.fakes.onvif_device import Device

ADDRESS = "10.77.0.1"


def interface() -> None:
    for command in (
        "ip link set lo up",
        "ip link add cameras type veth peer name others",
        f"ip address add {ADDRESS}/24 dev cameras",
        "ip link set cameras up",
        "ip link set others up",
        "ip route add 224.0.0.0/4 dev cameras",
    ):
        subprocess.run(command.split(), check=True)


async def main() -> dict[str, Any]:
    peer: Any = import_module("wsdiscovery")
    kind = peer.QName("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter")
    publisher = import_module("wsdiscovery.publishing").ThreadedWSPublishing()
    await asyncio.to_thread(publisher.start)
    scopes = [peer.Scope("onvif://www.onvif.org/name/Peer"), peer.Scope("onvif://www.onvif.org/hardware/P1")]
    publisher.publishService([kind], scopes, [f"http://{ADDRESS}:8080/onvif/device_service"])
    seen: list[Sighting] = []
    await wsdd.search(networks.links(), 3.0, seen.append)
    await asyncio.to_thread(publisher.stop)
    async with Device(host=ADDRESS, discoverable=True) as device:
        search = import_module("wsdiscovery.discovery").ThreadedWSDiscovery()
        await asyncio.to_thread(search.start)
        services = await asyncio.to_thread(search.searchServices, [kind], None, None, 3)
        await asyncio.to_thread(search.stop)
        return {
            "ours": sorted({(one.name, one.model, one.source) for one in seen}),
            "theirs": [address for service in services for address in service.getXAddrs()],
            "device": device.place,
        }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    interface()
    print(json.dumps(asyncio.run(main())))  # noqa: T201
