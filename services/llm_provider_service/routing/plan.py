"""Plans which candidates are asked, in which order, and for which target the cache is looked up.

Order: the targets that the request names come first (the strategy decides between several), then the rest in the order
of the strategy, as far as the fallback mode allows. A candidate that is switched off, or that cannot accept a parameter
of the caller, is never asked. A candidate with an open breaker or in cooldown is left out while another can answer; if
none can, those in cooldown stay, the shortest cooldown first.

The cache is looked up for `first`: the target that is asked first when all is well. For a target that was named, and
for the lasting strategies (priority, least-cost), it is chosen before breakers and cooldowns are considered: the cached
answers of this target stay valid while it is away, and answers of other targets are stored under their own names. The
other strategies prefer no target, so they choose among those that can answer now. One question may then have one cached
answer for each target, as an operator who chooses such a strategy must expect.
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
    """What one request asks of routing, after the rules were applied.

    `model` matches a candidate's own id or its canonical name. `patience_seconds`: a first target whose cooldown ends
    within this time keeps its place and is waited for, because another model may give another verdict. `generation` is
    that of the accounts from which the candidates were made.
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

    `first` names the target of the cache key; `None` if no target may be asked. `refusals` is set if all named targets
    (or all targets, if none was named) cannot accept the caller's parameters: then nothing is asked, and the caller
    gets a 400 with them and with `capable`, the targets that could. `retry_after` is the seconds until a target may be
    asked: 0 if one may now, `None` if unknown. `turn` is the pool from which the strategy chose `first`, empty if there
    was no choice. `generation` is that of its question.
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
    """Returns the plan of a request that will be served: as `preview`, and moves the strategy's cursor once."""
    made = preview(question, candidates, scoreboard)
    if made.turn and made.first is not None:
        scoreboard.take_turn(made.strategy, made.turn, made.first)
    return made


def preview(question: PlanQuestion, candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Plan:
    """Returns what `plan` would return, without changing anything."""
    skipped = [Skipped(one.target, SkipReason.SWITCHED_OFF) for one in candidates if not one.enabled]
    enabled = [one for one in candidates if one.enabled]
    asked_for = _asked_for(question, candidates, enabled)
    pool = [one for one in asked_for if not one.refusals]
    if not pool:
        return _nobody(question, asked_for, enabled, skipped, scoreboard)
    pool = [one for one in pool if not one.too_small] or pool
    order = STRATEGIES[question.strategy]
    lasting = question.strategy in LASTING or len(pool) == 1
    turn = pool if lasting else [one for one in pool if one.available] or pool
    head = order(turn, scoreboard)
    others = order([one for one in enabled if one not in head], scoreboard) if len(enabled) > len(head) else ()
    allowed = _allowed(question, head, others, skipped)
    return _answerable(question, allowed, _roomy(allowed, skipped), turn, skipped)


def _asked_for(question: PlanQuestion, candidates: Sequence[Candidate], enabled: list[Candidate]) -> list[Candidate]:
    """Returns the targets that the request names; if none of them is switched on, their replacements."""
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
    """Returns a plan without candidates: all named targets lack something, or there are none."""
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
    """Returns *head* and *others* without those that lack something or that the fallback mode forbids."""
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


def _roomy(allowed: list[Candidate], skipped: list[Skipped]) -> list[Candidate]:
    """Returns those of *allowed* that can read the whole request; if none can, all, because only a vendor is sure."""
    roomy = [one for one in allowed if not one.too_small]
    if not roomy or len(roomy) == len(allowed):
        return allowed
    skipped.extend(Skipped(one.target, SkipReason.WINDOW_TOO_SMALL) for one in allowed if one.too_small)
    return roomy


def _answerable(
    question: PlanQuestion,
    allowed: list[Candidate],
    roomy: list[Candidate],
    turn: Sequence[Candidate],
    skipped: list[Skipped],
) -> Plan:
    """Returns the plan without candidates that cannot answer now; if none can, it keeps those in cooldown.

    A named target that is not among the *roomy* still gives the cache its name, so that another's answer is a fallback.
    """
    first = roomy[0]
    waited_for = first if first.ready and first.cooling_seconds <= question.patience_seconds else None
    somebody = any(one.available for one in roomy)
    if somebody:
        asked = [one for one in roomy if one.available or one is waited_for]
    else:
        cooling = (one for one in roomy if one.ready)
        asked = sorted(cooling, key=lambda one: (one is not waited_for, one.cooling_seconds))
    if len(asked) < len(roomy):
        skipped.extend(_away(one) for one in roomy if one not in asked)
    return Plan(
        strategy=question.strategy,
        candidates=tuple(asked),
        first=allowed[0].target,
        skipped=tuple(skipped),
        retry_after=0.0 if somebody else _soonest(roomy),
        turn=tuple(turn) if len(turn) > 1 else (),
        generation=question.generation,
    )


def _away(candidate: Candidate) -> Skipped:
    reason = SkipReason.COOLING if candidate.ready else SkipReason.BREAKER_OPEN
    return Skipped(candidate.target, reason, seconds=_wait(candidate))


def _soonest(candidates: Sequence[Candidate]) -> float | None:
    """Seconds until the first of *candidates* may be asked; `None` if unknown."""
    waits = [wait for one in candidates if (wait := _wait(one)) is not None]
    return min(waits, default=None)


def _wait(candidate: Candidate) -> float | None:
    if candidate.ready:
        return candidate.cooling_seconds
    if candidate.opens_in_seconds is None:
        return None
    return max(candidate.cooling_seconds, candidate.opens_in_seconds)
