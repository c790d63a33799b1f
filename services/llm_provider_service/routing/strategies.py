"""The selection strategies: each one sorts candidates by what the scoreboard knows, and changes nothing.

With equal values the lower priority number comes first, then the given order. `LASTING` names the strategies whose
first choice depends only on the question and the configuration; the others choose anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf
from operator import attrgetter

from common_core.config_enums import SelectionStrategy
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.routing.scoreboard import Scoreboard

Ordered = tuple[Candidate, ...]
Strategy = Callable[[Sequence[Candidate], Scoreboard], Ordered]

_by_priority = attrgetter("priority")
_NO_PRICE = Decimal("Infinity")


def order_by_priority(candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Ordered:
    """Returns the candidates in the operator's order."""
    return tuple(sorted(candidates, key=_by_priority))


def order_by_turn(candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Ordered:
    """Round-robin: the candidate that came first longest ago leads; fair even when candidates come and go."""
    return tuple(sorted(candidates, key=lambda one: (scoreboard.last_turn(one.target), one.priority)))


def order_by_weight(candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Ordered:
    """Smooth weighted round-robin: each candidate comes first in proportion to its weight, spread evenly."""
    return tuple(sorted(candidates, key=lambda one: (-scoreboard.smooth_weight(one), one.priority)))


def order_by_cost(candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Ordered:
    """The cheapest for this request comes first; candidates without a known price come last."""
    return tuple(sorted(candidates, key=_cost_then_priority))


def _cost_then_priority(candidate: Candidate) -> tuple[Decimal, int]:
    cost = candidate.expected_cost
    return (_NO_PRICE if cost is None else cost, candidate.priority)


def order_by_latency(candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Ordered:
    """Sorts by peak-EWMA latency times load; an idle target that was never or not lately tried comes first."""

    def key(one: Candidate) -> tuple[float, int, int]:
        target = one.target
        busy = scoreboard.in_flight(target)
        seconds = scoreboard.latency(target)
        if busy == 0 and (seconds is None or scoreboard.due_for_exploration(target)):
            return (0.0, busy, one.priority)
        return (inf if seconds is None else seconds * (busy + 1), busy, one.priority)

    return tuple(sorted(candidates, key=key))


def order_by_load(candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Ordered:
    """Power of two choices: of two random candidates the less busy one comes first; the rest follow by load."""
    drawn = order_randomly(candidates, scoreboard)
    return (
        *sorted(drawn[:2], key=lambda one: scoreboard.in_flight(one.target)),
        *sorted(drawn[2:], key=lambda one: scoreboard.in_flight(one.target)),
    )


def order_randomly(candidates: Sequence[Candidate], scoreboard: Scoreboard) -> Ordered:
    """Random order, each order equally likely."""
    left = list(candidates)
    luck = scoreboard.luck
    drawn: list[Candidate] = []
    while left:
        luck, place = divmod(luck, len(left))
        drawn.append(left.pop(place))
    return tuple(drawn)


STRATEGIES: Mapping[SelectionStrategy, Strategy] = {
    SelectionStrategy.PRIORITY: order_by_priority,
    SelectionStrategy.ROUND_ROBIN: order_by_turn,
    SelectionStrategy.WEIGHTED: order_by_weight,
    SelectionStrategy.LEAST_COST: order_by_cost,
    SelectionStrategy.LEAST_LATENCY: order_by_latency,
    SelectionStrategy.LEAST_BUSY: order_by_load,
    SelectionStrategy.RANDOM: order_randomly,
}

LASTING = frozenset({SelectionStrategy.PRIORITY, SelectionStrategy.LEAST_COST})
