"""A host of Home Assistant's, in a network namespace of its own, with the app on it and another gateway beside it.

`unshare --net python -m tests.fakes.app_host FOLDER PYTHON SOURCE` starts the gateway as the image does, from the
package in SOURCE under PYTHON, and prints what the neighbours saw as JSON.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from aiohttp import BasicAuth, ClientSession, TCPConnector

from tests.fakes.supervisor import Supervisor

GATEWAY, SUPERVISOR, APP, LAN = "172.30.32.1", "172.30.32.2", "172.30.33.7", "192.0.2.5"
INGRESS = f"http://{GATEWAY}:61984"
TAKEN = (1984, 8554, 8555)


def addresses() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (f"{GATEWAY}/23", SUPERVISOR, APP, LAN):
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)


async def visit(source: str, url: str, headers: dict[str, str] | None = None, auth: BasicAuth | None = None) -> int:
    """The status that a neighbour at an address gets."""
    connector = TCPConnector(local_addr=(source, 0))
    async with ClientSession(connector=connector, auth=auth) as http, http.get(url, headers=headers) as answer:
        return answer.status


async def opened(port: int) -> None:
    """Wait until somebody listens. Raises `TimeoutError`."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection(LAN, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def look(supervisor: Supervisor, process: asyncio.subprocess.Process) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while not supervisor.announced:
            assert process.returncode is None, "the gateway ended"
            await asyncio.sleep(0.05)
    content = supervisor.announced[0]
    lan = content["url"].replace("127.0.0.1", LAN)
    socket_ = await supervisor.ingress_socket(INGRESS, "/api/ws?src=demo")
    await socket_.send_json({"type": "mse", "value": "avc1.640029"})
    mse = await socket_.receive_json(timeout=20)
    await socket_.close()
    await opened(8565)  # WebRTC's parts are loaded once there is something to watch
    seen = {
        "announced": content,
        "ingress": (await supervisor.ingress(INGRESS, "/api/streams"))[0],
        "ingress page": (await supervisor.ingress(INGRESS))[0],
        "ingress mse": mse["type"],
        "ingress foreign page": (await supervisor.ingress(INGRESS, "/api/log", "DELETE", Origin="http://evil"))[0],
        "watchdog": await supervisor.watchdog(INGRESS),
        "app": await visit(APP, f"{INGRESS}/api"),
        "app pretending": await visit(APP, f"{INGRESS}/api", {"X-Forwarded-For": SUPERVISOR}),
        "network": await visit(LAN, f"{lan}/api"),
        "core": await visit("127.0.0.1", f"{content['url']}/api"),
        "password": await visit(LAN, f"{lan}/api", auth=BasicAuth(content["username"], content["password"])),
    }
    loop = asyncio.get_running_loop()
    before = loop.time()
    process.send_signal(signal.SIGTERM)
    seen["exit"] = await asyncio.wait_for(process.wait(), 20)
    seen["seconds to stop"] = round(loop.time() - before, 2)
    return seen


async def main(folder: Path, python: str, source: str) -> dict[str, Any]:
    config, data = folder / "config", folder / "data"
    for path in (config, data):
        path.mkdir()
    (config / "go2py.yaml").write_text('streams:\n  demo: "demo:"\n')
    (data / "options.json").write_text(json.dumps({"log_level": "debug"}))
    with ExitStack() as others:
        for port in TAKEN:
            others.enter_context(socket.create_server(("0.0.0.0", port)))
        async with Supervisor(SUPERVISOR, 80) as supervisor:
            environ = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": source,
                "PYTHONSAFEPATH": "1",
                **supervisor.environ,
            }
            process = await asyncio.create_subprocess_exec(
                python, "-m", "go2py", "-c", str(config / "go2py.yaml"), "--app", str(data),
                env=environ, cwd=config, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            assert process.stdout is not None
            reading = asyncio.ensure_future(process.stdout.read())
            try:
                seen = await look(supervisor, process)
            finally:
                if process.returncode is None:
                    process.kill()
                log = (await reading).decode()
                sys.stderr.write(log)
    return seen | {"log": log, "files": sorted(path.name for path in config.iterdir())}


if __name__ == "__main__":
    addresses()
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))))  # noqa: T201
