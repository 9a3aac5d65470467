"""The example of docs/adding-a-source.md is real: it is run just as it stands there."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.errors import Unsupported
from go2py.media.unit import AccessUnit
from go2py.observe.events import Bus
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from go2py.streams.source import SourceSpec, SourceUrl
from go2py.streams.track import Track


def example(root: Path) -> dict[str, Any]:
    text = (root / "docs" / "adding-a-source.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    module: dict[str, Any] = {"__name__": "pictures"}
    exec(compile(code[1], "adding-a-source.md", "exec"), module)  # noqa: S102  (our own page)
    return module


async def test_example_plays_a_folder(root: Path, tmp_path: Path) -> None:
    spec = example(root)["spec"]
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(b"\xff\xd8" + name.encode() + b"\xff\xd9")

    def dial(url: SourceUrl) -> SourceSpec:
        found = spec(url)
        assert isinstance(found, SourceSpec)
        return found

    registry = Registry(dial, ["pictures"], StreamSettings(), Bus())
    registry.apply(
        [StreamConfig("door", (f"pictures:{tmp_path}?fps=30",)), StreamConfig("bad", ("pictures:/x?fps=99",))]
    )
    assert isinstance(registry.require("bad").slots[0].error, Unsupported)
    attachment = await registry.require("door").attach(ReaderInfo("test"), wants_from_query(()))
    seen: asyncio.Queue[AccessUnit] = asyncio.Queue()

    def take(_track: Track, units: Sequence[AccessUnit]) -> None:
        for unit in units:
            seen.put_nowait(unit)

    attachment.tracks[0].subscribe(take)
    async with asyncio.timeout(10):
        pictures = {(await seen.get()).units[0][2:3] for _ in range(6)}
    assert pictures == {b"a", b"b", b"c"}
    attachment.close()
    await registry.close()
