"""JPEG: what RTP needs of its headers (ITU-T T.81), and the tables that RTP/JPEG leaves out (T.81 annex K)."""

from dataclasses import dataclass

from ..errors import ProtocolError

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
MAX_SEGMENTS = 256

ZIGZAG = (
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48),
    *(41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22),
    *(15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63),
)

_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32),
)


def _huffman(identity: int, counts: str, values: bytes) -> bytes:
    body = bytes((identity,)) + bytes.fromhex(counts) + values
    return b"\xff\xc4" + (len(body) + 2).to_bytes(2) + body


STANDARD_HUFFMAN = (
    _huffman(0x00, "00010501010101010100000000000000", bytes(range(12)))
    + _huffman(
        0x10,
        "0002010303020403050504040000017d",
        bytes.fromhex(
            "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738"
            "393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5"
            "a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
        ),
    )
    + _huffman(0x01, "00030101010101010101010000000000", bytes(range(12)))
    + _huffman(
        0x11,
        "00020102040403040705040400010277",
        bytes.fromhex(
            "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35"
            "363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3"
            "a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
        ),
    )
)
"""DHT segments of the tables of annex K.3, which RTP/JPEG takes for granted."""


def _split_huffman(segments: bytes) -> dict[int, bytes]:
    """Tables of DHT segments, by class and id."""
    found: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(segments):
        end = min(position + 2 + int.from_bytes(segments[position + 2 : position + 4]), len(segments))
        position += 4
        while position + 17 <= end:
            size = 17 + sum(segments[position + 1 : position + 17])
            found[segments[position]] = segments[position + 1 : position + size]
            position += size
        position = max(end, position)
    return found


_STANDARD = _split_huffman(STANDARD_HUFFMAN)


def is_standard_huffman(segments: bytes) -> bool:
    """Whether DHT segments hold the tables of annex K.3, or nothing (Motion JPEG leaves them out)."""
    return _split_huffman(segments).items() <= _STANDARD.items()


def quantizers(q: int) -> tuple[bytes, bytes]:
    """Luma and chroma tables in zigzag order for Q 1 to 99 (RFC 2435 section 4.2)."""
    q = min(max(q, 1), 99)
    factor = 5000 // q if q < 50 else 200 - q * 2

    def scaled(table: tuple[int, ...]) -> bytes:
        return bytes(min(max((table[position] * factor + 50) // 100, 1), 255) for position in ZIGZAG)

    return scaled(_LUMA), scaled(_CHROMA)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A baseline JPEG taken apart. `sampling`: (horizontal, vertical) factors by component. `tables`: quantisation
    tables of 8 bit by id; `components`: the table id by component; `huffman`: the DHT segments. `scan`: where the
    entropy-coded data begins."""

    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]
    components: tuple[int, ...]
    tables: dict[int, bytes]
    restart_interval: int
    huffman: bytes
    scan: int


def size(data: bytes) -> tuple[int, int]:
    """Width and height. Raises `ProtocolError`."""
    found = parse(data)
    return found.width, found.height


def parse(data: bytes) -> Jpeg:
    """The headers up to the first scan. Raises `ProtocolError` for what is not a sequential JPEG of 8 bits."""
    if data[:2] != SOI:
        raise ProtocolError("not a JPEG")
    position = 2
    frame: tuple[int, int, tuple[tuple[int, int], ...], tuple[int, ...]] | None = None
    tables: dict[int, bytes] = {}
    restart = 0
    huffman: list[bytes] = []
    for _ in range(MAX_SEGMENTS):
        while data[position : position + 2] == b"\xff\xff":  # fill bytes
            position += 1
        if position + 4 > len(data) or data[position] != 0xFF:
            break
        marker = data[position + 1]
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        body = data[position + 4 : end]
        if end > len(data) or end < position + 4:
            break
        match marker:
            case 0xC0 | 0xC1:
                frame = _frame(body)
            case 0xC4:
                huffman.append(data[position:end])
            case 0xDB:
                tables |= _tables(body)
            case 0xDD:
                restart = int.from_bytes(body[:2])
            case 0xDA if frame:
                return Jpeg(*frame, tables, restart, b"".join(huffman), end)
            case 0xC2 | 0xC3 | 0xC5 | 0xC6 | 0xC7 | 0xC9 | 0xCA | 0xCB | 0xCD | 0xCE | 0xCF:
                raise ProtocolError("JPEG is not sequential")
        position = end
    raise ProtocolError("JPEG headers are broken")


def _frame(body: bytes) -> tuple[int, int, tuple[tuple[int, int], ...], tuple[int, ...]]:
    count = body[5] if len(body) > 5 else 0
    if body[:1] != b"\x08" or not 0 < count <= 4 or len(body) < 6 + 3 * count:
        raise ProtocolError("JPEG frame header is broken")
    parts = [body[6 + 3 * index : 9 + 3 * index] for index in range(count)]
    height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    return width, height, tuple((part[1] >> 4, part[1] & 15) for part in parts), tuple(part[2] for part in parts)


def _tables(body: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position < len(body):
        if body[position] >> 4 or position + 65 > len(body):
            raise ProtocolError("JPEG quantisation table is not of 8 bits")
        found[body[position] & 15] = body[position + 1 : position + 65]
        position += 65
    return found


def headers(
    width: int, height: int, *, subsampled_rows: bool, luma: bytes, chroma: bytes, restart_interval: int = 0
) -> bytes:
    """Everything in front of the entropy-coded data of a picture with the standard Huffman tables: YCbCr 4:2:0 when
    `subsampled_rows`, else 4:2:2. Tables are of 64 bytes, in zigzag order."""
    restart = b"\xff\xdd\0\4" + restart_interval.to_bytes(2) if restart_interval else b""
    frame = (b"\x08", height.to_bytes(2), width.to_bytes(2), b"\3", b"\1", b"\x22" if subsampled_rows else b"\x21")
    return b"".join(
        (
            SOI,
            b"\xff\xdb\0\x43\0" + luma,
            b"\xff\xdb\0\x43\1" + chroma,
            restart,
            b"\xff\xc0\0\x11" + b"".join(frame) + b"\0\2\x11\1\3\x11\1",
            STANDARD_HUFFMAN,
            b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0",
        )
    )
