"""The server's side of RTSP: requests in, replies and events out."""

import base64

import pytest

from go2py.config.trust import Throttle
from go2py.outputs.rtsp import Door
from go2py.protocols.http_auth import ServerAuth
from go2py.protocols.rtsp import Interleaved, Parser, Response
from go2py.protocols.rtsp_events import Close, Describe, Event, Leave, Pause, Play, SetUpUdp, Target
from go2py.protocols.rtsp_server import MAX_WAITING, ServerSession, State

URL = "rtsp://127.0.0.1:8554/front/door"


def request(method: str, url: str = URL, *headers: str, cseq: int = 1) -> bytes:
    return "\r\n".join([f"{method} {url} RTSP/1.0", f"CSeq: {cseq}", *headers, "", ""]).encode()


def replies(events: list[Event]) -> list[Response]:
    parser = Parser()
    found = [one for event in events if isinstance(event, bytes) for one in parser.feed(event)]
    assert all(isinstance(one, Response) for one in found)
    return found  # type: ignore[return-value]


def statuses(events: list[Event]) -> list[int]:
    return [reply.status for reply in replies(events)]


def described(*, udp: bool = False, tracks: int = 2) -> ServerSession:
    session = ServerSession("test", udp=udp)
    assert session.receive(request("DESCRIBE"), 0) == [Describe(Target("front/door", (), ""))]
    (reply,) = replies(session.described("v=0\r\n", tracks, 0))
    assert (reply.status, reply.body, reply.headers.get("Content-Type")) == (200, b"v=0\r\n", "application/sdp")
    return session


def playing() -> ServerSession:
    session = described()
    session.receive(request("SETUP", f"{URL}/trackID=0", "Transport: RTP/AVP/TCP;interleaved=0-1"), 0)
    reply, play = session.receive(request("PLAY"), 0)
    assert statuses([reply]) == [200]
    assert play == Play({0: 0})
    return session


def test_options_echo_the_sequence_number() -> None:
    (reply,) = replies(ServerSession("test").receive(request("OPTIONS", cseq=77), 0))
    assert (reply.status, reply.cseq) == (200, "77")
    assert "GET_PARAMETER" in reply.headers.get("Public")


@pytest.mark.parametrize(
    ("url", "name", "query"),
    [
        ("rtsp://h:8554/door", "door", ()),
        (
            "rtsp://h/a/b/?video=h264&video&audio=aac,opus",
            "a/b",
            (("video", "h264"), ("video", ""), ("audio", "aac,opus")),
        ),
        ("rtsp://u:p@h/door%20bell?mp4", "door bell", (("mp4", ""),)),
        ("rtsp://h", "", ()),
        ("/door?a=b", "door", (("a", "b"),)),
        ("rtsp://h/door?" + "&" * 5 + "a=1&" * 100, "door", ()),
    ],
)
def test_what_is_asked_for(url: str, name: str, query: tuple[tuple[str, str], ...]) -> None:
    (event,) = ServerSession("test").receive(request("DESCRIBE", url, "User-Agent: VLC"), 0)
    assert event == Describe(Target(name, query, "VLC"))


def test_the_first_query_counts() -> None:
    session = ServerSession("test")
    session.receive(request("OPTIONS", "*"), 0)
    session.receive(request("OPTIONS", f"{URL}?video", "User-Agent: VLC"), 0)
    assert session.receive(request("DESCRIBE", URL), 0) == [Describe(Target("front/door", (("video", ""),), "VLC"))]


