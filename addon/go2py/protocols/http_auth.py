"""Basic (RFC 7617) and Digest (RFC 7616, 2617, 2069) authentication, both ends, for RTSP and HTTP."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

HASHES: Final = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
"""Digest algorithms, best first; each also as `<name>-sess`."""

MAX_HEADER = 8 << 10
_TOKEN = re.compile(r'([A-Za-z0-9_-]{1,64})(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?')
"""A parameter, or the word that begins a challenge."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for in `WWW-Authenticate`. `scheme` is `basic` or `digest`; `qop` is what we chose of it."""

    scheme: str
    realm: str = ""
    nonce: str = ""
    algorithm: str = "MD5"
    qop: str = ""
    opaque: str = ""
    stale: bool = False


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """All Basic and Digest challenges in header values, one header may hold several; those unknown are left out."""
    found: list[Challenge] = []
    for value in values:
        schemes: list[tuple[str, dict[str, str]]] = []
        for name, parameter in _tokens(value):
            if parameter is None:
                schemes.append((name, {}))
            elif schemes:
                schemes[-1][1].setdefault(name, parameter)
        found += filter(None, (_challenge(scheme, parameters) for scheme, parameters in schemes))
    return tuple(found)


def _tokens(text: str) -> Iterator[tuple[str, str | None]]:
    """Parameters with their values and scheme names without, all names in lower case."""
    for token in _TOKEN.finditer(text[:MAX_HEADER]):
        name, quoted, bare = token.groups()
        yield name.lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def _parameters(text: str) -> dict[str, str]:
    return {name: value for name, value in _tokens(text) if value is not None}


def _challenge(scheme: str, values: dict[str, str]) -> Challenge | None:
    realm = values.get("realm", "")
    if scheme == "basic":
        return Challenge("basic", realm)
    if scheme != "digest":
        return None
    algorithm = values.get("algorithm", "MD5") or "MD5"
    offered = [word.strip().lower() for word in values.get("qop", "").split(",") if word.strip()]
    if algorithm.upper().removesuffix("-SESS") not in HASHES or (offered and "auth" not in offered):
        return None
    return Challenge(
        "digest",
        realm,
        values.get("nonce", ""),
        algorithm,
        "auth" if offered else "",
        values.get("opaque", ""),
        values.get("stale", "").lower() == "true",
    )


def digest_response(
    algorithm: str, *, user: str, realm: str, password: str, method: str, uri: str, nonce: str,
    qop: str = "", nc: str = "", cnonce: str = "",
) -> str:  # fmt: skip
    """The `response` value (RFC 7616, 3.4.1; without `qop` RFC 2069). The algorithm must be one of `HASHES`."""
    name = algorithm.upper()
    digest = HASHES[name.removesuffix("-SESS")]

    def hashed(text: str) -> str:
        return hashlib.new(digest, text.encode(), usedforsecurity=False).hexdigest()

    ha1 = hashed(f"{user}:{realm}:{password}")
    if name.endswith("-SESS"):
        ha1 = hashed(f"{ha1}:{nonce}:{cnonce}")
    ha2 = hashed(f"{method}:{uri}")
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return hashed(f"{ha1}:{middle}:{ha2}")


