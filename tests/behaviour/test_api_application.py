"""Configuration, log, process control, pages, and the manners of the server."""

import asyncio
import json
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession

from go2py.api import server as server_module
from go2py.api.pages import find, policy
from go2py.observe.log import LogConfig, ring, setup
from go2py.observe.secret import Secret
from tests.fakes.gateway import API, Gateway, raw

FILE = "# mine\nstreams:\n  door: rtsp://user:secret1234@192.0.2.1/a # keep\n"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with Gateway(tmp_path, file=FILE) as gateway:
        yield gateway


async def test_config_is_masked_and_masks_sent_back_keep_what_is_stored(gateway: Gateway, http: ClientSession) -> None:
    async with http.get("/api/config") as answer:
        assert answer.content_type == "application/yaml"
        text = await answer.text()
    assert "secret1234" not in text
    assert "# keep" in text
    async with http.post("/api/config", data=text + "log:\n  level: debug\n") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    assert gateway.file.read_text() == FILE + "log:\n  level: debug\n"
    assert gateway.reloads == 1


@pytest.mark.parametrize("body", ["streams: [", "- a", "\xff", "api: 5"])
async def test_a_bad_config_is_a_400_and_changes_nothing(gateway: Gateway, http: ClientSession, body: str) -> None:
    for method in ("POST", "PATCH"):
        async with http.request(method, "/api/config", data=body.encode("latin-1")) as answer:
            assert answer.status == 400
            assert len(await answer.text()) > 10
    assert gateway.file.read_text() == FILE
    assert gateway.reloads == 0


async def test_config_patch_merges(gateway: Gateway, http: ClientSession) -> None:
    async with http.patch("/api/config", json={"streams": {"new": "rtsp://192.0.2.2/b"}}) as answer:
        assert answer.status == 200
    text = gateway.file.read_text()
    assert text.startswith(FILE)
    assert "new: rtsp://192.0.2.2/b" in text
    async with http.patch("/api/config", json={"streams": "x"}) as answer:
        assert answer.status == 400
    async with http.put("/api/config") as answer:
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]


async def test_config_is_404_when_the_file_is_gone(gateway: Gateway, http: ClientSession) -> None:
    gateway.file.unlink()
    async with http.get("/api/config") as answer:
        assert answer.status == 404


async def test_log(http: ClientSession) -> None:
    log = setup(LogConfig(output="memory"))
    try:
        ring.clear()
        logging.getLogger("go2py.api").info("hello %s", "there")
        async with http.get("/api/log") as answer:
            assert answer.content_type == "application/jsonlines"
            (line,) = [json.loads(line) for line in (await answer.text()).splitlines()]
        assert (line["level"], line["message"]) == ("info", "[api] hello there")
        async with http.delete("/api/log") as answer:
            assert await answer.text() == "OK"
        async with http.get("/api/log") as answer:
            assert await answer.read() == b""
        async with http.post("/api/log") as answer:
            assert (answer.status, await answer.text()) == (400, "Method not allowed\n")
    finally:
        log.close()


async def test_exit_and_restart(gateway: Gateway, http: ClientSession) -> None:
    for query in ("", "?code=", "?code=126", "?code=-1", "?code=x", "?code=1e1", "?code=%D9%A1"):
        async with http.post(f"/api/exit{query}") as answer:
            assert (answer.status, await answer.text()) == (400, "Code must be in the range [0, 125]\n")
    for path in ("/api/exit?code=1", "/api/restart"):
        async with http.get(path) as answer:
            assert answer.status == 400
        async with http.post(path) as answer:
            assert answer.status == 200
    async with asyncio.timeout(5):
        while len(gateway.ended) < 2:
            await asyncio.sleep(0.01)
    assert sorted(map(str, gateway.ended)) == ["1", "restart"]


async def test_stack_names_tasks(http: ClientSession) -> None:
    async with http.get("/api/stack") as answer:
        assert "thread MainThread" in await answer.text()


async def test_wrong_methods_are_405(http: ClientSession) -> None:
    for method, path in (("POST", "/api/plan"), ("POST", "/api/preload"), ("GET", "/api/webrtc"), ("POST", "/api/ws")):
        async with http.request(method, path) as answer:
            assert answer.status == 405
            assert answer.headers["Allow"]
    async with http.get("/api/ws") as answer:
        assert answer.status == 400


# --- pages


