"""The program as it is installed: what it loads, how it restarts and ends, and that it keeps passwords to itself."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.rtsp_camera import Camera, Script
from tests.fakes.running import Process, free_ports, until
from tests.fakes.viewers import MseViewer, watch

HEAVY = {"av", "aiortc", "numpy", "zeroconf", "pyhap"}
WEBRTC = {"OpenSSL", "pylibsrtp", "cryptography"}


def imported(log: bytes) -> set[str]:
    """Modules that a process with `PYTHONPROFILEIMPORTTIME` named."""
    lines = log.decode().splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def command_line(gateway: Process) -> bytes:
    return Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes()


async def test_heavy_libraries_wait_until_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    async with Process(tmp_path, {}) as gateway:
        await asyncio.sleep(1)
        assert "aiohttp" in imported(gateway.log)
        assert not (HEAVY | WEBRTC) & imported(gateway.log)
    async with Camera(Script()) as camera, Process(tmp_path, {"door": camera.url}) as gateway:
        await until(lambda: b"[webrtc] listen" in gateway.log)
        async with watch(gateway, outputs=(MseViewer,)):
            assert imported(gateway.log) >= WEBRTC
            assert not HEAVY & imported(gateway.log)


async def test_a_restart_keeps_process_and_arguments(tmp_path: Path) -> None:
    async with Process(tmp_path, {"door": "demo:?size=160x120"}) as gateway:
        before = command_line(gateway).split(b"\0")[-3:]
        async with gateway.http.post("/api/restart") as answer:
            assert answer.status == 200
        await until(lambda: gateway.log.count(b"[api] listen") == 2)
        assert (await gateway.info())["producers"][0]["url"] == "demo:?size=160x120"
        assert command_line(gateway).split(b"\0")[-3:] == before
        async with gateway.http.post("/api/exit?code=3") as answer:
            assert answer.status == 200
        assert await asyncio.wait_for(gateway.process.wait(), 10) == 3


async def closed(port: int) -> None:
    """Wait until nobody listens there."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.05)


async def test_a_hangup_moves_the_doors_and_touches_nobody_else(tmp_path: Path) -> None:
    async with (
        Process(tmp_path, {"door": "demo:?size=160x120"}) as gateway,
        watch(gateway, outputs=(MseViewer,)) as (mse,),
    ):
        await until(lambda: b"[webrtc] listen" in gateway.log)
        before, moved = gateway.rtsp_port, free_ports(2)
        gateway.rtsp_port, gateway.webrtc_port = moved
        lines = []
        for section, port in zip(("rtsp", "webrtc"), moved, strict=True):
            gateway.config[section]["listen"] = f"127.0.0.1:{port}"
            lines.append(f"[{section}] listen addr=127.0.0.1:{port}".encode())
        gateway.write()
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: all(line in gateway.log for line in lines))
        await closed(before)
        async with watch(gateway):
            await mse.sees()
        gateway.config["app"] = {"modules": ["api", "ws"]}
        gateway.write()
        gateway.process.send_signal(signal.SIGHUP)
        await closed(gateway.rtsp_port)


async def test_sources_that_nobody_can_dial_are_told(tmp_path: Path) -> None:
    streams = {"door": ["demo:", "ffmpeg:door#audio=opus"], "yard": "rstp://u:canary@192.0.2.1/x"}
    async with Process(tmp_path, streams) as gateway:
        sentence = b"yard: streams: unsupported scheme: rstp://***@192.0.2.1/x"
        await until(lambda: sentence in gateway.log)
        assert b"door: " not in gateway.log
        go2py = Path(sys.executable).with_name("go2py")
        check = await asyncio.create_subprocess_exec(go2py, "--check", "-c", gateway.file, stdout=PIPE, stderr=DEVNULL)
        output, _ = await check.communicate()
        assert check.returncode == 0
        assert b"warning  " + sentence in output


