"""STUN messages as ICE uses them (RFC 8489, RFC 8445 section 7): parse, verify, build."""

import hmac
import ipaddress
import os
import zlib
from collections.abc import Iterable
from enum import IntEnum
from struct import Struct
from typing import Final

from ..errors import ProtocolError

MAGIC: Final = 0x2112A442
HEADER: Final = 20
MAX_ATTRIBUTES: Final = 32
"""More than any agent sends; bounds the work that one datagram can cause."""

BINDING: Final = 0x001

_HEADER = Struct(">HHI12s")
_TLV = Struct(">HH")
_U16 = Struct(">H")
_U32 = Struct(">I")
_U64 = Struct(">Q")
_COOKIE = _U32.pack(MAGIC)
_FINGERPRINT_XOR = 0x5354554E
_INTEGRITY_SIZE = 24
_FINGERPRINT_SIZE = 8


class Kind(IntEnum):
    """The class of a message (RFC 8489 section 5)."""

    REQUEST = 0x000
    INDICATION = 0x010
    SUCCESS = 0x100
    ERROR = 0x110


class Attribute(IntEnum):
    """Attribute types; below 0x8000 a receiver must understand them."""

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REALM = 0x0014
    NONCE = 0x0015
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


_KNOWN = frozenset(int(attribute) for attribute in Attribute)


