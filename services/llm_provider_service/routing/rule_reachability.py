"""Checks whether any request can match a rule, from the fields and sizes that each request type can have."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from services.llm_provider_service.routing.rules import RequestKind, Rule, RuleScope

Kinds = Mapping[str, RequestKind]


def reachable(rule: Rule, scope: RuleScope) -> Kinds:
    """Returns the request types of which *rule* can match a request."""
    kinds = _asked_for(rule, scope)
    for field in _needed(rule):
        kinds = _carrying(kinds, field)
    return _of_size(kinds, rule)


def dead_end(rule: Rule, scope: RuleScope) -> tuple[str, str] | None:
    """Returns the condition (its field) with which *rule* can match nothing, and why; `None` if it can match."""
    kinds = _asked_for(rule, scope)
    for field in _needed(rule):
        carrying = _carrying(kinds, field)
        if not carrying:
            return field, f"requests of type {', '.join(kinds)} carry no {field}"
        kinds = carrying
    if _of_size(kinds, rule):
        return None
    too_large = all(rule.min_input_bytes > end_of(kind) for kind in kinds.values())
    field = "min_input_bytes" if too_large else "max_input_bytes"
    return field, f"{'; '.join(_size(name, kind) for name, kind in kinds.items())}, our own text included"


def end_of(sized: Rule | RequestKind) -> float:
    """Returns the largest size in bytes; infinity if there is no limit."""
    return inf if sized.max_input_bytes is None else sized.max_input_bytes


def _asked_for(rule: Rule, scope: RuleScope) -> Kinds:
    return {
        name: kind
        for name, kind in scope.request_types.items()
        if rule.request_type is None or name in rule.request_type
    }


def _needed(rule: Rule) -> list[str]:
    """Returns the fields that a request must carry, whatever their values."""
    conditions = {"user": rule.user, "tag": rule.tag, "model": rule.model}
    return [field for field, values in conditions.items() if values is not None]


def _carrying(kinds: Kinds, field: str) -> Kinds:
    return {name: kind for name, kind in kinds.items() if field in kind.carries}


def _of_size(kinds: Kinds, rule: Rule) -> Kinds:
    return {
        name: kind
        for name, kind in kinds.items()
        if rule.min_input_bytes <= end_of(kind) and kind.min_input_bytes <= end_of(rule)
    }


def _size(name: str, kind: RequestKind) -> str:
    if kind.max_input_bytes is None:
        return f"{name} has at least {kind.min_input_bytes} bytes"
    if kind.max_input_bytes == kind.min_input_bytes:
        return f"{name} has {kind.min_input_bytes} bytes"
    return f"{name} has {kind.min_input_bytes} to {kind.max_input_bytes} bytes"
