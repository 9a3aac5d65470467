"""`python -m benchmarks [name …] [--json FILE] [--scale N]`: a table on the terminal and a file of figures."""

import argparse
import compileall
import json
import platform
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import go2py

from .measure import yardstick
from .row import Row, Run
from .rows import BENCHMARKS

RESULTS = Path(".run/benchmarks.json")


def main() -> None:
    """Run what was named, or all; exits with 1 when a benchmark broke, not when a target was missed."""
    arguments = _arguments()
    compileall.compile_dir(Path(go2py.__file__).parent, quiet=2)  # as an installation has it
    run = Run(yardstick(), arguments.scale)
    print("machine: " + ", ".join(f"{name} {value:.2f} µs" for name, value in run.yardstick.items()), flush=True)
    rows: list[Row] = []
    broken: dict[str, str] = {}
    for name in arguments.names or BENCHMARKS:
        begin = time.monotonic()
        try:
            for row in BENCHMARKS[name](run):
                rows.append(row)
                print(line(row), flush=True)
        except (RuntimeError, OSError) as error:
            broken[name] = str(error)
            print(f"{name}: {error}", file=sys.stderr)
        print(f"  {name} took {time.monotonic() - begin:.0f} s", file=sys.stderr)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(report(run, rows, broken), indent=1, ensure_ascii=False) + "\n")
    print(f"figures: {arguments.json}")
    sys.exit(1 if broken else 0)


def line(row: Row) -> str:
    """A row of the table."""
    sign = "≥" if row.at_least else "≤"
    target = f"{sign} {row.target:g}" if row.target is not None else ""
    verdict = {True: "", False: "missed", None: ""}[row.met]
    ratio = f"{row.ratio:.1f}× floor" if row.ratio is not None else ""
    detail = " ".join(f"{key}={value:.4g}" for key, value in row.detail.items())
    return f"{row.name:<62} {row.value:>8.2f} {row.unit:<3} {target:>8} {verdict:<6} {ratio:<11} {detail}".rstrip()


def report(run: Run, rows: Iterable[Row], broken: dict[str, str]) -> dict[str, object]:
    """What goes into the file."""
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "yardstick": run.yardstick,
        "yardstick_after": yardstick(),
        "rows": [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows],
        "broken": broken,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where figures are written")
    parser.add_argument("--scale", type=float, default=1.0, help="how much longer than usual is measured")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    main()
