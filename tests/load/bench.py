"""`./dev bench`: measure the service beside a bare pass-through, print the figures, and keep them."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime

from rich.console import Console

from tests.load.extent import Extent
from tests.load.generator import LoadFailed
from tests.load.measuring import measure
from tests.load.processes import StartFailed
from tests.load.report import PAGE, save, show


def main() -> int:
    """0 when everything was measured, and no figure is an accident; one that is not reached is only said."""
    options = _arguments().parse_args()
    console = Console()
    if not hasattr(os, "sched_setaffinity"):
        console.print("The bench needs Linux: it pins processes to cores and reads their CPU time from /proc.")
        return 1
    extent = Extent(rounds=options.rounds, requests=options.requests)
    try:
        with console.status("starting") as status:
            measured = measure(extent, status.update)
    except (LoadFailed, StartFailed) as failure:
        console.print(f"Nothing was measured: {failure}", markup=False)
        return 1
    show(measured, extent, console)
    if options.save:
        save(measured, extent, datetime.now(UTC))
        console.print(f"Kept in {PAGE.parent.name}/{PAGE.name}.")
    for accident in (accidents := measured.accidents()):
        console.print(f"This must not be: {accident}.", markup=False)
    return 1 if accidents else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--rounds", type=_positive, default=Extent().rounds, help="of CPU measurements")
    parser.add_argument("--requests", type=_positive, default=Extent().requests, help="in each round, of each kind")
    parser.add_argument("--no-save", dest="save", action="store_false", help="leave docs/performance.md alone")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
