"""What hassfest would check, and that every text exists in every language."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from custom_components.go2py.app import _BUSY
from custom_components.go2py.reasons import KEYS
from custom_components.go2py.sensor import SENSORS
from custom_components.go2py.talkers import TALK, TALK_STATES

from .conftest import ROOT

INTEGRATION = ROOT / "custom_components/go2py"
LANGUAGES = sorted(path.stem for path in (INTEGRATION / "translations").glob("*.json"))


def texts(language: str) -> dict[str, Any]:
    return dict(json.loads((INTEGRATION / f"translations/{language}.json").read_text()))


def flat(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            assert re.fullmatch(r"[a-z0-9_]+", key)
            yield from flat(value, f"{path}.{key}" if path else key)
    else:
        yield path, node


def test_they_come_from_the_place_where_they_are_edited() -> None:
    subprocess.run([ROOT / "scripts/translations", "--check"], check=True)
    assert {path.stem for path in (ROOT / "translations").glob("*.yaml")} == set(LANGUAGES)
    assert {"de", "en", "es", "fr", "it", "nl", "pl", "zh-Hans"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_complete(language: str) -> None:
    english, other = dict(flat(texts("en"))), dict(flat(texts(language)))
    assert english.keys() == other.keys()
    for key, text in english.items():
        placeholders = re.findall(r"{\w+}", text)
        assert sorted(placeholders) == sorted(re.findall(r"{\w+}", other[key])), key
        assert other[key] == other[key].strip() != ""
        assert not re.search(r"<\w|https?://|'{|}'", other[key]), key


def test_every_text_that_the_code_names() -> None:
    english = texts("en")
    camera = english["config_subentries"]["camera"]
    errors = {*KEYS, "camera_source", "camera_sub_source", "gateway_lost", "gateway_refused", "camera_command"}
    assert errors == set(english["issues"]["camera_auth"]["fix_flow"]["error"])
    assert set(camera["error"]) == errors | {"file_line", "file_invalid"}
    assert errors <= set(english["config"]["error"])
    modules = ("config_flow", "hosted_flow", "discovered_flow", "camera_flow", "many_flow")
    flow, hosted, card, subflow, many = ((INTEGRATION / f"{name}.py").read_text() for name in modules)
    flow += hosted + card
    subflow += many
    for source, section in ((flow, english["config"]), (subflow, camera)):
        steps = set(re.findall(r'(?<!next_)step_id="(\w+)"', source))
        assert steps == set(section["step"])
        aborts = set(re.findall(r'(?:async_abort\(reason=|AbortFlow\()"(\w+)"', source))
        assert aborts <= set(section["abort"])
    assert set(re.findall(r'errors\[[^]]+\] = "(\w+)"(?: if .* else "(\w+)")?', flow)) <= {
        (key, other) for key in english["config"]["error"] for other in ("", *english["config"]["error"])
    }
    assert {*(sensor.key for sensor in SENSORS), TALK} == set(english["entity"]["sensor"])
    assert set(TALK_STATES) == set(english["entity"]["sensor"][TALK]["state"])
    code = "".join(path.read_text() for path in INTEGRATION.glob("*.py"))
    named = set(re.findall(r'translation_key="(\w+)"|_(?:fail|wrong)\("(\w+)"', code))
    named_ones = {one for pair in named for one in pair if one} | set(re.findall(r'not_ready\("(\w+)"', code))
    assert named_ones | set(_BUSY.values()) == {*english["exceptions"], "app_outdated"}
    assert set(re.findall(r'self\._work\(\s*"(\w+)"', hosted)) == set(english["config"]["progress"])
    assert {f"{step}_failed" for step in english["config"]["progress"]} <= set(english["config"]["abort"])


def test_fields_have_a_name_and_help() -> None:
    english = texts("en")
    steps = {**english["config"]["step"], **english["config_subentries"]["camera"]["step"]}
    for step in steps.values():
        assert set(step.get("data", {})) == set(step.get("data_description", {}))


def test_texts_are_short() -> None:
    for key, text in flat(texts("en")):
        words, limit = len(text.split()), 6 if key.endswith("title") and "issues" not in key else 35
        assert words <= limit, (key, words)


def test_manifest() -> None:
    manifest = json.loads((INTEGRATION / "manifest.json").read_text())
    keys = list(manifest)
    assert keys == ["domain", "name", *sorted(keys[2:])]
    for key in ("documentation", "issue_tracker"):
        assert manifest[key].startswith("https://")
    assert manifest["codeowners"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    gateway = re.search(r'__version__ = "(.+)"', (ROOT / "addon/go2py/__init__.py").read_text())
    assert gateway is not None
    assert manifest["version"] == gateway[1]


def test_components_that_are_imported_are_declared() -> None:
    manifest = json.loads((INTEGRATION / "manifest.json").read_text())
    declared = {*manifest["dependencies"], *manifest["after_dependencies"]}
    platforms = {"binary_sensor", "media_player", "sensor", "switch"}  # they bring their own
    exempt = {*platforms, "diagnostics", "repairs", "system_health"}
    code = "".join(path.read_text() for path in INTEGRATION.glob("*.py"))
    imported = set(re.findall(r"homeassistant\.components\.(\w+)", code))
    assert imported <= declared | exempt


def test_hacs() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text())
    known = {"name", "homeassistant", "content_in_root", "filename", "hide_default_branch", "zip_release"}
    assert {"name"} <= hacs.keys() <= known
    assert hacs["zip_release"], "the gateway is only in the release"
    assert [path.name for path in (ROOT / "custom_components").iterdir() if (path / "manifest.json").exists()] == [
        "go2py"
    ]


def test_icons() -> None:
    icons = json.loads((INTEGRATION / "icons.json").read_text())
    for path, icon in flat(icons):
        assert re.fullmatch(r"mdi:[a-z0-9-]+", icon), path
    without_class = {TALK, *(sensor.key for sensor in SENSORS if sensor.device_class is None)}
    assert set(icons["entity"]["sensor"]) == without_class


def test_quality_scale_lists_every_rule() -> None:
    lines = (INTEGRATION / "quality_scale.yaml").read_text().splitlines()
    rules = [line.split(":")[0].strip() for line in lines if re.fullmatch(r"  [a-z-]+:.*", line)]
    assert len(rules) == len(set(rules)) == 54
    statuses = {word for line in lines for word in re.findall(r"(?:status|^  [a-z-]+): (\w+)", line)}
    assert statuses <= {"done", "todo", "exempt"}
