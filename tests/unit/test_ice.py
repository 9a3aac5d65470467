"""The ICE agent with a clock and a network of the test's own: loss, restarts, conflicts, viewers that vanish."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from go2py.outputs.webrtc import ice
from go2py.outputs.webrtc.candidates import Candidate, make_candidate, parse_candidate, priority
from go2py.outputs.webrtc.ice import IceAgent
from go2py.outputs.webrtc.pairs import Credentials, SockAddr
from go2py.protocols import stun
from go2py.protocols.stun import Attribute, Kind


@dataclass(eq=False)
class Wire:
    """A socket of the simulated machine at `host`."""

    host: str
    rank: int = 0
    closed: bool = False

    @property
    def address(self) -> SockAddr:
        return (self.host, 1000)

    @property
    def priority(self) -> int:
        return priority("host", "udp", self.rank)

    @property
    def peer_reflexive(self) -> int:
        return priority("prflx", "udp", self.rank)

    def target(self, candidate: Candidate) -> SockAddr | None:
        return candidate.host, candidate.port

    def candidate(self) -> Candidate:
        return make_candidate("host", "udp", self.host, 1000, self.rank)


@dataclass
class World:
    """Agents, the sockets they have, and the packets between them, delivered after 10 ms."""

    agents: dict[str, tuple[IceAgent, Wire]] = field(default_factory=dict)
    now: float = 100.0
    lost: Callable[[str, str], bool] = lambda *_: False
    flying: list[tuple[float, str, str, bytes]] = field(default_factory=list)

    def add(self, agent: IceAgent, *wires: Wire) -> None:
        for wire in wires:
            self.agents[wire.host] = agent, wire
            agent.add_base(wire)

    def run(self, seconds: float, until: Callable[[], object] = lambda: False) -> None:
        end = self.now + seconds
        while self.now < end and not until():
            for agent in {id(agent): agent for agent, _ in self.agents.values()}.values():
                due = agent.next_timer()
                if due is not None and due <= self.now:
                    agent.tick(self.now)
                for pair, data in agent.take():
                    assert isinstance(pair.base, Wire)
                    if not self.lost(pair.base.host, pair.address[0]):
                        self.flying.append((self.now + 0.01, pair.base.host, pair.address[0], data))
            landed = [one for one in self.flying if one[0] <= self.now]
            self.flying = [one for one in self.flying if one[0] > self.now]
            for _, source, destination, data in landed:
                if destination in self.agents:
                    agent, wire = self.agents[destination]
                    agent.receive(data, wire, (source, 1000), self.now)
            self.now += 0.005


@pytest.fixture
def world() -> World:
    random.seed(7)
    return World()


def credentials(name: str) -> Credentials:
    return Credentials(name, f"{name}-password-password")


def pair_up(
    world: World, *, gateway: tuple[Wire, ...] = (), viewer: tuple[Wire, ...] = ()
) -> tuple[IceAgent, IceAgent]:
    """A controlled gateway and a controlling viewer that know each other's candidates."""
    ours, theirs = IceAgent(credentials("ours")), IceAgent(credentials("theirs"))
    theirs.controlling = True
    gateway, viewer = gateway or (Wire("10.0.0.1"),), viewer or (Wire("10.0.0.2"),)
    world.add(ours, *gateway)
    world.add(theirs, *viewer)
    ours.set_remote(theirs.local)
    theirs.set_remote(ours.local)
    for wire in viewer:
        ours.add_remote(wire.candidate())
    for wire in gateway:
        theirs.add_remote(wire.candidate())
    return ours, theirs


def both(*agents: IceAgent) -> Callable[[], bool]:
    return lambda: all(agent.selected for agent in agents)


def test_connects(world: World) -> None:
    ours, theirs = pair_up(world)
    world.run(1, both(ours, theirs))
    assert ours.selected is not None
    assert ours.selected.address == ("10.0.0.2", 1000)
    assert ours.selected.type == "host"
    assert ours.round_trip == pytest.approx(0.02, abs=0.02)
    assert not ours.controlling


def test_connects_with_a_third_of_the_packets_lost(world: World) -> None:
    world.lost = lambda *_: random.random() < 0.3
    ours, theirs = pair_up(world)
    world.run(8, both(ours, theirs))
    assert ours.selected
    assert theirs.selected


def test_best_pair_wins(world: World) -> None:
    ours, theirs = pair_up(world, gateway=(Wire("10.0.0.1"), Wire("10.1.0.1", 1)), viewer=(Wire("10.0.0.2"),))
    world.run(3)
    assert ours.selected is not None
    assert isinstance(ours.selected.base, Wire)
    assert ours.selected.base.host == "10.0.0.1"
    assert theirs.selected is not None
    assert theirs.selected.address == ("10.0.0.1", 1000)


