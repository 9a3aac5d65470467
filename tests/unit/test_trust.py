"""Who gets in: addresses, credentials, the price of guessing."""

import io
import stat
from ipaddress import ip_network
from pathlib import Path

import pytest

from go2py.config.trust import CREDENTIALS_FILE, UNIX, Credentials, Gate, Throttle, open_gate, parse_address
from go2py.config.values import ApiConfig
from go2py.errors import ConfigError
from go2py.observe.secret import Secret, mask

CREDENTIALS = Credentials("admin", Secret("correct horse"))


@pytest.mark.parametrize(
    ("peer", "is_open"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        (UNIX, True),
        ("192.168.1.5", False),
        ("::ffff:192.168.1.5", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_only_this_machine_enters_without_credentials(peer: str, *, is_open: bool) -> None:
    assert Gate(CREDENTIALS).open_to(peer) is is_open


def test_local_auth_closes_loopback_and_socket() -> None:
    gate = Gate(CREDENTIALS, local_auth=True)
    assert not gate.open_to("127.0.0.1")
    assert not gate.open_to(UNIX)


def test_trust_opens_wider() -> None:
    gate = Gate(CREDENTIALS, trust=[ip_network("192.168.1.0/24"), ip_network("fd00::/8")])
    assert gate.open_to("192.168.1.77")
    assert gate.open_to("::ffff:192.168.1.77")
    assert gate.open_to("fd12::1")
    assert not gate.open_to("192.168.2.1")


def test_a_forwarded_request_is_remote_unless_its_proxy_is_listed() -> None:
    assert not Gate(CREDENTIALS).open_to("127.0.0.1", forwarded=True)
    assert not Gate(CREDENTIALS).open_to(UNIX, forwarded=True)
    listed = Gate(CREDENTIALS, trusted_proxies=[ip_network("127.0.0.1/32")])
    assert listed.open_to("127.0.0.1", forwarded=True)
    assert not listed.open_to("::1", forwarded=True)
    remote = Gate(CREDENTIALS, trusted_proxies=[ip_network("172.30.32.2/32")])
    assert not remote.open_to("172.30.32.2", forwarded=True), "listed as a proxy is not yet trusted"
    both = Gate(CREDENTIALS, trusted_proxies=[ip_network("172.30.32.2/32")], trust=[ip_network("172.30.32.2/32")])
    assert both.open_to("172.30.32.2", forwarded=True)


def test_credentials_match_as_a_whole() -> None:
    assert CREDENTIALS.match("admin", "correct horse")
    assert not CREDENTIALS.match("admin", "correct hors")
    assert not CREDENTIALS.match("", "correct horse")
    assert not CREDENTIALS.match("admin", "\ud800")
    assert "correct" not in repr(CREDENTIALS)


def test_guessing_gets_slow_and_then_refused() -> None:
    throttle, waited = Throttle(), []
    for _ in range(12):
        delay = throttle.delay("192.0.2.1", 0.0)
        waited.append(delay)
        if delay is not None:
            throttle.failed("192.0.2.1", 0.0)
    assert waited[:4] == [0, 0, 0, 0]
    numbers = [delay for delay in waited if delay is not None]
    assert numbers == sorted(numbers)
    assert waited[-1] is None
    assert throttle.delay("192.0.2.2", 0.0) == 0, "others do not wait"
    assert throttle.delay("192.0.2.1", 10_000.0) == 0, "time forgives"


def test_a_login_ends_the_wait_and_the_table_is_bounded() -> None:
    throttle = Throttle()
    for _ in range(5):
        throttle.failed("192.0.2.1", 0.0)
    throttle.succeeded("192.0.2.1")
    assert throttle.delay("192.0.2.1", 0.0) == 0
    for number in range(5000):
        throttle.failed(f"10.0.{number >> 8}.{number & 255}", 0.0)
    assert len(throttle) == Throttle.SIZE


def test_ipv6_counts_by_network() -> None:
    throttle = Throttle()
    for host in range(10):
        throttle.failed(f"2001:db8::{host:x}", 0.0)
    assert len(throttle) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_first_start_makes_credentials_and_shows_them_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    screen = Terminal()
    with caplog.at_level("INFO", "go2py.api"):
        made = open_gate(ApiConfig(), tmp_path, terminal=screen).credentials
    password = made.password.open()
    file = tmp_path / CREDENTIALS_FILE
    assert len(password) >= 20
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password in screen.getvalue()
    assert password not in caplog.text
    assert str(file) in caplog.text
    assert password not in mask(f"password {password}")
    again = Terminal()
    assert open_gate(ApiConfig(), tmp_path, terminal=again).credentials == made
    assert again.getvalue() == ""
    assert list(tmp_path.iterdir()) == [file]


def test_configured_credentials_make_no_file(tmp_path: Path) -> None:
    gate = open_gate(ApiConfig(username="me", password=Secret("mine")), tmp_path)
    assert gate.credentials.match("me", "mine")
    assert list(tmp_path.iterdir()) == []


def test_no_terminal_no_password_shown(tmp_path: Path) -> None:
    pipe = io.StringIO()
    open_gate(ApiConfig(), tmp_path, terminal=pipe)
    assert pipe.getvalue() == ""


def test_a_broken_file_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / CREDENTIALS_FILE).write_text("nonsense")
    with pytest.raises(ConfigError, match="delete it"):
        open_gate(ApiConfig(), tmp_path)


def test_a_file_others_can_read_is_closed(tmp_path: Path) -> None:
    file = tmp_path / CREDENTIALS_FILE
    file.write_text("username: a\npassword: b\n")
    file.chmod(0o644)
    assert open_gate(ApiConfig(), tmp_path).credentials == Credentials("a", Secret("b"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_no_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gate = open_gate(ApiConfig(), tmp_path / "missing")
    assert gate.credentials.password
    assert "nobody enters from the network" in caplog.text


def test_wider_trust_is_named_at_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_gate(ApiConfig(username="a", trust=(ip_network("10.0.0.0/8"),)), tmp_path)
    assert "10.0.0.0/8" in caplog.text


def test_addresses_lose_zone_and_mapping() -> None:
    assert str(parse_address("fe80::1%eth0")) == "fe80::1"
    assert str(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert parse_address("door.local") is None
