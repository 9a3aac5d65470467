"""RTSP messages, headers and authentication: any bytes give values or one `ProtocolError`."""

import contextlib
import random
import time

import pytest

from go2py.errors import ProtocolError
from go2py.media.codec import Codec
from go2py.protocols import sdp
from go2py.protocols.http_auth import ClientAuth, ServerAuth, parse_challenges
from go2py.protocols.rtp.packet import build
from go2py.protocols.rtsp import Parser, interleaved_header
from go2py.protocols.rtsp_headers import Session, Transport
from go2py.protocols.rtsp_url import RtspUrl, base_url, control_url
from go2py.sources.rtsp.connection import Connection
from go2py.sources.rtsp.ear import listed_track, unlisted_track
from go2py.sources.rtsp.manner import manner_of
from go2py.sources.rtsp.receiver import Receiver
from tests.fakes.sink import RecordingSink
from tests.fuzz.mutate import mutations

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


async def test_connection_delivers_the_same_however_it_is_cut() -> None:
    roll, end = random.Random(9), time.monotonic() + SECONDS
    media = sdp.Media("video", "recvonly", "", (Codec("H264", "video", 90_000),), (96,))
    while time.monotonic() < end:
        frames = [
            interleaved_header(roll.choice((0, 0, 1, 9)), len(packet)) + packet
            for packet in (_packet(roll, number) for number in range(40))
        ]
        for _ in range(roll.randrange(3)):
            frames.insert(roll.randrange(len(frames)), roll.choice(SAMPLES))
        data = b"".join(frames)
        if roll.random() < 0.5:
            data = mutated(roll, data)
        whole, pieces = _delivered(media, [data]), []
        while data:
            size = roll.randrange(1, 400)
            pieces.append(data[:size])
            data = data[size:]
        assert _delivered(media, pieces) == whole


def _packet(roll: random.Random, number: int) -> bytes:
    packet = build(96, roll.random() < 0.5, number, number // 2 * 3600, 1, roll.randbytes(roll.randrange(60)))
    return packet if roll.random() < 0.9 else roll.randbytes(1) + packet[1:]


def _delivered(media: sdp.Media, pieces: list[bytes]) -> tuple[list[tuple[bytes, ...]], bool]:
    sink, connection = RecordingSink(), Connection()
    connection.receivers[0] = Receiver(0, media, sink)
    connection.control[1] = connection.receivers[0]
    for piece in pieces:
        connection.received(piece)
    return [unit.units for unit in sink.units[0]], connection.lost.done()


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


def test_backchannels_of_any_description() -> None:
    whole = (
        b"v=0\r\na=tool:BC Streaming Media v1\r\nm=audio 0 RTP/AVP 8\r\na=control:track1\r\na=recvonly\r\n"
        b"m=audio 0 RTP/AVP 0 97\r\na=rtpmap:0 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:97 L16/16000\r\n"
        b"a=ptime:40\r\na=control:rtsp://h/track2\r\na=sendonly\r\n"
    )
    plain = sdp.parse(whole[:90])
    end = time.monotonic() + SECONDS
    for text in mutations((whole,), 1_000_000):
        if time.monotonic() > end:
            break
        try:
            description = sdp.parse(text)
        except ProtocolError:
            continue
        for track in (listed_track(description, "rtsp://h/"), unlisted_track(description, "rtsp://h/", plain)):
            if track is not None:
                assert len(track.codecs) == len(track.payload_types) > 0
                for codec in track.codecs:
                    assert manner_of(track.tool, codec, track.ptime).ptime in range(10, 129)
