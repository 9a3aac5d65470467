"""DTLS 1.2 for WebRTC: the handshake that makes SRTP keys (RFC 5763, RFC 5764), sans-IO over pyOpenSSL."""

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from ...errors import ProtocolError

Role = Literal["server", "client"]

MTU: Final = 1200
_RECORD_HEADER: Final = 13
_DTLS_1_2: Final = 0xFEFD
_VALID_DAYS: Final = 3650
"""Nobody checks the dates of a certificate that is known by its fingerprint; the process outlives a short one."""
_CIPHERS: Final = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256"
)
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha-512": hashes.SHA512(),
    "sha-384": hashes.SHA384(),
    "sha-256": hashes.SHA256(),
}
"""What a fingerprint may be made with, strongest first."""


class Profile(NamedTuple):
    """An SRTP protection profile (RFC 5764 section 4.1.2, RFC 7714 section 14.2); sizes in bytes."""

    name: str
    key: int
    salt: int
    tag: int


AES_128_GCM: Final = Profile("SRTP_AEAD_AES_128_GCM", 16, 12, 16)
AES_CM_SHA1_80: Final = Profile("SRTP_AES128_CM_SHA1_80", 16, 14, 10)
PROFILES: Final = (AES_128_GCM, AES_CM_SHA1_80)
"""In the order of our preference: GCM costs less than half."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What the handshake was for: master key and salt of each direction."""

    profile: Profile
    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)


class Identity:
    """The process's certificate and the context of all its DTLS connections. Making one takes milliseconds."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _self_signed(key)
        self.fingerprint = ("sha-256", fingerprint(self.certificate, "sha-256"))
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # after the handshake only a goodbye comes
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)  # by fingerprint
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(b":".join(profile.name.encode() for profile in PROFILES))
        context.use_certificate(self.certificate)
        context.use_privatekey(key)
        self.context = context


class DtlsEndpoint:
    """One DTLS association. Not tied to a thread, but only one may be in it at a time.

    `step` takes datagrams and moves the handshake on, `take` gives what has to be sent. Datagrams are at most `MTU`
    bytes long.
    """

    def __init__(self, identity: Identity, role: Role, fingerprints: Sequence[tuple[str, str]]) -> None:
        self.keys: SrtpKeys | None = None
        """Set when the handshake is done and the peer is who signalling said."""
        self.closed = False
        """The peer said goodbye."""
        self.role = role
        self._fingerprints = fingerprints
        self._connection = connection = SSL.Connection(identity.context)
        connection.set_ciphertext_mtu(MTU)
        if role == "server":
            connection.set_accept_state()
        else:
            connection.set_connect_state()

    def step(self, datagrams: Sequence[bytes] = ()) -> None:
        """Take these datagrams, none to begin as the client. Raises ProtocolError when the handshake fails."""
        try:
            if not datagrams:
                self._advance()
            for datagram in datagrams:
                self._connection.bio_write(datagram)
                self._advance()
        except SSL.Error as error:
            raise ProtocolError(f"DTLS: {_reason(error)}") from None

    def timeout(self) -> float | None:
        """Seconds until `expired` is due, None when nothing waits to be sent again."""
        return self._connection.DTLSv1_get_timeout() if self.keys is None else None

    def expired(self) -> None:
        """Send the last flight again. Raises ProtocolError when that was done often enough."""
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            raise ProtocolError(f"DTLS: {_reason(error)}") from None

    def take(self) -> list[bytes]:
        """Datagrams to send: whole records, as many as fit."""
        flight = b""
        while True:
            try:
                flight += self._connection.bio_read(1 << 16)
            except SSL.WantReadError:
                return _datagrams(flight)

    def close(self) -> list[bytes]:
        """The datagrams of a close_notify."""
        if self.keys is None:
            return []
        try:
            self._connection.shutdown()
        except SSL.Error:  # the peer was faster, or there is nothing left to say
            return []
        return self.take()

    def _advance(self) -> None:
        try:
            if self.keys is None:
                self._connection.do_handshake()
                self.keys = self._export()
            while True:  # there are no data channels: whatever is inside is of no interest
                self._connection.recv(1 << 14)
        except SSL.WantReadError:
            return
        except SSL.ZeroReturnError:
            self.closed = True

    def _export(self) -> SrtpKeys:
        """Keys by the exporter of RFC 5764 section 4.2, after the certificate was compared."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None or not matches(certificate, self._fingerprints):
            raise ProtocolError("DTLS: the certificate is not the one that was signalled")
        name = self._connection.get_selected_srtp_profile().decode()
        profile = next((profile for profile in PROFILES if profile.name == name), None)
        if profile is None:
            raise ProtocolError("DTLS: no SRTP profile in common")
        key, salt = profile.key, profile.salt
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        local, remote = (server, client) if self.role == "server" else (client, server)
        return SrtpKeys(profile, local, remote)


def fingerprint(certificate: x509.Certificate, algorithm: str) -> str:
    """`AA:BB:…` as in `a=fingerprint` (RFC 8122 section 5)."""
    return certificate.fingerprint(_HASHES[algorithm]).hex(":").upper()


def usable(fingerprints: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those made with the strongest hash that we know (RFC 8122 section 5); the others say nothing more."""
    best = next((name for name in _HASHES if any(algorithm.lower() == name for algorithm, _ in fingerprints)), None)
    return [(best, value.upper()) for algorithm, value in fingerprints if algorithm.lower() == best and best]


def matches(certificate: x509.Certificate, fingerprints: Sequence[tuple[str, str]]) -> bool:
    """Whether one of the usable fingerprints is the certificate's."""
    return any(
        secrets.compare_digest(value.encode(), fingerprint(certificate, algorithm).encode())
        for algorithm, value in usable(fingerprints)
    )


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])  # says nothing of us
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_VALID_DAYS))
        .sign(key, hashes.SHA256())
    )


def _datagrams(flight: bytes) -> list[bytes]:
    """A memory BIO forgets where datagrams ended: pack whole records (RFC 6347 section 4.1) up to the MTU."""
    datagrams: list[bytes] = []
    start = at = 0
    while at + _RECORD_HEADER <= len(flight):
        end = at + _RECORD_HEADER + int.from_bytes(flight[at + 11 : at + 13])
        if end - start > MTU and at > start:
            datagrams.append(flight[start:at])
            start = at
        at = end
    if at > start:
        datagrams.append(flight[start:at])
    return datagrams


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own words for what went wrong, without its file and function names."""
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else "the connection broke"
