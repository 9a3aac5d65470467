"""Bytes that are nearly right: seeded, so that a failure comes again."""

import random
from collections.abc import Iterator, Sequence


def mutations(samples: Sequence[bytes], count: int, seed: int = 1) -> Iterator[bytes]:
    """`count` inputs: random bytes, and samples with bytes changed, cut out, doubled or joined with others."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(samples))
        if chance.random() < 0.1:
            data = bytearray(chance.randbytes(chance.randrange(200)))
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(5):
                case 0:
                    data[at : at + 1] = bytes((chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))),))
                case 1:
                    del data[at : at + chance.randrange(1, 20)]
                case 2:
                    data[at:at] = data[at : at + chance.randrange(1, 40)]
                case 3:
                    data[at:] = chance.choice(samples)[at:]
                case 4:
                    data[at:at] = chance.randbytes(chance.randrange(1, 8))
        yield bytes(data)
