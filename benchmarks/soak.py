"""`python -m benchmarks.soak [minutes]`: does anything grow while viewers come and go and a camera reboots every 20 s?

Every 15 s a line with the gateway's memory, file descriptors and tasks; at the end, with everybody gone, as much must
be there as at the beginning. Exits with 1 if not.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass

from aiohttp import ClientSession, encode_basic_auth

from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.viewers import OUTPUTS, still

from .gateway import Gateway

READERS = 10
"""At the same time."""
INTERVAL = 15.0
REBOOT_EVERY, REBOOT_TAKES = 20.0, 2.0
IDLE = 25.0
"""Seconds until sources have lingered and vanished viewers are noticed."""
SLACK_MB = 12.0
"""What memory may grow after the first third: caches, and what the allocator keeps."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the gateway holds."""

    seconds: float
    memory: float
    files: int
    tasks: int
    readers: int


class Soak:
    """One run. The viewers are of this process; they reach the gateway as those of the tests do."""

    def __init__(self, gateway: Gateway, camera: Camera, http: ClientSession) -> None:
        self.http = http
        self.rtsp_port, self.webrtc_port = gateway.rtsp, gateway.webrtc
        self.served: Counter[str] = Counter()
        self._gateway, self._camera = gateway, camera
        self._began = time.monotonic()
        self._chance = random.Random(1)

    async def run(self, seconds: float) -> bool:
        """Print the curve; whether nothing grew."""
        async with asyncio.timeout(60):
            for stream in ("door", "gate"):
                await still(self.http, stream)  # what is loaded with the first viewer stays
        await asyncio.sleep(IDLE)
        print(f"{'s':>5} {'MB':>6} {'fds':>4} {'tasks':>5} {'readers':>7}  served so far")
        before = await self._print()
        workers = [asyncio.create_task(self._come_and_go()) for _ in range(READERS)]
        workers.append(asyncio.create_task(self._reboot()))
        curve = []
        while time.monotonic() - self._began < seconds:
            await asyncio.sleep(INTERVAL)
            curve.append(await self._print())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await asyncio.sleep(IDLE)
        after = await self._print()
        settled = max(sample.memory for sample in curve[: max(1, len(curve) // 3)])
        grown = max(sample.memory for sample in curve[-max(1, len(curve) // 3) :]) - settled
        print(f"memory of the last third above that of the first: {grown:.1f} MB")
        return after.files <= before.files + 2 and after.tasks <= before.tasks and grown < SLACK_MB

    async def _print(self) -> Sample:
        sample = await self._sample()
        served = " ".join(f"{name}={count}" for name, count in sorted(self.served.items()))
        held = f"{sample.memory:6.1f} {sample.files:4} {sample.tasks:5} {sample.readers:7}"
        print(f"{sample.seconds:5.0f} {held}  {served}", flush=True)
        return sample

    async def _sample(self) -> Sample:
        async with self.http.get("/api/stack") as answer:
            tasks = len(re.findall(r"^task ", await answer.text(), re.MULTILINE))
        async with self.http.get("/api/streams") as answer:
            readers = sum(len(stream["consumers"]) for stream in (await answer.json()).values())
        files = len(os.listdir(f"/proc/{self._gateway.pid}/fd"))  # noqa: PTH208  it is short
        return Sample(time.monotonic() - self._began, self._gateway.memory, files, tasks, readers)

    async def _reboot(self) -> None:
        while True:
            await asyncio.sleep(REBOOT_EVERY)
            await self._camera.reboot(REBOOT_TAKES)

    async def _come_and_go(self) -> None:
        """One reader after the other, over any output; every now and then one that waits for a dead camera."""
        while True:
            stream = self._chance.choice(("door", "door", "gate", "demo"))
            output = self._chance.choice((*OUTPUTS, None))
            try:
                if output is None:
                    async with self.http.get("/api/frame.jpeg", params={"src": stream}) as answer:
                        await answer.read()
                    self.served[f"still-{answer.status}"] += 1
                    await asyncio.sleep(0.5)
                    continue
                viewer = await output.open(self, stream)
                try:
                    await asyncio.sleep(self._chance.uniform(0.1, 6.0))
                finally:
                    await viewer.close()
                self.served[output.__name__.removesuffix("Viewer").lower()] += 1
            except AssertionError, EOFError, OSError:  # the camera is away
                self.served["refused"] += 1
                await asyncio.sleep(0.5)


async def soak(minutes: float) -> bool:
    """Whether nothing grew."""
    async with Camera(Script(weight=5000)) as camera, Camera(Script(weight=5000, gop=100)) as steady:
        streams = {"door": camera.url, "gate": steady.url + "#transport=udp", "demo": "demo:?size=640x360"}
        with Gateway(streams, go2py={"linger": "3s"}) as gateway:
            login = encode_basic_auth("bench", "bench")
            async with ClientSession(f"http://127.0.0.1:{gateway.api}", headers={"Authorization": login}) as http:
                return await Soak(gateway, camera, http).run(minutes * 60)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    logging.getLogger("aioice").setLevel(logging.ERROR)
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(0 if asyncio.run(soak(parser.parse_args().minutes)) else 1)


if __name__ == "__main__":
    main()
