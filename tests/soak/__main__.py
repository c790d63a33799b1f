"""`./dev soak`: load and faults for as long as you like, then the books. Ctrl-C goes on to the books at once."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from asyncio import CancelledError

from services.llm_provider_service.tools.console import tool_console
from tests.soak.board import watching
from tests.soak.page import PAGE, report, write
from tests.soak.result import Extent, Result
from tests.soak.soaking import soak

AS_A_RULE = Extent(minutes=10.0)
KEPT_FROM_MINUTES = 5.0


def main() -> int:
    """0 when the books agree and nothing has leaked, 1 when not, 130 after a second Ctrl-C."""
    options = _arguments().parse_args()
    extent = Extent(minutes=options.minutes, seed=options.seed, rate=options.rate)
    try:
        result = asyncio.run(_watched(extent))
    except CancelledError:
        return 130
    for line in report(result):
        print(line)
    if options.save and options.minutes >= KEPT_FROM_MINUTES and not result.ended_early:
        write(result)
        print(f"Kept in {PAGE.parent.name}/{PAGE.name}.")
    return 1 if result.problems() else 0


async def _watched(extent: Extent) -> Result:
    """The first signal ends the load, the second everything."""
    console = tool_console()
    over = asyncio.Event()
    running = asyncio.current_task()

    def enough() -> None:
        if over.is_set() and running is not None:
            running.cancel()
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, enough)
    with watching(console, extent) as watch:
        return await soak(extent, watch=watch, over=over)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--minutes", type=_positive, default=AS_A_RULE.minutes, help="of load; 10 by default")
    parser.add_argument("--seed", type=int, default=AS_A_RULE.seed, help="decides what is asked and what goes wrong")
    parser.add_argument("--rate", type=_positive, default=AS_A_RULE.rate, help="bursts of requests a second")
    parser.add_argument("--no-save", dest="save", action="store_false", help="leave docs/soak.md alone")
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