class ClientAuth:
    """Answers a server's challenges with one user and password, from the first 401 on with every request."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password
        self._challenge: Challenge | None = None
        self._accepted = False
        self._count = 0

    def challenged(self, values: Sequence[str]) -> bool:
        """Takes the `WWW-Authenticate` values of a 401; false when another try cannot help: the credentials were
        refused, or there are none, or nothing offered is known."""
        offers = parse_challenges(values)
        if not offers or not (self._user or self._password):
            return False
        ranks = list(HASHES)
        best = min(
            offers,
            key=lambda offer: (
                ranks.index(offer.algorithm.upper().removesuffix("-SESS")) if offer.scheme == "digest" else len(ranks)
            ),
        )
        before, self._challenge = self._challenge, best
        accepted, self._accepted = self._accepted, False
        self._count = 0
        if before is None or best.scheme != before.scheme:
            return True
        # A refusal of what we sent is final, except that the nonce grew old. Cameras forget to say `stale`: a new
        # nonce after an accepted one means the same.
        return best.scheme == "digest" and best.nonce != before.nonce and (best.stale or accepted)

    def accepted(self) -> None:
        """The server took the last answer."""
        self._accepted = self._challenge is not None

    def authorization(self, method: str, uri: str) -> str:
        """The value of `Authorization` for a request; empty before the first challenge."""
        challenge = self._challenge
        if challenge is None:
            return ""
        if challenge.scheme == "basic":
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        self._count += 1
        count, cnonce = f"{self._count:08x}", secrets.token_hex(8)
        response = digest_response(
            challenge.algorithm, user=self._user, realm=challenge.realm, password=self._password, method=method,
            uri=uri, nonce=challenge.nonce, qop=challenge.qop, nc=count, cnonce=cnonce,
        )  # fmt: skip
        fields = [
            f'username="{_quote(self._user)}"',
            f'realm="{_quote(challenge.realm)}"',
            f'nonce="{_quote(challenge.nonce)}"',
            f'uri="{_quote(uri)}"',
            f'response="{response}"',
        ]
        if challenge.algorithm.upper() != "MD5":  # old cameras know no such field
            fields.append(f"algorithm={challenge.algorithm}")
        if challenge.opaque:
            fields.append(f'opaque="{_quote(challenge.opaque)}"')
        if challenge.qop:
            fields.append(f"qop={challenge.qop}, nc={count}")
        if challenge.qop or challenge.algorithm.upper().endswith("-SESS"):
            fields.append(f'cnonce="{cnonce}"')
        return "Digest " + ", ".join(fields)


def _quote(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)


class Verdict(Enum):
    """What `ServerAuth.verify` found."""

    OK = "ok"
    MISSING = "missing"
    """No credentials came: challenge."""
    STALE = "stale"
    """Right password, old nonce: challenge with `stale`, this is no failed attempt."""
    WRONG = "wrong"


class ServerAuth:
    """Challenges and checks one user and password. Nonces carry their own time and proof: nothing is stored."""

    def __init__(
        self,
        user: str,
        password: str,
        *,
        realm: str = "go2py",
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        basic: bool = True,
        nonce_life: float = 300.0,
    ) -> None:
        self._user, self._password, self._realm = user, password, realm
        self._algorithms, self._basic, self._nonce_life = tuple(algorithms), basic, nonce_life
        self._key = secrets.token_bytes(16)

    def challenge(self, now: float, *, stale: bool = False) -> list[str]:
        """The values for `WWW-Authenticate`, best first; `now` in seconds of any steady clock."""
        nonce = self._nonce(int(now))
        suffix = ", stale=true" if stale else ""
        values = [
            f'Digest realm="{_quote(self._realm)}", qop="auth", algorithm={algorithm}, nonce="{nonce}"{suffix}'
            for algorithm in self._algorithms
        ]
        if self._basic:
            values.append(f'Basic realm="{_quote(self._realm)}"')
        return values

    def verify(self, authorization: str, method: str, now: float) -> Verdict:
        """Checks the value of an `Authorization` header in constant time.

        The digest's own `uri` is used, not the request's: players compute it from the URL of the presentation, and
        one user may open all of them.
        """
        scheme, _, rest = authorization[:MAX_HEADER].strip().partition(" ")
        match scheme.lower():
            case "":
                return Verdict.MISSING
            case "basic" if self._basic:
                return self._verify_basic(rest)
            case "digest":
                return self._verify_digest(_parameters(rest), method, now)
            case _:
                return Verdict.WRONG

    def _verify_basic(self, text: str) -> Verdict:
        try:
            given = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            return Verdict.WRONG
        expected = f"{self._user}:{self._password}".encode()
        return Verdict.OK if _same(given, expected) else Verdict.WRONG

    def _verify_digest(self, values: dict[str, str], method: str, now: float) -> Verdict:
        algorithm = values.get("algorithm", "MD5")
        nonce, qop = values.get("nonce", ""), values.get("qop", "")
        if algorithm.upper().removesuffix("-SESS") not in self._algorithms or qop not in ("", "auth"):
            return Verdict.WRONG
        stamp = re.match(r"([0-9a-f]{1,12})-", nonce)
        if stamp is None or not _same(nonce.encode(), self._nonce(int(stamp[1], 16)).encode()):
            return Verdict.STALE  # a nonce from before our restart: not an attack, nothing to learn from it
        expected = digest_response(
            algorithm, user=self._user, realm=self._realm, password=self._password, method=method,
            uri=values.get("uri", ""), nonce=nonce, qop=qop, nc=values.get("nc", ""), cnonce=values.get("cnonce", ""),
        )  # fmt: skip
        named = _same(values.get("username", "").encode(), self._user.encode())
        if not (_same(values.get("response", "").lower().encode(), expected.encode()) and named):
            return Verdict.WRONG
        return Verdict.OK if now - int(stamp[1], 16) <= self._nonce_life else Verdict.STALE

    def _nonce(self, stamp: int) -> str:
        proof = hmac.new(self._key, str(stamp).encode(), "sha256").hexdigest()[:32]
        return f"{stamp:x}-{proof}"


def _same(given: bytes, expected: bytes) -> bool:
    return hmac.compare_digest(given, expected)
