"""`talk` of a stream and the section `play`; which codec a camera is spoken to in."""

from pathlib import Path

import pytest

from go2py.config.load import ConfigFiles
from go2py.config.settings import TalkSettings
from go2py.config.values import Config, PlayConfig
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.observe.secret import Secret
from go2py.streams.talk.choice import choose

PCMA, PCMU = (Codec(name, "audio", 8_000) for name in (names.PCMA, names.PCMU))
AAC, OPUS = Codec(names.AAC, "audio", 16_000), Codec(names.OPUS, "audio", 48_000, 2)
AMR = Codec("AMR", "audio", 8_000)


def load(text: str) -> Config:
    return ConfigFiles([text], directory=Path("/"), environ={}).load()


def talk(text: str) -> tuple[TalkSettings, list[str]]:
    config = load(f"streams: {{door: {{url: 'demo:', talk: {text}}}}}")
    return config.streams["door"].talk, [problem.key for problem in config.problems]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mix", TalkSettings("mix")),
        ("{policy: first, hold: 5s}", TalkSettings("first", hold=5.0)),
        ("{warmup: 300ms, duck: hard}", TalkSettings(warmup=0.3, duck="hard")),
        ("{threshold: -40, gain: 6dB}", TalkSettings(threshold=-40.0, gain=6.0)),
        ("null", TalkSettings()),
    ],
)
def test_how_a_camera_is_spoken_to(text: str, wanted: TalkSettings) -> None:
    assert talk(text) == (wanted, [])


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("loudest", "streams.door.talk"),
        ("{policy: all}", "streams.door.talk.policy"),
        ("{duck: quack}", "streams.door.talk.duck"),
        ("{threshold: 5}", "streams.door.talk.threshold"),
        ("{gain: loud}", "streams.door.talk.gain"),
        ("{hold: soon}", "streams.door.talk.hold"),
        ("{volume: 3}", "streams.door.talk.volume"),
    ],
)
def test_what_is_wrong_is_reported_and_the_default_holds(text: str, key: str) -> None:
    assert talk(text) == (TalkSettings(), [key])


def test_what_may_be_played() -> None:
    config = load("play: {folders: [/media], tts: {url: 'http://h/say?text={text}', command: [say, '{text}']}}")
    assert config.play == PlayConfig((Path("/media"),), Secret("http://h/say?text={text}"), ("say", "{text}"))
    assert not config.problems


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{folders: [media]}", "play.folders"),
        ("{tts: {url: 'file:///etc/passwd'}}", "play.tts.url"),
        ("{x: 1}", "play.x"),
    ],
)
def test_what_must_not_be_played(text: str, key: str) -> None:
    config = load(f"play: {text}")
    assert (config.play, [problem.key for problem in config.problems]) == (PlayConfig(), [key])


@pytest.mark.parametrize(
    ("takes", "said", "wanted"),
    [
        ([AAC, PCMA, PCMU], PCMU, PCMU),  # as it is said
        ([PCMA, AAC, OPUS], PCMU, OPUS),  # clear and quick
        ([AAC, PCMA], OPUS, PCMA),  # quick
        ([AMR, AAC], OPUS, AAC),
        ([AMR], OPUS, None),
        ([], OPUS, None),
    ],
)
def test_the_codec_of_a_call(takes: list[Codec], said: Codec, wanted: Codec | None) -> None:
    assert choose(takes, said) == wanted
