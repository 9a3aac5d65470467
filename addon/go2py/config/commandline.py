"""The command line, as go2rtc's."""

import argparse
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from .. import __version__
from .plan import plan
from .values import Config

COMPATIBLE = "1.9.15"
"""The go2rtc version whose clients are at home here; Home Assistant refuses older ones, and all from 2.0.0 on."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True)
class Arguments:
    """`config` are the values of `-c` in their order; `check` asks for a look at the configuration only; `app` is the
    private folder of Home Assistant's app, if it is one; `child` says that another program runs the gateway."""

    config: tuple[str, ...] = ()
    check: bool = False
    app: str = ""
    child: bool = False


def system() -> str:
    """Operating system and machine in Go's words: `linux/amd64`."""
    machine = platform.machine()
    return f"{sys.platform}/{_MACHINES.get(machine, machine)}"


def parse(argv: Sequence[str]) -> Arguments:
    """Read the arguments (without the program's name). `-h`, `-v` and mistakes raise `SystemExit` (0, 0, 2)."""
    parser = argparse.ArgumentParser(
        "go2py",
        description="Camera gateway: any camera in, any viewer out.",
        epilog="Without -c the file is go2py.yaml in the working directory, or a go2rtc.yaml that is there instead.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-c", "-config", "--c", "--config",
        dest="config", action="append", default=[], metavar="X",
        help="a file, inline YAML or JSON ({...}), or a single key (log.level=debug); can be repeated, later ones win",
    )  # fmt: skip
    parser.add_argument(
        "-v", "-version", "--v", "--version",
        action="version", version=f"go2py version {__version__} (go2rtc {COMPATIBLE} compatible) {system()}",
        help="print the version and exit",
    )  # fmt: skip
    parser.add_argument("--check", "-check", action="store_true", help="validate the configuration, print the plan")
    parser.add_argument(
        "--app", default="", metavar="DIR",
        help="where Home Assistant's Supervisor, if it started us, puts the options of its app",
    )  # fmt: skip
    parser.add_argument(
        "--child", action="store_true",
        help="run for another program: standard input begins with a line of YAML that outvotes -c, its end ends us",
    )  # fmt: skip
    found = parser.parse_args(list(argv))
    return Arguments(tuple(found.config), found.check, found.app, found.child)


def print_plan(config: Config, refused: Sequence[str] = ()) -> None:
    """The answer of `--check`; `refused` are sentences on sources."""
    sys.stdout.write(plan(config, refused))
