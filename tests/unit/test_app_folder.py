"""The app's folder, as Supervisor and the image's build read it."""

import ast
import importlib.machinery
import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys
import tomllib
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import pytest
import voluptuous as vol
import yaml

from go2py import __version__
from go2py.config.commandline import parse
from go2py.config.hosted import INGRESS, Options
from go2py.config.trust import parse_address
from go2py.discovery.supervisor import SERVICE
from go2py.observe.log import LEVELS

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "addon"
LANGUAGES = {"en", "de", "fr", "nl", "es", "it", "pl", "zh-Hans"}

# What Supervisor 2026.08 takes of the keys that are used here; it drops unknown ones silently, this does not.
ELEMENT = re.compile(
    r"(?:bool|email|url|port|device(?:\(subsystem=[a-z]+\))?|str(?:\(\d*,\d*\))?|password(?:\(\d*,\d*\))?"
    r"|int(?:\(-?\d*,-?\d*\))?|match\(.*\)|list\(.+\))\??"
)
MAP = {"app_config", "all_app_configs", "local_apps", "homeassistant_config", "ssl", "share", "media", "backup", "data"}
SCHEMA = vol.Schema(
    {
        vol.Required("name"): str,
        vol.Required("version"): vol.Match(r"^\d+\.\d+\.\d+\S*$"),
        vol.Required("slug"): vol.Match(r"^[-_.A-Za-z0-9]+$"),
        vol.Required("description"): vol.All(str, vol.Length(max=120)),
        vol.Required("arch"): vol.All([vol.In({"aarch64", "amd64"})], vol.Unique()),
        "url": vol.Url(),
        "homeassistant": vol.Match(r"^\d{4}\.\d+\.\d+$"),
        "startup": vol.In({"initialize", "system", "services", "application", "once"}),
        "init": bool,
        "host_network": bool,
        "ingress": bool,
        "ingress_port": vol.Any(0, vol.All(int, vol.Range(1, 65535))),
        "panel_icon": vol.Match(r"^mdi:[a-z-]+$"),
        "panel_title": str,
        "watchdog": vol.Match(r"^(?:https?|\[PROTO:\w+\]|tcp):\/\/\[HOST\]:\[PORT:\d+\].*$"),
        "discovery": [str],
        "video": bool,
        "audio": bool,
        "map": [{vol.Required("type"): vol.In(MAP), vol.Required("read_only"): bool}],
        "backup": vol.In({"hot", "cold"}),
        "backup_exclude": [str],
        "options": dict,
        "schema": {str: vol.Match(rf"^{ELEMENT.pattern}$")},
    }
)
TRANSLATION = vol.Schema({"configuration": {str: {vol.Required("name"): str, vol.Required("description"): str}}})


def script(name: str) -> ModuleType:
    """A script of the project that is Python."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    value: dict[str, Any] = SCHEMA(yaml.safe_load((ADDON / "config.yaml").read_text("utf-8")))
    return value


# --- config.yaml ------------------------------------------------------------------------------------------------------


def test_version_is_the_gateways(config: dict[str, Any]) -> None:
    assert config["version"] == __version__
    assert f"## {__version__}" in (ADDON / "CHANGELOG.md").read_text("utf-8")


def test_ingress_and_watchdog_use_the_listener_for_them(config: dict[str, Any]) -> None:
    port = INGRESS.rpartition(":")[2]
    assert config["ingress_port"] == int(port)
    assert not 62000 <= int(port) <= 65500, "Supervisor's own choices"
    assert config["watchdog"] == f"http://[HOST]:[PORT:{port}]/api"
    assert parse_address(INGRESS.rpartition(":")[0]) is not None


def test_discovery_names_the_service(config: dict[str, Any]) -> None:
    assert config["discovery"] == [SERVICE]


def test_options_are_what_the_gateway_reads(config: dict[str, Any]) -> None:
    assert set(config["schema"]) == set(Options.__dataclass_fields__)
    assert config["options"] == {}, "an option that is not set leaves it to the file"
    assert all(kind.endswith("?") for kind in config["schema"].values())
    levels = re.fullmatch(r"list\((.*)\)\?", config["schema"]["log_level"])
    assert levels is not None
    assert set(levels[1].split("|")) <= LEVELS.keys()


@pytest.mark.parametrize("folder", ["addons/data/a0d7b954_go2py", "app_configs/local_go2py"])
def test_backups_leave_recordings_out(config: dict[str, Any], folder: str) -> None:
    """As Supervisor does it: the pattern against the full path, from its end."""
    (pattern,) = config["backup_exclude"]
    assert PurePath("/data", folder, "recordings").match(pattern)
    assert not PurePath("/data", folder, "go2py.yaml").match(pattern)


def test_nothing_else_looks_like_an_app() -> None:
    """Supervisor takes every file of this name, in folders whose name has no dot, for an app."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git work tree")
    paths = [PurePath(line) for line in listed.stdout.decode().splitlines()]
    found = [str(path) for path in paths if path.stem == "config" and path.suffix in {".yaml", ".yml", ".json"}]
    assert found == ["addon/config.yaml"]
    assert [str(path) for path in paths if path.stem == "repository"] == ["repository.yaml"]


