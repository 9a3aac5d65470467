"""Writes to the configuration file: nothing is lost, nothing is torn, nothing but what was meant changes."""
# ruff: noqa: ASYNC240  small files, and nothing else on the loop

import asyncio
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Never

import pytest

from go2py.config.load import ConfigFiles
from go2py.config.store import ConfigStore
from go2py.errors import ConfigError

WRITER = """
import asyncio, sys
from pathlib import Path
from go2py.config.load import ConfigFiles
from go2py.config.store import ConfigStore

async def main(path, name, count):
    store = ConfigStore(ConfigFiles([path]))
    print("ready", flush=True)
    for number in range(int(count)):
        await store.set(("streams", f"{name}{number % 50}"), [f"rtsp://192.0.2.1/{number}"] * (number % 7 + 1))

asyncio.run(main(*sys.argv[1:]))
"""


def store_of(path: Path, *more: str) -> ConfigStore:
    return ConfigStore(ConfigFiles([str(path), *more], environ={}))


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "go2py.yaml"
    path.write_text("# mine\nstreams:\n  door: rtsp://u:p@192.0.2.7/x # front\napi:\n  listen: ':1984'\n")
    return path


async def test_24_writers_and_another_process_lose_nothing(path: Path) -> None:
    other = start_writer(path, "other", 24)
    assert other.stdout
    await asyncio.to_thread(other.stdout.readline)
    stores = [store_of(path), store_of(path)]  # not even sharing a lock
    await asyncio.gather(*(stores[n % 2].set(("streams", f"mine{n}"), f"rtsp://192.0.2.{n}/x") for n in range(24)))
    assert await asyncio.to_thread(other.wait) == 0
    other.stdout.close()
    streams = ConfigFiles([str(path)]).load().streams
    assert set(streams) == {"door", *(f"mine{n}" for n in range(24)), *(f"other{n}" for n in range(24))}
    assert path.read_text().startswith("# mine\nstreams:\n  door: rtsp://u:p@192.0.2.7/x # front\n")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_kill_leaves_the_old_file_or_the_new_one(path: Path) -> None:
    chance = random.Random(5)
    count = 0
    for _ in range(8):
        writer = start_writer(path, "x", 100_000)
        assert writer.stdout
        writer.stdout.readline()
        time.sleep(chance.uniform(0.01, 0.1))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        config = ConfigFiles([str(path)]).load()
        assert not config.problems
        for stream in config.streams.values():
            if stream.name != "door":
                number = int(stream.sources[0].rpartition("/")[2])
                assert stream.sources == (f"rtsp://192.0.2.1/{number}",) * (number % 7 + 1)
        count = len(config.streams)
    assert count > 1
    asyncio.run(store_of(path).set(("streams", "last"), "x"))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]  # what the killed left is gone


async def test_owner_mode_and_links_stay(tmp_path: Path, path: Path) -> None:
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    before = path.stat()
    link = tmp_path / "sub" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(path)
    await store_of(link).set(("streams", "new"), "x")
    assert link.is_symlink()
    after = path.stat()
    assert "new: x" in path.read_text()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


async def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "go2py.yaml"
    await store_of(path).set(("streams", "a"), "x")
    assert path.read_text() == "streams:\n  a: x\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_in_place_where_renaming_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> Never:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "rename", refuse)
    before, inode = path.read_text(), path.stat().st_ino
    await store_of(path).delete(("streams", "door"))
    assert path.stat().st_ino == inode
    assert "door" not in path.read_text()
    backup = path.with_name("go2py.yaml.bak")
    assert backup.read_text() == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert "in place" in caplog.text


async def test_without_a_file() -> None:
    store = ConfigStore(ConfigFiles(["{}"]))
    for change in (store.masked(), store.set(("a", "b"), "c"), store.replace(""), store.patch("{}")):
        with pytest.raises(ConfigError, match="config file disabled"):
            await change


async def test_replace_keeps_what_is_masked(path: Path) -> None:
    store = store_of(path)
    shown = await store.masked()
    assert shown is not None
    assert "u:p" not in shown
    await store.replace(shown.replace("/x # front", "/y # back"))
    assert "  door: rtsp://u:p@192.0.2.7/y # back\n" in path.read_text()


@pytest.mark.parametrize(
    "text", ["- a", "a: [", "api: {password: x}", "app: {modules: {a: b}}", "streams: {a: 'rtsp://***@unknown'}"]
)
async def test_replace_refuses_what_would_not_start(path: Path, text: str) -> None:
    before = path.read_text()
    with pytest.raises(ConfigError):
        await store_of(path).replace(text)
    assert path.read_text() == before


async def test_what_is_checked_is_the_whole(path: Path) -> None:
    """Another `-c` may make wrong what is right alone, and the other way round."""
    await store_of(path, "api.username=u").replace("api: {password: x}")
    with pytest.raises(ConfigError, match="needs"):
        await store_of(path, "api.username=u").replace("streams: {}")


async def test_patch_merges_and_keeps_comments(path: Path) -> None:
    await store_of(path).patch(
        '{"streams": {"yard": ["a", "b"], "door": "rtsp://***@192.0.2.8/x"}, "log": {"level": "debug"}}'
    )
    assert path.read_text() == (
        "# mine\nstreams:\n  door: rtsp://u:p@192.0.2.8/x # front\n  yard:\n    - a\n    - b\n"
        "api:\n  listen: ':1984'\nlog:\n  level: debug\n"
    )


@pytest.mark.parametrize(
    "body",
    [
        '{"streams": "x"}',
        '{"streams": ["x"]}',
        '{"api": {"listen": {"a": 1}}}',
        '{"api": {"listen": "nonsense"}}',
        "[]",
        "",
        "{",
    ],
)
async def test_patch_refuses_conflicts(path: Path, body: str) -> None:
    before = path.read_text()
    with pytest.raises(ConfigError):
        await store_of(path).patch(body)
    assert path.read_text() == before


async def test_patch_adds_what_looks_the_same(path: Path) -> None:
    await store_of(path).patch('{"streams": {"yard": "rtsp://***@192.0.2.7/x"}}')
    assert "  yard: rtsp://u:p@192.0.2.7/x\n" in path.read_text()


async def test_what_is_there_is_not_written_again(path: Path) -> None:
    inode = path.stat().st_ino
    await store_of(path).set(("streams", "door"), "rtsp://u:p@192.0.2.7/x")
    await store_of(path).delete(("streams", "nobody"))
    await store_of(path).delete(("preload", "nobody"))
    assert path.stat().st_ino == inode


async def test_no_secret_gets_in_by_reference(path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be stored"):
        await store_of(path).set(("streams", "a"), ["rtsp://evil/${API_PASSWORD}"])
