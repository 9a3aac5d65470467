"""The gateway's own Python environment, made by the real tools from a package index of one wheel; and the release."""

import asyncio
import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.go2py import environment
from custom_components.go2py.environment import INTERPRETER, CodeMissing, HostingError, prepare

from .conftest import ROOT
from .test_managed import HOSTING, PYTHON, gateways

METADATA = "Metadata-Version: 2.1\nName: lens\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder: Path, content: str) -> str:
    """A line of requirements for a package `lens`, whose wheel lies in a folder."""
    files = {"lens.py": content, "lens-1.0.dist-info/METADATA": METADATA, "lens-1.0.dist-info/WHEEL": WHEEL}
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},"
        f"{len(text)}\n"
        for name, text in files.items()
    )
    path = folder / "lens-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, "lens-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"lens @ {path.as_uri()} --hash=sha256:{digest}\n"


@pytest.fixture
def config(hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(INTERPRETER, raising=False)
    hass.config.config_dir = str(tmp_path)
    return tmp_path


@pytest.fixture
def requirements(config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of a gateway that needs `lens`."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_EXTRA_INDEX_URL", "http://127.0.0.1:9/")  # as Home Assistant's image
    code = config / "code"
    (code / "go2py").mkdir(parents=True)
    (code / "go2py/__main__.py").touch()
    monkeypatch.setattr(environment, "_PLACES", (config / "nothing", code))
    path = code / "requirements.txt"
    path.write_text(wheel(config, "GLASS = 1"))
    return path


def rewrite(path: Path, text: str) -> None:
    path.write_text(text)


def lives(pid: str) -> bool:
    return Path("/proc", pid).exists()


def says(python: Path, expression: str) -> str:
    done = subprocess.run([python, "-c", f"import lens; print({expression})"], capture_output=True, check=True)
    return done.stdout.decode().strip()


async def test_it_is_made_once_and_again_for_other_packages(
    hass: HomeAssistant, config: Path, requirements: Path
) -> None:
    seen: list[float] = []
    first, second = await asyncio.gather(prepare(hass, seen.append), prepare(hass, seen.append))
    assert first == second
    assert first.code == requirements.parent
    assert await hass.async_add_executor_job(says, first.python, "lens.GLASS") == "1"
    assert max(seen) >= 0.9
    assert seen.count(0.05) == 1, "one of them waited"
    made = first.python.stat().st_ctime_ns
    assert (await prepare(hass)).python.stat().st_ctime_ns == made

    rewrite(requirements, wheel(config, "GLASS = 2"))
    other = await prepare(hass)
    assert await hass.async_add_executor_job(says, other.python, "lens.GLASS") == "2"
    assert not first.python.exists(), "the old one is gone"

    (other.python.parents[1] / "complete").unlink()  # the machine went off in the middle of it
    assert await prepare(hass) == other
    other.python.unlink()  # the Python it was made from is gone
    assert await hass.async_add_executor_job(says, (await prepare(hass)).python, "lens.GLASS") == "2"
    await environment.remove(hass)
    assert list((config / ".cache").iterdir()) == []


async def test_another_hash(hass: HomeAssistant, config: Path, requirements: Path) -> None:
    """Whoever changed the package, it is not installed."""
    rewrite(requirements, f"lens @ {(config / 'lens-1.0-py3-none-any.whl').as_uri()} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(HostingError, match=r"(?i)hash"):
        await prepare(hass)
    with pytest.raises(HostingError):
        await prepare(hass)


async def test_without_uv_there_is_pip(
    hass: HomeAssistant, requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (requirements.parent / "pip.py").write_text("import sys; print(*sys.argv); sys.exit(3)")
    script = requirements.parent / "python"
    script.write_text(f'#!/bin/sh\ncd {requirements.parent}\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(HostingError, match=r"pip.py --python .*bin/python install .*--require-hashes"):
        await prepare(hass)


async def test_no_tool_to_be_found(hass: HomeAssistant, requirements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(HostingError, match="/nowhere/python"):
        await prepare(hass)


async def test_it_takes_too_long_or_is_given_up(
    hass: HomeAssistant, requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = requirements.parent / "python"
    script.write_text("#!/bin/sh\necho $$ >pid\nexec sleep 1000\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    monkeypatch.chdir(requirements.parent)
    monkeypatch.setattr(environment, "_SECONDS", 0.5)
    with pytest.raises(HostingError, match="not done after"):
        await prepare(hass)
    pid = (requirements.parent / "pid").read_text().strip()
    assert not lives(pid)


async def test_no_login_of_an_index_is_shown(hass: HomeAssistant) -> None:
    assert (
        environment._plain(b"fetching https://me:secret@index.test/simple\n")
        == "fetching https://***@index.test/simple"
    )


async def test_a_copy_without_the_gateway(hass: HomeAssistant, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_PLACES", (config,))
    with pytest.raises(CodeMissing):
        await prepare(hass)
    menu = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_USER})
    flow = await hass.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": "managed"})
    while flow["type"] is not FlowResultType.ABORT:
        await hass.async_block_till_done()
        flow = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert flow["reason"] == "gateway_missing"
    entry = MockConfigEntry(domain="go2py", unique_id="managed", data={"managed": True})
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "gateway_missing"


# --- the release -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the release workflow uploads."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone")
    path = tmp_path_factory.mktemp("release") / "go2py.zip"
    subprocess.run([ROOT / "scripts/release-zip", path], check=True, capture_output=True)
    return path


def test_what_is_in_it(release: Path) -> None:
    with zipfile.ZipFile(release) as archive:
        names = archive.namelist()
    assert {"manifest.json", "__init__.py", "translations/en.json", "gateway/requirements.txt"} <= set(names)
    assert {"gateway/go2py/__main__.py", "gateway/go2py/api/www/index.html", "LICENSE"} <= set(names)
    assert names == sorted(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith("config.yaml")]
    assert release.stat().st_size < 5_000_000


async def test_the_gateway_runs_from_it(release: Path, tmp_path: Path) -> None:
    """Installed as the Marketplace and HACS do: unpacked into the folder of its domain, with nothing beside it."""
    hacs = json.loads((ROOT / "hacs.json").read_text())
    assert (hacs["zip_release"], hacs["filename"]) == (True, release.name)
    target = tmp_path / "custom_components/go2py"
    with zipfile.ZipFile(release) as archive:
        archive.extractall(target)
    hass = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HOSTING),
        str(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {INTERPRETER: str(PYTHON)},
    )
    assert hass.stdout is not None
    async with asyncio.timeout(60):
        told = json.loads(await hass.stdout.readline())
        assert told["code"] == str(target / "gateway")
        assert told["pid"] in gateways(tmp_path)
        await hass.communicate(b"\n")
    assert hass.returncode == 0
    assert gateways(tmp_path) == {}
