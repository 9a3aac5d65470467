"""`go2py`: the command line."""

import os
import sys

from .app import RESTART, run
from .config.commandline import parse, print_plan
from .config.load import ConfigFiles
from .errors import ConfigError


def main() -> None:
    """Run the gateway; exits with 0, with 2 for a configuration that must not be run, or as `/api/exit` says."""
    arguments = parse(sys.argv[1:])
    files = ConfigFiles(arguments.config)
    try:
        config = files.load()
    except ConfigError as error:
        sys.stderr.write(f"go2py: {error}\n")
        sys.exit(2)
    if arguments.check:
        print_plan(config)
        return
    try:
        code = run(files, config)
    except ConfigError as error:
        sys.stderr.write(f"go2py: {error}\n")
        sys.exit(2)
    if code == RESTART:
        os.execv(sys.executable, [sys.executable, "-m", "go2py", *sys.argv[1:]])  # noqa: S606  ourselves
    sys.exit(code)


if __name__ == "__main__":
    main()
