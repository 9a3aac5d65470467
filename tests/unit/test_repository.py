"""What is committed makes sense on every machine, and to Supervisor."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import yaml

PLACES = (r"/ro" + r"ot/", r"/fa" + r"rm/", r"/wo" + r"rk/(?:main|shared|steering|\.library)", r"/tmp/bash_" + r"jobs")
INDEX_HOSTS = {"pypi.org", "files.pythonhosted.org"}  # uv.lock names the public index; setup copes where it is another
SUPERVISOR_READS = re.compile(r"(^|/)(config|repository)\.(ya?ml|json)$")


@pytest.fixture(scope="module")
def files(root: Path) -> list[str]:
    """What git tracks, or would after `git add`."""
    if not (git := shutil.which("git")) or not (root / ".git").exists():
        pytest.skip("not a git clone")
    command = [git, "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    return [name for name in listed if name and (root / name).is_file()]


def test_no_file_holds_a_path_of_a_machine(root: Path, files: list[str]) -> None:
    own = [re.escape(f"{path}/") for path in (root, Path.home()) if len(path.parts) > 2]
    pattern = re.compile("|".join([*PLACES, *own]))
    wrong = []
    for name in files:
        data = (root / name).read_bytes()
        if name == "uv.lock" or b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if pattern.search(line):
                wrong.append(f"{name}:{number}: {line.strip()[:120]}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_lock_names_only_the_public_index(root: Path) -> None:
    lock = (root / "uv.lock").read_text("utf-8")
    assert set(re.findall(r"https?://([^/\"]+)", lock)) <= INDEX_HOSTS
    assert "file://" not in lock


def test_supervisor_finds_one_app_and_one_repository(files: list[str]) -> None:
    """Supervisor reads every file of these names, wherever it lies, as an app or a repository."""
    assert {name for name in files if SUPERVISOR_READS.search(name)} <= {"addon/config.yaml", "repository.yaml"}


def test_the_card_has_the_player_of_the_pages(root: Path) -> None:
    """Two copies, since each is installed without the other; `scripts/card` makes them equal."""
    subprocess.run([root / "scripts/card", "--check"], check=True)


@pytest.mark.parametrize("language", ["de", "es", "fr", "it", "nl", "pl", "zh-Hans"])
def test_the_player_the_pages_and_the_card_speak_every_language(root: Path, language: str) -> None:
    english, other = (yaml.safe_load((root / f"translations/{name}.yaml").read_text()) for name in ("en", language))
    for section in ("player", "pages", "card"):
        assert in_plurals(english[section], PLURALS.get(language, ("one", "other"))) == set(other[section])
        for key, text in other[section].items():
            model = english[section].get(key) or english[section][f"{key.rpartition('.')[0]}.other"]
            assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", model)), key
            assert text == text.strip() != "", key


PLURALS = {"pl": ("one", "few", "many", "other"), "zh-Hans": ("other",)}
"""Categories of CLDR, where they are not those of English; `many` of Romance languages begins at a million."""


def in_plurals(keys: Iterable[str], forms: Sequence[str]) -> set[str]:
    """The keys of a language with these plurals, from those of English."""
    counted = {key.removesuffix(".one") for key in keys if key.endswith(".one")}
    plain = {key for key in keys if key.rpartition(".")[0] not in counted}
    return plain | {f"{key}.{form}" for key in counted for form in forms}


@pytest.mark.parametrize("folder", ["addon/go2py/api/www", "custom_components/go2py/www"])
def test_every_text_that_the_scripts_name(root: Path, folder: str) -> None:
    scripts = [path for path in (root / folder).rglob("*.js") if path.parent.name != "texts"]
    known = set(re.findall(r'^  "([^"]+)":', (root / folder / "lib/texts/en.js").read_text(), re.MULTILINE))
    plain = {key.removesuffix(".one").removesuffix(".other") for key in known}
    for path in scripts:
        named = set(re.findall(r'\bt\(\s*"([^"]+)"', path.read_text()))
        assert named <= plain | known, path.name
