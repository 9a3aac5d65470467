"""`scripts/run all`: Home Assistant with the integration, demo cameras and a dashboard; ends on Ctrl-C, all of it."""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

from aiohttp import ClientSession

from .api import Refused
from .demo import DASHBOARD, furnish
from .instance import RESTART, ROOT, Died, HomeAssistant

FOLDER = ROOT / ".run/home-assistant"
PORT_VARIABLE = "GO2PY_HOME_ASSISTANT_PORT"


async def main(folder: Path) -> int:
    """The exit code."""
    port = int(os.environ.get(PORT_VARIABLE, "8123"))
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError as error:
            say(f"port {port} cannot be used ({error.strerror}); choose another: {PORT_VARIABLE}=8124 scripts/run")
            return 1
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    home = HomeAssistant(folder, port, environ={"GO2PY_GATEWAY_PYTHON": str(ROOT / ".venv/bin/python")})
    running = asyncio.create_task(keep_running(home))
    ended = asyncio.create_task(told.wait())
    await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        say("stopping Home Assistant and the gateway")
        running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        return 0
    except Died as error:
        say(f"Home Assistant ended by itself; its log is {home.log}:\n{error}")
    return 1


async def keep_running(home: HomeAssistant) -> None:
    """Run it, again where it is restarted from its pages. Raises `Died`."""
    code = RESTART
    while code == RESTART:
        began = time.monotonic()
        async with home:
            await show(home, began)
            assert home.process is not None
            code = await home.process.wait()
    raise Died(home.tail())


async def show(home: HomeAssistant, began: float) -> None:
    """Furnish the house, and print where it is."""
    async with ClientSession() as http:
        try:
            api = await home.signed_in(http)
            await furnish(api)
        except Refused as error:
            # Its user may have changed everything, the password too.
            say(f"Home Assistant is at {home.url}/; nothing was added: {error}")
            return
    say(f"ready after {time.monotonic() - began:.0f} s; Ctrl-C ends it")
    # The password only where it is not written down.
    password = api.login.password if sys.stdout.isatty() else f"in {home.login_file}"
    print(f"{home.url}/{DASHBOARD}  user: {api.login.username}  password: {password}", flush=True)


def say(text: str) -> None:
    print(f"run: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)))