def test_mdns_viewer_is_learned_from_its_checks(world: World) -> None:
    ours, theirs = IceAgent(credentials("ours")), IceAgent(credentials("theirs"))
    theirs.controlling = True
    world.add(ours, Wire("10.0.0.1"))
    world.add(theirs, Wire("10.0.0.2"))
    ours.set_remote(theirs.local)
    theirs.set_remote(ours.local)
    line = "candidate:1 1 udp 2113937151 8d4d3c26-1111-4a4a-9d7e-0f4d2a6f6b61.local 1000 typ host"
    ours.add_remote(parse_candidate(line))
    theirs.add_remote(Wire("10.0.0.1").candidate())
    world.run(2, both(ours, theirs))
    assert ours.selected is not None
    assert ours.selected.type == "prflx"


def test_checks_of_ours_open_a_nat(world: World) -> None:
    opened: set[str] = set()

    def lost(source: str, destination: str) -> bool:
        opened.add(source)
        return destination not in opened  # nobody gets in who was not written to before

    world.lost = lost
    ours, theirs = pair_up(world)
    world.run(5, both(ours, theirs))
    assert ours.selected
    assert theirs.selected


@pytest.mark.parametrize("winner", ["ours", "theirs"])
@pytest.mark.parametrize("controlling", [True, False])
def test_role_conflict_is_repaired(world: World, winner: str, *, controlling: bool) -> None:
    ours, theirs = pair_up(world)
    ours.controlling = theirs.controlling = controlling
    ours.tie_breaker, theirs.tie_breaker = (2, 1) if winner == "ours" else (1, 2)
    world.run(3, both(ours, theirs))
    assert ours.selected
    assert theirs.selected
    assert ours.controlling != theirs.controlling


def test_lite_peer(world: World) -> None:
    """It sends no checks: we control and nominate."""
    ours = IceAgent(credentials("ours"))
    world.add(ours, Wire("10.0.0.1"))
    lite = credentials("lite")
    ours.set_remote(lite, lite=True)
    ours.add_remote(Wire("10.0.0.2").candidate())
    nominated = False
    for _ in range(200):
        world.now += 0.01
        ours.tick(world.now)
        for pair, data in ours.take():
            check = stun.parse(data)
            assert check.verify(lite.key)
            assert check.controlling is not None
            nominated |= check.use_candidate
            mapped = (Attribute.XOR_MAPPED_ADDRESS, stun.xor_address("10.0.0.1", 1000, check.transaction))
            answer = stun.build(Kind.SUCCESS, check.transaction, (mapped,), lite.key)
            ours.receive(answer, pair.base, pair.address, world.now)
    assert nominated
    assert ours.selected


def test_vanished_viewer_is_gone_within_15_s(world: World) -> None:
    ours, theirs = pair_up(world)
    world.run(1, both(ours, theirs))
    world.run(20)
    gone, before = world.now, ours.failed
    world.lost = lambda *_: True
    world.run(20, lambda: ours.failed)
    assert (before, ours.failed) == ("", "the viewer no longer answers")
    assert world.now - gone <= 15
    assert ours.next_timer() is None


def test_loss_does_not_end_a_connection(world: World) -> None:
    ours, theirs = pair_up(world)
    world.run(1, both(ours, theirs))
    world.lost = lambda *_: random.random() < 0.3
    world.run(300)
    assert not ours.failed


def test_consent_costs_little(world: World) -> None:
    ours, theirs = pair_up(world)
    world.run(2, both(ours, theirs))
    sent = 0

    def count(source: str, _: str) -> bool:
        nonlocal sent
        sent += source == "10.0.0.1"
        return False

    world.lost = count
    world.run(60)
    assert sent <= 2 * 60 / 4 + 4  # our checks and our answers


def test_restart_keeps_media_going(world: World) -> None:
    ours, theirs = pair_up(world)
    world.run(1, both(ours, theirs))
    before = ours.selected
    ours.restart(credentials("ours2"))
    theirs.restart(credentials("theirs2"))
    ours.set_remote(theirs.local)
    theirs.set_remote(ours.local)
    assert ours.selected is before
    ours.add_remote(Wire("10.0.0.2").candidate())
    theirs.add_remote(Wire("10.0.0.1").candidate())
    world.run(3, lambda: ours.selected is not before)
    assert ours.selected is not before
    assert ours.selected is not None
    world.run(20)
    assert not ours.failed


def test_restarted_peer_may_keep_naming_our_old_fragment(world: World) -> None:
    """As Chromium does on a pair that it made between its offer and our answer."""
    ours, theirs = pair_up(world)
    world.run(1, both(ours, theirs))
    old, new = ours.local, credentials("theirs2")
    ours.restart(credentials("ours2"))
    ours.set_remote(new)
    wire = world.agents["10.0.0.1"][1]

    def check_from(peer: bytes) -> bytes:
        attributes = ((Attribute.USERNAME, b"ours:" + peer), (Attribute.USE_CANDIDATE, b""))
        return stun.build(Kind.REQUEST, stun.new_transaction(), attributes, old.key)

    before = ours.selected
    assert ours.receive(check_from(b"theirs"), wire, ("10.9.9.9", 4), world.now)
    assert ours.receive(check_from(b"theirs2"), wire, ("10.9.9.9", 5), world.now)
    ours.take()
    ours.tick(world.now)
    (sent,) = ours.take()
    check = stun.parse(sent[1])
    assert (sent[0].address, check.username) == (("10.9.9.9", 5), (b"theirs2", b"ours"))
    assert ours.selected is before
    assert ours.receive(stun.build(Kind.SUCCESS, check.transaction, (), new.key), wire, ("10.9.9.9", 5), world.now)
    assert ours.selected is sent[0]
    assert ours.receive(check_from(b"theirs2"), wire, ("10.9.9.9", 5), world.now)
    assert ours.take(), "answered for as long as the pair lives"


