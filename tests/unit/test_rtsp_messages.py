"""RTSP messages: cut from bytes and back, in whatever pieces they come."""

import pytest

from go2py.errors import ProtocolError
from go2py.protocols.rtsp import (
    MAX_BODY,
    MAX_HEAD,
    MAX_LINE,
    Headers,
    Interleaved,
    Message,
    Parser,
    Request,
    Response,
)
from go2py.protocols.rtsp_headers import Session, Transport

OPTIONS = b"OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n"
ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nbody"
FRAME = b"$\x02\x00\x03abc"


def parse(data: bytes, *, resync: bool = False) -> list[Message]:
    return list(Parser(resync=resync).feed(data))


def test_messages_survive_a_round_trip() -> None:
    request = Request("SETUP", "rtsp://h/t=1", Headers([("CSeq", "3"), ("Transport", "RTP/AVP")]), b"x" * 10)
    response = Response(461, "", Headers([("CSeq", "3")]))
    first, second, third = parse(request.encode() + response.encode() + FRAME)
    assert isinstance(first, Request)
    assert (first.method, first.url, first.body) == ("SETUP", "rtsp://h/t=1", b"x" * 10)
    assert first.headers.get("transport") == "RTP/AVP"
    assert isinstance(second, Response)
    assert (second.status, second.reason) == (461, "Unsupported Transport")
    assert third == Interleaved(2, b"abc")
    assert third.encode() == FRAME


def test_byte_by_byte_gives_the_same() -> None:
    data = OPTIONS + FRAME + ANSWER + FRAME + b"\r\n" + OPTIONS
    parser = Parser()
    found = [message for byte in data for message in parser.feed(bytes((byte,)))]
    assert found == parse(data)
    assert [type(message) for message in found] == [Request, Interleaved, Response, Interleaved, Request]
    assert parser.empty


def test_careless_heads() -> None:
    (message,) = parse(b'RTSP/1.0 401\nCseq:7\nWWW-Authenticate: Digest realm="a",\n   nonce="b"\nno header\n\n')
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.cseq) == (401, "", "7")
    assert message.headers.get("www-authenticate") == 'Digest realm="a", nonce="b"'


def test_header_values_repeat_and_stay_hidden() -> None:
    headers = Headers([("WWW-Authenticate", "Basic"), ("www-authenticate", "Digest")])
    assert headers.all("WWW-AUTHENTICATE") == ["Basic", "Digest"]
    assert "Basic" not in repr(headers)


def test_no_header_smuggles_a_line_break() -> None:
    with pytest.raises(ProtocolError):
        Request("OPTIONS", "rtsp://h/\r\nEvil: 1").encode()


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"hello there",
        b"RTSP/1.0 abc\r\n\r\n",
        b"OPTIONS\r\n\r\n",
        b"OPTIONS x HTTPS/9\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"RTSP/1.0 200 OK\r\nX: " + b"y" * MAX_LINE + b"\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * (MAX_HEAD // 6 + 1),
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(data)


def test_good_messages_before_nonsense_are_not_lost() -> None:
    messages = Parser().feed(OPTIONS + b"\x00")
    assert isinstance(next(messages), Request)
    with pytest.raises(ProtocolError):
        next(messages)


def test_garbage_is_skipped_as_far_as_a_frame_or_an_answer() -> None:
    garbage = b"\x01\x02 R $\xff\x00\x01 $\x00\xff\xff"
    assert parse(FRAME + garbage + FRAME + garbage + ANSWER, resync=True) == [*parse(FRAME + FRAME), *parse(ANSWER)]
    parser = Parser(resync=True)
    pieces = [message for byte in garbage + FRAME + garbage + ANSWER for message in parser.feed(bytes((byte,)))]
    assert pieces == parse(FRAME + ANSWER)


@pytest.mark.parametrize("garbage", [b"\x01" + b"$\xff\xff\xff" * 10, b"\x01" * (MAX_HEAD + 1)])
def test_endless_garbage_is_given_up(garbage: bytes) -> None:
    with pytest.raises(ProtocolError, match="RTSP wrong input"):
        parse(garbage, resync=True)


def test_unfinished_frame_can_be_taken_back() -> None:
    parser = Parser()
    assert len(list(parser.feed(OPTIONS + FRAME[:5]))) == 1
    assert parser.take() == FRAME[:5]
    assert parser.empty
    list(parser.feed(OPTIONS[:9]))
    assert parser.take() == b""
    assert not parser.empty


@pytest.mark.parametrize(
    ("text", "protocol", "interleaved"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=10-11;ssrc=10117CB7", "tcp", (10, 11)),
        ("RTP/AVP/TCP;unicast;destination=192.168.1.111;source=192.168.1.222;interleaved=0", "tcp", (0, 1)),
        ("RTP/AVP/TCP;ssrc=22345682;interleaved=0-1", "tcp", (0, 1)),
        ("RTP/AVP;unicast;destination=192.168.1.111;source=192.168.1.222;interleaved=0-1", "tcp", (0, 1)),
        ("RTP/AVP/TCP;interleaved=999", "tcp", None),
        ("rtp/avp/udp ; unicast ; client_port=5000-5001", "udp", None),
    ],
)
def test_transport_as_cameras_write_it(text: str, protocol: str, interleaved: tuple[int, int] | None) -> None:
    transport = Transport.parse(text)
    assert (transport.protocol, transport.interleaved) == (protocol, interleaved)


def test_transport_round_trip() -> None:
    for transport in (
        Transport("tcp", interleaved=(4, 5), ssrc=0xABCDEF01, mode="record"),
        Transport("udp", client_port=(5000, 5001), server_port=(6000, 6001), source="192.0.2.1"),
        Transport("udp", multicast=True),
    ):
        assert Transport.parse(str(transport)) == transport


def test_transport_alternatives() -> None:
    found = Transport.parse_all("RAW/RAW/UDP;unicast,RTP/AVP;unicast;client_port=7-8,RTP/AVP/TCP;interleaved=0-1")
    assert [one.protocol for one in found] == ["udp", "tcp"]
    with pytest.raises(ProtocolError):
        Transport.parse("RAW/RAW/UDP;unicast")


@pytest.mark.parametrize(
    ("text", "session"),
    [
        ("216525287999;timeout=60", Session("216525287999", 60)),
        ("abc", Session("abc")),
        (" a ; Timeout = 30 ; x", Session("a", 30)),
        ("a;timeout=soon", Session("a")),
    ],
)
def test_session_header(text: str, session: Session) -> None:
    assert Session.parse(text) == session
    assert Session.parse(str(session)) == session


def test_session_without_id() -> None:
    with pytest.raises(ProtocolError):
        Session.parse(";timeout=60")
