"""What the processes of one service ask each other; a service that runs alone asks nobody.

Handlers and questions are plain JSON values. A service is written against `Peers` and does not know how many workers
there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Handler = Callable[[Any], Awaitable[Any]]
Fold = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What the *other* workers said: their answers, what departed workers left, how many were asked and kept silent.

    For a lasting question a silent worker is represented by what it said last, and still counted as silent.
    """

    answers: list[Any] = field(default_factory=list)
    left: Any = None
    asked: int = 0
    silent: int = 0
    restarts: int = 0


class Peers(Protocol):
    """The other workers of this service."""

    @property
    def alone(self) -> bool:
        """Whether there can be no others."""
        ...

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """Answer *question* with what *handler* returns for its argument.

        The answer to a *lasting* question is also wanted every second and once more at the end, without an argument:
        it outlives the worker, by the fold that the supervisor was given for it.
        """
        ...

    async def ask(self, question: str, argument: Any = None) -> Poll:
        """Ask all others; returns within 500 ms, with the answers that came."""
        ...


class NoPeers:
    """A single process."""

    alone = True

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """Nobody will ask."""

    async def ask(self, question: str, argument: Any = None) -> Poll:
        """Nobody answers."""
        return Poll()
