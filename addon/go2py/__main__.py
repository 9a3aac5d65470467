"""`go2py`: the command line."""

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .config.child import end_with, read_orders
from .config.commandline import Arguments, parse, print_plan
from .config.load import ConfigFiles
from .errors import ConfigError

if TYPE_CHECKING:
    from .discovery.supervisor import Supervisor


def main() -> None:
    """Run the gateway; exits with 0, with 2 for a configuration that must not be run, or as `/api/exit` says."""
    gc.disable()  # what is imported stays: looking for garbage in it would take a sixth of the start
    arguments = parse(sys.argv[1:])
    files, supervisor = ConfigFiles(arguments.config), None
    try:
        if arguments.app:
            files, supervisor = _hosted(arguments)
        elif arguments.child:
            files = ConfigFiles([*arguments.config, read_orders(sys.stdin.buffer)])
        config = files.load()
    except ConfigError as error:
        sys.stderr.write(f"go2py: {error}\n")
        sys.exit(2)
    from .app import RESTART, refused, run  # noqa: PLC0415  most of the start, and nothing that was needed so far

    if arguments.check:
        print_plan(config, asyncio.run(refused(config)))
        return
    if arguments.child:
        end_with(sys.stdin.buffer)
    try:
        code = run(files, config, supervisor, child=arguments.child)
    except ConfigError as error:
        sys.stderr.write(f"go2py: {error}\n")
        sys.exit(2)
    if code == RESTART:
        if arguments.child:
            sys.exit(0)  # who gave the orders gives them again
        os.execv(sys.executable, [sys.executable, "-m", "go2py", *sys.argv[1:]])  # noqa: S606  ourselves
    sys.exit(code)


def _hosted(arguments: Arguments) -> tuple[ConfigFiles, Supervisor | None]:
    """As Home Assistant's app; the same image anywhere else has no Supervisor and is a gateway like any other."""
    from .config.hosted import HostedFiles  # noqa: PLC0415  for apps only, as is what follows
    from .discovery.supervisor import Supervisor  # noqa: PLC0415

    supervisor = Supervisor.of(os.environ)
    if supervisor is None:
        return ConfigFiles(arguments.config), None
    return HostedFiles(arguments.config, Path(arguments.app)), supervisor


if __name__ == "__main__":
    main()