def test_a_whole_session_over_tcp() -> None:
    session = described()
    for number in (1, 0):
        events = session.receive(request("SETUP", f"{URL}?x=1/trackID={number}", "Transport: RTP/AVP/TCP;unicast"), 0)
        (reply,) = replies(events)
        assert reply.headers.get("Transport") == f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
        assert reply.headers.get("Session") == f"{session.id};timeout=60"
    own = f"Session: {session.id}"
    answer, play = session.receive(request("PLAY", URL, own), 0)
    assert statuses([answer]) == [200]
    assert play == Play({0: 0, 1: 2})
    for method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "PLAY"):
        assert statuses(session.receive(request(method, URL, own), 0)) == [200]
    assert session.receive(request("PAUSE", URL, own), 0)[1:] == [Pause()]
    assert statuses(session.receive(request("PAUSE", URL, own), 0)) == [200]
    assert session.receive(request("PLAY", URL, own), 0)[1:] == [Play({0: 0, 1: 2})]
    answer, leave = session.receive(request("TEARDOWN", URL, own), 0)
    assert statuses([answer]) == [200]
    assert leave == Leave()
    assert statuses(session.receive(request("PAUSE", URL, own), 0)) == [200], "GStreamer's last word"
    assert session.receive(request("DESCRIBE", URL), 0) == [Describe(Target("front/door", (), ""))]


def test_requests_between_interleaved_frames() -> None:
    session = playing()
    noise = Interleaved(1, b"\x80\xc9\0\x01\0\0\0\1").encode()
    data = noise + request("GET_PARAMETER", cseq=5) + noise + request("OPTIONS", cseq=6) + noise
    assert [reply.cseq for reply in replies(session.receive(data, 0))] == ["5", "6"]


def test_byte_by_byte() -> None:
    session = ServerSession("test")
    events = [event for byte in request("DESCRIBE") for event in session.receive(bytes([byte]), 0)]
    assert events == [Describe(Target("front/door", (), ""))]


def test_requests_wait_for_the_description() -> None:
    session = ServerSession("test")
    setup = request("SETUP", f"{URL}/trackID=0", "Transport: RTP/AVP/TCP", cseq=2)
    assert len(session.receive(request("DESCRIBE") + setup + request("PLAY", cseq=3), 0)) == 1
    assert session.busy
    events = session.described("v=0\r\n", 1, 0)
    assert [reply.cseq for reply in replies(events)] == ["1", "2", "3"]
    assert events[-1] == Play({0: 0})


def test_a_stream_that_cannot_be_had_is_404_and_the_end() -> None:
    session = ServerSession("test")
    session.receive(request("DESCRIBE"), 0)
    reply, close = session.refused("stream not found")
    assert statuses([reply]) == [404]
    assert close == Close("stream not found")


@pytest.mark.parametrize(
    "transport", ["RTP/AVP;unicast;client_port=5000-5001", "RTP/AVP;multicast", "RAW/RAW/UDP", "", "RTP/SAVP"]
)
def test_other_transports_are_461(transport: str) -> None:
    session = described()
    assert statuses(session.receive(request("SETUP", f"{URL}/trackID=0", f"Transport: {transport}"), 0)) == [461]
    assert session.state is State.DESCRIBED


def test_the_first_acceptable_transport_is_taken() -> None:
    offer = "Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=8-9"
    (reply,) = replies(described().receive(request("SETUP", f"{URL}/trackID=0", offer), 0))
    assert reply.headers.get("Transport") == "RTP/AVP/TCP;unicast;interleaved=0-1"


def test_udp_where_it_is_allowed() -> None:
    session = described(udp=True)
    (event,) = session.receive(
        request("SETUP", f"{URL}/trackID=1", "Transport: RTP/AVP;unicast;client_port=5000-5001"), 0
    )
    assert event == SetUpUdp(1, (5000, 5001))
    (reply,) = replies(session.set_up(event, (6000, 6001), 0))
    assert reply.headers.get("Transport") == "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001"
    assert session.receive(request("PLAY"), 0)[1] == Play({})


def test_no_ports_left() -> None:
    session = described(udp=True)
    (event,) = session.receive(request("SETUP", f"{URL}/trackID=0", "Transport: RTP/AVP;client_port=5000-5001"), 0)
    assert isinstance(event, SetUpUdp)
    assert statuses(session.set_up(event, None, 0)) == [461]


@pytest.mark.parametrize(
    "url", [f"{URL}/trackID=2", f"{URL}/trackID=-1", f"{URL}/trackID=x", URL, f"{URL}/trackID=9999"]
)
def test_tracks_that_are_not_there_are_400(url: str) -> None:
    assert statuses(described().receive(request("SETUP", url, "Transport: RTP/AVP/TCP"), 0)) == [400]


