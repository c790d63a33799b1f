"""What somebody who watches a soak sees: a board in a terminal, a line now and then in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tests.soak.books import VendorBooks
from tests.soak.callers import Tally
from tests.soak.result import MEBIBYTE, Extent
from tests.soak.soaking import Glance

LINE_EVERY_SECONDS = 10.0


@contextmanager
def watching(console: Console, extent: Extent) -> Iterator[Callable[[Glance], None]]:
    """Show every glance that is handed to what is yielded."""
    if not console.is_terminal:
        yield _Lines(extent)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda glance: live.update(_board(glance, extent), refresh=True)


class _Lines:
    """One line every few seconds."""

    def __init__(self, extent: Extent) -> None:
        self._extent = extent
        self._due = 0.0

    def __call__(self, glance: Glance) -> None:
        if glance.seconds < self._due:
            return
        self._due = glance.seconds + LINE_EVERY_SECONDS
        print("; ".join(text for _, text in _facts(glance, self._extent)), flush=True)


def _board(glance: Glance, extent: Extent) -> Table:
    board = Table.grid(padding=(0, 2))
    for name, text in _facts(glance, extent):
        board.add_row(name, text)
    for vendor in glance.vendors:
        board.add_row(vendor.provider, f"{vendor.sent} attempts sent, {vendor.counted} calls counted")
    return board


def _facts(glance: Glance, extent: Extent) -> Iterator[tuple[str, str]]:
    yield "time", f"{clock(glance.seconds)} of {clock(60 * extent.minutes)}, {glance.phase}"
    yield "requests", f"{glance.tally.sent} requests, {glance.waiting} under way"
    yield "answers", answers(glance.tally)
    yield "books", _sums(glance.vendors)
    yield "memory", f"{glance.resident / MEBIBYTE:.1f} MiB"
    yield "now", ", ".join(glance.faults) or "nothing is wrong"


def answers(tally: Tally) -> str:
    """By status, and those without."""
    found = ", ".join(f"{n} × {status}" for status, n in sorted(tally.statuses.items()))
    wrong = f", {tally.wrong.total()} WRONG" if tally.wrong else ""
    return f"{found}, {tally.hung_up} hung up, {len(tally.lost)} lost{wrong}"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _sums(vendors: Sequence[VendorBooks]) -> str:
    sent, counted = sum(one.sent for one in vendors), sum(one.counted for one in vendors)
    return f"{sent} attempts sent, {counted} calls counted"
