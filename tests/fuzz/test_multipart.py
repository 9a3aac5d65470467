"""Random and mangled bytes at the parser of MJPEG: parts or a ProtocolError, nothing else, and bounded memory."""

import random

from go2py.errors import ProtocolError
from go2py.protocols.multipart import MAX_PART, MultipartReader, announced_boundary
from tests.fuzz.mutate import mutations

ROUNDS = 20_000
PICTURE = b"\xff\xd8" + bytes(range(256)) + b"\xff\xd9"


def stream(boundary: bytes, newline: bytes, *, length: bool) -> bytes:
    lines = [boundary, b"Content-Type: image/jpeg"] + [b"Content-Length: %d" % len(PICTURE)] * length
    return (newline.join([*lines, b"", b""]) + PICTURE + newline) * 3


SAMPLES = [
    stream(boundary, newline, length=length)
    for boundary in (b"--frame", b"frame", b"--x--")
    for newline in (b"\r\n", b"\n")
    for length in (True, False)
] + [b"--frame\r\nContent-Length: 99999999\r\n\r\n", b"--frame\r\n" + b"X: y\r\n" * 2000]


def test_mangled_streams_in_any_pieces() -> None:
    chance = random.Random(5)
    found = broken = 0
    for data in mutations(SAMPLES, ROUNDS):
        reader = MultipartReader(b"frame")
        position = 0
        try:
            while position < len(data):
                step = chance.choice((1, 3, 50, 1000))
                found += len(reader.feed(data[position : position + step]))
                assert len(reader._data) <= len(data)
                position += step
        except ProtocolError:
            broken += 1
    assert found > ROUNDS
    assert broken


def test_pieces_make_no_difference() -> None:
    for data in SAMPLES[:12]:
        for step in (1, 2, 7, 300, len(data)):
            reader = MultipartReader(b"frame")
            parts = [part for at in range(0, len(data), step) for part in reader.feed(data[at : at + step])]
            expected = 3 if b"Content-Length" in data else 2  # without a length the last one has no end yet
            assert parts == [PICTURE] * expected


def test_memory_is_bounded() -> None:
    noise = random.Random(1).randbytes(1 << 20).replace(b"\n", b"")
    for start in (b"", b"--x\r\n\r\n", b"--x\r\nContent-Length: 3\r\n\r\nabc", b"--x\r\nno end"):
        reader = MultipartReader()
        try:
            reader.feed(start)
            for _ in range(40):
                reader.feed(noise)
                assert len(reader._data) < MAX_PART + (2 << 20)
        except ProtocolError:
            continue
        raise AssertionError(f"{start!r} goes on for ever")


def test_boundaries_of_headers() -> None:
    assert announced_boundary("multipart/x-mixed-replace; boundary=frame") == b"frame"
    assert announced_boundary('multipart/x-mixed-replace;boundary="--my frame"') == b"my frame"
    assert announced_boundary("image/jpeg") == b""
    for data in mutations([b'multipart/x-mixed-replace; boundary="a b"; x=y'], 5000):
        announced_boundary(data.decode("latin-1"))
