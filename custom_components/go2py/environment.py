"""A Python environment of the gateway's own: Home Assistant pins other versions of what it needs.

Its packages are those of the gateway's `requirements.txt`, each checked by its hash. It lies in Home Assistant's cache,
which backups leave out, under the name of what is in it: another list of packages, or another Python, makes another
environment, and the old one goes.
"""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LOGGER

INTERPRETER: Final = "GO2PY_GATEWAY_PYTHON"
"""Environment variable: a Python that has the gateway's packages already, for systems where wheels do not run."""
_SECONDS: Final = 30 * 60
_LINES: Final = 12
_COMPLETE: Final = "complete"
_LOCK: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_environment")
_PROGRESS: Final = {"Resolved": 0.1, "Collecting": 0.1, "Prepared": 0.7, "Installing collected": 0.7, "Installed": 0.9}
"""How far it is when uv or pip begin a line like this."""
_HERE: Final = Path(__file__).resolve().parent
_PLACES: Final = (_HERE / "gateway", _HERE.parents[1] / "addon")
"""The gateway's code as it is released, and in a clone of the project."""

type Progress = Callable[[float], None]


class HostingError(Exception):
    """The gateway cannot be run here; `str()` is the end of what was written about it."""


class CodeMissing(HostingError):
    """The integration was copied without the gateway."""


@dataclass(frozen=True, slots=True)
class Environment:
    """How to start the gateway: the interpreter, and the folder that holds the package."""

    python: Path
    code: Path


async def prepare(hass: HomeAssistant, progress: Progress = lambda _: None) -> Environment:
    """The environment of this version, made if it is not there. Raises `HostingError`."""
    code = await hass.async_add_executor_job(_find_code)
    if python := os.environ.get(INTERPRETER):
        return Environment(Path(python), code)
    requirements = code / "requirements.txt"
    folder = _folder(hass) / await hass.async_add_executor_job(_name, requirements)
    environment = Environment(folder / "bin/python", code)
    async with hass.data.setdefault(_LOCK, asyncio.Lock()):
        if not await hass.async_add_executor_job(_is_complete, folder):
            LOGGER.info("Installing what the gateway needs into %s", folder)
            try:
                await _make(hass, folder, requirements, progress)
            except OSError as error:
                raise HostingError(str(error)) from error
    return environment


async def remove(hass: HomeAssistant) -> None:
    """Take all environments away."""
    await hass.async_add_executor_job(partial(shutil.rmtree, _folder(hass), ignore_errors=True))


def _folder(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".cache", DOMAIN))  # what newer versions call `cache_path`


def _find_code() -> Path:
    for place in _PLACES:
        if (place / "go2py/__main__.py").is_file() and (place / "requirements.txt").is_file():
            return place
    raise CodeMissing


def _name(requirements: Path) -> str:
    """Named after the packages, the Python and the machine."""
    python = f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {sysconfig.get_config_var('SOABI')}"
    return hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:16]


def _is_complete(folder: Path) -> bool:
    return (folder / _COMPLETE).exists() and (folder / "bin/python").exists()


async def _make(hass: HomeAssistant, folder: Path, requirements: Path, progress: Progress) -> None:
    run = hass.async_add_executor_job
    await run(_clear, folder)
    await _call([sys.executable, "-m", "venv", "--without-pip", str(folder)], progress)
    progress(0.05)
    python, options = str(folder / "bin/python"), ["--require-hashes", "--no-deps", "-r", str(requirements)]
    if await run(importlib.util.find_spec, "uv"):
        command = [sys.executable, "-m", "uv", "pip", "install", "--python", python, "--compile-bytecode", *options]
    else:
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--disable-pip-version-check", *options]
    await _call(command, progress)
    await run(_finish, folder)


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)


def _finish(folder: Path) -> None:
    """Complete; what was there before goes."""
    (folder / _COMPLETE).touch()
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _variables() -> Mapping[str, str]:
    """Home Assistant's own, without those that lead to another index or Python: the hashes are of the public index."""
    drop = {"UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_SYSTEM_PYTHON", "UV_PYTHON", "VIRTUAL_ENV", "PYTHONPATH"}
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    return kept | {"CRC32C_PURE_PYTHON": "1", "NO_COLOR": "1"}  # google-crc32c has no wheel for musl and needs none


async def _call(command: Sequence[str], progress: Progress) -> None:
    """Run a command to its end. Raises `HostingError` with the end of its output, and `OSError`."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_variables(),
        limit=1 << 20,
    )
    assert process.stdout is not None
    lines: deque[str] = deque(maxlen=_LINES)
    try:
        async with asyncio.timeout(_SECONDS):
            async for line in process.stdout:
                lines.append(_plain(line))
                LOGGER.debug("%s", lines[-1])
                if reached := next((value for word, value in _PROGRESS.items() if lines[-1].startswith(word)), None):
                    progress(reached)
            code = await process.wait()
    except TimeoutError:
        raise HostingError(f"not done after {_SECONDS // 60} minutes") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code:
        raise HostingError("\n".join(lines) or f"exit code {code}")


def _plain(line: bytes) -> str:
    """A line without a login that an index's address may hold."""
    return re.sub(r"//[^/\s@]+@", "//***@", line.decode("utf-8", "replace").rstrip())
