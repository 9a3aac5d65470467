"""What every tier may need. Fakes and fixtures of one tier live in that tier's folder."""

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
