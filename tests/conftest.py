"""What every tier may need. Fakes and fixtures of one tier live in that tier's folder."""

import shutil
import sys
from pathlib import Path

import pytest

from go2py.observe import secret

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _secrets_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process masks what it once learnt for ever; a test's passwords may be another's plain words."""
    monkeypatch.setattr(secret, "_known", set(secret._known))
    monkeypatch.setattr(secret, "_search", secret._search)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def go2py() -> Path:
    """The installed command, as users start it."""
    return Path(sys.executable).with_name("go2py")


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The system's Chromium, for Playwright's `executable_path`."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return Path(path)
    pytest.skip("no Chromium on PATH; scripts/test says how to get it")