def test_viewer_moves_to_another_network(world: World) -> None:
    """Its new address is nominated although the old pair ranks higher and nobody said goodbye."""
    ours, theirs = pair_up(world)
    world.run(1, both(ours, theirs))
    world.lost = lambda *_: True
    world.run(6)
    request = stun.build(
        Kind.REQUEST,
        stun.new_transaction(),
        (
            (Attribute.USERNAME, b"ours:theirs"),
            (Attribute.PRIORITY, stun.number32(1)),
            (Attribute.ICE_CONTROLLING, stun.number64(1)),
            (Attribute.USE_CANDIDATE, b""),
        ),
        ours.local.key,
    )
    wire = world.agents["10.0.0.1"][1]
    assert ours.receive(request, wire, ("10.9.9.9", 5), world.now)
    ours.tick(world.now)
    check = next(stun.parse(data) for _, data in ours.take() if data[0] == 0)
    answer = stun.build(Kind.SUCCESS, check.transaction, (), theirs.local.key)
    assert ours.receive(answer, wire, ("10.9.9.9", 5), world.now)
    assert ours.selected is not None
    assert ours.selected.address == ("10.9.9.9", 5)


def request_to(agent: IceAgent, *attributes: tuple[int, bytes], key: bytes | None = None) -> bytes:
    user = f"{agent.local.ufrag}:x".encode()
    return stun.build(
        Kind.REQUEST, stun.new_transaction(), ((Attribute.USERNAME, user), *attributes), key or agent.local.key
    )


def test_strangers_get_no_answer() -> None:
    agent, wire = IceAgent(credentials("ours")), Wire("10.0.0.1")
    agent.set_remote(credentials("theirs"))
    assert not agent.receive(request_to(agent, key=b"guess"), wire, ("10.0.0.9", 1), 0)
    assert not agent.receive(stun.build(Kind.REQUEST, bytes(12)), wire, ("10.0.0.9", 1), 0)
    assert not agent.receive(stun.build(Kind.SUCCESS, bytes(12), (), agent.local.key), wire, ("10.0.0.9", 1), 0)
    assert not agent.take()
    assert agent.next_timer() is None


def test_unknown_attribute_is_refused() -> None:
    agent, wire = IceAgent(credentials("ours")), Wire("10.0.0.1")
    agent.receive(request_to(agent, (0x7ABC, b"")), wire, ("10.0.0.9", 1), 0)
    ((_, data),) = agent.take()
    answer = stun.parse(data)
    assert answer.error == 420
    assert answer.attributes[Attribute.UNKNOWN_ATTRIBUTES] == b"\x7a\xbc"


def test_answers_from_elsewhere_do_not_validate() -> None:
    agent, wire, remote = IceAgent(credentials("ours")), Wire("10.0.0.1"), credentials("theirs")
    agent.add_base(wire)
    agent.set_remote(remote)
    agent.add_remote(Wire("10.0.0.2").candidate())
    agent.tick(1)
    ((_, data),) = agent.take()
    answer = stun.build(Kind.SUCCESS, stun.parse(data).transaction, (), remote.key)
    agent.receive(request_to(agent, (Attribute.USE_CANDIDATE, b"")), wire, ("10.0.0.2", 1000), 1)
    assert not agent.receive(answer, wire, ("10.0.0.3", 1000), 1)
    assert agent.selected is None


def test_pairs_are_bounded() -> None:
    agent, wire = IceAgent(credentials("ours")), Wire("10.0.0.1")
    agent.add_base(wire)
    agent.set_remote(credentials("theirs"))
    for at in range(3 * ice.MAX_PAIRS):
        agent.receive(request_to(agent), wire, ("10.0.0.9", at), 0)
        agent.add_remote(make_candidate("host", "udp", "10.0.0.8", at + 1, 0))
    assert len(agent._pairs) <= ice.MAX_PAIRS
    assert len(agent._remotes) <= ice.MAX_REMOTE
    for at in range(2000):
        agent.tick(at / 20)
        agent.take()
    assert not agent._checks


def test_a_socket_that_goes_takes_its_pairs_along(world: World) -> None:
    first, second = Wire("10.0.0.1"), Wire("10.1.0.1", 1)
    ours, theirs = pair_up(world, gateway=(first, second))
    world.run(2, both(ours, theirs))
    first.closed = True
    ours.remove_base(first)
    assert all(pair.base is second for pair in ours._pairs.values())
    world.lost = lambda source, destination: "10.0.0.1" in {source, destination}
    world.run(20, lambda: ours.failed)
    assert ours.failed
