"""The newest log lines in memory, bounded in bytes."""

from collections import deque

BLOCK = 64 << 10
BLOCKS = 16


class Ring:
    """Lines in blocks of 64 KiB; when 16 are full the oldest block goes as a whole."""

    def __init__(self) -> None:
        self._blocks: deque[list[bytes]] = deque([[]], maxlen=BLOCKS)
        self._size = 0
        """Bytes in the newest block."""

    def append(self, line: bytes) -> None:
        """Keep a line (with its line end); one that fits no block is left out."""
        if len(line) > BLOCK:
            return
        if self._size + len(line) > BLOCK:
            self._blocks.append([])
            self._size = 0
        self._blocks[-1].append(line)
        self._size += len(line)

    def text(self) -> bytes:
        """All lines, oldest first; at most 1 MiB."""
        return b"".join(line for block in tuple(self._blocks) for line in block)

    def clear(self) -> None:
        self._blocks.clear()
        self._blocks.append([])
        self._size = 0
