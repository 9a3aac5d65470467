"""RTSP messages, headers and authentication: any bytes give values or one `ProtocolError`."""

import contextlib
import random
import time

import pytest

from go2py.errors import ProtocolError
from go2py.protocols.http_auth import ClientAuth, ServerAuth, parse_challenges
from go2py.protocols.rtsp import Parser
from go2py.protocols.rtsp_headers import Session, Transport
from go2py.protocols.rtsp_url import RtspUrl, base_url, control_url

SECONDS = 1.5
SAMPLES = (
    b"DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\nSession: 1;timeout=60\r\n\r\nbody$\x00\x00\x04data",
    b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\n',
    b"$\x00\x00\x10" + bytes(16) + b"$\x01\x00\x08" + bytes(8) + b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n",
)
TEXTS = (
    "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1234ABCD;mode=play",
    "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;source=1.2.3.4",
    "216525287999;timeout=60",
    'Digest realm="r \\" x", nonce="n", algorithm=SHA-256, qop="auth,auth-int", stale=true, Basic realm="b"',
    'Digest username="u", realm="go2py", nonce="64-00", uri="/", response="00", qop=auth, nc=1, cnonce="c"',
    "rtsp://user:p%40ss@[::1]:554/path?query#fragment",
    "rtsp://rtsp://::ffff:1.2.3.4/",
)


def mutated(roll: random.Random, sample: bytes) -> bytes:
    data = bytearray(sample)
    for _ in range(roll.randrange(1, 8)):
        at = roll.randrange(len(data) + 1)
        match roll.randrange(4):
            case 0:
                data[at : at + 1] = roll.randbytes(1)
            case 1:
                del data[at : at + roll.randrange(9)]
            case 2:
                data[at:at] = roll.randbytes(roll.randrange(9))
            case _:
                other = roll.choice(SAMPLES)
                data[at:at] = other[roll.randrange(len(other)) :]
    return bytes(data)


@pytest.mark.parametrize("resync", [False, True])
def test_parser(resync: bool) -> None:
    roll, end = random.Random(7), time.monotonic() + SECONDS
    while time.monotonic() < end:
        parser = Parser(resync=resync)
        data = mutated(roll, roll.choice(SAMPLES)) if roll.random() < 0.8 else roll.randbytes(roll.randrange(300))
        whole: list[object] = []
        error = cut_error = False
        try:
            whole.extend(Parser(resync=resync).feed(data))
        except ProtocolError:
            error = True
        pieces: list[object] = []
        try:
            while data:
                size = roll.randrange(1, 40)
                pieces.extend(parser.feed(data[:size]))
                data = data[size:]
        except ProtocolError:
            cut_error = True
        assert error == cut_error
        if not error:
            assert pieces == whole


def test_header_values() -> None:
    roll, end = random.Random(8), time.monotonic() + SECONDS
    server = ServerAuth("u", "p")
    requested = RtspUrl.parse("rtsp://h/x")
    while time.monotonic() < end:
        text = mutated(roll, roll.choice(TEXTS).encode()).decode(errors="replace")
        for parse in (Transport.parse, Transport.parse_all, Session.parse, RtspUrl.parse):
            with contextlib.suppress(ProtocolError):
                str(parse(text))
        parse_challenges([text])
        client = ClientAuth("u", "p")
        if client.challenged([text]):
            client.authorization("PLAY", "rtsp://h/")
        server.verify(text, "PLAY", 100)
        control_url(base_url(text, requested), text)
