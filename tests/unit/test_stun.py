"""STUN against the vectors of RFC 5769, and our own messages read back."""

import pytest

from go2py.errors import ProtocolError
from go2py.protocols import stun
from go2py.protocols.stun import Attribute, Kind

KEY = b"VOkJxbRl1RmTxUk/WvJxBt"
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a6836765920202000080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RESPONSE_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RESPONSE_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5"
    "bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
TRANSACTION = bytes(range(12))


def test_request_vector() -> None:
    message = stun.parse(REQUEST)
    assert (message.kind, message.method) == (Kind.REQUEST, stun.BINDING)
    assert message.username == (b"evtj", b"h6vY")
    assert message.priority == 0x6E0001FF
    assert message.controlled == 0x932FF9B151263B36
    assert message.controlling is None
    assert not message.use_candidate
    assert not message.unknown
    assert message.verify(KEY)
    assert not message.verify(b"another")
    assert stun.peek_ufrag(REQUEST, len(REQUEST)) == b"evtj"


@pytest.mark.parametrize(
    ("raw", "address"),
    [(RESPONSE_V4, ("192.0.2.1", 32853)), (RESPONSE_V6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))],
)
def test_response_vectors(raw: bytes, address: tuple[str, int]) -> None:
    message = stun.parse(raw)
    assert message.kind is Kind.SUCCESS
    assert message.mapped == address
    assert message.verify(KEY)
    made = stun.build(
        Kind.SUCCESS, TRANSACTION, ((Attribute.XOR_MAPPED_ADDRESS, stun.xor_address(*address, TRANSACTION)),), KEY
    )
    again = stun.parse(made)
    assert again.mapped == address
    assert again.verify(KEY)


def test_request_is_read_back() -> None:
    attributes = (
        (Attribute.USERNAME, b"you:me"),
        (Attribute.PRIORITY, stun.number32(77)),
        (Attribute.ICE_CONTROLLING, stun.number64(2**63 + 1)),
        (Attribute.USE_CANDIDATE, b""),
        (0x7FFF, b"odd"),
    )
    message = stun.parse(stun.build(Kind.REQUEST, TRANSACTION, attributes, KEY))
    assert message.transaction == TRANSACTION
    assert message.username == (b"you", b"me")
    assert (message.priority, message.controlling, message.use_candidate) == (77, 2**63 + 1, True)
    assert message.unknown == [0x7FFF]


def test_error_is_read_back() -> None:
    attributes = ((Attribute.ERROR_CODE, stun.error_code(487, "Role Conflict")),)
    message = stun.parse(stun.build(Kind.ERROR, TRANSACTION, attributes, KEY))
    assert (message.kind, message.error) == (Kind.ERROR, 487)


def test_what_follows_the_integrity_is_passed_over() -> None:
    signed = stun.build(Kind.REQUEST, TRANSACTION, ((Attribute.USERNAME, b"a:b"),), KEY)[:-8]
    forged = signed + b"\x00\x25\x00\x00"
    forged = forged[:2] + (len(forged) - 20).to_bytes(2) + forged[4:]
    message = stun.parse(forged)
    assert message.verify(KEY)
    assert not message.use_candidate


@pytest.mark.parametrize("at", [*range(20, len(REQUEST) - 8), *range(len(REQUEST) - 6, len(REQUEST))])
def test_a_changed_byte_is_noticed(at: int) -> None:
    broken = REQUEST[:at] + bytes((REQUEST[at] ^ 1,)) + REQUEST[at + 1 :]
    with pytest.raises(ProtocolError):
        stun.parse(broken)


@pytest.mark.parametrize("raw", [b"", REQUEST[:19], REQUEST[:-1], REQUEST + b"\x00", b"\x80" + REQUEST[1:]])
def test_other_bytes_are_not_stun(raw: bytes) -> None:
    assert not stun.is_stun(raw, len(raw))
    with pytest.raises(ProtocolError):
        stun.parse(raw)


def test_too_many_attributes() -> None:
    raw = stun.build(Kind.REQUEST, TRANSACTION, ((0x8022, b""),) * stun.MAX_ATTRIBUTES)
    with pytest.raises(ProtocolError):
        stun.parse(raw)
    assert stun.peek_ufrag(raw, len(raw)) == b""


def test_integrity_is_needed() -> None:
    assert not stun.parse(stun.build(Kind.REQUEST, TRANSACTION)).verify(b"")
