"""`scripts/run` shows everything, and leaves nothing behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from aiohttp import ClientSession
from playwright.async_api import Browser

from scripts.home_assistant.api import Api
from scripts.home_assistant.demo import CAMERAS, DASHBOARD
from scripts.home_assistant.instance import ROOT, HomeAssistant
from tests.e2e.frontend import Frontend, person
from tests.e2e.talking import loudness
from tests.fakes.running import free_ports

QUIET, LOUD = -60, -40
"""dB of the tone: what the demo camera has of it by itself, and what it repeats."""


async def test_it_starts_furnished_and_stops_whole_in_the_middle_of_a_stream(tmp_path: Path, speaker: Browser) -> None:
    (port,) = free_ports(1)
    mark = f"go2py-e2e-{os.getpid()}-{port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.home_assistant", tmp_path,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"GO2PY_HOME_ASSISTANT_PORT": str(port), "MARK": mark},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            line = (await process.stdout.readline()).decode()
        assert line.startswith(f"http://127.0.0.1:{port}/{DASHBOARD} ")
        home = HomeAssistant(tmp_path, port)
        async with ClientSession() as http:
            api: Api = await home.signed_in(http)
            entities = {one["entity_id"] for one in await api.command("config/entity_registry/list")}
            assert "camera.haustur_sud_sub_stream" in entities
            async with person(speaker, home.url, api) as page:
                await page.open(DASHBOARD)
                for number in range(len(CAMERAS)):
                    await page.playing(page.page.locator("go2py-camera").nth(number))
                await speak_and_listen(page)
                await page.open(f"{DASHBOARD}/cameras")
                for number in range(len(CAMERAS)):
                    await page.playing(page.card("picture-entity", number))
                assert len(marked(mark)) >= 3  # this one, Home Assistant, the gateway
                process.send_signal(signal.SIGINT)
                async with asyncio.timeout(60):
                    assert await process.wait() == 0
    finally:
        if process.returncode is None:
            for number in marked(mark):
                os.kill(number, signal.SIGKILL)
            await process.wait()
    assert not marked(mark)
    assert home.login_file.stat().st_mode & 0o77 == 0
    assert api.login.password not in line


async def speak_and_listen(page: Frontend) -> None:
    """Press to talk on the first card, release, and hear from the camera what it heard."""
    card = page.page.locator("go2py-camera").first
    assert await loudness(card) < QUIET
    await card.get_by_role("button", name="Hold to speak").hover()
    await page.page.mouse.down()
    await card.get_by_text("Speak now").wait_for()
    await page.page.wait_for_timeout(1500)  # of talk
    await page.page.mouse.up()
    async with asyncio.timeout(20):
        while await loudness(card) < LOUD:
            await asyncio.sleep(0.02)


def marked(mark: str) -> dict[int, str]:
    """The processes that have this in their environment, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except FileNotFoundError, ProcessLookupError, PermissionError:
            continue  # it ended meanwhile, or is another user's
    return found
