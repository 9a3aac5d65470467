"""The body of transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01)."""

from collections.abc import Sequence
from struct import Struct

from ..errors import ProtocolError

TICK = 250
"""µs of a receive delta."""

REFERENCE = 64_000
"""µs of the reference time's unit."""

MAX_PACKETS = 4096
"""Packets of one feedback that are read: browsers send some hundred at most."""

_HEADER = Struct(">HHI")
_LOST, _SMALL, _LARGE = 0, 1, 2


def parse(body: bytes) -> tuple[int, int, tuple[int | None, ...]]:
    """Base sequence, number of the feedback, and arrival times in µs (None: lost). Raises `ProtocolError`."""
    if len(body) < _HEADER.size:
        raise ProtocolError("transport feedback is too short")
    base, count, reference = _HEADER.unpack_from(body)
    if count > MAX_PACKETS:
        raise ProtocolError("transport feedback is too long")
    symbols: list[int] = []
    position = _HEADER.size
    while len(symbols) < count:
        if position + 2 > len(body):
            raise ProtocolError("transport feedback is cut off")
        symbols += _symbols(body[position] << 8 | body[position + 1])
        position += 2
    time = _signed(reference >> 8, 24) * REFERENCE
    arrivals: list[int | None] = []
    for symbol in symbols[:count]:
        if symbol not in (_SMALL, _LARGE):
            arrivals.append(None)
            continue
        if position + symbol > len(body):
            raise ProtocolError("transport feedback is cut off")
        delta = int.from_bytes(body[position : position + symbol], signed=symbol == _LARGE)
        position += symbol
        time += delta * TICK
        arrivals.append(time)
    return base, reference & 0xFF, tuple(arrivals)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def _symbols(chunk: int) -> list[int]:
    """What a packet status chunk stands for: a run, 14 symbols of one bit or 7 of two."""
    if not chunk >> 15:
        return [chunk >> 13 & 3] * (chunk & 0x1FFF)
    if chunk >> 14 & 1:
        return [chunk >> shift & 3 for shift in range(12, -1, -2)]
    return [chunk >> shift & 1 for shift in range(13, -1, -1)]


def build(base_sequence: int, number: int, arrivals: Sequence[int | None]) -> bytes:
    """The body for arrival times in µs; times are rounded to 250 µs.

    Raises `ValueError` when two arrivals are more than 8 s apart: such belong into two feedbacks.
    """
    first = next((time for time in arrivals if time is not None), 0)
    reference = first // REFERENCE
    now = reference * REFERENCE
    symbols: list[int] = []
    deltas: list[bytes] = []
    for time in arrivals:
        if time is None:
            symbols.append(_LOST)
            continue
        ticks = (time - now) // TICK
        now += ticks * TICK
        small = 0 <= ticks <= 0xFF
        if not -0x8000 <= ticks <= 0x7FFF:
            raise ValueError("arrivals are too far apart for one feedback")
        symbols.append(_SMALL if small else _LARGE)
        deltas.append(ticks.to_bytes(1 if small else 2, signed=not small))
    header = _HEADER.pack(base_sequence & 0xFFFF, len(arrivals), (reference & 0xFFFFFF) << 8 | number & 0xFF)
    return header + _chunks(symbols) + b"".join(deltas)


def _chunks(symbols: list[int]) -> bytes:
    """Vectors of 7 symbols: not the shortest form, but always valid."""
    words: list[int] = []
    for at in range(0, len(symbols), 7):
        group = symbols[at : at + 7]
        group += [_LOST] * (7 - len(group))
        word = 0b11
        for symbol in group:
            word = word << 2 | symbol
        words.append(word)
    return b"".join(word.to_bytes(2) for word in words)
