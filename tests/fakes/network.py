"""Two machines in one: network namespaces joined by a cable, with faults on request. Needs root."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

SERVER, VIEWER = "10.77.0.1", "10.77.0.2"


def why_not() -> str:
    """Why namespaces cannot be had here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "nft", "tc") if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed" if missing else ""


class Network:
    """The server's namespace is `name`; the viewer's is that of this thread while `two_machines` lasts."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def prefix(self) -> tuple[str, ...]:
        """Runs a command at the server's."""
        return ("ip", "netns", "exec", self.name)

    @contextlib.contextmanager
    def at_server(self) -> Iterator[None]:
        """Sockets made here are the server's."""
        with _inside(Path("/run/netns", self.name)):
            yield

    def lose(self, share: int) -> None:
        """So many percent of the datagrams do not arrive at the viewer's."""
        self._filter(f"meta l4proto udp numgen random mod 100 < {share} drop")

    def block_udp(self) -> None:
        self._filter("meta l4proto udp drop")

    @contextlib.contextmanager
    def closed(self, port: int) -> Iterator[None]:
        """Nothing reaches this port of the viewer's until the end of the block, as behind a firewall."""
        self._filter(f"meta l4proto {{ tcp, udp }} th dport {port} drop")
        try:
            yield
        finally:
            _run("nft", "delete table inet faults")

    def thin(self, rate: str) -> None:
        """The cable takes no more than this, `3mbit`, with a queue of 200 ms."""
        _run(*self.prefix, "tc", "qdisc", "add", "dev", "cable", "root", "tbf",
             "rate", rate, "burst", "8kb", "latency", "200ms")  # fmt: skip

    def _filter(self, rule: str) -> None:
        _run("nft", "add table inet faults; add chain inet faults in { type filter hook input priority 0; };"
             f"add rule inet faults in {rule}")  # fmt: skip


@contextlib.contextmanager
def two_machines() -> Iterator[Network]:
    """This thread, and every process and socket it makes, is at the viewer's until the end of the block."""
    name, viewer = f"go2py-{os.getpid()}", f"go2py-{os.getpid()}-tv"
    try:
        _run("ip", "netns", "add", name)
        _run("ip", "netns", "add", viewer)
        _run("ip", "-n", name, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", viewer)
        for machine, address in ((name, SERVER), (viewer, VIEWER)):
            # one packet on the cable is one packet for the filter, whatever the sender handed over at once
            _run("ip", "-n", machine, "link", "set", "cable", "gso_max_segs", "1", "up")
            _run("ip", "-n", machine, "link", "set", "lo", "up")
            _run("ip", "-n", machine, "address", "add", f"{address}/24", "dev", "cable")
        with _inside(Path("/run/netns", viewer)):
            yield Network(name)
    finally:
        for machine in (name, viewer):
            subprocess.run(["ip", "netns", "del", machine], check=False, capture_output=True)


@contextlib.contextmanager
def _inside(namespace: Path) -> Iterator[None]:
    with Path("/proc/thread-self/ns/net").open() as before, namespace.open() as there:
        os.setns(there.fileno(), os.CLONE_NEWNET)
        try:
            yield
        finally:
            os.setns(before.fileno(), os.CLONE_NEWNET)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert not done.returncode, f"{' '.join(command)}: {done.stderr}"
