"""What the processes of one service ask each other; a service that runs alone asks nobody.

Handlers and questions are plain JSON values. A service is written against `Peers` and does not know how many workers
there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

Handler = Callable[[Any], Awaitable[Any]]
Fold = Callable[[Any, Any], Any]
ANSWER_SECONDS: Final = 0.45
# For the way to the supervisor and back: it answers at once when it gets a core, which may be late on a busy machine.
WAY_SECONDS: Final = 2.0
QUICK_WAY_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What the *other* workers said: their answers, what departed workers left, how many were asked and kept silent.

    `mine` is this worker's own answer to a lasting question, as the supervisor knows it now: whoever shows the sum must
    add this one and not a newer one, or the sum could fall when this worker is killed a moment later.

    For a lasting question a silent worker is represented by what it said last, and still counted as silent. `others` is
    how many there should be to ask. `unheard`: the supervisor did not answer, so nothing is known of the others, and
    what is added up from this would fall.
    """

    mine: Any = None
    answers: list[Any] = field(default_factory=list)
    left: Any = None
    asked: int = 0
    silent: int = 0
    restarts: int = 0
    others: int = 0
    unheard: bool = False

    @property
    def missing(self) -> int:
        """How many of the others are dead, not there yet, or silent."""
        return max(0, self.others - self.asked + self.silent)


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

    async def ask(
        self,
        question: str,
        argument: Any = None,
        *,
        seconds: float = ANSWER_SECONDS,
        way_seconds: float = WAY_SECONDS,
    ) -> Poll:
        """Ask all others, who have *seconds*; returns with the answers that came, in *way_seconds* more at most.

        Whoever is silent until then, hears the question nevertheless, when it hears again.
        """
        ...


class NoPeers:
    """A single process."""

    alone = True

    def __init__(self) -> None:
        self._lasting: dict[str, Handler] = {}

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """Nobody else will ask."""
        if lasting:
            self._lasting[question] = handler

    async def ask(
        self,
        question: str,
        argument: Any = None,
        *,
        seconds: float = ANSWER_SECONDS,
        way_seconds: float = WAY_SECONDS,
    ) -> Poll:
        """Nobody else answers."""
        handler = self._lasting.get(question)
        return Poll(mine=None if handler is None else await handler(argument))
