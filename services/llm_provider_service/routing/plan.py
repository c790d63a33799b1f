"""Who is asked, in which order, and under whose name an answer would be found in the cache.

Order: whom the request asks for comes first (the strategy decides where several fit), the rest in the order of the
strategy, as far as the fallback mode lets them. Never a candidate that is switched off or that lacks something the
caller gave. A candidate whose breaker is open or that cools down is left out while another can answer; if nobody can,
those that merely cool down stay, the first to return first.

The name in the cache is `first`: the target that would be asked first on a good day. With a target that was asked
for, and with the lasting strategies (priority, least-cost), it is chosen before breakers and cooldowns are looked at:
what this target has answered stays the answer while it is away, and what others answer meanwhile is stored under
their own names. The other strategies promise nobody in particular, so they choose among those who can answer now;
one question may then have one cached answer for each target, which is what was asked for when turns were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.llm_attempts import SkipReason
from common_core.llm_contracts import FallbackMode
from services.llm_provider_service.domain.model import Unsupported
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.routing.scoreboard import Scoreboard
from services.llm_provider_service.routing.strategies import LASTING, STRATEGIES


class PlanQuestion(NamedTuple):
    """What a request wants of routing, rules already applied.

    `model` fits a candidate by its own id or by the canonical name. `patience_seconds`: a first target that cools
    down no longer than this keeps its place and is waited for, because changing the model changes the verdict.
    `generation` is that of the accounts from which candidates are made.
    """

    strategy: SelectionStrategy
    provider: LLMProviderType | None = None
    model: str | None = None
    fallback: FallbackMode = FallbackMode.ANY
    patience_seconds: float = 0.0
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The candidates in the order in which they are asked.

    `first` names the cache key; `None` when nobody may be asked at all. `refusals` is set when whoever was asked for
    (or, if nobody was, everyone) lacks what the caller gave: a 400 that names them, and `capable`, the targets that
    could; nothing is asked then. `retry_after` is the seconds until somebody may be asked, 0 when somebody may now
    and `None` when nobody can say. `turn` is what the strategy chose its first from; empty when it chose nothing.
    `generation` is that of its question.
    """

    strategy: SelectionStrategy
    candidates: tuple[Candidate, ...] = ()
    first: Target | None = None
    skipped: tuple[Skipped, ...] = ()
    refusals: tuple[Unsupported, ...] = ()
    capable: tuple[Target, ...] = ()
    retry_after: float | None = None
    turn: tuple[Candidate, ...] = ()
    generation: int = 0


