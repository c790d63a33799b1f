"""Routing rules: an operator's choices for certain requests. The first rule that matches a request decides.

A rule chooses a provider, a model, a strategy, or several of these. It never overrides the caller: a provider that the
caller names stays, and so does a model, unless the rule has a condition on the model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from common_core.config_enums import LLMProviderType, SelectionStrategy


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """The facts that rules may use. `input_bytes` is the request's text in UTF-8; `caller` is the calling service."""

    request_type: str
    caller: str
    input_bytes: int
    user: str | None = None
    tags: frozenset[str] = frozenset()
    provider: LLMProviderType | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions, all of which must be true (`None`: any value), and the choice if they are.

    A set is matched if the request has one of its values. Sizes are in bytes, both ends included.
    """

    request_type: frozenset[str] | None = None
    caller: frozenset[str] | None = None
    user: frozenset[str] | None = None
    tag: frozenset[str] | None = None
    model: frozenset[str] | None = None
    min_input_bytes: int = 0
    max_input_bytes: int | None = None
    use_provider: LLMProviderType | None = None
    use_model: str | None = None
    use_strategy: SelectionStrategy | None = None

    def matches(self, facts: RequestFacts) -> bool:
        """Returns whether every condition is true."""
        if facts.input_bytes < self.min_input_bytes:
            return False
        if self.max_input_bytes is not None and facts.input_bytes > self.max_input_bytes:
            return False
        return (
            (self.request_type is None or facts.request_type in self.request_type)
            and (self.caller is None or facts.caller in self.caller)
            and (self.user is None or facts.user in self.user)
            and (self.model is None or facts.model in self.model)
            and (self.tag is None or not self.tag.isdisjoint(facts.tags))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKind:
    """What requests of one type can be: which of user, tag and model they can carry, and their possible sizes.

    Sizes are in bytes, both ends included; the text that we add ourselves counts.
    """

    carries: frozenset[str]
    min_input_bytes: int = 0
    max_input_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleScope:
    """The values that can occur in this deployment; a rule about any other value could never match.

    `providers` are those switched on. `models` are the known ids and canonical names. `callers` is `None` if any
    service may call.
    """

    providers: frozenset[LLMProviderType]
    request_types: Mapping[str, RequestKind]
    models: Collection[str]
    callers: frozenset[str] | None = None


class Choice(NamedTuple):
    """What the plan is asked for after the rules; `rule` is the index of the rule that decided."""

    strategy: SelectionStrategy
    provider: LLMProviderType | None
    model: str | None
    rule: int | None = None


def choose(rules: Sequence[Rule], facts: RequestFacts, strategy: SelectionStrategy) -> Choice:
    """Returns the choice of the first matching rule, else what the caller asked for with the default *strategy*."""
    for index, rule in enumerate(rules):
        if rule.matches(facts):
            return _chosen_by(rule, index, facts, strategy)
    return Choice(strategy=strategy, provider=facts.provider, model=facts.model)


def _chosen_by(rule: Rule, index: int, facts: RequestFacts, strategy: SelectionStrategy) -> Choice:
    strategy = rule.use_strategy or strategy
    named_otherwise = facts.provider is not None and facts.provider is not rule.use_provider
    if named_otherwise or (facts.model is not None and rule.model is None):
        return Choice(strategy=strategy, provider=facts.provider, model=facts.model, rule=index)
    return Choice(
        strategy=strategy,
        provider=rule.use_provider or facts.provider,
        model=rule.use_model or facts.model,
        rule=index,
    )
