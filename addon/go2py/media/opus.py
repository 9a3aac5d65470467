"""Opus packets: how long they last (RFC 6716 section 3)."""

MAX_SAMPLES = 5760
"""120 ms, the longest packet."""

_FRAME_SAMPLES = tuple(
    (480, 960, 1920, 2880)[config & 3]  # SILK
    if config < 12
    else (480, 960)[config & 1]  # hybrid
    if config < 16
    else (120, 240, 480, 960)[config & 3]  # CELT
    for config in range(32)
)


def duration(packet: bytes) -> int:
    """Samples at 48 kHz that the packet holds; 0 for an empty or invalid one."""
    if not packet:
        return 0
    code = packet[0] & 3
    count = (1, 2, 2, packet[1] & 0x3F if len(packet) > 1 else 0)[code]
    samples = count * _FRAME_SAMPLES[packet[0] >> 3]
    return samples if samples <= MAX_SAMPLES else 0


def concealment(packet: bytes) -> bytes:
    """A packet without content for a frame that was lost behind this one: decoders make up its sound (RFC 6716 section
    3.2.1, a frame of length zero). It lasts as long as one frame of `packet`, which must not be empty."""
    return bytes((packet[0] & 0xFC,))
