"""Home Assistant with the integration, and two gateways: the real one, and one that does what a test says."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import aioice.ice
import pytest
from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components.go2py  # noqa: F401  before the plugin brings its own `custom_components`
from custom_components.go2py.found import Device

from .fakes import FakeGateway

ROOT = Path(__file__).resolve().parents[2]
USERNAME, PASSWORD = "hass", "correct horse"

_socket = socket.socket  # the plugin hides it while tests run
_addresses = aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=False)  # and shows a made-up network


@dataclass(frozen=True)
class RealGateway:
    """A process of ours, open to who has the password."""

    url: str
    rtsp_port: int


@pytest.fixture(autouse=True)
def _integration(enable_custom_integrations: None, socket_enabled: None) -> None:
    """Found by Home Assistant, and allowed to talk over loopback."""


@pytest.fixture(autouse=True)
def _real_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """For viewers; with nothing but loopback here, that has to do."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: _addresses or ["127.0.0.1"])


@pytest.fixture(scope="session")
def gateway_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@contextmanager
def running_gateway(folder: Path) -> Iterator[RealGateway]:
    """The gateway's process with two pictures of its own and all its files in this folder."""
    api, rtsp, webrtc = _free_ports()
    config = folder / "go2py.yaml"
    config.write_text(
        f"api: {{listen: '127.0.0.1:{api}', username: {USERNAME}, password: {PASSWORD}, local_auth: true}}\n"
        f"rtsp: {{listen: '127.0.0.1:{rtsp}'}}\n"
        f"webrtc: {{listen: ':{webrtc}'}}\n"
        "streams:\n  demo: 'demo:'\n  Garten Nord: 'demo:?size=640x360'\n"
    )
    log = folder / "log"
    with log.open("w") as output:
        command = [str(ROOT / ".venv/bin/go2py"), "-c", str(config)]
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
            try:
                while "[webrtc] listen" not in log.read_text():
                    assert process.poll() is None, log.read_text()
                yield RealGateway(f"http://127.0.0.1:{api}/", rtsp)
            finally:
                process.terminate()
                process.wait(20)


@pytest.fixture
async def gateway(
    gateway_process: RealGateway, hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RealGateway]:
    """The real gateway as it was started: what a test adds is gone after it. It searches nobody's network."""
    from custom_components.go2py.client import GatewayClient
    from custom_components.go2py.session import passing_client

    async def search(_: GatewayClient) -> list[Device]:
        return []

    monkeypatch.setattr(GatewayClient, "search", search)
    yield gateway_process
    data = {CONF_URL: gateway_process.url, CONF_USERNAME: USERNAME, CONF_PASSWORD: PASSWORD}
    with passing_client(hass, data) as client:
        for name in (await client.media()).keys() - {"demo", "Garten Nord"}:
            await client.delete_stream(name)


@pytest.fixture
async def fake(hass: HomeAssistant) -> AsyncIterator[FakeGateway]:
    """A gateway that misbehaves on request. Home Assistant ends before it does."""
    async with FakeGateway() as gateway:
        yield gateway


@pytest.fixture
def real_entry(gateway: RealGateway) -> MockConfigEntry:
    """An entry for the real gateway, with the demo camera, not set up yet."""
    return entry_for(gateway.url, cameras={"demo": ()}, username=USERNAME, password=PASSWORD)


def entry_for(
    url: str, *, username: str = "", password: str = "", cameras: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> MockConfigEntry:
    """An entry with cameras named after their streams."""
    login = {CONF_USERNAME: username, CONF_PASSWORD: password} if username else {}
    return MockConfigEntry(
        domain="go2py",
        title="Gateway",
        unique_id=url.removeprefix("http://").rstrip("/"),
        data={CONF_URL: url, CONF_VERIFY_SSL: True, **login},
        subentries_data=[
            {
                "data": {"stream": name, "sources": list(sources)},
                "subentry_type": "camera",
                "title": name.capitalize(),
                "unique_id": name,
            }
            for name, sources in cameras.items()
        ],
    )


async def settle(hass: HomeAssistant, check: object) -> None:
    """Wait until `check()` is true: events come over a socket, of which Home Assistant knows nothing."""
    assert callable(check)
    async with asyncio.timeout(30):
        while not check():
            await asyncio.sleep(0.02)


def _free_ports() -> list[int]:
    sockets = [_socket() for _ in range(3)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
