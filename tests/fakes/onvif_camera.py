"""A camera as a process: `python -m tests.fakes.onvif_camera ADDRESS USER PASSWORD`, until standard input ends.

It runs in the gateway's environment, whose code its RTSP is made of, and answers searches on its network.
"""

import asyncio
import sys

from .onvif_device import Device, FakeProfile
from .onvif_device import Script as DeviceScript
from .rtsp_camera import Camera
from .rtsp_camera import Script as CameraScript


async def main(host: str, user: str, password: str) -> None:
    """Always at the same ports, as a camera that moves is."""
    camera = Camera(CameraScript(user=user, password=password), host=host)
    camera.port = 8554
    device = Device(host=host, discoverable=True)
    device.port = 8080
    async with camera:
        profiles = [FakeProfile("main", f"rtsp://{host}:{camera.port}/stream")]
        device.script = DeviceScript(user=user, password=password, maker="ACME", model="Dome", profiles=profiles)
        async with device:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