# --- what users see ---------------------------------------------------------------------------------------------------


def test_every_language_has_every_option(config: dict[str, Any]) -> None:
    assert {path.stem for path in (ADDON / "translations").iterdir()} >= LANGUAGES
    for path in (ADDON / "translations").iterdir():
        texts = TRANSLATION(yaml.safe_load(path.read_text("utf-8")))["configuration"]
        assert texts.keys() == config["schema"].keys(), path.name


@pytest.mark.parametrize(("name", "size"), [("icon.png", (128, 128)), ("logo.png", (250, 100))])
def test_pictures_have_their_size(name: str, size: tuple[int, int]) -> None:
    data = (ADDON / name).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack_from(">II", data, 16) == size
    assert len(data) < 20_000


def test_documentation_names_every_option(config: dict[str, Any]) -> None:
    text = (ADDON / "DOCS.md").read_text("utf-8")
    assert [name for name in config["schema"] if f"`{name}`" not in text] == []


# --- the image --------------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"(?m)^\s*#.*\n", "", (ADDON / "Dockerfile").read_text("utf-8"))
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines) if name]


def the(name: str) -> str:
    (found,) = [rest for instruction, rest in instructions() if instruction == name]
    return found


def test_image_starts_from_the_current_base() -> None:
    assert the("FROM") == "ghcr.io/home-assistant/base-python:3.14-alpine3.24", "named here: builders hand over none"


def test_image_copies_only_what_is_there() -> None:
    allowed = (ADDON / ".dockerignore").read_text("utf-8").splitlines()
    assert allowed[0] == "*"
    for name, rest in instructions():
        if name in {"COPY", "ADD"}:
            source = rest.split()[0]
            assert (ADDON / source).exists()
            assert f"!{source}" in allowed


def test_image_starts_the_gateway() -> None:
    program, command = ast.literal_eval(the("ENTRYPOINT")), ast.literal_eval(the("CMD"))
    assert program == ["python3", "-m", "go2py"]
    arguments = parse(command)
    assert (arguments.config, arguments.app) == (("/config/go2py.yaml",), "/data")


def test_requirements_are_the_lock() -> None:
    tool = script("app-requirements")
    packages = tool.locked()
    assert tool.requirements(packages) == (ADDON / "requirements.txt").read_text("utf-8"), (
        "run scripts/app-requirements"
    )
    page = (ROOT / "docs" / "docker.md").read_text("utf-8")
    assert tool.page(page, packages) == page, "run scripts/app-requirements"


def test_only_what_has_no_wheel_is_built() -> None:
    """On every platform; and what is built needs no compiler, which the page says by name."""
    tool = script("app-requirements")
    missing = tool.exceptions(tool.locked())
    (install,) = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    built = re.search(r"--no-binary ([\w,.-]+)", install)
    assert sorted(missing) == sorted(built[1].split(",") if built else ())
    assert all(platform.startswith("musl") for platforms in missing.values() for platform in platforms)
    for flag in ("--require-hashes", "--only-binary :all:", "--no-deps"):
        assert flag in install


# --- AppArmor ---------------------------------------------------------------------------------------------------------


def test_profile_can_be_renamed() -> None:
    """Supervisor puts the slug in the place of the name, which has to be there once, at the start of a line."""
    text = (ADDON / "apparmor.txt").read_text("utf-8")
    assert re.findall(r"(?m)^profile ([^ ]+).*$", text) == ["go2py"]
    assert text.count("{") == text.count("}")


def test_profile_lets_write_what_is_mapped(config: dict[str, Any]) -> None:
    text = (ADDON / "apparmor.txt").read_text("utf-8")
    for volume in config["map"]:
        folder = volume["type"].removeprefix("app_")
        assert f"/{folder}/{{,**}} {'r' if volume['read_only'] else 'rwkl'}," in text


def test_profile_is_understood_by_apparmor() -> None:
    parser = shutil.which("apparmor_parser", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if parser is None:
        if os.environ.get("GO2PY_REQUIRE_PEERS"):
            pytest.fail("apparmor_parser is missing")
        pytest.skip("no apparmor_parser; scripts/test says how to get it")
    command = [parser, "--skip-kernel-load", "--skip-cache", "-Q", str(ADDON / "apparmor.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- the package ------------------------------------------------------------------------------------------------------


def test_every_file_that_the_build_names_is_in_the_folder() -> None:
    """pip builds from this folder alone."""
    text = (ADDON / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)
    hatch = project["tool"]["hatch"]
    named = [project["project"]["readme"], *project["project"]["license-files"], hatch["version"]["path"]]
    named += hatch["build"]["targets"]["sdist"]["only-include"]
    assert [name for name in named if not (ADDON / name).exists()] == []
    assert "../" not in text