REQUESTS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/api", None),
    ("GET", "/api/streams", None),
    ("GET", "/api/streams?src=away&video=all", None),
    ("GET", "/api/streams?src=door&video=all&audio=all", None),
    ("GET", "/api/streams.dot", None),
    ("GET", "/api/plan?src=away", None),
    ("GET", "/api/frame.jpeg?src=refused", None),
    ("GET", "/api/frame.jpeg?src=rtsp://u:canary-asked@127.0.0.1:1/y", None),
    ("PUT", "/api/streams?name=new&src=rtsp://u:canary-put@127.0.0.1:1/y%3Ftoken=canary-token", None),
    ("PUT", "/api/streams?name=bad&src=rstp://u:canary-bad@127.0.0.1/y", None),
    ("PUT", "/api/streams?name=worse&src=exec:curl%20-u%20x:y", None),
    ("PATCH", "/api/streams?name=new&src=rtsp://u:canary-patch@127.0.0.1:1/z", None),
    ("PUT", "/api/preload?src=away", None),
    ("GET", "/api/preload", None),
    ("POST", "/api/webrtc?src=away", "v=0\r\n"),
    ("POST", "/api/config", "api: {password: [canary-posted]}"),
    ("POST", "/api/config", "streams: [rtsp://u:canary-broken@h/"),
    ("PATCH", "/api/config", "streams: {more: 'rtsp://u:canary-more@127.0.0.1:1/'}"),
    ("GET", "/api/config", None),
    ("GET", "/api/stack", None),
    ("GET", "/api/streams", None),
    ("GET", "/api/log", None),
)


async def test_passwords_show_up_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR", "canary-from-env")
    shown: dict[str, str] = {}
    async with Camera(Script(user="admin", password="canary-from-env")) as camera:
        address = camera.url.rpartition("@")[2].removeprefix("rtsp://")
        gateway = Process(
            tmp_path,
            {
                "door": f"rtsp://admin:${{DOOR}}@{address}",
                "refused": f"rtsp://admin:canary-wrong@{address}",
                "away": "rtsp://u:canary-in-url@127.0.0.1:1/x?password=canary-in-query#timeout=1",
            },
            {"wait": 0.5},
        )
        gateway.config["rtsp"] |= {"username": "u", "password": "canary-of-rtsp"}
        server = {"urls": ["turn:127.0.0.1:1"], "username": "u", "credential": "canary-of-turn"}
        gateway.config["webrtc"]["ice_servers"] = [server]
        gateway.config["env"] = {"UNUSED": "canary-of-vault"}
        gateway.config["log"] = {"level": "trace"}
        async with gateway, gateway.http.ws_connect("/api/events") as events:
            async with watch(gateway):
                for method, path, body in REQUESTS:
                    async with gateway.http.request(method, path, data=body) as answer:
                        shown[f"{method} {path}"] = await answer.text()
            async with gateway.http.ws_connect("/api/ws?src=refused") as socket:
                await socket.send_str(json.dumps({"type": "mse"}))
                shown["ws"] = await socket.receive_str()
            for number in range(8):
                shown[f"event {number}"] = await events.receive_str()
            shown["command line"] = command_line(gateway).decode()
        shown["output"] = gateway.log.decode()
    assert "***" in shown["GET /api/config"]
    assert {place: text for place, text in shown.items() if "canary" in text} == {}


async def test_ports_that_another_gateway_has_are_told(tmp_path: Path) -> None:
    """Home Assistant makes a repair of it; who does not look into the log is told, too."""
    (first, second) = (tmp_path / name for name in "ab")
    first.mkdir()
    second.mkdir()
    other = Process(second, {"door": "demo:?size=160x120"})
    async with Process(first, {"door": "demo:?size=160x120"}) as gateway:
        await until(lambda: b"[webrtc] listen" in gateway.log)
        for section, port in (("rtsp", gateway.rtsp_port), ("webrtc", gateway.webrtc_port)):
            other.config[section]["listen"] = f"127.0.0.1:{port}"
        async with other, asyncio.timeout(30):
            blocked: list[dict[str, str]] = []
            while len(blocked) < 2:
                async with other.http.get("/api") as answer:
                    blocked = (await answer.json()).get("listeners", [])
                await asyncio.sleep(0.05)
            assert [one["name"] for one in blocked] == ["rtsp", "webrtc"]
            for one in blocked:
                assert one["listen"] == other.config[one["name"]]["listen"]
                assert "Address already in use" in one["problem"]
                assert one["problem"].split(" (")[0].encode() in other.log
        async with gateway.http.get("/api") as answer:
            assert "listeners" not in await answer.json()