class Message:
    """A parsed message. `attributes` holds the first value of each type, padding removed.

    Nothing in it is trusted before `verify` said so.
    """

    __slots__ = ("_integrity_at", "_raw", "attributes", "kind", "method", "transaction")

    def __init__(
        self, raw: bytes, kind: Kind, method: int, transaction: bytes, attributes: dict[int, bytes], integrity_at: int
    ) -> None:
        self._raw, self._integrity_at = raw, integrity_at
        self.kind, self.method, self.transaction, self.attributes = kind, method, transaction, attributes

    def verify(self, key: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY is there and made with this key (RFC 8489 section 14.5)."""
        at = self._integrity_at
        if not at:
            return False
        length = _U16.pack(at - HEADER + _INTEGRITY_SIZE)
        signed = b"".join((self._raw[:2], length, self._raw[4:at]))
        return hmac.compare_digest(hmac.digest(key, signed, "sha1"), self.attributes[Attribute.MESSAGE_INTEGRITY])

    @property
    def username(self) -> tuple[bytes, bytes]:
        """USERNAME of a check: the receiver's and the sender's user fragment, empty where missing."""
        to, _, of = self.attributes.get(Attribute.USERNAME, b"").partition(b":")
        return to, of

    @property
    def priority(self) -> int | None:
        return self._number(Attribute.PRIORITY, _U32)

    @property
    def controlling(self) -> int | None:
        """The tie-breaker of a sender that controls."""
        return self._number(Attribute.ICE_CONTROLLING, _U64)

    @property
    def controlled(self) -> int | None:
        """The tie-breaker of a sender that is controlled."""
        return self._number(Attribute.ICE_CONTROLLED, _U64)

    @property
    def use_candidate(self) -> bool:
        return Attribute.USE_CANDIDATE in self.attributes

    @property
    def mapped(self) -> tuple[str, int] | None:
        """The address that the answering side saw; None when the response has none. Raises ProtocolError."""
        if (value := self.attributes.get(Attribute.XOR_MAPPED_ADDRESS)) is not None:
            return _address(value, _COOKIE + self.transaction)
        if (value := self.attributes.get(Attribute.MAPPED_ADDRESS)) is not None:
            return _address(value, bytes(16))
        return None

    @property
    def error(self) -> int:
        """The code of ERROR-CODE, 0 when there is none that makes sense."""
        value = self.attributes.get(Attribute.ERROR_CODE, b"")
        return (value[2] & 7) * 100 + value[3] % 100 if len(value) >= 4 else 0

    @property
    def unknown(self) -> list[int]:
        """Types that a receiver must understand and this code does not."""
        return [type_ for type_ in self.attributes if type_ < 0x8000 and type_ not in _KNOWN]

    def _number(self, attribute: Attribute, form: Struct) -> int | None:
        value = self.attributes.get(attribute)
        if value is None:
            return None
        if len(value) != form.size:
            raise ProtocolError(f"STUN attribute {attribute.name} has a wrong length")
        number: int = form.unpack(value)[0]
        return number


def is_stun(data: bytes | bytearray | memoryview, size: int) -> bool:
    """Whether the first `size` bytes look like STUN: cheap enough to be asked of every stray datagram."""
    return size >= HEADER and data[0] < 4 and data[4:8] == _COOKIE and _U16.unpack_from(data, 2)[0] == size - HEADER


def peek_ufrag(data: bytes | bytearray | memoryview, size: int) -> bytes:
    """The user fragment a binding request is addressed to, without parsing it; empty when there is none.

    For telling peers apart on a shared port (RFC 8445 section 7.3); `data` has passed `is_stun`.
    """
    if data[0] or data[1] != BINDING:
        return b""
    at = HEADER
    for _ in range(MAX_ATTRIBUTES):
        if at + 4 > size:
            break
        type_, length = _TLV.unpack_from(data, at)
        at += 4
        if type_ == Attribute.USERNAME:
            return bytes(data[at : at + length]).partition(b":")[0] if at + length <= size else b""
        at += (length + 3) & ~3
    return b""


def parse(data: bytes | memoryview) -> Message:
    """A whole datagram as a message. Raises ProtocolError.

    Attributes behind MESSAGE-INTEGRITY, except FINGERPRINT, are passed over (RFC 8489 section 14.5); a FINGERPRINT
    must fit.
    """
    raw = bytes(data)
    if not is_stun(raw, len(raw)) or len(raw) % 4:
        raise ProtocolError("not a STUN message")
    type_, _, _, transaction = _HEADER.unpack_from(raw)
    kind = Kind(type_ & 0x110)
    method = (type_ & 0xF) | (type_ & 0xE0) >> 1 | (type_ & 0x3E00) >> 2
    attributes: dict[int, bytes] = {}
    integrity_at, at = 0, HEADER
    for _ in range(MAX_ATTRIBUTES):
        if at == len(raw):
            return Message(raw, kind, method, transaction, attributes, integrity_at)
        name, length = _TLV.unpack_from(raw, at)
        end = at + 4 + length
        if end > len(raw):
            raise ProtocolError("STUN attribute is longer than its message")
        value = raw[at + 4 : end]
        if name == Attribute.FINGERPRINT:
            if end != len(raw) or value != _fingerprint(raw[:at]):
                raise ProtocolError("STUN fingerprint does not fit")
        elif name == Attribute.MESSAGE_INTEGRITY and not integrity_at:
            if length != 20:
                raise ProtocolError("STUN integrity has a wrong length")
            integrity_at = at
            attributes[name] = value
        elif not integrity_at:
            attributes.setdefault(name, value)
        at = (end + 3) & ~3
    if at == len(raw):
        return Message(raw, kind, method, transaction, attributes, integrity_at)
    raise ProtocolError("STUN message has too many attributes")


def build(
    kind: Kind, transaction: bytes, attributes: Iterable[tuple[int, bytes]] = (), key: bytes | None = None
) -> bytes:
    """A binding message with FINGERPRINT and, given a key, MESSAGE-INTEGRITY. `transaction` has 12 bytes."""
    body = b"".join(_TLV.pack(name, len(value)) + value + bytes(-len(value) % 4) for name, value in attributes)
    type_ = kind | BINDING
    if key is not None:
        signed = _HEADER.pack(type_, len(body) + _INTEGRITY_SIZE, MAGIC, transaction) + body
        body += _TLV.pack(Attribute.MESSAGE_INTEGRITY, 20) + hmac.digest(key, signed, "sha1")
    head = _HEADER.pack(type_, len(body) + _FINGERPRINT_SIZE, MAGIC, transaction) + body
    return head + _TLV.pack(Attribute.FINGERPRINT, 4) + _fingerprint(head)


def new_transaction(tag: bytes = b"") -> bytes:
    """A random transaction id that begins with `tag` (at most 4 bytes: 64 bits stay unguessable)."""
    return tag + os.urandom(12 - len(tag))


def number32(value: int) -> bytes:
    """The value of PRIORITY."""
    return _U32.pack(value)


def number64(value: int) -> bytes:
    """The value of ICE-CONTROLLED and ICE-CONTROLLING."""
    return _U64.pack(value)


def error_code(code: int, reason: str) -> bytes:
    """The value of ERROR-CODE."""
    return bytes((0, 0, code // 100, code % 100)) + reason.encode()


def unknown_attributes(types: Iterable[int]) -> bytes:
    """The value of UNKNOWN-ATTRIBUTES."""
    return b"".join(_U16.pack(type_) for type_ in types)


def xor_address(host: str, port: int, transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS for an IP address without scope (RFC 8489 section 14.2)."""
    packed = ipaddress.ip_address(host).packed
    pad = _COOKIE + transaction
    return _TLV.pack(1 if len(packed) == 4 else 2, port ^ MAGIC >> 16) + (
        int.from_bytes(packed) ^ int.from_bytes(pad[: len(packed)])
    ).to_bytes(len(packed))


def _address(value: bytes, pad: bytes) -> tuple[str, int]:
    size = {(1, 8): 4, (2, 20): 16}.get((value[1] if len(value) > 1 else 0, len(value)))
    if size is None:
        raise ProtocolError("STUN address has a wrong length or family")
    port = _U16.unpack_from(value, 2)[0] ^ int.from_bytes(pad[:2])
    packed = (int.from_bytes(value[4:]) ^ int.from_bytes(pad[:size])).to_bytes(size)
    return str(ipaddress.ip_address(packed)), port


def _fingerprint(head: bytes) -> bytes:
    """FINGERPRINT of a message whose bytes before that attribute are `head`, its length field already final."""
    return _U32.pack(zlib.crc32(head) ^ _FINGERPRINT_XOR)
