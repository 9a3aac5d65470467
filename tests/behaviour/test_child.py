"""The gateway that another program runs: its orders and its end come on standard input."""

import asyncio
import json
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth

from tests.fakes.running import free_ports, until

SECRET = "not for the list of processes"
LOGIN = {"username": "parent", "password": SECRET}
PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)
child.stdin.write(sys.argv[1].encode() + b"\\n")
child.stdin.flush()
print(child.pid, flush=True)
time.sleep(1000)
"""


def orders(api: int) -> str:
    listen = f"127.0.0.1:{api}"
    return json.dumps({"api": {"listen": listen, "local_auth": True, **LOGIN}, "rtsp": {"local_auth": True, **LOGIN}})


def command(folder: Path, rtsp: int) -> list[str]:
    (folder / "go2py.yaml").write_text("api: {listen: '127.0.0.1:1'}\nwebrtc: {listen: ''}\nstreams: {door: 'demo:'}\n")
    defaults = json.dumps({"rtsp": {"listen": f"127.0.0.1:{rtsp}"}})
    return [sys.executable, "-P", "-m", "go2py", "--child", "-c", defaults, "-c", str(folder / "go2py.yaml")]


async def started(folder: Path, first: str) -> tuple[Process, int, int]:
    """The process, its API's port and its RTSP port."""
    api, rtsp = free_ports(2)
    process = await asyncio.create_subprocess_exec(*command(folder, rtsp), stdin=PIPE, stdout=PIPE, stderr=STDOUT)
    assert process.stdin is not None
    process.stdin.write((first or orders(api)).encode() + b"\n")
    return process, api, rtsp


async def said(process: Process, text: bytes) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while text not in (line := await process.stdout.readline()):
            assert line, "it ended"


async def test_it_listens_where_it_was_told_and_ends_with_its_input(tmp_path: Path) -> None:
    process, api, rtsp = await started(tmp_path, "")
    await said(process, b"[api] listen")
    place = Path(f"/proc/{process.pid}")
    assert SECRET.encode() not in (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
    login = {"Authorization": encode_basic_auth("parent", SECRET)}
    async with ClientSession(f"http://127.0.0.1:{api}") as http:
        async with http.get("/api") as answer:
            assert answer.status == 401
        async with http.get("/api", headers=login) as answer:
            info: dict[str, Any] = await answer.json()
            assert info["rtsp"]["listen"] == f"127.0.0.1:{rtsp}"
        async with http.post("/api/config", data="streams: {other: 'demo:'}", headers=login) as answer:
            assert answer.status == 200, "a reload asks nobody"
        async with http.get("/api/config", headers=login) as answer:
            assert SECRET not in await answer.text()
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0


async def test_all_ports_are_open_before_the_api_answers(tmp_path: Path) -> None:
    """Also WebRTC's, although there is nothing to watch yet: who started us chose them, and wants to know."""
    api, rtsp, webrtc = free_ports(3)
    listening = socket.create_server(("0.0.0.0", webrtc))
    arguments = command(tmp_path, rtsp)
    (tmp_path / "go2py.yaml").write_text(f"webrtc: {{listen: ':{webrtc}'}}\n")
    process = await asyncio.create_subprocess_exec(*arguments, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
    assert process.stdin is not None
    process.stdin.write(orders(api).encode() + b"\n")
    await said(process, b"[api] listen")
    login = {"Authorization": encode_basic_auth("parent", SECRET)}
    async with ClientSession(f"http://127.0.0.1:{api}") as http, http.get("/api", headers=login) as answer:
        (blocked,) = [one for one in (await answer.json())["listeners"] if one["problem"]]
    assert (blocked["name"], blocked["listen"]) == ("webrtc", f":{webrtc}")
    listening.close()
    process.stdin.close()
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0


async def test_loopback_needs_a_password_for_rtsp(tmp_path: Path) -> None:
    process, _, rtsp = await started(tmp_path, "")
    await said(process, b"[api] listen")
    reader, writer = await asyncio.open_connection("127.0.0.1", rtsp)
    writer.write(b"DESCRIBE rtsp://127.0.0.1/door RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    assert b" 401 " in await reader.readline()
    writer.close()
    process.terminate()
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0


async def test_a_restart_is_the_other_programs(tmp_path: Path) -> None:
    process, api, _ = await started(tmp_path, "")
    await said(process, b"[api] listen")
    login = {"Authorization": encode_basic_auth("parent", SECRET)}
    async with ClientSession(f"http://127.0.0.1:{api}") as http, http.post("/api/restart", headers=login):
        pass
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        ("{api: {local_auth: perhaps}}", b"local_auth"),
        ("{rtsp: {local_auth: perhaps}}", b"local_auth"),
        ("{", b"-c"),
        ("go2py.yaml", b"standard input"),
    ],
)
async def test_orders_that_make_no_sense(tmp_path: Path, first: str, sentence: bytes) -> None:
    process, *_ = await started(tmp_path, first)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert sentence in output


async def test_no_orders(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(*command(tmp_path, 0), stdin=PIPE, stderr=PIPE)
    _, output = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, b"standard input" in output) == (2, True)


async def test_it_does_not_outlive_the_other_program(tmp_path: Path) -> None:
    """Which is killed, and has no chance to say a word."""
    api, rtsp = free_ports(2)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, orders(api), *command(tmp_path, rtsp), stdout=PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await said(parent, b"[api] listen")
    parent.kill()
    await parent.communicate()  # its output ends with the last who holds it
    await until(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False
