"""The file is shown without its secrets, and a mask that comes back keeps what is stored."""

import pytest

from go2py.config.document import compose
from go2py.config.masking import masked_text, restore
from go2py.errors import ConfigError

CANARIES = [f"canary{number}" for number in range(21)]
STORED = """\
# old: rtsp://u:canary0@h and password: canary1
env:
  A: canary2
api:
  username: admin
  password: "canary3"  # was password=canary4
  local_auth: true
  tls_key: |
    -----BEGIN
    canary5
  listen: ":1984"
webrtc:
  ice_servers: [{urls: turn:x, username: u, credential: canary6}]
streams:
  password: rtsp://admin:canary7@192.0.2.1/x
  a: [rtsp://admin:canary8@192.0.2.2/x, 'rtsp://admin:canary9@192.0.2.3/x?token=canary10']
  b:
    - rtsp://${USER}:${PASSWORD}@h
    - ffmpeg:rtsp://q:canary11@h#audio=opus
    - "rtsp://q:cana\\"ry@h/canary#key=canary12"
    - tapo://canary13@192.0.2.9
    - rtsp://u:${PASSWORD:canary19}@192.0.2.10
  rtsp://u:canary14@h/: x
rtsp: {password: "${RTSP_PASSWORD:canary20}"}
homekit: {a: {pin: canary15, pairings: [canary16, canary17]}}
xiaomi: {123: canary18}
"""
MASKED = masked_text(STORED)


def test_no_secret_is_shown() -> None:
    assert [canary for canary in CANARIES if canary in MASKED] == []
    assert "cana\\" not in MASKED
    for kept in ("username: admin", "local_auth: true", 'listen: ":1984"', "${USER}:${PASSWORD}", "@192.0.2.2/x"):
        assert kept in MASKED
    assert compose(MASKED)  # still YAML


def test_sent_back_unchanged() -> None:
    assert restore(MASKED, STORED) == STORED


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rtsp://***@192.0.2.1/x", "rtsp://***@192.0.2.77/y", "password: rtsp://admin:canary7@192.0.2.77/y"),
        ("rtsp://***@192.0.2.1/x", "rtsp://root:***@192.0.2.1/x", "password: rtsp://root:canary7@192.0.2.1/x"),
        ("password: rtsp", "front: rtsp", "front: rtsp://admin:canary7@192.0.2.1/x"),
        (
            "[rtsp://***@192.0.2.2/x, 'rtsp://***@192.0.2.3/x?token=***']",
            "['rtsp://***@192.0.2.3/y?token=***', rtsp://***@192.0.2.2/x]",
            "['rtsp://admin:canary9@192.0.2.3/y?token=canary10', rtsp://admin:canary8@192.0.2.2/x]",
        ),
        ("ffmpeg:rtsp://***@h#audio=opus", "ffmpeg:rtsp://***@h#audio=aac", "ffmpeg:rtsp://q:canary11@h#audio=aac"),
        ("password: '***'", "password: fresh", "password: fresh"),
        ("password: '***'", 'password: "***"', 'password: "canary3"'),
        ("password: '***'", "password: ***", 'password: "canary3"'),
    ],
)
def test_sent_back_with_changes(old: str, new: str, expected: str) -> None:
    assert old in MASKED
    assert expected in restore(MASKED.replace(old, new, 1), STORED)


@pytest.mark.parametrize(
    "text",
    [
        "streams: {z: 'rtsp://***@zz'}",
        "api: {tls: {password: '***'}}",
        "homekit: {a: {pairings: ['***']}}",  # which of the two?
        "api: [",
    ],
)
def test_a_mask_without_a_secret(text: str) -> None:
    with pytest.raises(ConfigError):
        restore(text + " # ***", STORED)


def test_no_mask_no_change() -> None:
    assert restore("not: [yaml", STORED) == "not: [yaml"


def test_a_file_that_is_no_yaml_is_masked_by_line() -> None:
    broken = "a: [\npassword: canary1\nx: rtsp://u:canary2@h\n"
    hidden = masked_text(broken)
    assert "canary" not in hidden
    assert restore("password: ***\nb: 1\n", broken) == "password: canary1\nb: 1\n"


def test_doubled_keys_keep_their_own_secrets() -> None:
    text = "env: {A: canary1}\nenv: {A: canary2}\napi: {password: canary3, password: canary4}\n"
    assert "canary" not in masked_text(text)
    assert restore(masked_text(text), text) == text
