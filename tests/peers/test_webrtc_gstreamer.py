"""GStreamer's webrtcbin plays H.264 and H.265."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from go2py.streams.reader import ReaderInfo
from tests.fakes.loop import clip
from tests.fakes.webrtc import gateway

PYTHON = "/usr/bin/python3"
VIEWER = Path(__file__).with_name("webrtcbin.py")
CHECK = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC"


@pytest.mark.parametrize("encoding", ["H264", "H265"])
async def test_webrtcbin_decodes(encoding: str) -> None:
    try:
        subprocess.run([PYTHON, "-c", CHECK], check=True, capture_output=True)  # noqa: ASYNC221
    except OSError, subprocess.CalledProcessError:
        pytest.skip("no python3-gi with gir1.2-gst-plugins-bad-1.0")
    async with gateway(clip(codec=encoding)) as (registry, service):
        viewer = await asyncio.create_subprocess_exec(
            PYTHON, VIEWER, encoding, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert viewer.stdout is not None
        assert viewer.stdin is not None
        try:
            async with asyncio.timeout(40):
                offer = json.loads(await viewer.stdout.readline())["offer"]
                answer, _ = await service.answer(registry.require("door"), offer, ReaderInfo("webrtc/whep", "http"))
                viewer.stdin.write(json.dumps({"answer": answer}).encode() + b"\n")
                seen: dict[str, Any] = {"pictures": 0}
                while seen["pictures"] < 40:
                    seen = json.loads(await viewer.stdout.readline())
            assert "width=(int)640" in seen["caps"]
        finally:
            viewer.kill()
            await viewer.wait()
