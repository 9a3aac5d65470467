"""Lines to an output that may be slow or stuck."""

import os
import threading
from collections import deque

MAX_LINES = 10_000


class Writer:
    """Writes to a file descriptor on a thread. When 10,000 lines wait, the newest are dropped and counted.

    The descriptor is used without a buffered file around it: a thread that is stuck in one would hold its lock, and
    the interpreter could not end.
    """

    def __init__(self, fd: int, *, owned: bool) -> None:
        self._fd = fd
        self._owned = owned
        self._lines: deque[str] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="go2py-log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take a line and return at once."""
        with self._wake:
            if len(self._lines) >= MAX_LINES:
                self._dropped += 1
                return
            self._lines.append(line)
            self._wake.notify()

    def close(self, timeout: float) -> None:
        """Write what waits, for at most so many seconds."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        closing = False
        while not closing:
            with self._wake:
                while not self._lines and not self._closing:
                    self._wake.wait()
                lines, dropped, closing = self._lines, self._dropped, self._closing
                self._lines, self._dropped = deque(), 0
            if dropped:
                lines.append(f"... {dropped} lines were lost: the output did not take them\n")
            self._write("".join(lines).encode("utf-8", "backslashreplace"))
        if self._owned:
            os.close(self._fd)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except OSError:
                return  # a closed pipe, a full disk: the ring still has the lines and the gateway goes on
