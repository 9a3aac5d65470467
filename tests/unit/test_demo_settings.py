import pytest

from go2py.errors import Unsupported
from go2py.sources.demo import spec
from go2py.sources.demo.settings import DemoSettings, parse
from go2py.streams.source import SourceUrl


def test_nothing_means_the_defaults() -> None:
    assert parse("") == DemoSettings()


def test_every_parameter_is_read() -> None:
    query = "size=640x360&fps=10&gop=20&video=h264&audio=aac&bitrate=800k&clock=stream&seed=7"
    assert parse(query) == DemoSettings(640, 360, 10, 20, "h264", "aac", 800_000, "stream", 7)


def test_rates_have_units() -> None:
    assert [parse(f"bitrate={text}").bitrate for text in ("64000", "64k", "2M")] == [64_000, 64_000, 2_000_000]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("size=big", "as in 1280x720"),
        ("size=641x360", "even"),
        ("size=99999x99999", "3840x2160"),
        ("fps=0", "from 1 to 60"),
        ("fps=61", "from 1 to 60"),
        ("fps=²", "whole number"),
        ("gop=-1", "whole number"),
        ("video=av1", "h264, none"),
        ("audio=mp3", "opus, aac, pcma, none"),
        ("bitrate=1", "50k"),
        ("bitrate=99999999999999M", "50k"),
        ("clock=sun", "wall, stream"),
        ("seed=x", "whole number"),
        ("video=none&audio=none", "both"),
        ("colour=red", "'colour'"),
        ("fps=25&" * 200, "hundreds"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_can(query: str, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        spec(SourceUrl(f"demo:?{query}"))


def test_the_same_camera_has_the_same_key() -> None:
    keys = {spec(SourceUrl(text)).key for text in ("demo:", "demo:?fps=25", "demo:?gop=250&fps=25#backchannel=0")}
    assert len(keys) == 1
    assert spec(SourceUrl("demo:?fps=24")).key not in keys


def test_a_path_is_refused() -> None:
    with pytest.raises(Unsupported, match="only parameters"):
        spec(SourceUrl("demo://camera"))
