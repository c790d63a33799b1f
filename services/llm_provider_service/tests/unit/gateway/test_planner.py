"""Kept plans: the same as fresh ones, for whatever came before, and not used when anybody is away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.llm_contracts import FallbackMode, ReasoningEffortLevel
from huleedu_service_libs.resilience.breaker_registry import CircuitBreakerRegistry
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.api.caller_identity import LOCAL_CALLER
from services.llm_provider_service.comparison.verdict import VERDICT_SCHEMA
from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    ImagePart,
    Message,
    Role,
    Sampling,
    TextPart,
    Tool,
)
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.failures import AuthenticationFailed
from services.llm_provider_service.domain.target import DEFAULT_ACCOUNT, Target
from services.llm_provider_service.exceptions import InvalidOrder
from services.llm_provider_service.gateway.planner import (
    MOST_KEPT_PLANS,
    MOST_NAMED,
    Planner,
)
from services.llm_provider_service.gateway.target_state import RetryBudgets, TargetState
from services.llm_provider_service.resilience.breakers import BreakerKey, ProviderBreakers
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.peer_reports import PeerReports
from services.llm_provider_service.resilience.slow_start import SlowStart
from services.llm_provider_service.routing.plan import Plan
from services.llm_provider_service.routing.scoreboard import Scoreboard
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts
from services.llm_provider_service.tests.unit.routing.samples import HandClock, providers

OPENAI, ANTHROPIC, GOOGLE = LLMProviderType.OPENAI, LLMProviderType.ANTHROPIC, LLMProviderType.GOOGLE
LIVE = (
    ProviderAccount(provider=OPENAI, default_model="gpt-5-mini", weight=3),
    ProviderAccount(provider=ANTHROPIC, default_model="claude-sonnet-4-5"),
    ProviderAccount(provider=GOOGLE, default_model="gemini-2.5-flash", weight=2),
    ProviderAccount(provider=LLMProviderType.OPENROUTER, default_model="anthropic/claude-sonnet-4.5"),
)
FIRST = Target(OPENAI, "gpt-5-mini")
TEXT, IMAGE = TextPart("Which one?"), ImagePart(media_type="image/png", data_base64="eA==")
# Too long for a small model, and too long for some of `LIVE`.
LONG, VERY_LONG = TextPart("x" * 70_000), TextPart("x" * 3_300_000)
TOOL = Tool(name="look_up", description="", parameters=MappingProxyType({"type": "object"}))


class Bench:
    """A planner whose targets are on a clock that stands still."""

    def __init__(
        self, strategy: SelectionStrategy = SelectionStrategy.PRIORITY, live: Sequence[ProviderAccount] = LIVE
    ) -> None:
        self.clock = HandClock()
        registry: CircuitBreakerRegistry[BreakerKey] = CircuitBreakerRegistry(clock=self.clock, jitter=lambda: 0.5)
        self.targets = TargetState(
            breakers=ProviderBreakers(registry, of_target=BreakerPolicy(), of_account=BreakerPolicy()),
            cooldowns=Cooldowns(self.clock),
            budgets=RetryBudgets((), lambda *_: None),
            slow_start=SlowStart(),
            scoreboard=Scoreboard(self.clock, seed=7),
            peer_reports=PeerReports(self.clock),
        )
        self.planner = Planner(
            ProviderAccounts(live),
            strategy=strategy,
            rules=(),
            targets=self.targets,
            prices=PriceBook(lambda: datetime(2026, 11, 1, tzinfo=UTC)),
            patience_seconds=3.0,
            mock_answers_all=False,
        )

    def plan(self, **changes: Any) -> Plan:
        """The plan of an order with these `changes`."""
        return self.planner.plan(order(**changes))


def order(
    *,
    image: bool = False,
    text: TextPart = TEXT,
    provider: Any = None,
    model: Any = None,
    fallback: Any = None,
    **request: Any,
) -> CompletionOrder:
    """An order of one question."""
    message = Message(Role.USER, (text, IMAGE) if image else (text,))
    return CompletionOrder(
        request=CompletionRequest(messages=(message,), **request),
        request_type="comparison",
        request_id="r",
        correlation_id="c",
        caller=LOCAL_CALLER,
        provider=provider,
        model=model,
        fallback=fallback or FallbackMode.ANY,
    )


samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([None, 0.0, 1.5]),
    top_p=st.sampled_from([None, 0.5]),
    max_output_tokens=st.sampled_from([None, 100, 10_000_000]),
    stop=st.sampled_from([(), ("END",)]),
    reasoning_effort=st.sampled_from([None, ReasoningEffortLevel.NONE, ReasoningEffortLevel.HIGH]),
)
orders = st.builds(
    order,
    image=st.booleans(),
    text=st.sampled_from([TEXT, LONG, VERY_LONG]),
    provider=st.sampled_from([None, OPENAI, ANTHROPIC, LLMProviderType.OLLAMA]),
    model=st.sampled_from([None, "gpt-5-mini", "gpt-4", "claude-sonnet-4-5", "nobody-knows-it"]),
    fallback=st.sampled_from(FallbackMode),
    sampling=samplings,
    defaults=samplings,
    tools=st.sampled_from([(), (TOOL,)]),
    response_schema=st.sampled_from([None, VERDICT_SCHEMA]),
)


def told(planner: Planner, asked: CompletionOrder) -> object:
    """All that a plan says, or the words in which it is refused; candidates are equal only to themselves."""
    try:
        made = planner.plan(asked)
    except InvalidOrder as refused:
        return refused.slug, refused.detail, refused.fields
    each = [(one.target, one.refusals, one.priority, one.weight, one.available) for one in made.candidates]
    return each, made.first, made.skipped, made.retry_after, [one.target for one in made.turn]


@settings(max_examples=100, deadline=None)
@given(asked=st.lists(orders, min_size=2, max_size=8))
def test_a_kept_plan_says_what_a_fresh_one_says(asked: list[CompletionOrder]) -> None:
    kept = Bench().planner
    for one in (*asked, *reversed(asked)):
        assert told(kept, one) == told(Bench().planner, one)


HARD = Sampling(reasoning_effort=ReasoningEffortLevel.HIGH)
# What an order is made of, and the one thing more that makes another plan of it, or a refusal.
TELLING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "temperature": ({"provider": OPENAI}, {"sampling": Sampling(temperature=0.3)}),
    "top_p": ({"provider": OPENAI}, {"sampling": Sampling(top_p=0.3)}),
    "max_tokens": ({"provider": OPENAI}, {"sampling": Sampling(max_output_tokens=10_000_000)}),
    "stop": ({"provider": OPENAI}, {"sampling": Sampling(stop=("END",))}),
    "effort": ({"model": "gpt-4"}, {"sampling": HARD}),
    "images": ({"model": "gpt-4"}, {"image": True}),
    "tools": ({"provider": OPENAI, "model": "gpt-6-astra"}, {"tools": (TOOL,)}),
    "schema": ({"model": "claude-opus-4-1", "sampling": HARD}, {"response_schema": VERDICT_SCHEMA}),
    "provider": ({}, {"provider": ANTHROPIC}),
    "model": ({"provider": OPENAI}, {"model": "gpt-4.1"}),
    "fallback-none": ({}, {"fallback": FallbackMode.NONE}),
    "fallback-same": ({"provider": ANTHROPIC}, {"fallback": FallbackMode.SAME_MODEL}),
}


@pytest.mark.parametrize("name", TELLING)
@pytest.mark.parametrize("plain_first", [True, False])
def test_each_thing_that_a_plan_depends_on_makes_another_plan_whichever_came_first(
    name: str, plain_first: bool
) -> None:
    less, more = TELLING[name]
    plain, special = order(**less), order(**{**less, **more})
    kept, expected = Bench().planner, {id(one): told(Bench().planner, one) for one in (plain, special)}
    assert expected[id(plain)] != expected[id(special)], "this row tells nothing"
    for one in (plain, special, plain) if plain_first else (special, plain, special):
        assert told(kept, one) == expected[id(one)]


REFUSED = sorted(set(TELLING) - {"provider", "model", "fallback-none", "fallback-same"})


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_model_lacks_is_refused_before_and_after_it_was_planned_without(name: str) -> None:
    bench, (less, more) = Bench(), TELLING[name]
    for _ in range(2):
        with pytest.raises(InvalidOrder) as refused:
            bench.plan(**{**less, **more})
        assert refused.value.slug == "unsupported-override"
        assert refused.value.fields
        assert bench.plan(**less).candidates


def test_a_refusal_names_the_models_that_could_beginning_with_those_of_the_provider_that_was_asked() -> None:
    with pytest.raises(InvalidOrder) as refused:
        Bench().plan(provider=ANTHROPIC, model="claude-opus-4-7", sampling=Sampling(temperature=0.0))
    says, _, could = refused.value.detail.partition(". Could honour it: ")
    assert says == "claude-opus-4-7 takes no temperature"
    named = could.removesuffix(", ….").split(", ")
    assert named[0] == "anthropic/claude-opus-4-6"
    assert len(named) == MOST_NAMED
    assert "anthropic/claude-sonnet-4-6" in named


def test_a_provider_has_a_model_under_the_name_that_it_has_everywhere_too() -> None:
    made = Bench().plan(provider=LLMProviderType.OPENROUTER, model="claude-sonnet-4-5")
    assert made.first == Target(LLMProviderType.OPENROUTER, "anthropic/claude-sonnet-4.5")
    unknown = Bench().plan(provider=LLMProviderType.OPENROUTER, model="claude-of-tomorrow")
    assert unknown.first == Target(LLMProviderType.OPENROUTER, "claude-of-tomorrow")


@pytest.mark.parametrize(
    ("sampling", "cheaper"),
    [
        (Sampling(), "gpt-4.1-mini"),
        (Sampling(max_output_tokens=100), "gpt-5-mini"),
    ],
    ids=["thinking costs", "no room for it"],
)
def test_least_cost_expects_a_model_that_reasons_to_do_so(sampling: Sampling, cheaper: str) -> None:
    live = [ProviderAccount(provider=OPENAI, default_model="gpt-5-mini")]
    live.append(ProviderAccount(provider=LLMProviderType.OPENROUTER, default_model="openai/gpt-4.1-mini"))
    bench = Bench(SelectionStrategy.LEAST_COST, live)
    made = bench.plan(system="x" * 5_000, sampling=sampling)
    assert made.first is not None
    assert made.first.model.removeprefix("openai/") == cheaper


def test_an_equal_question_gets_the_very_plan_that_was_kept() -> None:
    bench = Bench()
    assert bench.plan() is bench.plan()
    assert bench.plan() is not bench.plan(sampling=Sampling(max_output_tokens=50))


def test_an_open_breaker_is_seen_at_once_and_forgotten_when_it_closes() -> None:
    bench = Bench()
    before = bench.plan()
    bench.targets.breakers.acquire(FIRST).fail(AuthenticationFailed("x", status=401))
    away = bench.plan()
    assert (away.first, providers(away)[0], len(away.candidates)) == (FIRST, ANTHROPIC, 3)
    bench.clock.now += 60
    bench.targets.breakers.acquire(FIRST).succeed()
    assert bench.plan() is before


def test_a_cooldown_is_seen_at_once_and_forgotten_when_it_ends() -> None:
    bench = Bench()
    before = bench.plan()
    bench.targets.cooldowns.cool(FIRST, 30.0)
    assert providers(bench.plan())[0] is ANTHROPIC
    bench.clock.now += 31
    assert bench.plan() is before


def test_a_hint_is_seen_at_once_and_forgotten_when_it_is_taken_back() -> None:
    bench = Bench()
    before = bench.plan()
    bench.targets.peer_reports.learn((OPENAI, DEFAULT_ACCOUNT, None), 30.0)
    assert providers(bench.plan())[0] is ANTHROPIC
    bench.targets.peer_reports.forget((OPENAI, DEFAULT_ACCOUNT, None))
    assert bench.plan() is before


def test_what_is_planned_while_somebody_is_away_is_not_kept() -> None:
    bench = Bench()
    bench.targets.cooldowns.cool(FIRST, 30.0)
    assert providers(bench.plan())[0] is ANTHROPIC
    bench.clock.now += 31
    assert providers(bench.plan())[0] is OPENAI


@pytest.mark.parametrize(
    ("strategy", "turns"),
    [
        (SelectionStrategy.ROUND_ROBIN, {OPENAI: 7, ANTHROPIC: 7, GOOGLE: 7, LLMProviderType.OPENROUTER: 7}),
        (SelectionStrategy.WEIGHTED, {OPENAI: 12, ANTHROPIC: 4, GOOGLE: 8, LLMProviderType.OPENROUTER: 4}),
    ],
)
def test_turns_rotate_although_the_candidates_are_kept(
    strategy: SelectionStrategy, turns: dict[LLMProviderType, int]
) -> None:
    bench = Bench(strategy)
    plans = [bench.plan() for _ in range(28)]
    assert Counter(providers(made)[0] for made in plans) == turns
    assert {id(one) for made in plans for one in made.candidates} == {id(one) for one in plans[0].candidates}


def test_least_cost_looks_at_the_size_of_each_request() -> None:
    bench = Bench(SelectionStrategy.LEAST_COST)
    costs = [bench.plan(system="x" * size).candidates[0].expected_cost for size in (10, 100_000)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0] < costs[1]


def test_the_number_of_kept_plans_is_bounded() -> None:
    bench = Bench()
    for number in range(MOST_KEPT_PLANS + 10):
        bench.plan(provider=OPENAI, model=f"invented-{number}")
    assert len(bench.planner._kept) <= MOST_KEPT_PLANS
