"""Schemes and who speaks them."""

import pytest

from go2py.errors import Unsupported
from go2py.sources.registry import SCHEMES, dial
from go2py.streams.registry import INSECURE
from go2py.streams.source import SourceUrl

GO2RTC = (
    "alsa bubble doorbird dvrip echo eseecloud exec expr ffmpeg flussonic gopro hass homekit http https httpx isapi "
    "ivideon kasa multitrans nest onvif ring roborock rtmp rtmps rtmpx rtsp rtsps rtspx tapo tcp tuya v4l2 vigi webrtc "
    "webtorrent wyoming wyze xiaomi yandex"
)


def test_all_of_go2rtc_and_the_demo_are_listed() -> None:
    assert set(SCHEMES) == {*GO2RTC.split(), "demo"}
    assert len(SCHEMES) == len(set(SCHEMES))
    assert INSECURE.issubset(SCHEMES)


def test_schemes_to_come_say_so() -> None:
    with pytest.raises(Unsupported, match="ffmpeg: is not spoken by go2py yet"):
        dial(SourceUrl("ffmpeg:cam#audio=opus"))


def test_ffmpeg_that_would_only_copy_is_not_needed() -> None:
    camera = dial(SourceUrl("rtsp://h/s"))
    assert dial(SourceUrl("ffmpeg:rtsp://h/s")).key == camera.key
    assert dial(SourceUrl("ffmpeg:rtsp://h/s#query=log_level=debug")).key == camera.key
    with pytest.raises(Unsupported, match="ffmpeg: is not spoken by go2py yet"):
        dial(SourceUrl("ffmpeg:rtsp://h/s#video=h264"))


@pytest.mark.parametrize("text", ["", "cam", "gopher://u:s3cret@h/"])
def test_unknown_schemes_are_told_without_their_secrets(text: str) -> None:
    with pytest.raises(Unsupported, match="streams: unsupported scheme") as caught:
        dial(SourceUrl(text))
    assert "s3cret" not in str(caught.value)
