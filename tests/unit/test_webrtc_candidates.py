"""Candidate lines, their ranking, and which addresses are worth a socket."""

import pytest

from go2py.config.values import CandidateFilters, IceServer
from go2py.errors import ConfigError, ProtocolError
from go2py.observe.secret import Secret
from go2py.outputs.webrtc.addresses import LocalAddress, local_address, usable
from go2py.outputs.webrtc.candidates import (
    extra_candidates,
    make_candidate,
    parse_candidate,
    parse_extra,
)
from go2py.outputs.webrtc.servers import parse_servers
from go2py.outputs.webrtc.settings import Listen, parse_listen

LAN = local_address("192.168.1.5", "eth0")
LAN6 = local_address("2001:db8::5", "eth0")
DOCKER = local_address("172.17.0.1", "docker0")
HOUSE = local_address("172.20.1.5", "eth1")
LINK = local_address("fe80::1", "eth0", 2)
LOOP = local_address("127.0.0.1", "lo")
ALL = sorted([LOOP, LINK, HOUSE, DOCKER, LAN6, LAN])


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        (":8555", Listen("", 8555, 8555)),
        (":18555/tcp", Listen("", 0, 18555)),
        ("192.0.2.1:8555/udp", Listen("192.0.2.1", 8555, None)),
        ("[::]:8555", Listen("::", 8555, 8555)),
        ("", Listen("", 0, None)),
    ],
)
def test_listen(listen: str, expected: Listen) -> None:
    assert parse_listen(listen) == expected


@pytest.mark.parametrize("listen", ["8555", ":x", ":99999", ":8555/sctp"])
def test_wrong_listen(listen: str) -> None:
    with pytest.raises(ConfigError):
        parse_listen(listen)


def test_fixed_ports_are_announced() -> None:
    assert parse_listen(":8555").announced == ("udp", "tcp")
    assert parse_listen(":8555/tcp").announced == ("tcp",)
    assert parse_listen("").announced == ()


@pytest.mark.parametrize(
    ("filters", "host", "expected"),
    [
        (CandidateFilters(), "", [LAN, LAN6, HOUSE]),
        (CandidateFilters(loopback=True), "", [LAN, LAN6, HOUSE, LOOP]),
        (CandidateFilters(ips=("172.17.0.1",)), "", [DOCKER]),
        (CandidateFilters(interfaces=("eth0",)), "", [LAN, LAN6, LINK]),
        (CandidateFilters(), "0.0.0.0", [LAN, HOUSE]),
        (CandidateFilters(), "192.168.1.5", [LAN]),
        (CandidateFilters(), "127.0.0.1", [LOOP]),
    ],
)
def test_addresses(filters: CandidateFilters, host: str, expected: list[LocalAddress]) -> None:
    assert usable(ALL, filters, host) == expected


@pytest.mark.parametrize("alone", [[DOCKER, LOOP], [LINK, LOOP], [LOOP]])
def test_an_unroutable_address_is_used_where_there_is_no_other(alone: list[LocalAddress]) -> None:
    assert usable(sorted(alone), CandidateFilters()) == alone[:1]


def test_link_local_peers_are_on_our_link() -> None:
    assert LINK.sockaddr("fe80::2", 5) == ("fe80::2", 5, 0, 2)
    assert LAN.sockaddr("192.168.1.9", 5) == ("192.168.1.9", 5)


def test_candidate_line_is_read_back() -> None:
    made = make_candidate("srflx", "udp", "203.0.113.1", 8555, 1, ("192.168.1.5", 8555))
    assert made.line().startswith(f"candidate:{made.foundation} 1 udp {made.priority} 203.0.113.1 8555 typ srflx raddr")
    read = parse_candidate("a=" + made.line())
    assert (read.host, read.port, read.type, read.priority) == (made.host, made.port, made.type, made.priority)


def test_browser_lines() -> None:
    line = "candidate:842163049 1 tcp 1518280447 192.168.1.9 9 typ host tcptype active generation 0 ufrag AbCd"
    one = parse_candidate(line)
    assert (one.network, one.tcptype, one.is_address) == ("tcp", "active", True)
    mdns = parse_candidate("candidate:1 1 UDP 2113937151 abc.local 50000 typ host generation 0")
    assert not mdns.is_address


@pytest.mark.parametrize(
    "line",
    [
        "",
        "candidate:1 1 udp 1 1.2.3.4 5 typ",
        "candidate:1 1 udp -1 1.2.3.4 5 typ host",
        "candidate:1 1 udp 1 1.2.3.4 70000 typ host",
        "candidate:1 1 sctp 1 1.2.3.4 5 typ host",
        "candidate:1 1 udp 1 1.2.3.4 5 typ ghost",
        "candidate:1 1 udp 1 1.2.3.4 \u0665 typ host",
        "candidate:" + "1" * 600,
    ],
)
def test_wrong_lines(line: str) -> None:
    with pytest.raises(ProtocolError):
        parse_candidate(line)


def test_configured_candidates_come_first() -> None:
    lines = extra_candidates([("cam.example.org", 8555), ("203.0.113.9", 443)], ("udp", "tcp"))
    assert [one.priority for one in lines] == [2130706430, 1671430141, 2130706428, 1671430139]
    assert lines[1].line().endswith("cam.example.org 8555 typ host tcptype passive")
    best = make_candidate("host", "udp", "192.168.1.5", 8555, 0), make_candidate("host", "tcp", "192.168.1.5", 8555, 0)
    assert lines[2].priority > best[0].priority
    assert lines[3].priority > best[1].priority > make_candidate("host", "tcp", "192.168.1.6", 8555, 1).priority


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1:8556", ("192.0.2.1", 8556)),
        ("stun:8555", ("stun", 8555)),
        ("home.example.org", ("home.example.org", 8555)),
        ("[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("2001:db8::1", ("2001:db8::1", 8555)),
    ],
)
def test_extra(text: str, expected: tuple[str, int]) -> None:
    assert parse_extra(text, 8555) == expected


def test_ice_servers() -> None:
    servers = parse_servers(
        [
            IceServer(("stun:stun.example.org",)),
            IceServer(("turn:turn.example.org:443?transport=tcp", "turns:[2001:db8::1]"), "user", Secret("pass")),
        ]
    )
    assert [(one.scheme, one.host, one.port, one.transport) for one in servers] == [
        ("stun", "stun.example.org", 3478, "udp"),
        ("turn", "turn.example.org", 443, "tcp"),
        ("turns", "2001:db8::1", 5349, "tcp"),
    ]
    assert parse_servers([IceServer(("http://example.org", "stun:", "stun:x:y"))]) == []
