"""Source texts and the gateway's words."""

import pytest

from custom_components.go2py.config_flow import normalize
from custom_components.go2py.errors import sentence
from custom_components.go2py.reasons import CODES, KEYS, reason_key
from custom_components.go2py.sources import (
    InvalidSource,
    credentials_of,
    host_of,
    hosts_of,
    is_address,
    masked,
    runs_commands,
    with_credentials,
    with_host,
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
    assert credentials_of(["demo:"]) == ("", "")
    assert without_credentials(source) == "rtsp://cam:554/1?x=a@b"
    assert with_credentials("rtsp://cam/1", "", "ignored") == "rtsp://cam/1"
    pattern = "rtsp://cam/user={user}_password={password}.sdp"
    assert with_credentials(pattern, "me", "a b") == "rtsp://me:a%20b@cam/user=me_password=a%20b.sdp"
    assert host_of(source) == "cam:554"
    assert host_of("demo:?fps=5") == "demo:?fps=5"


def test_masks() -> None:
    assert masked("rtsp://u:p@cam/1?user=x&pwd=y#key=z") == "rtsp://***@cam/1?user=x&pwd=***#key=***"
    assert masked("rtsp://cam/user=x_password=y_z") == "rtsp://cam/user=x_password=***"


def test_addresses_go_in_and_out() -> None:
    nested = "ffmpeg:rtsp://me:p%40s@10.0.0.5:554/1#video=h264"
    assert hosts_of([nested, "demo:", "http://[FD00::1]/x", "rtsp://Cam.local"]) == {"10.0.0.5", "fd00::1", "cam.local"}
    assert with_host(nested, "10.0.0.5", "10.0.0.6") == nested.replace("10.0.0.5", "10.0.0.6")
    assert with_host("rtsp://10.0.0.55/10.0.0.5", "10.0.0.5", "10.0.0.6") == "rtsp://10.0.0.55/10.0.0.5"
    assert with_host("rtsp://u:p@[fd00::1]:8554/1", "FD00::1", "fd00::2") == "rtsp://u:p@[fd00::2]:8554/1"
    assert with_host("demo:", "x", "y") == "demo:"


def test_commands() -> None:
    assert runs_commands("EXEC:rm")
    assert not runs_commands("ffmpeg:exec")
    assert not runs_commands("10.0.0.5")


def test_reasons() -> None:
    assert reason_key("who knows") == "camera_error"
    assert reason_key("paused") == "camera_paused"
    assert {reason_key(code) for code in CODES} == KEYS


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
