"""Questions between the worker processes of one service; a single process gets no answers.

Questions and answers are plain JSON values. A service only uses `Peers` and does not need to know how many workers
there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

Handler = Callable[[Any], Awaitable[Any]]
Fold = Callable[[Any, Any], Any]
ANSWER_SECONDS: Final = 0.45
# Time for the trip to the supervisor and back; on a busy machine the supervisor may have to wait for a core.
WAY_SECONDS: Final = 2.0
QUICK_WAY_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswers:
    """The answers of the *other* workers to one question.

    `answers` are those that came. `left` is the merged last answer of the workers that have ended. `asked` workers were
    asked, `silent` of them did not answer, `restarts` is how often a worker was started anew.

    `mine` is this worker's own answer to a lasting question, as the supervisor has it now. A sum must use it and not a
    newer one, or the sum could fall if this worker is killed a moment later.

    For a lasting question, a worker that did not answer is represented by its last answer and still counted in
    `silent`. `others` is the expected number of other workers. `unheard`: the supervisor did not answer, so nothing is
    known about the others, and a sum of this poll would be too small.
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
        """Number of other workers that are dead, not started yet, or did not answer."""
        return max(0, self.others - self.asked + self.silent)


class Peers(Protocol):
    """The other workers of this service."""

    @property
    def alone(self) -> bool:
        """Returns whether there can be no other workers."""
        ...

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """Answer *question* with the value that *handler* returns for its argument.

        A *lasting* question is also asked every second and once more at the end of the worker, without an argument. Its
        answer outlives the worker: the supervisor merges it with the function that it has for the question.
        """
        ...

    async def ask(
        self,
        question: str,
        argument: Any = None,
        *,
        seconds: float = ANSWER_SECONDS,
        way_seconds: float = WAY_SECONDS,
    ) -> PeerAnswers:
        """Ask all other workers; they have *seconds* to answer. Returns after at most `seconds + way_seconds`.

        A worker that does not answer in time still gets the question later, when it reads its messages again.
        """
        ...


class NoPeers:
    """The implementation of `Peers` for a single process."""

    alone = True

    def __init__(self) -> None:
        self._lasting: dict[str, Handler] = {}

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """Keep the handler of a lasting question, for `ask`; no other worker will ask."""
        if lasting:
            self._lasting[question] = handler

    async def ask(
        self,
        question: str,
        argument: Any = None,
        *,
        seconds: float = ANSWER_SECONDS,
        way_seconds: float = WAY_SECONDS,
    ) -> PeerAnswers:
        """Returns a poll with this process's own answer only."""
        handler = self._lasting.get(question)
        return PeerAnswers(mine=None if handler is None else await handler(argument))
