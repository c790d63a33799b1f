"""The client of the demo: sends every comparison over HTTP, a few at a time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from common_core.domain_enums import EssayComparisonWinner
from common_core.llm_contracts import LLMComparisonRequest, LLMComparisonResponse
from huleedu_service_libs.llm_client import LLMProviderClient
from huleedu_service_libs.llm_client_errors import LLMProviderClientError
from services.llm_provider_service.tools.demo_essays import Duel, EssaySet
from services.llm_provider_service.tools.task_group import together

TAG = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of one duel: an answer, or the reason for none. `seconds` is how long the caller waited."""

    duel: Duel
    seconds: float
    answer: LLMComparisonResponse | None = None
    problem: str | None = None

    @property
    def victory(self) -> tuple[int, int] | None:
        """Returns (winner, loser), by index."""
        if self.answer is None:
            return None
        if self.answer.winner is EssayComparisonWinner.ESSAY_A:
            return self.duel.first, self.duel.second
        return self.duel.second, self.duel.first


OnFinished = Callable[[Outcome], Awaitable[None]]


async def compare_all(
    client: LLMProviderClient, essays: EssaySet, duels: Sequence[Duel], *, concurrency: int, on_finished: OnFinished
) -> list[Outcome]:
    """Returns one outcome for each duel; *on_finished* gets each one, and its exceptions end the work.

    The requests do not set a cache mode. Each order of a pair is a separate question, so a first run gets fresh
    answers, and a second run at the same gateway does not pay for the same verdicts again.
    """
    waiting = iter(duels)
    outcomes: list[Outcome] = []

    async def work() -> None:
        for duel in waiting:
            outcome = await _compare(client, essays, duel)
            outcomes.append(outcome)
            await on_finished(outcome)

    await together(work() for _ in range(concurrency))
    return outcomes


async def _compare(client: LLMProviderClient, essays: EssaySet, duel: Duel) -> Outcome:
    first, second = essays.essays[duel.first], essays.essays[duel.second]
    request = LLMComparisonRequest(
        user_prompt=f"Which essay answers this task better?\n\n{essays.question}",
        essay_a=first.text,
        essay_b=second.text,
        tags=[TAG],
        metadata={"essay_a_id": first.name, "essay_b_id": second.name},
    )
    began = time.monotonic()
    try:
        answer = await client.compare(request)
    except LLMProviderClientError as error:
        return Outcome(duel=duel, seconds=time.monotonic() - began, problem=str(error))
    return Outcome(duel=duel, seconds=time.monotonic() - began, answer=answer)
