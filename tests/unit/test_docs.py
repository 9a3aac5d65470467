"""What the documentation says of the configuration is what the gateway reads."""

import re
from dataclasses import fields
from pathlib import Path

from go2py.config.load import ConfigFiles
from go2py.config.settings import StreamSettings


def test_examples_are_understood_without_a_problem(root: Path, tmp_path: Path) -> None:
    text = (root / "docs" / "configuration.md").read_text(encoding="utf-8")
    environ = {"DOOR_PASSWORD": "example-door", "GO2PY_PASSWORD": "example-api"}
    for number, example in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example, encoding="utf-8")
        assert not ConfigFiles([str(path)], environ=environ).load().problems


def test_every_number_is_in_the_table(root: Path) -> None:
    text = (root / "docs" / "configuration.md").read_text(encoding="utf-8").partition("## Numbers")[2]
    assert set(re.findall(r"`(\w+)`", text.partition("each with its default")[2])) == {
        field.name for field in fields(StreamSettings)
    }
