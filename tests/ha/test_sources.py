"""Source texts and the gateway's words."""

import pytest

from custom_components.go2py.client import sentence
from custom_components.go2py.config_flow import normalize
from custom_components.go2py.reasons import KEYS, reason_key
from custom_components.go2py.sources import (
    InvalidSource,
    credentials_of,
    host_of,
    is_address,
    masked,
    with_credentials,
    without_credentials,
)


@pytest.mark.parametrize("text", ["192.168.1.20", "cam.local", "cam-1:8554", "[fd00::1]", "[fd00::1]:554", "camera/"])
def test_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["rtsp://cam/1", "demo:", "ffmpeg:rtsp://cam/1#video=h264", "tapo://cam"])
def test_a_source(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("text", ["", "two words", "?", "/dev/video0", "cam/stream", "cam:x" * 4000])
def test_neither(text: str) -> None:
    with pytest.raises(InvalidSource):
        is_address(text)


def test_credentials_go_in_and_out() -> None:
    source = with_credentials("rtsp://old:one@cam:554/1?x=a@b", "mé", "p@:/#")
    assert source == "rtsp://m%C3%A9:p%40%3A%2F%23@cam:554/1?x=a@b"
    assert credentials_of(["demo:", source]) == ("mé", "p@:/#")
    assert without_credentials(source) == "rtsp://cam:554/1?x=a@b"
    assert with_credentials("rtsp://cam/1", "", "ignored") == "rtsp://cam/1"
    pattern = "rtsp://cam/user={user}_password={password}.sdp"
    assert with_credentials(pattern, "me", "a b") == "rtsp://me:a%20b@cam/user=me_password=a%20b.sdp"
    assert host_of(source) == "cam:554"
    assert host_of("demo:?fps=5") == "demo:?fps=5"


def test_masks() -> None:
    assert masked("rtsp://u:p@cam/1?user=x&pwd=y#key=z") == "rtsp://***@cam/1?user=x&pwd=***#key=***"
    assert masked("rtsp://cam/user=x_password=y_z") == "rtsp://cam/user=x_password=***"


def test_reasons() -> None:
    assert reason_key("who knows") == "camera_error"
    assert reason_key("streams: the codec X is not spoken by go2py") == "camera_codec"
    assert len(set(KEYS)) == len(KEYS)


def test_words_without_the_room() -> None:
    assert sentence("webrtc: streams: cam: no answer\n") == "cam: no answer"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.168.1.20", "http://192.168.1.20:1984/"),
        ("go2py.local:80", "http://go2py.local/"),
        ("https://host/path/", "https://host/path/"),
        ("http://host/api?x#y", "http://host/api/"),
        ("[fd00::1]", "http://[fd00::1]:1984/"),
    ],
)
def test_addresses_of_gateways(text: str, url: str) -> None:
    assert normalize(text) == url