def test_one_track_needs_no_number() -> None:
    assert statuses(described(tracks=1).receive(request("SETUP", URL, "Transport: RTP/AVP/TCP"), 0)) == [200]


@pytest.mark.parametrize("method", ["SETUP", "PLAY"])
def test_out_of_turn_is_455(method: str) -> None:
    session = ServerSession("test")
    assert statuses(session.receive(request(method, f"{URL}/trackID=0", "Transport: RTP/AVP/TCP"), 0)) == [455]
    assert session.state is State.INIT


def test_a_strangers_session_is_454() -> None:
    assert statuses(playing().receive(request("TEARDOWN", URL, "Session: nobody"), 0)) == [454]


@pytest.mark.parametrize(("method", "status"), [("REDIRECT", 501), ("FROB", 501)])
def test_what_is_not_spoken(method: str, status: int) -> None:
    assert statuses(ServerSession("test").receive(request(method), 0)) == [status]


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\r\n\r\n\0", b"GET\r\n\r\n", b"A" * 70_000]
)
def test_nonsense_is_400_and_the_end(data: bytes) -> None:
    session = ServerSession("test")
    *events, close = session.receive(data, 0)
    assert statuses(events) == [400]
    assert isinstance(close, Close)
    assert session.state is State.CLOSED


def test_what_came_before_nonsense_is_answered() -> None:
    assert statuses(ServerSession("test").receive(request("OPTIONS") + b"\0\0", 0)) == [200, 400]


def test_a_flood_of_requests_ends() -> None:
    session = ServerSession("test")
    events = session.receive(request("DESCRIBE") + request("OPTIONS") * (MAX_WAITING + 1), 0)
    assert statuses(events) == [413]
    assert isinstance(events[-1], Close)


def basic(user: str, password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_credentials() -> None:
    session = ServerSession("test", guard=ServerAuth("admin", "secret", realm="go2rtc"))
    (reply,) = replies(session.receive(request("OPTIONS"), 0))
    assert reply.status == 401
    assert 'Basic realm="go2rtc"' in reply.headers.all("WWW-Authenticate")
    assert statuses(session.receive(request("OPTIONS", URL, basic("admin", "secret")), 0)) == [200]
    assert session.receive(request("DESCRIBE", URL, basic("admin", "secret")), 0) == [
        Describe(Target("front/door", (), ""))
    ]


def test_wrong_credentials_end_slowly() -> None:
    session = ServerSession("test", guard=ServerAuth("admin", "secret"))
    *events, close = session.receive(request("DESCRIBE", URL, basic("admin", "guess")), 0)
    assert statuses(events) == [401]
    assert close == Close("wrong user or password", slow=True)
    assert session.receive(request("DESCRIBE", URL, basic("admin", "secret")), 0) == []


def test_guessing_is_slowed_down_for_the_address_alone() -> None:
    auth, throttle = ServerAuth("admin", "secret"), Throttle()

    def status(peer: str, password: str, now: float) -> list[int]:
        session = ServerSession("test", guard=Door(auth, throttle, peer))
        return statuses(session.receive(request("OPTIONS", URL, basic("admin", password)), now)[:1])

    inside = ServerSession("test", guard=Door(auth, throttle, "192.0.2.1"))
    right = basic("admin", "secret")
    assert statuses(inside.receive(request("OPTIONS", URL, right), 0)) == [200]
    for now in range(Throttle.FREE):
        assert status("192.0.2.1", "guess", now) == [401]
    assert status("192.0.2.1", "guess", 10) == [401]
    assert status("192.0.2.1", "secret", 10) == [401], "not looked at so soon"
    assert status("192.0.2.2", "secret", 10) == [200]
    assert statuses(inside.receive(request("GET_PARAMETER", URL, right), 10)) == [200]
    assert status("192.0.2.1", "secret", 60) == [200]
    assert status("192.0.2.1", "guess", 60) == [401]
    assert status("192.0.2.1", "secret", 60) == [200], "who knows the password starts anew"
