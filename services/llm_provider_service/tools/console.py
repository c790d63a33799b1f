"""Output of the tools: plain lines in a pipe, progress bars and spinners only in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

WIDTH = 100


class ReaderGone(Exception):
    """The reader of our output has closed the pipe."""


def tool_console() -> Console:
    """Returns standard output, at most 100 columns wide; rich writes no control codes into a pipe."""
    console = Console(highlight=False, markup=False)
    console.width = min(WIDTH, console.width) if console.is_terminal else WIDTH
    return console


def say(console: Console, *parts: RenderableType) -> None:
    """Print each part on a line of its own; raises `ReaderGone`.

    rich raises `SystemExit` when the pipe is closed. In an asyncio task that would stop the loop before any clean-up.
    """
    try:
        for part in parts:
            console.print(part)
    except SystemExit:
        raise ReaderGone from None


@contextmanager
def progress_bar(console: Console, text: str, total: int) -> Iterator[Callable[[], None]]:
    """Yields a function; each call of it moves the bar by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def waiting(console: Console, text: str) -> Iterator[None]:
    """Show a spinner until the end of the block."""
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield
