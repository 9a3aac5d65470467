"""A Home Assistant with nothing but the integration's gateway, in a process of its own that can be killed.

`python hosting.py CONFIG` finds the integration under CONFIG, starts a gateway, prints its process, address, login and
code as JSON, and ends it when a line comes.
"""

import asyncio
import json
import sys

import homeassistant  # noqa: F401  first, as it takes the place of voluptuous
from aiohttp import ThreadedResolver
from homeassistant.core import HomeAssistant
from homeassistant.helpers import aiohttp_client

sys.path.insert(0, sys.argv[1])

from custom_components.go2py import hosting
from custom_components.go2py.environment import prepare
from custom_components.go2py.process import GatewayProcess

# Its own one wants zeroconf, and that the network.
aiohttp_client._async_make_resolver = lambda _: ThreadedResolver()  # type: ignore[assignment,return-value]


async def main() -> None:
    hass = HomeAssistant(sys.argv[1])
    environment = await prepare(hass)
    gateway = GatewayProcess(hass, environment, hosting._folder(hass))
    await gateway.start()
    told = {**gateway.data, "pid": gateway.pid, "code": str(environment.code)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    await gateway.stop()
    await hass.async_stop()


asyncio.run(main())
