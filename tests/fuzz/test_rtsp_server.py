"""Whatever a client sends, the session answers or closes; it never raises."""

import random
import time

from go2py.protocols.http_auth import ServerAuth
from go2py.protocols.rtsp_events import Announce, Close, Describe, SetUpUdp
from go2py.protocols.rtsp_server import ServerSession

SECONDS = 1.5
URL = "rtsp://127.0.0.1:8554/door?video&audio=aac"
_SOUND = "v=0\r\nm=audio 0 RTP/AVP 8\r\na=control:streamid=0\r\n"
_LENGTH = f"Content-Length: {len(_SOUND)}"
_REQUESTS = [
    f"OPTIONS {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\nAuthorization: Basic YTpi\r\n\r\n",
    f"SETUP {URL}/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
    f"SETUP {URL}/trackID=1 RTSP/1.0\r\nCSeq: 4\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n",
    f"PLAY {URL} RTSP/1.0\r\nCSeq: 5\r\nRange: npt=0.000-\r\n\r\n",
    f"SET_PARAMETER {URL} RTSP/1.0\r\nCSeq: 6\r\nContent-Length: 5\r\n\r\na: b\n",
    "$\x01\0\x08\0\0\0\0\0\0\0\0",
    f"ANNOUNCE {URL} RTSP/1.0\r\nCSeq: 2\r\nContent-Type: application/sdp\r\n{_LENGTH}\r\n\r\n{_SOUND}",
    f"RECORD {URL} RTSP/1.0\r\nCSeq: 5\r\n\r\n",
    "$\x02\0\x0c\x80\x08\0\x01\0\0\0\0\0\0\0\x01",
    f"PAUSE {URL} RTSP/1.0\r\nCSeq: 7\r\nSession: 1\r\n\r\n",
    f"TEARDOWN {URL} RTSP/1.0\r\nCSeq: 8\r\n\r\n",
    "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n",
]
SAMPLES = [text.encode("latin-1") for text in _REQUESTS]


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(changed)) if changed else 0
        match chance.randrange(4):
            case 0 if changed:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randrange(20)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randrange(10))
            case _:
                changed[at:at] = changed[at : at + chance.randrange(40)]
    return bytes(changed)


def drive(session: ServerSession, data: bytes, chance: random.Random) -> None:
    events = session.receive(data, 0.0)
    while events:
        event = events.pop(0)
        if isinstance(event, Describe):
            described = session.described("v=0\r\n", 2, 0.0, ear=chance.choice((None, 1)))
            events += described if chance.random() < 0.8 else session.refused("gone")
        elif isinstance(event, Announce):
            events += session.announced(0.0) if chance.random() < 0.8 else session.refused("gone", 405)
        elif isinstance(event, SetUpUdp):
            events += session.set_up(event, (6000, 6001) if chance.random() < 0.8 else None, 0.0)
        elif isinstance(event, Close):
            assert not events


def test_any_bytes() -> None:
    chance = random.Random(3)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        guard = ServerAuth("a", "b") if chance.random() < 0.2 else None
        session = ServerSession("test", guard=guard, udp=chance.random() < 0.5)
        for sample in SAMPLES if chance.random() < 0.5 else chance.choices(SAMPLES, k=8):
            data = mutated(sample, chance) if chance.random() < 0.6 else sample
            drive(session, data if chance.random() < 0.95 else chance.randbytes(chance.randrange(200)), chance)
