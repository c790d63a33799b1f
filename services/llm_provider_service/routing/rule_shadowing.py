"""Checks whether earlier rules match every request of a rule, so that the rule is never used.

A rule is split into atoms: a request type that it can match, and one value for each condition; a condition without
values counts as "any other". For each atom, the sizes of the earlier rules that match it may leave gaps. The rule is
never used only if no atom has a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from services.llm_provider_service.routing.rule_reachability import end_of, reachable
from services.llm_provider_service.routing.rules import RequestKind, Rule, RuleScope

_Condition = frozenset[str] | None


def is_covered(rule: Rule, earlier: Sequence[Rule], scope: RuleScope) -> bool:
    """Returns whether *earlier* rules match every request of *scope* that *rule* would match."""
    return all(
        _is_kind_covered(rule, earlier, name, kind, scope.callers) for name, kind in reachable(rule, scope).items()
    )


def _is_kind_covered(
    rule: Rule, earlier: Sequence[Rule], request_type: str, kind: RequestKind, callers: _Condition
) -> bool:
    everything: tuple[_Condition, ...] = (callers, None, None, None)
    values = (
        sorted(named) if named is not None else (sorted(closed) if closed else [None])
        for named, closed in zip(_conditions(rule), everything, strict=True)
    )
    of_type = [one for one in earlier if one.request_type is None or request_type in one.request_type]
    low, high = max(rule.min_input_bytes, kind.min_input_bytes), min(end_of(rule), end_of(kind))
    return all(_sizes_covered(_matching(of_type, atom), low, high) for atom in product(*values))


def _conditions(rule: Rule) -> tuple[_Condition, ...]:
    return (rule.caller, rule.user, rule.tag, rule.model)


def _matching(rules: Sequence[Rule], atom: Sequence[str | None]) -> list[Rule]:
    return [
        rule
        for rule in rules
        if all(named is None or value in named for named, value in zip(_conditions(rule), atom, strict=True))
    ]


def _sizes_covered(rules: Sequence[Rule], low: float, high: float) -> bool:
    """Returns whether the sizes of *rules* together leave no gap between *low* and *high*."""
    for rule in sorted(rules, key=lambda one: one.min_input_bytes):
        if rule.min_input_bytes > low:
            return False
        if end_of(rule) >= high:
            return True
        low = max(low, end_of(rule) + 1)
    return False
