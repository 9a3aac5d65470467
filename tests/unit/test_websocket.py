"""Frames that a server writes."""

import pytest

from go2py.protocols.websocket import BINARY, TEXT, header, message


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "8200"),
        (125, "827d"),
        (126, "827e007e"),
        (65535, "827effff"),
        (65536, "827f0000000000010000"),
    ],
)
def test_lengths(size: int, expected: str) -> None:
    assert header(size).hex() == expected
    assert message(bytes(size), BINARY) == bytes.fromhex(expected) + bytes(size)


def test_text() -> None:
    assert message(b"{}", TEXT) == b"\x81\x02{}"
