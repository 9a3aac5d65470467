"""What H.264 and H.265 share: NAL units behind start codes (Annex B) or lengths, SEI messages."""

START_CODE = b"\0\0\1"
RECOVERY_POINT = 6


def split_annexb(data: bytes) -> list[bytes]:
    """NAL units between start codes of 3 or 4 bytes, padding zeros stripped, empty ones left out.

    Data without any start code is one NAL unit.
    """
    return [nal for part in data.split(START_CODE) if (nal := part.rstrip(b"\0"))]


def split_avcc(data: bytes, length_size: int = 4) -> list[bytes]:
    """NAL units behind lengths of `length_size` bytes; a truncated last one is left out."""
    units: list[bytes] = []
    position = 0
    while (start := position + length_size) <= len(data):
        position = start + int.from_bytes(data[position:start])
        if position > len(data):
            break
        if position > start:
            units.append(data[start:position])
    return units


def has_recovery_point(sei: bytes, header_size: int) -> bool:
    """Whether an SEI NAL unit tells that decoding may start here (ITU-T H.264 and H.265 annex D, payload type 6)."""
    position = header_size
    while position + 2 <= len(sei):
        values = [0, 0]  # payload type and size, each as a run of 255s and a rest
        for index in (0, 1):
            while position < len(sei) and sei[position] == 0xFF:
                values[index] += 255
                position += 1
            if position >= len(sei):
                return False
            values[index] += sei[position]
            position += 1
        if values[0] == RECOVERY_POINT:
            return True
        position += values[1]
    return False
