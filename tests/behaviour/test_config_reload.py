"""A changed file takes effect without a restart; a wrong one changes nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from go2py.config.load import ConfigFiles
from go2py.config.store import ConfigStore
from go2py.config.values import Config
from go2py.config.watch import ConfigDiff, Watcher, diff, report
from go2py.errors import ConfigError

START = "streams:\n  a: x\n  b: y\napi: {listen: ':1'}\n"


class Setup:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(START)
        self.more = path.with_name("more.yaml")
        files = ConfigFiles([str(path), str(self.more)], environ={})
        self.store = ConfigStore(files)
        self.applied: list[ConfigDiff] = []
        self.watcher = Watcher(files, files.load(), self.apply, store=self.store, interval=0.02)

    def apply(self, config: Config, changes: ConfigDiff) -> None:
        self.applied.append(changes)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path / "go2py.yaml")


def names(changes: ConfigDiff) -> tuple[list[str], list[str], list[str], set[str]]:
    added, changed = [stream.name for stream in changes.added], [stream.name for stream in changes.changed]
    return added, list(changes.removed), changed, set(changes.sections)


def test_diff(tmp_path: Path) -> None:
    def load(text: str) -> Config:
        return ConfigFiles([text], directory=tmp_path, environ={}).load()

    old = load("{streams: {a: x, b: y, c: z}, api: {username: u, password: p}, foo: 1}")
    new = load("{streams: {a: x, b: [y, w], d: v}, api: {username: u, password: q}, log: {rtsp: debug}}")
    assert names(diff(old, new)) == (["d"], ["c"], ["b"], {"api", "log"})
    assert not diff(old, old)


async def test_a_change_is_noticed(setup: Setup) -> None:
    setup.watcher.start()
    setup.path.write_text("streams:\n  a: x\n  c: z\napi: {listen: ':1'}\n")
    await setup.until(lambda: bool(setup.applied))
    setup.more.write_text("log: {level: debug}")
    await setup.until(lambda: len(setup.applied) > 1)
    setup.watcher.close()
    assert [names(changes) for changes in setup.applied] == [(["c"], ["b"], [], set()), ([], [], [], {"log"})]


async def test_trigger(setup: Setup) -> None:
    setup.watcher._interval = 1000
    setup.watcher.start()
    await asyncio.sleep(0)
    setup.path.write_text("streams: {}")
    setup.watcher.trigger()
    await setup.until(lambda: bool(setup.applied))
    setup.watcher.close()


@pytest.mark.parametrize("text", ["streams: [", "api: {password: x}", "app: {modules: }", None])
async def test_a_wrong_file_changes_nothing(setup: Setup, caplog: pytest.LogCaptureFixture, text: str | None) -> None:
    before = setup.watcher.config
    if text is None:
        setup.path.unlink()
    else:
        setup.path.write_text(text)
    for _ in range(2):
        with pytest.raises(ConfigError):
            await setup.watcher.reload()
    assert setup.watcher.config is before
    assert not setup.applied
    assert "stays in force" in caplog.text
    setup.path.write_text(START.replace("b: y", "b: z"))
    assert names(await setup.watcher.reload()) == ([], [], ["b"], set())


async def test_what_the_api_wrote_is_not_applied_again(setup: Setup) -> None:
    await setup.store.set(("streams", "new"), "n")
    await setup.store.delete(("streams", "a"))
    assert not await setup.watcher.reload()
    assert set(setup.watcher.config.streams) == {"b", "new"}
    assert not setup.applied


async def test_what_else_was_changed_meanwhile_is(setup: Setup) -> None:
    setup.path.write_text(START.replace("b: y", "b: z"))
    await setup.store.set(("streams", "new"), "n")
    assert names(await setup.watcher.reload()) == (["new"], [], ["b"], set())


async def test_another_file_changed_with_it(setup: Setup) -> None:
    await setup.store.set(("streams", "new"), "n")
    setup.more.write_text("log: {level: debug}")
    assert names(await setup.watcher.reload()) == (["new"], [], [], {"log"})


async def test_a_replaced_file_is_applied(setup: Setup) -> None:
    await setup.store.replace("streams: {a: x}\napi: {listen: ':1'}\n")
    assert names(await setup.watcher.reload()) == ([], ["b"], [], set())
    assert not await setup.watcher.reload()


def test_problems_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = ConfigFiles(["{reported_once: 1}"], environ={}).load()
    report(config)
    report(config)
    assert caplog.text.count("reported_once") == 1
