"""Who may use the gateway: which addresses need no credentials, which credentials the others need.

Pure policy, shared by every door (HTTP, RTSP); only `open_gate` touches a file.
"""

import contextlib
import hmac
import os
import secrets
import sys
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TextIO

from ..errors import ConfigError
from ..observe.log import get_logger
from ..observe.secret import Secret, remember
from .values import ApiConfig

_log = get_logger("api")

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

UNIX = "@"
"""The peer address of a unix socket, as go2rtc writes it."""
CREDENTIALS_FILE = "go2py.credentials"
_MAX_FILE = 4096
_USER = "go2py"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user and password of the gateway."""

    username: str
    password: Secret

    def match(self, username: str, password: str) -> bool:
        """Compared in constant time."""
        user = hmac.compare_digest(username.encode("utf-8", "replace"), self.username.encode())
        return hmac.compare_digest(password.encode("utf-8", "replace"), self.password.open().encode()) and user


class Gate:
    """Decides by address. `hosts` are names, besides its own, by which the gateway may be addressed."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        local_auth: bool = False,
        trust: Sequence[Network] = (),
        trusted_proxies: Sequence[Network] = (),
        hosts: Sequence[str] = (),
    ) -> None:
        self.credentials = credentials
        self.throttle = Throttle()
        self.hosts = frozenset(host.lower() for host in hosts)
        self._local_auth = local_auth
        self._trust = tuple(trust)
        self._proxies = tuple(trusted_proxies)

    def open_to(self, peer: str, *, forwarded: bool = False) -> bool:
        """Whether this peer (an IP address, or `@` for the unix socket) may enter without credentials.

        `forwarded`: the request says that it was passed on. The peer is then a proxy, and speaks for itself only if
        it is listed in `trusted_proxies`; who lists it relies on it to check its users.
        """
        if forwarded and not self.is_proxy(peer):
            return False
        if peer == UNIX:
            return not self._local_auth
        address = parse_address(peer)
        if address is None:
            return False
        if address.is_loopback and not self._local_auth:
            return True
        return _within(address, self._trust)

    def is_proxy(self, peer: str) -> bool:
        """Whether `trusted_proxies` lists this peer."""
        address = parse_address(peer)
        return address is not None and _within(address, self._proxies)


def parse_address(text: str) -> Address | None:
    """An IP address without its zone, IPv4 also where it came mapped into IPv6; None for anything else."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


class Throttle:
    """Slows down who guesses passwords: after a few failures attempts of one address queue up, ever further apart.

    IPv6 counts by /64. The table is bounded: the address that was quiet longest is forgotten first.
    """

    FREE = 3
    """Failures without consequence: everybody mistypes."""
    FIRST, LAST = 0.5, 8.0
    """Seconds between attempts after that, doubled each time."""
    PATIENCE = 10.0
    """An attempt that would have to wait longer is refused unseen."""
    FORGET = 900.0
    SIZE = 1024

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def delay(self, peer: str, now: float) -> float | None:
        """Seconds to wait before the password is looked at; None: too many attempts wait already."""
        known = self._failures.get(_key(peer))
        if known is None:
            return 0.0
        if now - known.last > self.FORGET:
            del self._failures[_key(peer)]
            return 0.0
        if known.count < self.FREE:
            return 0.0
        start = max(now, known.next)
        if start - now > self.PATIENCE:
            return None
        known.next = start + min(self.LAST, self.FIRST * 2 ** min(known.count - self.FREE, 8))
        return start - now

    def failed(self, peer: str, now: float) -> None:
        key = _key(peer)
        known = self._failures.setdefault(key, _Failures())
        known.count += 1
        known.last = now
        self._failures.move_to_end(key)
        while len(self._failures) > self.SIZE:
            self._failures.popitem(last=False)

    def succeeded(self, peer: str) -> None:
        self._failures.pop(_key(peer), None)

    def __len__(self) -> int:
        return len(self._failures)


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    next: float = 0.0


def _key(peer: str) -> str:
    address = parse_address(peer)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or peer)


# --- credentials that nobody configured ------------------------------------------------------------------------------


def open_gate(config: ApiConfig, folder: Path | None, *, terminal: TextIO | None = None) -> Gate:
    """The gate that a configuration describes; made at start and again when the section changes.

    Without `username` the credentials stored in `folder` are used; at the first start they are made, written to a
    file only the owner reads, and shown once on `terminal` (default: stderr, if it is one). Raises `ConfigError`.
    """
    if config.username:
        credentials = Credentials(config.username, config.password)
    else:
        credentials = _stored(folder, terminal if terminal is not None else sys.stderr)
    remember(credentials.password.open())
    for network in config.trust:
        _log.warning("trust: requests from %s need no credentials", network)
    for network in config.trusted_proxies:
        _log.warning("trusted_proxies: %s is relied on to check its users", network)
    return Gate(
        credentials,
        local_auth=config.local_auth,
        trust=config.trust,
        trusted_proxies=config.trusted_proxies,
        hosts=config.hosts,
    )


def _stored(folder: Path | None, terminal: TextIO) -> Credentials:
    path = (folder or Path.cwd()) / CREDENTIALS_FILE
    try:
        return _read(path)
    except FileNotFoundError:
        made = Credentials(_USER, Secret(secrets.token_urlsafe(18)))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}): let this user read it", file=str(path)) from error
    try:
        _write(path, made)
    except FileExistsError:  # another process was faster
        return _read(path)
    except OSError as error:
        _log.warning(
            "%s cannot be written (%s): until api.username and api.password are set, nobody enters from the network",
            path, error.strerror,
        )  # fmt: skip
        return made
    _log.info("credentials were made; user and password are in %s", path)
    if terminal.isatty():
        user, password = made.username, made.password.open()
        terminal.write(f"\n  From other machines log in as  {user}  with  {password}\n  (stored in {path})\n\n")
        terminal.flush()
    return made


def _read(path: Path) -> Credentials:
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_MAX_FILE)
        if os.fstat(file.fileno()).st_mode & 0o077:
            with contextlib.suppress(OSError):
                os.fchmod(file.fileno(), 0o600)
            _log.warning("%s could be read by others than its owner; better delete it and start anew", path)
    values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    username, password = values.get("username", "").strip(), values.get("password", "").strip()
    if not username or not password:
        raise ConfigError("names no username and password: delete it, and new ones are made", file=str(path))
    return Credentials(username, Secret(password))


def _write(path: Path, credentials: Credentials) -> None:
    text = f"username: {credentials.username}\npassword: {credentials.password.open()}\n"
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _place(temporary: Path, path: Path) -> None:
    """Whole or not at all, and never over what another process made. Raises `OSError`."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        temporary.rename(path)