def plan(question: PlanQuestion, candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Plan:
    """The plan of a request that will be served: as `preview`, and the cursor of the strategy moves on, once."""
    made = preview(question, candidates, scoreboard)
    if made.turn and made.first is not None:
        scoreboard.take_turn(made.strategy, made.turn, made.first)
    return made


def preview(question: PlanQuestion, candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Plan:
    """What `plan` would say, and nothing changes."""
    skipped = [Skipped(one.target, SkipReason.SWITCHED_OFF) for one in candidates if not one.enabled]
    enabled = [one for one in candidates if one.enabled]
    asked_for = _asked_for(question, candidates, enabled)
    pool = [one for one in asked_for if not one.refusals]
    if not pool:
        return _nobody(question, asked_for, enabled, skipped, scoreboard)
    order = STRATEGIES[question.strategy]
    lasting = question.strategy in LASTING or len(pool) == 1
    turn = pool if lasting else [one for one in pool if one.available] or pool
    head = order(turn, scoreboard)
    others = order([one for one in enabled if one not in head], scoreboard) if len(enabled) > len(head) else ()
    allowed = _allowed(question, head, others, skipped)
    return _answerable(question, allowed, turn, skipped)


def _asked_for(question: PlanQuestion, candidates: Sequence[Candidate], enabled: list[Candidate]) -> list[Candidate]:
    """Whom the request asks for; if none of them is switched on, who may stand in for them."""
    if question.provider is None and question.model is None:
        return enabled
    asked_for = [one for one in enabled if _fits(question, one)]
    if asked_for or question.fallback is FallbackMode.NONE:
        return asked_for
    if question.fallback is FallbackMode.ANY:
        return enabled
    models = {one.canonical for one in candidates if _fits(question, one)}
    return [one for one in enabled if one.canonical in models]


def _fits(question: PlanQuestion, candidate: Candidate) -> bool:
    if question.provider is not None and candidate.target.provider is not question.provider:
        return False
    return question.model is None or question.model in (candidate.target.model, candidate.canonical)


def _nobody(
    question: PlanQuestion,
    asked_for: list[Candidate],
    enabled: list[Candidate],
    skipped: list[Skipped],
    scoreboard: Scoreboard,
) -> Plan:
    """Nobody may be asked: all who were asked for lack something, or there is nobody."""
    refusals = STRATEGIES[question.strategy](asked_for, scoreboard)[0].refusals if asked_for else ()
    return Plan(
        strategy=question.strategy,
        skipped=(*skipped, *(_lacking(one) for one in asked_for)),
        refusals=refusals,
        capable=tuple(one.target for one in enabled if not one.refusals) if refusals else (),
        generation=question.generation,
    )


def _lacking(candidate: Candidate) -> Skipped:
    return Skipped(candidate.target, SkipReason.LACKS, "; ".join(lack.message for lack in candidate.refusals))


def _allowed(
    question: PlanQuestion, head: Sequence[Candidate], others: Sequence[Candidate], skipped: list[Skipped]
) -> list[Candidate]:
    """*head* and *others* without those that lack something or that the fallback mode forbids."""
    first = head[0]
    allowed = [first]
    for one in (*head[1:], *others):
        if one.refusals:
            skipped.append(_lacking(one))
        elif question.fallback is FallbackMode.ANY or (
            question.fallback is FallbackMode.SAME_MODEL and one.canonical == first.canonical
        ):
            allowed.append(one)
        else:
            skipped.append(Skipped(one.target, SkipReason.FALLBACK_FORBIDS))
    return allowed


def _answerable(
    question: PlanQuestion, allowed: list[Candidate], turn: Sequence[Candidate], skipped: list[Skipped]
) -> Plan:
    """Leave out whoever cannot answer now, if another can; else keep whoever merely cools down."""
    first = allowed[0]
    waited_for = first if first.ready and first.cooling_seconds <= question.patience_seconds else None
    somebody = any(one.available for one in allowed)
    if somebody:
        asked = [one for one in allowed if one.available or one is waited_for]
    else:
        cooling = (one for one in allowed if one.ready)
        asked = sorted(cooling, key=lambda one: (one is not waited_for, one.cooling_seconds))
    if len(asked) < len(allowed):
        skipped.extend(_away(one) for one in allowed if one not in asked)
    return Plan(
        strategy=question.strategy,
        candidates=tuple(asked),
        first=first.target,
        skipped=tuple(skipped),
        retry_after=0.0 if somebody else _soonest(allowed),
        turn=tuple(turn) if len(turn) > 1 else (),
        generation=question.generation,
    )


def _away(candidate: Candidate) -> Skipped:
    reason = SkipReason.COOLING if candidate.ready else SkipReason.BREAKER_OPEN
    return Skipped(candidate.target, reason, seconds=_wait(candidate))


def _soonest(candidates: Sequence[Candidate]) -> float | None:
    """Seconds until the first of *candidates* may be asked, where that is known."""
    waits = [wait for one in candidates if (wait := _wait(one)) is not None]
    return min(waits, default=None)


def _wait(candidate: Candidate) -> float | None:
    if candidate.ready:
        return candidate.cooling_seconds
    if candidate.opens_in_seconds is None:
        return None
    return max(candidate.cooling_seconds, candidate.opens_in_seconds)
