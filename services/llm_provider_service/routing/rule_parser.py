"""Parses ROUTING_RULES, a JSON list of rules; a rule that can never match is refused at the start.

    [{"when": {"tag": ["exam"], "min_input_bytes": 20000}, "use": {"provider": "…", "model": "…"}},
     {"when": {"request_type": "comparison"}, "use": {"strategy": "least-cost"}}]

`when` may hold request_type, caller, user, tag and model (one text, or a list of texts of which one must match) and
min_input_bytes, max_input_bytes. An empty or missing `when` matches every request; only the last rule may have it.
`use` holds at least one of provider, model and strategy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from common_core.config_enums import LLMProviderType, SelectionStrategy
from services.llm_provider_service.routing.rule_reachability import dead_end
from services.llm_provider_service.routing.rule_shadowing import is_covered
from services.llm_provider_service.routing.rules import Rule, RuleScope

_NAME_LIMITS = {"request_type": 64, "caller": 128, "user": 256, "tag": 64, "model": 200}
_SIZES = ("min_input_bytes", "max_input_bytes")
_WHEN = (*_NAME_LIMITS, *_SIZES)
_USE = ("provider", "model", "strategy")
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*")


class RuleError(ValueError):
    """A rule that cannot be used; `index` counts from 0 (`None`: the list itself), `field` is its path in the rule."""

    def __init__(self, index: int | None, field: str, problem: str) -> None:
        place = "ROUTING_RULES" if index is None else f"ROUTING_RULES[{index}]"
        super().__init__(f"{place}{'.' if field else ''}{field}: {problem}")
        self.index = index
        self.field = field


def parse_rules(source: str, scope: RuleScope) -> tuple[Rule, ...]:
    """Returns the rules in *source*; raises `RuleError` for the first that is malformed or could never match."""
    rules: list[Rule] = []
    for index, item in enumerate(_items(source)):
        rule = _Reader(index, scope).rule(item)
        if dead := dead_end(rule, scope):
            raise RuleError(index, f"when.{dead[0]}", f"can never match: {dead[1]}")
        if is_covered(rule, rules, scope):
            raise RuleError(index, "when", "can never match: earlier rules match all of these requests")
        rules.append(rule)
    return tuple(rules)


def _items(source: str) -> list[Any]:
    if not source.strip():
        return []
    try:
        items = json.loads(source, object_pairs_hook=_without_duplicates)
    except RuleError:
        raise
    except (ValueError, RecursionError) as error:
        raise RuleError(None, "", f"not JSON: {error}") from error
    if not isinstance(items, list):
        raise RuleError(None, "", "must be a list of rules")
    return items


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RuleError(None, "", f"the name {twice!r} stands twice in one object")
    return held


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one rule; *index* is its place in the list, for error messages."""

    index: int
    scope: RuleScope

    def rule(self, item: Any) -> Rule:
        self._object(item, "", ("when", "use"))
        when = self._object(item.get("when", {}), "when", _WHEN)
        use = self._object(item.get("use", {}), "use", _USE)
        low, high = self._sizes(when)
        provider, model, strategy = self._chosen(use)
        return Rule(
            request_type=self._names(when, "request_type", self.scope.request_types),
            caller=self._names(when, "caller", self.scope.callers),
            user=self._names(when, "user"),
            tag=self._names(when, "tag"),
            model=self._names(when, "model"),
            min_input_bytes=low,
            max_input_bytes=high,
            use_provider=provider,
            use_model=model,
            use_strategy=strategy,
        )

    def _object(self, value: Any, field: str, allowed: Collection[str]) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise RuleError(self.index, field, "must be an object")
        for name in value:
            if name not in allowed:
                path = f"{field}.{name}" if field else name
                raise RuleError(self.index, path, f"unknown field; known are {', '.join(allowed)}")
        return value

    def _names(
        self, when: Mapping[str, Any], field: str, possible: Collection[str] | None = None
    ) -> frozenset[str] | None:
        if field not in when:
            return None
        path, given = f"when.{field}", when[field]
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise RuleError(self.index, path, "must be a text or a list of texts that is not empty")
        for name in names:
            self._possible(name, field, path, possible)
        return frozenset(names)

    def _possible(self, name: str, field: str, path: str, possible: Collection[str] | None) -> None:
        if not 1 <= len(name) <= _NAME_LIMITS[field]:
            raise RuleError(self.index, path, f"can never match: has 1 to {_NAME_LIMITS[field]} characters")
        if field == "model" and _MODEL_NAME.fullmatch(name) is None:
            raise RuleError(self.index, path, f"can never match: {name!r} is not the name of a model")
        if possible is not None and name not in possible:
            raise RuleError(self.index, path, f"can never match: {name!r} is not one of {', '.join(sorted(possible))}")

    def _sizes(self, when: Mapping[str, Any]) -> tuple[int, int | None]:
        for field in _SIZES:
            if field in when and (type(when[field]) is not int or when[field] < 0):
                raise RuleError(self.index, f"when.{field}", "must be a whole number of bytes, 0 or more")
        low, high = when.get("min_input_bytes", 0), when.get("max_input_bytes")
        if high is not None and high < low:
            raise RuleError(self.index, "when.max_input_bytes", f"can never match: less than min_input_bytes ({low})")
        return low, high

    def _chosen(self, use: Mapping[str, Any]) -> tuple[LLMProviderType | None, str | None, SelectionStrategy | None]:
        if all(use.get(field) is None for field in _USE):
            raise RuleError(self.index, "use", f"chooses nothing; give one of {', '.join(_USE)}")
        provider, model, strategy = use.get("provider"), use.get("model"), use.get("strategy")
        return (
            None if provider is None else self._provider(provider),
            None if model is None else self._model(model, known_needed=provider is None),
            None if strategy is None else self._strategy(strategy),
        )

    def _provider(self, name: Any) -> LLMProviderType:
        if name not in [one.value for one in LLMProviderType]:
            raise RuleError(self.index, "use.provider", f"unknown provider {name!r}")
        provider = LLMProviderType(name)
        if provider not in self.scope.providers:
            raise RuleError(self.index, "use.provider", f"{name!r} is not switched on and configured")
        return provider

    def _model(self, name: Any, *, known_needed: bool) -> str:
        if not isinstance(name, str) or len(name) > _NAME_LIMITS["model"] or _MODEL_NAME.fullmatch(name) is None:
            raise RuleError(self.index, "use.model", f"{name!r} is not the name of a model")
        if known_needed and name not in self.scope.models:
            raise RuleError(self.index, "use.model", f"{name!r} is not known; name its provider too")
        return name

    def _strategy(self, name: Any) -> SelectionStrategy:
        known = [one.value for one in SelectionStrategy]
        if name not in known:
            raise RuleError(self.index, "use.strategy", f"unknown strategy {name!r}; known are {', '.join(known)}")
        return SelectionStrategy(name)
