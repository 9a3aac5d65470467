"""The gateway as Home Assistant's app: what it announces, whom it lets in, what its options change."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from go2py.config import hosted
from go2py.config.hosted import HostedFiles
from go2py.config.identity import identity
from go2py.config.trust import Credentials
from go2py.config.values import ApiConfig, Config
from go2py.discovery import supervisor as module
from go2py.discovery.supervisor import Supervisor as Client
from go2py.errors import ConfigError
from go2py.observe.secret import Secret
from tests.fakes.running import until
from tests.fakes.supervisor import TOKEN, Supervisor

CREDENTIALS = Credentials("go2py", Secret("correct horse"))
API = ApiConfig(ingress_listen="172.30.32.1:61984")
URL = "http://127.0.0.1:1984"


def announce(client: Client, *addresses: str, api: ApiConfig = API) -> None:
    client.announce("1d", api, addresses or (URL, "http://172.30.32.1:61984"), CREDENTIALS, 8554)


# --- the announcement -----------------------------------------------------------------------------------------------


def client_of(supervisor: Supervisor) -> Client:
    client = Client.of(supervisor.environ)
    assert client is not None
    return client


async def test_home_assistant_is_told_address_and_login() -> None:
    async with Supervisor() as supervisor:
        client = client_of(supervisor)
        announce(client)
        await until(lambda: supervisor.announced)
        login = {"username": "go2py", "password": "correct horse"}
        assert supervisor.announced == [{"id": "1d", "url": URL, "rtsp_port": 8554} | login]
        announce(client, "http://127.0.0.1:1994", api=ApiConfig(base_path="/rtc"))
        await until(lambda: len(supervisor.announced) == 2)
        assert supervisor.announced[1]["url"] == "http://127.0.0.1:1994/rtc"
        await client.close()


async def test_a_starting_supervisor_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST", 0.01)
    async with Supervisor() as supervisor:
        supervisor.refuse = [503, 502, 500]
        client = client_of(supervisor)
        announce(client)
        await until(lambda: supervisor.announced)
        assert supervisor.requests == 4
        await client.close()


@pytest.mark.parametrize("services", [(), ("matter",)])
async def test_a_refusal_is_final_and_said(services: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    async with Supervisor(services=services) as supervisor:
        client = client_of(supervisor)
        announce(client)
        await until(lambda: "does not announce" in caplog.text)
        assert supervisor.requests == 1
        assert TOKEN not in caplog.text
        await client.close()


async def test_closing_ends_the_attempts(caplog: pytest.LogCaptureFixture) -> None:
    client = Client("http://127.0.0.1:9", Secret(TOKEN))
    announce(client)
    await until(lambda: "cannot be reached" in caplog.text)
    await client.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "supervisor"]


async def test_what_nobody_can_reach_is_not_announced(caplog: pytest.LogCaptureFixture) -> None:
    async with Supervisor() as supervisor:
        announce(client_of(supervisor), "unix:/run/api.sock", "http://172.30.32.1:61984")
        assert "nothing is announced" in caplog.text
        await asyncio.sleep(0)
        assert supervisor.requests == 0


def test_without_a_token_there_is_no_supervisor() -> None:
    assert Client.of({}) is None
    assert Client.of({"SUPERVISOR_TOKEN": ""}) is None


# --- options and ports ----------------------------------------------------------------------------------------------


def read(folder: Path, options: object = None, file: str = "") -> Config:
    (folder / "go2py.yaml").write_text(file)
    if options is not None:
        (folder / "options.json").write_text(options if isinstance(options, str) else json.dumps(options))
    return HostedFiles([str(folder / "go2py.yaml")], folder, environ={}).load()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of another program."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_options_win_over_the_file(tmp_path: Path) -> None:
    options = {"log_level": "debug", "username": "me", "password": "geheim", "api_port": 0, "rtsp_port": None}
    file = "api: {username: you, password: other, trust: [10.0.0.0/8]}\nlog: {level: error, rtsp: trace}"
    config = read(tmp_path, options, file)
    assert config.log.level == "debug"
    assert config.log.modules == {"rtsp": "trace"}
    assert (config.api.username, config.api.password.open()) == ("me", "geheim")
    assert config.api.trust == (ip_network("10.0.0.0/8"), hosted.SUPERVISOR)
    assert config.api.trusted_proxies == (hosted.SUPERVISOR,)
    assert config.api.ingress_listen == hosted.INGRESS


def test_without_options_the_file_is_followed(tmp_path: Path) -> None:
    config = read(tmp_path, {}, "api: {listen: ''}\nlog: {level: error}\nrtsp: {listen: ''}\nwebrtc: {listen: ''}")
    assert (config.api.listen, config.rtsp.listen, config.webrtc.endpoint) == ("", "", None)
    assert config.log.level == "error"


def test_ports_are_options(tmp_path: Path) -> None:
    options = {"api_port": 64101, "rtsp_port": 64102, "webrtc_port": 64103}
    config = read(tmp_path, options, "api: {listen: '127.0.0.1:1'}\nwebrtc: {listen: ':8555/tcp'}\nrtsp: {listen: ''}")
    assert config.api.listen == "127.0.0.1:64101"
    assert config.rtsp.listen == ":64102"
    assert config.webrtc.listen == ":64103/tcp"
    assert config.webrtc.endpoint is not None
    assert (config.webrtc.endpoint.port, config.webrtc.endpoint.udp) == (64103, False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "a mapping is expected"),
        ("[" * 100_000, "is not JSON"),
        ({"username": "me"}, "need each other"),
        ({"password": "geheim"}, "need each other"),
        ({"log_level": "loud"}, "levels are"),
        ({"log_level": 3}, "a text is expected"),
        ({"api_port": "1984"}, "a port is expected"),
        ({"api_port": 70000}, "a port is expected"),
    ],
)
def test_wrong_options_end_the_start(tmp_path: Path, options: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read(tmp_path, options)


def test_a_taken_port_is_replaced_and_named(tmp_path: Path, taken: int) -> None:
    config = read(tmp_path, file=f"api: {{listen: '127.0.0.1:{taken}'}}")
    port = int(config.api.listen.rpartition(":")[2])
    assert port > taken
    assert (port - taken) % 10 == 0
    (problem,) = [problem for problem in config.problems if problem.key == "api.listen"]
    assert f"{port} is used" in str(problem)


def test_a_reload_keeps_the_port_that_is_now_ours(tmp_path: Path, taken: int) -> None:
    (tmp_path / "go2py.yaml").write_text(f"rtsp: {{listen: '127.0.0.1:{taken}'}}")
    files = HostedFiles([str(tmp_path / "go2py.yaml")], tmp_path, environ={})
    first = files.load().rtsp.listen
    with socket.create_server(("127.0.0.1", int(first.rpartition(":")[2]))):
        assert files.load().rtsp.listen == first
        assert files.load(f"rtsp: {{listen: ':{taken}'}}").rtsp.listen == first.removeprefix("127.0.0.1")


def test_a_port_that_another_listener_wants_is_left_alone(tmp_path: Path, taken: int) -> None:
    other = f"127.0.0.1:{taken + 10}"
    config = read(tmp_path, file=f"api: {{listen: '127.0.0.1:{taken}'}}\nrtsp: {{listen: '{other}'}}")
    assert config.api.listen not in {other, f"127.0.0.1:{taken}"}
    assert config.api.listen != config.rtsp.listen


def test_udp_counts_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        config = read(tmp_path, file=f"webrtc: {{listen: '127.0.0.1:{port}'}}\napi: {{listen: '127.0.0.1:{port}'}}")
    assert config.webrtc.endpoint is not None
    assert config.webrtc.endpoint.port not in {0, port}
    assert config.api.listen == f"127.0.0.1:{port}", "TCP was free"


# --- the identity ---------------------------------------------------------------------------------------------------


def test_identity_is_made_once(tmp_path: Path) -> None:
    first = identity(tmp_path)
    assert len(first) == 32
    assert identity(tmp_path) == first


@pytest.mark.parametrize("text", ["", "no id", "\xff" * 9])
def test_a_broken_identity_is_left_for_its_owner(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "go2py.id").write_text(text, "latin-1")
    assert identity(tmp_path) == ""
    assert "delete it" in caplog.text
    assert (tmp_path / "go2py.id").read_text("latin-1") == text


def test_nowhere_to_keep_an_identity(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert identity(None) == ""
    assert identity(tmp_path / "missing") == ""
    assert "cannot be written" in caplog.text


# --- the whole, on a host of its own --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, root: Path) -> dict[str, Any]:
    """What neighbours saw of an app; GO2PY_APP_PYTHON and GO2PY_APP_SOURCE name another installation."""
    namespace = ["unshare", "--net"]
    programs = all(map(shutil.which, ("unshare", "ip")))
    if not programs or subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        if os.environ.get("GO2PY_REQUIRE_PEERS"):
            pytest.fail("no network namespace can be made here")
        pytest.skip("needs root, unshare and ip for a network namespace")
    folder = tmp_path_factory.mktemp("host")
    python = os.environ.get("GO2PY_APP_PYTHON", sys.executable)
    source = os.environ.get("GO2PY_APP_SOURCE", str(root / "addon"))
    command = [*namespace, sys.executable, "-m", "tests.fakes.app_host", str(folder), python, source]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_beside_another_gateway(host: dict[str, Any]) -> None:
    """go2rtc has all the usual ports: others are taken, said and announced."""
    assert host["announced"]["url"] == "http://127.0.0.1:1994"
    assert host["announced"]["rtsp_port"] == 8564
    for port in (1994, 8564, 8565):
        assert f"{port} is used" in host["log"]
        assert f"listen addr=:{port}" in host["log"]


def test_ingress_shows_the_pages(host: dict[str, Any]) -> None:
    assert (host["ingress"], host["ingress page"], host["ingress mse"]) == (200, 200, "mse")
    assert host["ingress foreign page"] == 403


def test_only_supervisor_is_let_in(host: dict[str, Any]) -> None:
    assert (host["app"], host["app pretending"], host["network"]) == (401, 401, 401)


def test_home_assistant_gets_in(host: dict[str, Any]) -> None:
    assert (host["core"], host["password"]) == (200, 200)
    assert len(host["announced"]["id"]) == 32


def test_the_watchdog_is_content(host: dict[str, Any]) -> None:
    assert host["watchdog"] is True


def test_it_stops_when_it_is_told(host: dict[str, Any]) -> None:
    assert host["exit"] == 0
    assert host["seconds to stop"] < 9, "Supervisor kills after 10"


def test_no_secret_is_in_the_log(host: dict[str, Any]) -> None:
    assert host["announced"]["password"] not in host["log"]
    assert TOKEN not in host["log"]
    assert {"go2py.credentials", "go2py.id", "go2py.yaml"} <= set(host["files"])
