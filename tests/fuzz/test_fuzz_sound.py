"""Whatever somebody sends as its voice, time only goes forward, little is kept, and nothing raises."""

import random
import time

from go2py.errors import ProtocolError
from go2py.media.codec import Codec
from go2py.protocols import rtcp
from go2py.protocols.rtp.packet import build
from go2py.protocols.rtp.sound import BURST, PACE, SoundReceiver
from tests.fakes.sound import coded, sine

SECONDS = 1.5
CODECS = {
    8: Codec("PCMA", "audio", 8_000),
    9: Codec("G722", "audio", 8_000, sample_rate=16_000),
    96: Codec("MPEG4-GENERIC", "audio", 16_000, fmtp="sizelength=13;indexlength=3;indexdeltalength=3"),
    97: Codec("L16", "audio", 16_000),
    111: Codec("OPUS", "audio", 48_000, 2),
}
SOUNDS = {number: [unit.units[0] for unit in coded(codec, sine(440), 0.5)] for number, codec in CODECS.items()}


def stream(chance: random.Random) -> list[tuple[float, bytes]]:
    """Packets of a few senders, with the times at which they come."""
    now, packets = chance.random() * 100, []
    for _ in range(chance.randrange(1, 4)):
        kind = chance.choice(list(CODECS))
        sequence, timestamp, ssrc = chance.getrandbits(16), chance.getrandbits(32), chance.getrandbits(32)
        step, pace = chance.choice((0, 1, 160, 960, 1 << 31)), chance.choice((0.0, 0.002, 0.02, 0.2))
        for number in range(chance.randrange(60)):
            data = chance.choice(SOUNDS[kind])
            one = build(kind, marker=True, sequence=sequence + number, timestamp=timestamp, ssrc=ssrc, payload=data)
            packets.append((now, mutated(one, chance)))
            timestamp += step
            now += pace
    for _ in range(chance.randrange(20)):
        at, other = chance.randrange(len(packets) or 1), chance.randrange(len(packets) or 1)
        if packets:
            packets[at], packets[other] = (packets[at][0], packets[other][1]), (packets[other][0], packets[at][1])
    return packets


def mutated(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.7:
        return data
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        match chance.randrange(3):
            case 0:
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            case 1:
                del changed[chance.randrange(1, len(changed) + 1) :]
            case _:
                changed += chance.randbytes(chance.randrange(30))
    return bytes(changed)


def test_any_packets() -> None:
    chance = random.Random(5)
    end, runs = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        runs += 1
        receiver, last, sound, begin, now = SoundReceiver(CODECS, 1), -1.0, 0.0, None, 0.0
        for now, packet in stream(chance):
            begin = now if begin is None else begin
            units = [*receiver.push(packet, now), *(receiver.expire(now) if chance.random() < 0.3 else ())]
            for unit in units:
                at = unit.pts / unit.codec.clock_rate
                assert at >= last - 1 / 8000
                last = at
                sound += len(unit.units[0]) / 8000 if unit.codec.name == "PCMA" else 0.0
            if chance.random() < 0.05:
                rtcp.parse(receiver.report(now) or rtcp.build([rtcp.ReceiverReport(1)]))
        assert sound <= BURST + PACE * (now - (begin or 0.0)) + 1e-6
    assert runs > 20


def test_any_reports() -> None:
    chance, receiver = random.Random(6), SoundReceiver(CODECS, 1)
    receiver.push(build(8, marker=False, sequence=1, timestamp=1, ssrc=7, payload=SOUNDS[8][0]), 0.0)
    for _ in range(2000):
        data = rtcp.build([rtcp.SenderReport(7, chance.getrandbits(64), 1, 1, 1)])
        try:
            packets = rtcp.parse(mutated(data, chance))
        except ProtocolError:
            continue
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                receiver.reported(packet, chance.random())
        rtcp.parse(receiver.report(chance.random()))
