"""One house for all tests of this folder: it takes seconds to start."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser

from scripts.home_assistant.api import Api
from scripts.home_assistant.demo import CAMERAS, DASHBOARD, add_camera, cameras, make_dashboard
from scripts.home_assistant.instance import PYTHON, ROOT, HomeAssistant
from tests.e2e.frontend import Frontend, person
from tests.e2e.talking import syllables
from tests.fakes.network import Network, two_machines, why_not
from tests.fakes.running import PASSWORD, USER, Process, free_ports
from tests.peers.browser import MICROPHONE, chromium_running
from tests.peers.talking import record

LINGER = 0.3
_TROUBLE = re.compile(r"^[\d-]+ [\d:.]+\S* (WARNING|ERROR|CRITICAL) .*$", re.MULTILINE)
_OURS = re.compile(r"go2py|Detected blocking call", re.IGNORECASE)
_EXPECTED = (
    "We found a custom integration go2py",
    "the STUN server",  # there is no internet here
    "the camera closed the connection",  # tests switch theirs off
)


_NOTES = pytest.StashKey[list[str]]()


@dataclass
class Furnished:
    """What `furnished` made: the gateway's entry, and the cameras' entities."""

    entry: str
    cameras: list[str]


@dataclass
class House:
    """Home Assistant, and its owner."""

    home: HomeAssistant
    api: Api
    http: ClientSession

    async def empty(self) -> None:
        """Take out all that is ours."""
        for entry in await self.api.command("config_entries/get", domain="go2py"):
            await self.api.delete(f"/api/config/config_entries/entry/{entry['entry_id']}")

    def troubles(self) -> list[str]:
        """Lines of the log that complain of us, or of whoever blocks the loop."""
        lines = _TROUBLE.finditer(self.home.log.read_text("utf-8", "replace"))
        return [line[0] for line in lines if _OURS.search(line[0]) and not any(one in line[0] for one in _EXPECTED)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All share the loop of the house; a start of Home Assistant may be in any of them."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="package", autouse=True)
def network() -> Iterator[Network]:
    """Cameras are on another machine of a network that nobody else is in."""
    if reason := why_not():
        pytest.skip(reason)
    if not PYTHON.exists():
        pytest.skip("no Home Assistant here; scripts/setup home-assistant makes it")
    with two_machines() as network:
        yield network


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def gateway(network: Network, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Process]:
    """One that runs beside Home Assistant; also the one that Home Assistant's own go2rtc integration is pointed at."""
    streams = {"Vorgarten": "demo:?size=640x360"}
    process = Process(tmp_path_factory.mktemp("gateway"), streams, {"linger": LINGER, "retry_first": 1, "retry_max": 2})
    process.config["streams"] = streams
    async with process:
        yield process


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def house(gateway: Process, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Nothing is in it yet but Home Assistant."""
    folder = tmp_path_factory.mktemp("house")
    (port,) = free_ports(1)
    more = f"go2rtc: {{url: '{gateway.url}', username: {USER}, password: {PASSWORD}}}\n"
    home = HomeAssistant(folder, port, more=more, environ=gateway_environment())
    async with home, ClientSession() as http:
        yield House(home, await home.signed_in(http), http)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser(network: Network, chromium: Path) -> AsyncIterator[Browser]:
    async with chromium_running(chromium) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def speaker(network: Network, chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """A browser whose microphone hears the tone."""
    said = record(tmp_path_factory.mktemp("voice") / "voice.wav", syllables, 10)
    async with chromium_running(chromium, *MICROPHONE, f"--use-file-for-fake-audio-capture={said}") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def page(browser: Browser, house: House) -> AsyncIterator[Frontend]:
    """The owner's tab; what scripts of the page complain of fails the test."""
    async with person(browser, house.home.url, house.api) as frontend:
        yield frontend


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def furnished(house: House, gateway: Process) -> Furnished:
    """The house with the gateway beside it, two demo cameras and a dashboard."""
    login = {"url": gateway.url, "username": USER, "password": PASSWORD, "verify_ssl": True}
    made = await house.api.add_integration("go2py", {"next_step_id": "remote"}, login)
    entry = made["result"]["entry_id"]
    shown = [await add(house, entry, name, source) for name, source in CAMERAS.items()]
    await make_dashboard(house.api, DASHBOARD, "Cameras", shown)
    return Furnished(entry, shown)


@pytest.fixture(autouse=True)
def quiet_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """Home Assistant's log has no complaint of ours, and its detector of blocking calls stays silent."""
    house: House | None = request.getfixturevalue("house") if "house" in request.fixturenames else None
    before = len(house.troubles()) if house else 0
    yield
    if house:
        assert not house.troubles()[before:]


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Something measured, for whoever reads the end of the run; the machine is too busy to promise it."""

    def add(what: str, value: object) -> None:
        shown = f"{value * 1000:.0f} ms" if isinstance(value, float) else str(value)
        request.config.stash.setdefault(_NOTES, []).append(f"{what}: {shown}")

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    for line in config.stash.get(_NOTES, []):
        terminalreporter.write_line(f"e2e: {line}")


async def add(house: House, entry: str, name: str, source: str, **login: str) -> str:
    """Add a camera by its address or link; its entity."""
    before = {entity for _, entity in await cameras(house.api)}
    await add_camera(house.api, entry, name, source, **login)
    async with asyncio.timeout(30):
        while not (new := {entity for _, entity in await cameras(house.api)} - before):
            await asyncio.sleep(0.05)
    return new.pop()


async def until_state(house: House, entity: str, *wanted: str) -> None:
    """Wait until an entity has one of these states."""
    async with asyncio.timeout(60):
        while await house.api.state(entity) not in wanted:
            await asyncio.sleep(0.1)


def gateway_environment() -> dict[str, str]:
    """What the gateway that Home Assistant runs needs here: the Python that has all it imports."""
    return {"GO2PY_GATEWAY_PYTHON": os.fspath(ROOT / ".venv/bin/python")}
