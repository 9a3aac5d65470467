"""Secrets do not show: by type, by URL, by value."""

import copy
import json
import pickle

import pytest

from go2py.observe import secret
from go2py.observe.secret import Secret, mask, masked, remember


def test_a_secret_prints_as_stars() -> None:
    value = Secret("hunter2")
    assert {str(value), repr(value), f"{value:>3}", f"{[value]}"[1:-1], "%s" % value} == {"***"}  # noqa: UP031
    assert value.open() == "hunter2"
    assert value == Secret("hunter2") != Secret("other")
    assert not Secret("")
    with pytest.raises(TypeError):
        pickle.dumps(value)
    with pytest.raises(TypeError):
        json.dumps(value)
    with pytest.raises(TypeError):
        copy.deepcopy(value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:p@h/x", "rtsp://***@h/x"),
        ("rtsp://u:p@ss@h:554/x?a=b@c", "rtsp://***@h:554/x?a=b@c"),
        ("rtsp://u:p/a#s?s@h/x", "rtsp://***@h/x"),
        ("rtsp://u:p'a\"s@h/x", "rtsp://***@h/x"),
        ("tapo://pw@192.0.2.1", "tapo://***@192.0.2.1"),
        ("ffmpeg:rtsp://u:p@h#audio=opus", "ffmpeg:rtsp://***@h#audio=opus"),
        ("a rtsp://u:p@h and http://v:q@i", "a rtsp://***@h and http://***@i"),
        ("http://h/?user=a&password=b&x=1#token=c;d", "http://h/?user=a&password=***&x=1#token=***"),
        ("http://h:80/a:b@c", "http://h:80/a:b@c"),
        ("http://[fe80::1]:554/a@b", "http://[fe80::1]:554/a@b"),
        ("http://h/media/a.wav?authSig=ey.J0", "http://h/media/a.wav?authSig=***"),
        ("http://h/?monkey=1&keyframe=2&author=3", "http://h/?monkey=1&keyframe=2&author=3"),
    ],
)
def test_urls(text: str, shown: str) -> None:
    assert mask(text) == shown


def test_remembered_values() -> None:
    for value in ("s3cret", "s3cret-longer", "a&b c", "abc"):
        remember(value)
    assert mask("s3cret-longer s3cret a%26b%20c abc") == "*** *** *** abc"


def test_json_stays_json() -> None:
    remember('qu"ote\\')
    value = {"a": 'x qu"ote\\ y', "rtsp://u:p@h": [1, True, None, "rtsp://u:p@h"], "t": ("a&token=b",)}
    assert json.loads(json.dumps(masked(value))) == {
        "a": "x *** y", "rtsp://***@h": [1, True, None, "rtsp://***@h"], "t": ["a&token=***"],
    }  # fmt: skip


def test_a_password_that_is_a_word_of_ours_breaks_no_answer() -> None:
    secret.remember("video")
    secret.remember("Streams")
    assert secret.masked({"streams": ["video, recvonly, H264"]}) == {"streams": ["video, recvonly, H264"]}
    assert secret.mask("rtsp://admin:video@host/") == "rtsp://***@host/"
