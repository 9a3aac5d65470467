"""Figures of a process, and a yardstick of the machine taken in the same run."""

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Any

from go2py.outputs.webrtc.batch import RtpBatch
from go2py.outputs.webrtc.dtls import AES_128_GCM, AES_CM_SHA1_80, Profile, SrtpKeys
from go2py.outputs.webrtc.srtp import SrtpSession, Workspace

UDP_SEGMENT = 103
PIECE, PIECES = 1200, 16
_U16 = Struct("=H")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads so far: the process's CPU clock (`clock_getcpuclockid`, Linux)."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_mb(pid: int) -> float:
    """Resident memory, MiB."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share (0 to 1) of all is not above; not a number when there are none."""
    if not values:
        return float("nan")
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -int(-share * len(ranked) // 1) - 1))]


def yardstick() -> dict[str, float]:
    """µs of things that no gateway here can go below, the best of some tries: a loop of 1000 additions, and per
    packet of 1.2 kB a segmented send of 16 over loopback, and the protection of one in place."""
    return {
        "loop_1000": _best(_loop, 1),
        "send": _best(_sender(), PIECES),
        "protect_gcm": _best(_protector(AES_128_GCM), PIECES),
        "protect_sha1": _best(_protector(AES_CM_SHA1_80), PIECES),
    }


def _best(work: Any, count: int, tries: int = 15, repeats: int = 20) -> float:
    times = []
    for _ in range(tries):
        begin = time.thread_time()
        for _ in range(repeats):
            work()
        times.append((time.thread_time() - begin) / repeats / count * 1e6)
    return min(times)


def _loop() -> None:
    total = 0
    for number in range(1000):
        total += number


def _sender() -> Any:
    receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiver.bind(("127.0.0.1", 0))
    receiver.setsockopt(socket.IPPROTO_UDP, 104, 1)  # UDP_GRO, as the viewers have it
    burst, option = memoryview(bytes(PIECE * PIECES)), [(socket.IPPROTO_UDP, UDP_SEGMENT, _U16.pack(PIECE))]
    address = receiver.getsockname()

    def work() -> None:
        sender.sendmsg((burst,), option, 0, address)
        receiver.recv(1)

    return work


def _protector(profile: Profile) -> Any:
    key = bytes(profile.key + profile.salt)
    session = SrtpSession(SrtpKeys(profile, key, key), Workspace())
    header = Struct(">BBHII")
    packets = [header.pack(0x80, 96, at, 1, 1) + bytes(PIECE - 12) for at in range(PIECES)]
    [template] = RtpBatch(packets).templates(session.tag)

    def work() -> None:
        session.protect(template)

    return work
