"""What the tools show while they work: plain lines in a pipe, moving things only where someone watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

WIDTH = 100


class ReaderGone(Exception):
    """Whoever read our output has closed the pipe."""


def tool_console() -> Console:
    """Standard output, never wider than 100 columns; rich itself leaves out control codes in a pipe."""
    console = Console(highlight=False, markup=False)
    console.width = min(WIDTH, console.width) if console.is_terminal else WIDTH
    return console


def say(console: Console, *parts: RenderableType) -> None:
    """Print each on a line of its own; raises `ReaderGone`.

    rich leaves with `SystemExit` when the pipe is closed; in a task of asyncio that would stop the loop before
    anything is cleaned up.
    """
    try:
        for part in parts:
            console.print(part)
    except SystemExit:
        raise ReaderGone from None


@contextmanager
def progress_bar(console: Console, text: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar that moves by one with each call of what is yielded."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def waiting(console: Console, text: str) -> Iterator[None]:
    """A spinner."""
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield
