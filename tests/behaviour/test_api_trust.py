"""Who may do what over HTTP: addresses, passwords, cookies, names, origins."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, WSServerHandshakeError

from go2py.api.auth import COOKIE, cookie_life, parse_basic, sign_cookie
from go2py.api.caller import host_name, is_foreign_page, is_own_host
from go2py.config.trust import Credentials
from go2py.config.values import ApiConfig
from go2py.observe.secret import Secret
from tests.fakes.gateway import API, CREDENTIALS, Gateway


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}


LOGIN = basic("correct horse")
REMOTE = {"X-Forwarded-For": "203.0.113.9"}
"""What makes a request over loopback one from elsewhere."""


async def status(gateway: Gateway, path: str = "/api", method: str = "GET", **values: Any) -> int:
    async with ClientSession() as http, http.request(method, gateway.url + path, **values) as answer:
        if answer.status >= 400:
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert len(await answer.text()) > 1
        return answer.status


async def test_loopback_is_open_and_elsewhere_is_not(tmp_path: Path) -> None:
    async with Gateway(tmp_path) as gateway:
        assert await status(gateway) == 200
        for path in ("/api", "/", "/nothing", "/api/ws?src=door", "/stream/door/add", "/api/log"):
            assert await status(gateway, path, headers=REMOTE) == 401
        assert await status(gateway, headers=REMOTE | LOGIN) == 200
        assert await status(gateway, headers=REMOTE | basic("wrong")) == 401
        async with ClientSession() as http, http.get(gateway.url + "/api", headers=REMOTE) as answer:
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="go2rtc"'
            assert await answer.text() == "Unauthorized\n"


@pytest.mark.parametrize("name", ["Forwarded", "X-Real-IP", "X-Forwarded-Proto", "X-Forwarded-Host", "Via"])
async def test_every_forwarding_header_counts(tmp_path: Path, name: str) -> None:
    async with Gateway(tmp_path) as gateway:
        assert await status(gateway, headers={name: "127.0.0.1"}) == 401


async def test_a_listed_proxy_speaks_for_itself(tmp_path: Path) -> None:
    async with Gateway(tmp_path, replace(API, trusted_proxies=(ip_network("127.0.0.0/8"),))) as gateway:
        assert await status(gateway, headers=REMOTE | {"Host": "home.example.org"}) == 200
        foreign = {"Origin": "https://evil.example"}
        assert await status(gateway, "/api/log", "DELETE", headers=REMOTE | foreign) == 403
        own = {"Origin": "https://home.example.org", "X-Forwarded-Host": "home.example.org"}
        assert await status(gateway, "/api/log", "DELETE", headers=REMOTE | own) == 200


async def test_local_auth(tmp_path: Path) -> None:
    async with Gateway(tmp_path, replace(API, local_auth=True)) as gateway:
        assert await status(gateway) == 401
        assert await status(gateway, headers=LOGIN) == 200


async def test_unix_socket(tmp_path: Path) -> None:
    from aiohttp import UnixConnector

    path = str(tmp_path / "api.sock")
    async with Gateway(tmp_path, replace(API, listen="", unix_listen=path)) as gateway:
        assert gateway.server.addresses == (f"unix:{path}",)
        async with ClientSession(connector=UnixConnector(path)) as http, http.get("http://go2rtc/api") as answer:
            assert answer.status == 200
    assert not await asyncio.to_thread(Path(path).exists)
    async with (
        Gateway(tmp_path, replace(API, listen="", unix_listen=path, local_auth=True)),
        ClientSession(connector=UnixConnector(path)) as http,
    ):
        async with http.get("http://localhost/api") as answer:
            assert answer.status == 401
        async with http.ws_connect("http://localhost/api/ws?src=door", headers=LOGIN) as socket:
            assert not socket.closed


async def test_a_rebound_name_is_refused_without_credentials(tmp_path: Path) -> None:
    async with Gateway(tmp_path, replace(API, hosts=("cams.example.org",))) as gateway:
        assert await status(gateway, headers={"Host": "evil.example"}) == 403
        assert await status(gateway, headers={"Host": "evil.example"} | LOGIN) == 200
        for host in (
            "localhost:1984",
            "[::1]:1984",
            "10.0.0.3",
            "homeassistant.local:1984",
            "go2py",
            "cams.example.org",
        ):
            assert await status(gateway, headers={"Host": host}) == 200
        assert await status(gateway, headers={"Host": "a b"}) == 400
        assert await status(gateway, headers={"Host": ""}) == 400


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/api/streams?src=fake://x"), ("DELETE", "/api/log"), ("POST", "/api/exit?code=0")]
)
async def test_pages_of_other_origins_change_nothing(tmp_path: Path, method: str, path: str) -> None:
    async with Gateway(tmp_path) as gateway:
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            assert await status(gateway, path, method, headers=headers) == 403
            assert await status(gateway, path, method, headers=headers | REMOTE | LOGIN) == 403
        assert gateway.ended == []
        assert gateway.context.registry.get("fake://x") is None
        assert await status(gateway, path, method, headers={"Origin": gateway.url}) == 200


async def test_a_picture_tag_elsewhere_makes_no_stream(tmp_path: Path) -> None:
    async with Gateway(tmp_path) as gateway:
        path = "/api/frame.jpeg?src=fake://x"
        assert await status(gateway, path, headers={"Sec-Fetch-Site": "cross-site"}) == 404
        assert await status(gateway, "/api/frame.jpeg?src=door", headers={"Sec-Fetch-Site": "cross-site"}) == 200
        assert await status(gateway, path) == 200


async def test_websocket_origin(tmp_path: Path) -> None:
    async with Gateway(tmp_path) as gateway, ClientSession() as http:
        for path in ("/api/ws?src=door", "/api/events"):
            async with http.ws_connect(gateway.url + path, origin=gateway.url) as socket:
                assert not socket.closed
            with pytest.raises(WSServerHandshakeError) as refused:
                await http.ws_connect(gateway.url + path, origin="https://evil.example")
            assert refused.value.status == 403


async def test_cors_only_when_asked_for(tmp_path: Path) -> None:
    async with Gateway(tmp_path) as gateway, ClientSession() as http, http.get(gateway.url + "/api") as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with Gateway(tmp_path, replace(API, origin="*")) as gateway, ClientSession() as http:
        async with http.get(gateway.url + "/api") as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
        async with http.get(gateway.url + "/api", headers=REMOTE) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, "*")
        preflight = REMOTE | {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
        async with http.options(gateway.url + "/api/streams", headers=preflight) as answer:
            assert answer.status == 204
        async with http.ws_connect(gateway.url + "/api/ws?src=door", origin="https://a.example") as socket:
            assert not socket.closed


async def test_a_login_leaves_a_cookie_that_opens_the_websocket(tmp_path: Path) -> None:
    async with Gateway(tmp_path) as gateway, ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        async with http.get(gateway.url + "/api", headers=REMOTE | LOGIN) as answer:
            cookie = answer.cookies[COOKIE]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        assert int(cookie["max-age"]) > 3600
        async with http.ws_connect(gateway.url + "/api/ws?src=door", headers=REMOTE) as socket:
            assert not socket.closed
        async with http.get(gateway.url + "/api", headers=REMOTE) as answer:
            assert answer.status == 200
        http.cookie_jar.clear()
        http.cookie_jar.update_cookies({COOKIE: cookie.value[:-1] + ("0" if cookie.value[-1] != "0" else "1")})
        async with http.get(gateway.url + "/api", headers=REMOTE) as answer:
            assert answer.status == 401


async def test_guessing_is_slowed_down_and_then_refused(tmp_path: Path) -> None:
    async with Gateway(tmp_path) as gateway:
        gateway.context.gate.throttle.FIRST = 0.01
        gateway.context.gate.throttle.LAST = 0.02
        wrong = basic("wrong")
        assert [await status(gateway, headers=REMOTE | wrong) for _ in range(5)] == [401] * 5
        assert await status(gateway, headers=REMOTE | LOGIN) == 200
        gateway.context.gate.throttle.FIRST = gateway.context.gate.throttle.LAST = 30.0
        for _ in range(3):
            await status(gateway, headers=REMOTE | wrong)
        first = asyncio.create_task(status(gateway, headers=REMOTE | wrong))
        await first
        assert await status(gateway, headers=REMOTE | wrong) == 429
        assert await status(gateway) == 200, "who needs no password is not held up"


async def test_guessers_behind_a_listed_proxy_do_not_hold_up_others(tmp_path: Path) -> None:
    api = replace(API, local_auth=True, trusted_proxies=(ip_network("127.0.0.1/32"),))
    async with Gateway(tmp_path, api) as gateway:
        gateway.context.gate.throttle.FIRST = gateway.context.gate.throttle.LAST = 30.0
        for _ in range(4):
            await status(gateway, headers=REMOTE | basic("wrong"))
        assert await status(gateway, headers=REMOTE | LOGIN) == 429
        assert await status(gateway, headers={"X-Forwarded-For": "203.0.113.9, 203.0.113.10"} | LOGIN) == 200


async def test_home_assistants_managed_config(tmp_path: Path) -> None:
    """What HA 2026.11 writes for its own process: a unix socket, a whitelist, a password even for itself."""
    from aiohttp import UnixConnector

    names = ("", "/frame.jpeg", "/preload", "/schemes", "/streams", "/webrtc", "/ws")
    api = ApiConfig(
        listen="",
        unix_listen=str(tmp_path / "go2rtc.sock"),
        allow_paths=("/", *(f"/api{name}" for name in names)),
        local_auth=True,
    )
    modules = ["api", "exec", "ffmpeg", "http", "mjpeg", "onvif", "rtmp", "rtsp", "srtp", "webrtc", "ws"]
    async with (
        Gateway(tmp_path, api, modules=modules),
        ClientSession("http://localhost", connector=UnixConnector(api.unix_listen), headers=LOGIN) as http,
    ):
        for name in ("", "/preload", "/schemes", "/streams", "/frame.jpeg?src=door"):
            async with http.get(f"/api{name}") as answer:
                assert answer.status == 200
        for path in ("/api/config", "/api/restart", "/api/exit?code=0", "/api/events", "/api/log"):
            async with http.post(path) as answer:
                assert answer.status in {404, 405}
        async with http.ws_connect("/api/ws?src=door") as socket:
            assert not socket.closed


async def test_allow_paths_is_exact(tmp_path: Path) -> None:
    async with Gateway(tmp_path, replace(API, allow_paths=("/api", "/api/streams"))) as gateway:
        assert await status(gateway) == 200
        assert await status(gateway, "/api/streams") == 200
        for path in (
            "/",
            "/api/",
            "/api/config",
            "/api/streams.dot",
            "/api/ws",
            "/api/events",
            "/streams",
            "/api/exit",
        ):
            assert await status(gateway, path) == 404


async def test_modules_that_are_off_do_not_exist(tmp_path: Path) -> None:
    async with Gateway(tmp_path, modules={"api", "ws"}) as gateway:
        assert await status(gateway, "/api/streams") == 200
        for path in ("/api/webrtc?src=door", "/api/stack", "/api/frame.jpeg?src=door", "/streams"):
            assert await status(gateway, path, "POST" if "webrtc" in path else "GET") in {404, 405}
    async with Gateway(tmp_path, modules={"rtsp"}) as gateway:
        assert gateway.server.addresses == ()


async def test_base_path(tmp_path: Path) -> None:
    async with Gateway(tmp_path, replace(API, base_path="/rtc")) as gateway:
        assert await status(gateway, "/rtc/api") == 200
        assert await status(gateway, "/api") == 404
        assert await status(gateway, "/streams") == 200, "absolute paths know no base"


# --- the pure functions -------------------------------------------------------------------------------------------


def test_cookie_is_bound_to_time_and_password() -> None:
    cookie = sign_cookie(CREDENTIALS, 1000)
    assert cookie_life(CREDENTIALS, cookie, 400.0) == 600
    assert cookie_life(CREDENTIALS, cookie, 2000.0) < 0
    assert cookie_life(Credentials("admin", Secret("another")), cookie, 400.0) == 0
    forged = f"{10**9:x}.{cookie.partition('.')[2]}"
    for bad in ("", ".", "zz.zz", "3e8", "3e8.", "-1.x", forged, "\udcff." * 9, "3" * 100):
        assert cookie_life(CREDENTIALS, bad, 400.0) == 0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic dTpwOng=", ("u", "p:x")),
        ("basic dTpw", ("u", "p")),
        ("Basic dTpw!", None),
        ("Basic /////w==", None),
        ("Basic dXA=", None),
        ("Bearer dTpw", None),
        ("", None),
        ("Basic " + "A" * 100_000, None),
    ],
)
def test_basic(header: str, expected: tuple[str, str] | None) -> None:
    assert parse_basic(header) == expected


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Door.Local:1984", "door.local"),
        ("[::1]:80", "::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("a.b.", "a.b"),
        ("", None),
        ("a:b", None),
        ("a/b", None),
        ("a@b", None),
        ("[::1", None),
        ("x" * 300, None),
    ],
)
def test_host_name(host: str, name: str | None) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("frigate", True),
        ("cams.localhost", True),
        ("nas.lan", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("local.evil.example", False),
        ("notlocal", True),
        ("a.notlocal", False),
    ],
)
def test_own_host(name: str, *, own: bool) -> None:
    assert is_own_host(name) is own


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Host": "cam:1984", "Origin": "http://cam:1984"}, False),
        ({"Host": "cam", "Origin": "http://cam:1984"}, False),
        ({"Host": "cam:1984", "Origin": "http://cam:8123"}, True),
        ({"Host": "cam:1984", "Origin": "http://evil"}, True),
        ({"Host": "cam:1984", "Origin": "null"}, True),
        ({"Host": "", "Origin": ""}, True),
        ({"Host": "", "Origin": "http://"}, True),
        ({"Host": "cam", "Origin": "http://evil", "X-Forwarded-Host": "evil"}, True),
    ],
)
def test_foreign_page(headers: Mapping[str, str], *, foreign: bool) -> None:
    assert is_foreign_page(headers, "") is foreign
    assert is_foreign_page(headers, "*") is False
