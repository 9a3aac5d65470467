"""Random and mangled bytes at what listens on the WebRTC port: a value or a ProtocolError, nothing else."""

import random

from go2py.errors import ProtocolError
from go2py.outputs.webrtc.candidates import make_candidate, parse_candidate, priority
from go2py.outputs.webrtc.ice import IceAgent
from go2py.outputs.webrtc.pairs import Credentials, SockAddr
from go2py.protocols import stun
from go2py.protocols.rfc4571 import Deframer, frame
from go2py.protocols.stun import Attribute, Kind

ROUNDS = 50_000
ID = bytes(12)
KEY = b"key"
SAMPLES = [
    stun.build(
        Kind.REQUEST,
        ID,
        (
            (Attribute.USERNAME, b"ours:theirs"),
            (Attribute.PRIORITY, stun.number32(1)),
            (Attribute.ICE_CONTROLLING, stun.number64(1)),
            (Attribute.USE_CANDIDATE, b""),
        ),
        KEY,
    ),
    stun.build(Kind.SUCCESS, ID, ((Attribute.XOR_MAPPED_ADDRESS, stun.xor_address("192.0.2.1", 1, ID)),), KEY),
    stun.build(Kind.ERROR, ID, ((Attribute.ERROR_CODE, stun.error_code(487, "x")),), KEY),
    stun.build(Kind.INDICATION, ID),
]


class Nowhere:
    priority = peer_reflexive = priority("host", "udp", 0)
    closed = False

    def target(self, _: object) -> SockAddr | None:
        return None


def mangled(rng: random.Random, sample: bytes) -> bytes:
    data = bytearray(sample)
    for _ in range(rng.randrange(1, 5)):
        match rng.randrange(4):
            case 0 if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
            case 1:
                del data[rng.randrange(len(data) + 1) :]
            case 2:
                data += rng.randbytes(rng.randrange(1, 16))
            case _:
                at = rng.randrange(len(data) + 1)
                data[at:at] = rng.randbytes(4)
    if rng.random() < 0.7 and len(data) >= 20:  # a length that fits leads deeper
        data[2:4] = (len(data) - 20).to_bytes(2)
        data[4:8] = SAMPLES[0][4:8]
    return bytes(data)


def test_messages() -> None:
    rng, agent, base = random.Random(1), IceAgent(Credentials("ours", "key")), Nowhere()
    agent.set_remote(Credentials("theirs", "key"))
    for at in range(ROUNDS):
        data = mangled(rng, rng.choice(SAMPLES)) if at % 4 else rng.randbytes(rng.randrange(64))
        if stun.is_stun(data, len(data)):
            stun.peek_ufrag(data, len(data))
        try:
            agent.receive(data, base, ("192.0.2.9", at % 7), at / 1000)
        except ProtocolError:
            continue
        agent.tick(at / 1000)
        agent.take()


def test_signed_nonsense() -> None:
    """A peer that knows the key may still say anything."""
    rng, agent, base = random.Random(2), IceAgent(Credentials("ours", "key")), Nowhere()
    agent.set_remote(Credentials("theirs", "key"))
    names = [*map(int, Attribute), 0x7FFF, 0xFFFF]
    for at in range(ROUNDS // 4):
        attributes: list[tuple[int, bytes]] = [(Attribute.USERNAME, b"ours:x")]
        for _ in range(rng.randrange(4)):
            attributes.append((rng.choice(names), rng.randbytes(rng.choice((0, 4, 8, 9, 20)))))  # noqa: PERF401
        data = stun.build(rng.choice(tuple(Kind)), rng.randbytes(12), attributes, KEY)
        try:
            message = stun.parse(data)
            assert isinstance(message.error, int)
            assert message.mapped is None or message.mapped[1] >= 0
            agent.receive(data, base, ("192.0.2.9", at % 7), at / 1000)
        except ProtocolError:
            continue
        agent.take()


def test_framing() -> None:
    rng = random.Random(3)
    for _ in range(500):
        packets = [rng.randbytes(rng.randrange(1, 2000)) for _ in range(rng.randrange(8))]
        stream = b"".join(map(frame, packets))
        deframer, found = Deframer(), []
        while stream:
            size = rng.randrange(1, 3000)
            found += deframer.feed(stream[:size])
            stream = stream[size:]
        assert found == packets
    for _ in range(2000):
        deframer = Deframer(limit=300)
        try:
            for _ in range(8):
                assert all(0 < len(packet) <= 300 for packet in deframer.feed(rng.randbytes(rng.randrange(500))))
                assert len(deframer._rest) <= 302
        except ProtocolError:
            continue


def test_candidate_lines() -> None:
    rng = random.Random(4)
    samples = [make_candidate("host", "tcp", "2001:db8::1", 5, 0).line(), "a=candidate:1 1 udp 5 x.local 5 typ host"]
    for _ in range(ROUNDS):
        line = mangled(rng, rng.choice(samples).encode()).decode("latin-1")
        try:
            candidate = parse_candidate(line)
        except ProtocolError:
            continue
        assert 0 <= candidate.port <= 65535
        assert candidate.is_address in {True, False}
