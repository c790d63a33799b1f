"""Whether a rule is left without any request, because rules before it match them all.

A rule is cut into atoms: one value for each condition that names values, "any other" for each that does not. Earlier
rules that match an atom leave gaps between their sizes, or they do not; only if no atom has a gap the rule is dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import inf

from services.llm_provider_service.routing.rules import Rule, RuleScope

_Condition = frozenset[str] | None


def is_covered(rule: Rule, earlier: Sequence[Rule], scope: RuleScope) -> bool:
    """Whether *earlier* rules match every request of *scope* that *rule* would."""
    if not earlier:
        return False
    everything: tuple[_Condition, ...] = (scope.request_types, scope.callers, None, None, None)
    values = (
        sorted(named) if named is not None else (sorted(closed) if closed else [None])
        for named, closed in zip(_conditions(rule), everything, strict=True)
    )
    largest = inf if scope.max_input_bytes is None else scope.max_input_bytes
    low, high = rule.min_input_bytes, min(_end(rule), largest)
    return all(_sizes_covered(_matching(earlier, atom), low, high) for atom in product(*values))


def _conditions(rule: Rule) -> tuple[_Condition, ...]:
    return (rule.request_type, rule.caller, rule.user, rule.tag, rule.model)


def _matching(rules: Sequence[Rule], atom: Sequence[str | None]) -> list[Rule]:
    return [
        rule
        for rule in rules
        if all(named is None or value in named for named, value in zip(_conditions(rule), atom, strict=True))
    ]


def _sizes_covered(rules: Sequence[Rule], low: float, high: float) -> bool:
    """Whether the sizes of *rules* together leave no gap between *low* and *high*."""
    for rule in sorted(rules, key=lambda one: one.min_input_bytes):
        if rule.min_input_bytes > low:
            return False
        if _end(rule) >= high:
            return True
        low = max(low, _end(rule) + 1)
    return False


def _end(rule: Rule) -> float:
    return inf if rule.max_input_bytes is None else rule.max_input_bytes
