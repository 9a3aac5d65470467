"""PCM and G.711 as FLAC (RFC 9639), for players that take no PCM.

Frames have verbatim subframes: nothing is computed but the checksums.
"""

from array import array
from collections.abc import Iterable
from functools import cache
from struct import pack, unpack

from ..errors import ProtocolError
from . import codec as names
from .codec import Codec

PCM = (names.PCMA, names.PCMU, names.L16, names.PCML)
"""The codecs that `Encoder` takes."""

MAX_BLOCK = 0xFFFF
MAX_CHANNELS = 8
_VERBATIM = b"\x02"
_RATES = {
    8_000: 4, 16_000: 5, 22_050: 6, 24_000: 7, 32_000: 8, 44_100: 9, 48_000: 10, 88_200: 1, 96_000: 11,
    176_400: 2, 192_000: 3,
}  # fmt: skip
_RATE_IN_HZ = 13


def stream_info(rate: int, channels: int) -> bytes:
    """The STREAMINFO block (RFC 9639 section 8.2) without its header: 16 bit, any block size, unknown length."""
    packed = rate << 44 | (channels - 1) << 41 | (16 - 1) << 36
    return pack(">HH6xQ16x", 16, MAX_BLOCK, packed)


class Encoder:
    """Turns packets of one PCM or G.711 codec into FLAC frames; `codec` is what they are in. One packet is one frame.

    Raises `ProtocolError` for a codec that is not PCM, or a rate or number of channels that FLAC frames cannot have.
    """

    def __init__(self, codec: Codec) -> None:
        channels = codec.channels or 1
        if codec.name not in PCM or channels > MAX_CHANNELS:
            raise ProtocolError(f"{codec.label()} cannot be put into FLAC")
        rate_code = _RATES.get(codec.rate, _RATE_IN_HZ)
        if rate_code == _RATE_IN_HZ and not 0 < codec.rate <= 0xFFFF:
            raise ProtocolError(f"FLAC has no rate of {codec.rate} Hz")
        self.codec = Codec(names.FLAC, "audio", codec.clock_rate, channels, sample_rate=codec.sample_rate)
        self._law = codec.name
        self._channels = channels
        # sync code with variable block size; block size in 16 bits; independent channels of 16 bits
        self._head = bytes((0xFF, 0xF9, 0x70 | rate_code, (channels - 1) << 4 | 4 << 1))
        self._tail = codec.rate.to_bytes(2) if rate_code == _RATE_IN_HZ else b""

    def samples(self, packet: bytes) -> int:
        """Samples per channel that the frame of this packet holds."""
        width = self._channels * (1 if self._law in (names.PCMA, names.PCMU) else 2)
        return min(len(packet) // width, MAX_BLOCK)

    def frame(self, packet: bytes, number: int) -> bytes:
        """The frame (RFC 9639 section 9) of a packet whose first sample has this number; empty for an empty packet.

        What is no whole sample, or more than FLAC's largest block, is cut off.
        """
        count = self.samples(packet)
        if not count:
            return b""
        sound = _big_endian(packet, self._law)[: count * self._channels * 2]
        header = self._head + _coded_number(number) + (count - 1).to_bytes(2) + self._tail
        header += bytes((_crc8(header),))
        if self._channels == 1:
            body = b"".join((header, _VERBATIM, sound))
        else:
            frames = memoryview(sound).cast("H")  # only moved, so that the order of bytes does not matter
            parts = [header]
            for channel in range(self._channels):
                parts += _VERBATIM, array("H", frames.tolist()[channel :: self._channels]).tobytes()
            body = b"".join(parts)
        return body + _crc16(body).to_bytes(2)


def _big_endian(packet: bytes, law: str) -> bytes:
    """16 bit samples in network order."""
    match law:
        case names.L16:
            return packet
        case names.PCML:
            words = array("H", packet[: len(packet) & ~1])
            words.byteswap()
            return words.tobytes()
    high, low = _g711_tables(law)
    sound = bytearray(2 * len(packet))
    sound[0::2] = packet.translate(high)
    sound[1::2] = packet.translate(low)
    return bytes(sound)


@cache
def _g711_tables(law: str) -> tuple[bytes, bytes]:
    """High and low byte of the linear value of each of the 256 codes (ITU-T G.711)."""
    values = [(_alaw if law == names.PCMA else _ulaw)(code) & 0xFFFF for code in range(256)]
    return bytes(value >> 8 for value in values), bytes(value & 0xFF for value in values)


def _alaw(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, (code & 15) << 4 | 8
    value = mantissa if exponent == 0 else (mantissa | 0x100) << exponent - 1
    return value if code & 0x80 else -value


def _ulaw(code: int) -> int:
    code ^= 0xFF
    value = (((code & 15) << 3 | 0x84) << (code >> 4 & 7)) - 0x84
    return -value if code & 0x80 else value


def _coded_number(number: int) -> bytes:
    """A number below 2^36 in the form of UTF-8 (RFC 9639 section 9.1.5); larger ones wrap."""
    number &= (1 << 36) - 1
    if number < 0x80:
        return bytes((number,))
    tail = b""
    room = 6  # bits in the first byte
    while number >= 1 << room:
        tail = bytes((0x80 | number & 0x3F,)) + tail
        number >>= 6
        room -= 1
    return bytes((0xFF << room + 1 & 0xFF | number,)) + tail


def _crc_table(polynomial: int, width: int, bits: int) -> list[int]:
    """The checksum of every value of `bits` bits; built by doubling, since a CRC is linear."""
    top, mask = 1 << width - 1, (1 << width) - 1
    table, crc = [0], 1
    for _ in range(width):
        crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & mask
    for _ in range(bits):
        table += [known ^ crc for known in table]
        crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & mask
    return table


@cache
def _crc8_table() -> list[int]:
    return _crc_table(0x07, 8, 8)


@cache
def _crc16_table() -> list[int]:
    return _crc_table(0x8005, 16, 16)


def _crc8(data: Iterable[int]) -> int:
    crc, table = 0, _crc8_table()
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def _crc16(data: bytes) -> int:
    """Two bytes a step; with an initial value of 0 a leading zero byte changes nothing."""
    if len(data) & 1:
        data = b"\0" + data
    crc, table = 0, _crc16_table()
    for word in unpack(f">{len(data) // 2}H", data):
        crc = table[crc ^ word]
    return crc