async def test_pages_are_strict_and_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pages"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>go2py</h1>")
    (folder / "sub" / "player.js").write_text("1")
    (folder / ".hidden").write_text("1")
    (tmp_path / "outside.txt").write_text("1")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    monkeypatch.setattr("go2py.api.pages.BUILT_IN", folder)
    async with Gateway(tmp_path) as gateway, ClientSession(gateway.url) as http:
        for method in ("GET", "HEAD"):
            async with http.request(method, "/", allow_redirects=False) as answer:
                assert answer.status == 200
                assert answer.content_type == "text/html"
                security = answer.headers["Content-Security-Policy"]
                assert "unsafe" not in security
                assert f"connect-src 'self' ws://127.0.0.1:{gateway.port}" in security
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with http.get("/sub/player.js") as answer:
            assert answer.content_type == "text/javascript"
        for path in (
            "/.hidden",
            "/link.txt",
            "/sub",
            "/nothing",
            "/..%2foutside.txt",
            "/%00",
            "/sub%2f..%2f..%2foutside.txt",
        ):
            async with http.get(path) as answer:
                assert answer.status == 404
                assert await answer.text() == "404 page not found\n"
    async with Gateway(tmp_path, replace(API, static_dir=str(folder))) as gateway, ClientSession(gateway.url) as http:
        answer = await http.get("/index.html")
        assert answer.status == 200
        assert "Content-Security-Policy" not in answer.headers, "the user's own pages have their own rules"


def test_find_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    assert find(tmp_path.resolve(), "a") == tmp_path.resolve() / "a"
    for name in ("../a", "/etc/passwd", "..", "a/..", "x" * 5000, "a\x00"):
        assert find(tmp_path.resolve() / "sub", name) is None


def test_policy_takes_no_hosts_that_are_none() -> None:
    assert "ws:" not in policy("evil; script-src *")


# --- listeners


async def test_a_taken_port_is_an_error_with_advice_and_no_end(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    taken = replace(API, listen=f"127.0.0.1:{gateway.port}", unix_listen=str(other / "api.sock"))
    with caplog.at_level(logging.INFO, "go2py.api"):
        async with Gateway(other, taken) as second:
            assert second.server.addresses == (f"unix:{other / 'api.sock'}",)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "change api.listen" in errors[0]
    listening = [record for record in caplog.records if record.getMessage() == "listen"]
    assert [getattr(record, "fields", None) for record in listening] == [{"addr": str(other / "api.sock")}]


@pytest.mark.parametrize("listen", ["nonsense", "1984", "host:99999", "192.0.2.254:1984", ":\uff11\uff12"])
async def test_addresses_that_cannot_be(tmp_path: Path, listen: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Gateway(tmp_path, replace(API, listen=listen)) as gateway:
        assert gateway.server.addresses == ()
    assert "api.listen" in caplog.text


async def test_all_addresses(tmp_path: Path) -> None:
    async with Gateway(tmp_path, replace(API, listen=":0")) as gateway, ClientSession() as http:
        for host in ("127.0.0.1", "localhost"):
            async with http.get(f"http://{host}:{gateway.port}/api") as answer:
                assert answer.status == 200


@pytest.mark.parametrize("inline", [False, True])
async def test_tls(tmp_path: Path, *, inline: bool) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(  # noqa: ASYNC221  before anything runs
        [*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    values = (certificate.read_text(), key.read_text()) if inline else (str(certificate), str(key))
    api = replace(API, listen="", tls_listen="127.0.0.1:0", tls_cert=values[0], tls_key=Secret(values[1]))
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    async with Gateway(tmp_path, api) as gateway, ClientSession(gateway.url) as http:
        assert gateway.url.startswith("https://")
        async with http.get("/api", ssl=trusting) as answer:
            assert answer.status == 200


async def test_a_broken_certificate_leaves_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api = replace(API, tls_listen="127.0.0.1:0", tls_cert="a\nb", tls_key=Secret("c"))
    async with Gateway(tmp_path, api) as gateway:
        assert len(gateway.server.addresses) == 1
    assert "api.tls_cert" in caplog.text


async def test_apply_rebinds_only_when_needed(gateway: Gateway, http: ClientSession) -> None:
    context, before = gateway.context, gateway.url
    async with http.ws_connect("/api/events") as socket:
        context.config = replace(context.config, api=replace(context.config.api, local_auth=True))
        await gateway.server.apply()
        assert gateway.url == before
        await asyncio.sleep(0)
        assert not socket.closed
        context.config = replace(context.config, api=replace(context.config.api, base_path="rtc"))
        await gateway.server.apply()
    async with ClientSession(gateway.url) as again, again.get("/rtc/api") as answer:
        assert answer.status == 200


# --- connections


async def test_a_head_that_never_ends_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "FIRST_REQUEST_SECONDS", 0.1)
    async with Gateway(tmp_path) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /api HTTP/1.1\r\nHost: ")
        async with asyncio.timeout(10):
            await reader.read()
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\x00",
        b"GET\r\n\r\n",
        b"GET /api HTTP/9.9\r\n\r\n",
        b"GET /api HTTP/1.1\r\n\r\n",
        b"GET /api HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: x\r\n\r\n",
        b"POST /api/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    ],
)
async def test_malformed_requests_are_4xx(gateway: Gateway, data: bytes) -> None:
    head, _, body = (await raw(gateway, data)).partition(b"\r\n\r\n")
    assert head.split()[1][:1] == b"4"
    assert body
