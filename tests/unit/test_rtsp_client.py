"""The client's side of RTSP without a socket: URLs, requests, what answers mean."""

import pytest

from go2py.errors import Busy, Go2pyError, ProtocolError, Unauthorized, Unreachable
from go2py.protocols.rtsp import Headers, Request, Response
from go2py.protocols.rtsp_client import Refused, RtspClient, TransportRefused
from go2py.protocols.rtsp_url import RtspUrl, base_url, control_url


@pytest.mark.parametrize(
    ("text", "wire", "user", "password", "address"),
    [
        ("rtsp://cam/x?y=1", "rtsp://cam/x?y=1", "", "", "cam:554"),
        ("rtsp://u:p@cam:8554/", "rtsp://cam:8554/", "u", "p", "cam:8554"),
        ("RTSPS://u@[fe80::1]:1/x", "rtsps://[fe80::1]:1/x", "u", "", "[fe80::1]:1"),
        ("rtspx://a%40b:c%3Ad@cam", "rtsps://cam", "a@b", "c:d", "cam:554"),
        ("rtsp://u:p@ss@cam/x", "rtsp://cam/x", "u", "p@ss", "cam:554"),
        ("rtsp://u:p/s?s@cam/x", "rtsp://cam/x", "u", "p/s?s", "cam:554"),
        ("rtsp://cam:554/mail@x", "rtsp://cam:554/mail@x", "", "", "cam:554"),
        ("rtsp://::ffff:192.0.2.1/x", "rtsp://[::ffff:192.0.2.1]/x", "", "", "[::ffff:192.0.2.1]:554"),
    ],
)
def test_urls(text: str, wire: str, user: str, password: str, address: str) -> None:
    url = RtspUrl.parse(text)
    assert (str(url), url.user, url.password, url.address) == (wire, user, password, address)
    assert "password" not in repr(url)


@pytest.mark.parametrize(
    "text", ["", "cam/x", "rtsp:/x", "rtsp://", "rtsp://u:p@/x", "rtsp://h:99999/", "rtsp://a:b:c/"]
)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ProtocolError):
        RtspUrl.parse(text)


@pytest.mark.parametrize(
    ("content_base", "base"),
    [
        ("", "rtsp://cam/x"),
        ("rtsp://cam/x/", "rtsp://cam/x/"),
        ("rtsp://::ffff:192.168.1.123/onvif/profile.1/", "rtsp://[::ffff:192.168.1.123]/onvif/profile.1/"),
        ("rtsp://rtsp://turret2-cam.lan:554/stream1/", "rtsp://turret2-cam.lan:554/stream1/"),
        ("192.168.253.220:1935/", "rtsp://192.168.253.220:1935/"),
        ("rtsp://u:p@cam/x/", "rtsp://cam/x/"),
        ("rtsp://a:b:c/", "rtsp://cam/x"),
    ],
)
def test_content_base_as_cameras_write_it(content_base: str, base: str) -> None:
    assert base_url(content_base, RtspUrl.parse("rtsp://cam/x")) == base


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("rtsp://cam/x/", "trackID=1", "rtsp://cam/x/trackID=1"),
        ("rtsp://cam/x", "/trackID=1", "rtsp://cam/x/trackID=1"),
        ("rtsp://cam/x?a=1", "trackID=1", "rtsp://cam/x?a=1/trackID=1"),
        ("rtsp://cam/x", "rtsp://1.0.1.113/t", "rtsp://1.0.1.113/t"),
        ("rtsp://cam/x", "", "rtsp://cam/x/"),
        ("rtsp://cam/x/", "*", "rtsp://cam/x/"),
    ],
)
def test_control_urls(base: str, control: str, url: str) -> None:
    assert control_url(base, control) == url


def client(text: str = "rtsp://u:p@cam/x") -> RtspClient:
    return RtspClient(RtspUrl.parse(text), "test/1")


def answered(status: int, *fields: tuple[str, str]) -> Response:
    return Response(status, headers=Headers(fields))


def test_requests_are_numbered_named_and_bound_to_the_session() -> None:
    one = client()
    first, setup = one.request("DESCRIBE"), one.request("SETUP", "rtsp://cam/x/1", {"Transport": "t"})
    assert (first.cseq, setup.cseq, setup.headers.get("User-Agent")) == ("1", "2", "test/1")
    assert b"\r\nCSeq: 1\r\n" in first.encode()
    assert one.judge(setup, answered(200, ("Session", "77;timeout=30"))) is None
    assert one.request("PLAY").headers.get("Session") == "77"
    assert one.keepalive_interval == 10


def test_a_challenge_is_answered_and_kept() -> None:
    one = client()
    again = one.judge(
        one.request("DESCRIBE", fields={"Accept": "a"}), answered(401, ("WWW-Authenticate", 'Basic realm="r"'))
    )
    assert isinstance(again, Request)
    assert (again.cseq, again.headers.get("Accept"), again.headers.get("Authorization")) == ("2", "a", "Basic dTpw")
    assert one.judge(again, answered(200)) is None
    assert one.request("SETUP").headers.get("Authorization") == "Basic dTpw"


def test_tp_link_without_credentials_is_called_localhost() -> None:
    one = client("rtsp://cam:554/x")
    challenge = answered(401, ("WWW-Authenticate", 'Digest realm="TP-LINK Streaming Media", nonce="n"'))
    again = one.judge(one.request("DESCRIBE"), challenge)
    assert isinstance(again, Request)
    assert again.url == "rtsp://127.0.0.1:554/x"
    with pytest.raises(Unauthorized):
        one.judge(again, challenge)


def test_a_redirect_keeps_credentials() -> None:
    one = client()
    moved = one.judge(one.request("DESCRIBE"), answered(302, ("Location", "rtsp://other:1/y")))
    assert isinstance(moved, RtspUrl)
    assert (str(moved), moved.user, moved.password) == ("rtsp://other:1/y", "u", "p")
    for fields in ((), (("Location", "http://other/"),)):
        with pytest.raises(ProtocolError):
            one.judge(one.request("DESCRIBE"), answered(302, *fields))


@pytest.mark.parametrize(
    ("status", "method", "error"),
    [
        (403, "DESCRIBE", Unauthorized),
        (404, "DESCRIBE", Unreachable),
        (453, "SETUP", Busy),
        (503, "DESCRIBE", Busy),
        (461, "SETUP", TransportRefused),
        (551, "DESCRIBE", Refused),
        (500, "PLAY", Unreachable),
        (799, "PLAY", Unreachable),
    ],
)
def test_refusals_name_the_camera_and_no_secret(status: int, method: str, error: type[Go2pyError]) -> None:
    one = client("rtsp://user:s3cret@cam/x")
    with pytest.raises(error, match="cam:554") as caught:
        one.judge(one.request(method), answered(status))
    assert "s3cret" not in str(caught.value)


def test_keepalive_by_what_the_server_can_do() -> None:
    one = client()
    assert one.keepalive().method == "OPTIONS"
    assert one.judge(one.keepalive(), answered(200, ("Public", "OPTIONS, get_parameter"))) is None
    assert one.keepalive().method == "GET_PARAMETER"
    one.keepalive_refused()
    assert one.keepalive().method == "OPTIONS"
