"""HTTP bodies, WebSocket messages, queries: whatever comes gets a 4xx or a sentence, and leaves nothing behind."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType
from yarl import URL

from go2py.api.auth import cookie_life, parse_basic
from go2py.api.caller import host_name, is_foreign_page, is_own_host
from go2py.api.frame import attachment, parse_duration
from go2py.api.ice_servers import parse_ice_servers
from go2py.api.respond import dump, parse_json
from go2py.api.webrtc import from_form
from go2py.config.trust import parse_address
from go2py.errors import ProtocolError
from tests.fakes.gateway import CREDENTIALS, Gateway
from tests.fuzz.mutate import mutations

COUNT = 3000
TEXTS = [
    b"Basic YWRtaW46Y29ycmVjdCBob3JzZQ==",
    b"64.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    b"door.local:1984",
    b"[fe80::1%eth0]:80",
    b"https://[::1]:1984",
    b"1h30m5.5s",
    b"data=dj0wDQo%3D&x=y",
    b'{"type":"offer","sdp":"v=0"}',
]
MESSAGES = [
    b'{"type":"mse","value":"avc1.640029,opus"}',
    b'{"type":"webrtc","value":{"type":"offer","sdp":"v=0\\r\\n","ice_servers":[{"urls":["stun:a"]}]}}',
    b'{"type":"webrtc/offer","value":"v=0\\r\\ns=-\\r\\nt=0 0\\r\\nm=video 9 x 96\\r\\n"}',
    b'{"type":"webrtc/candidate","value":"candidate:1 1 udp 1 127.0.0.1 9 typ host"}',
    b'{"type":"hls","value":null}',
]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with Gateway(tmp_path) as gateway:
        gateway.camera.mute_video = True
        yield gateway


def test_pure_functions_are_total() -> None:
    for data in mutations(TEXTS, COUNT):
        text = data.decode("utf-8", "surrogateescape")
        parse_basic(text)
        cookie_life(CREDENTIALS, text, 0.0)
        parse_address(text)
        if (name := host_name(text)) is not None:
            is_own_host(name)
        is_foreign_page({"Origin": text, "Host": text[:9]}, "")
        assert attachment(text).isascii()
        dump({text: [text]}).encode("utf-8", "replace")
        for parse in (parse_duration, from_form, parse_json):
            with contextlib.suppress(ProtocolError):
                parse(text)


def test_ice_servers_are_total() -> None:
    chance = random.Random(1)
    leaves: list[Any] = [None, 5, "stun:x", "turn:y?transport=tcp", "http:", [], {}, "x" * 600, True]
    for _ in range(COUNT):
        entry = {key: chance.choice(leaves) for key in ("urls", "username", "credential") if chance.random() < 0.8}
        value = chance.choice([entry, [entry], [entry, chance.choice(leaves)], chance.choice(leaves)])
        with contextlib.suppress(ProtocolError):
            parse_ice_servers(value)


async def test_websocket_messages(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    async with ClientSession(gateway.url) as http:
        socket = await http.ws_connect("/api/ws?src=door")
        for data in mutations(MESSAGES, 400):
            with contextlib.suppress(ConnectionError):
                await socket.send_str(data.decode("utf-8", "replace"))
            with contextlib.suppress(TimeoutError):
                while (await socket.receive(timeout=0.002)).type is WSMsgType.TEXT:
                    continue
            if socket.closed:
                socket = await http.ws_connect("/api/ws?src=door")
        await socket.close()
        async with http.get("/api") as answer:
            assert answer.status == 200
    async with asyncio.timeout(10):
        while gateway.context.registry.require("door").attachments:
            await asyncio.sleep(0.01)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/webrtc"), ("POST", "/api/config"), ("PATCH", "/api/config"), ("POST", "/stream/door/x")],
)
async def test_bodies(gateway: Gateway, method: str, path: str) -> None:
    types = ["application/json", "application/sdp", "application/x-www-form-urlencoded", "text/plain", "x", ""]
    chance = random.Random(2)
    samples = [b"streams:\n  a: [b, &c d, *c]\n", b"data=dj0wDQo=", *MESSAGES]
    async with ClientSession(gateway.url) as http:
        for data in mutations(samples, 80, seed=3):
            headers = {"Content-Type": chance.choice(types)}
            async with http.request(method, f"{path}?src=door", data=data, headers=headers) as answer:
                assert answer.status < 500
                text = await answer.text()
                assert answer.status < 400 or len(text) > 3
    assert not gateway.context.registry.require("door").attachments


async def test_queries(gateway: Gateway) -> None:
    chance = random.Random(4)
    paths = ["streams", "streams.dot", "preload", "plan", "frame.jpeg", "webrtc", "exit", "config", "log", "nothing"]
    paths += ["talk", "play", "intercom", "ffmpeg"]
    samples = [b"src=door&name=x", b"src=fake://a&video=h264,&audio", b"dst=door&src=%ff%00", b"src=door&w=1&cache=1s"]
    async with ClientSession() as http:
        for data in mutations(samples, 400, seed=5):
            query = "".join(
                f"%{byte:02x}" if byte not in b"=&%" or chance.random() < 0.1 else chr(byte) for byte in data
            )
            method = chance.choice(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "BREW"])
            url = URL(f"{gateway.url}/api/{chance.choice(paths)}?{query}", encoded=True)
            async with http.request(method, url) as answer:
                # go2rtc's 500: the camera, not the request
                refused = answer.status == 500 and "no backchannel" in await answer.text()
                assert answer.status < 500 or answer.status == 501 or refused, (method, url)
    assert json.loads(dump({name: 1 for name, _ in gateway.context.registry}))
