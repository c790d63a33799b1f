"""The plan: who is asked, in which order, and under whose name the cache is looked up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.llm_attempts import SkipReason
from common_core.llm_contracts import FallbackMode
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.routing.plan import PlanQuestion, plan, preview
from services.llm_provider_service.tests.unit.routing.samples import NO_TEMPERATURE, board, candidate, providers

ANTHROPIC, OPENAI, GOOGLE, OPENROUTER = (
    LLMProviderType.ANTHROPIC,
    LLMProviderType.OPENAI,
    LLMProviderType.GOOGLE,
    LLMProviderType.OPENROUTER,
)
BY_PRIORITY = PlanQuestion(strategy=SelectionStrategy.PRIORITY)
IN_TURN = PlanQuestion(strategy=SelectionStrategy.ROUND_ROBIN)


def _three(**changes: Candidate) -> list[Candidate]:
    usual = {
        "anthropic": candidate(ANTHROPIC, priority=0),
        "openai": candidate(OPENAI, priority=1),
        "google": candidate(GOOGLE, priority=2),
    }
    return list((usual | changes).values())


def test_without_overrides_the_strategy_decides_and_its_first_names_the_cache_key() -> None:
    made = plan(BY_PRIORITY, _three(), board())
    assert providers(made) == [ANTHROPIC, OPENAI, GOOGLE]
    assert made.first == Target(ANTHROPIC, "anthropic-model")
    assert made.retry_after == 0.0


def test_the_provider_asked_for_comes_first_and_the_rest_in_the_order_of_the_strategy() -> None:
    made = plan(BY_PRIORITY._replace(provider=GOOGLE), _three(), board())
    assert providers(made) == [GOOGLE, ANTHROPIC, OPENAI]


def test_the_model_asked_for_is_found_at_every_provider_that_has_it() -> None:
    elsewhere = candidate(OPENROUTER, model="openai/gpt", canonical="gpt", priority=0)
    itself = candidate(OPENAI, model="gpt", priority=1)
    made = plan(BY_PRIORITY._replace(model="gpt"), [candidate(ANTHROPIC, priority=-1), itself, elsewhere], board())
    assert providers(made) == [OPENROUTER, OPENAI, ANTHROPIC]


@pytest.mark.parametrize("strategy", SelectionStrategy)
def test_fallback_none_asks_exactly_one(strategy: SelectionStrategy) -> None:
    made = plan(PlanQuestion(strategy=strategy, fallback=FallbackMode.NONE), _three(), board())
    assert len(made.candidates) == 1
    assert made.candidates[0].target == made.first
    assert [one.reason for one in made.skipped] == [SkipReason.FALLBACK_FORBIDS] * 2


def test_fallback_none_does_not_go_elsewhere_when_the_one_asked_for_is_away() -> None:
    away = candidate(OPENAI, ready=False, opens_in_seconds=4.0)
    question = BY_PRIORITY._replace(provider=OPENAI, fallback=FallbackMode.NONE)
    made = plan(question, _three(openai=away), board())
    assert made.candidates == ()
    assert made.first == away.target
    assert made.retry_after == 4.0


@pytest.mark.parametrize("strategy", SelectionStrategy)
@pytest.mark.parametrize("fallback", [FallbackMode.ANY, FallbackMode.NONE])
def test_who_cannot_read_so_much_is_left_out_while_another_can(
    strategy: SelectionStrategy, fallback: FallbackMode
) -> None:
    small = [candidate(provider, priority=place, too_small=True) for place, provider in enumerate((ANTHROPIC, OPENAI))]
    made = plan(PlanQuestion(strategy=strategy, fallback=fallback), [*small, candidate(GOOGLE, priority=2)], board())
    assert providers(made) == [GOOGLE]
    assert made.first == made.candidates[0].target
    reason = SkipReason.WINDOW_TOO_SMALL if fallback is FallbackMode.ANY else SkipReason.FALLBACK_FORBIDS
    assert {(one.target.provider, one.reason) for one in made.skipped} == {(ANTHROPIC, reason), (OPENAI, reason)}


def test_a_named_one_that_cannot_read_so_much_is_left_out_and_still_names_the_cache_key() -> None:
    small = candidate(ANTHROPIC, priority=0, too_small=True)
    made = plan(BY_PRIORITY._replace(provider=ANTHROPIC), _three(anthropic=small), board())
    assert providers(made) == [OPENAI, GOOGLE]
    assert made.first == small.target
    assert made.skipped == (Skipped(small.target, SkipReason.WINDOW_TOO_SMALL),)


def test_where_nobody_can_read_so_much_the_vendors_are_asked() -> None:
    """The length in tokens is an estimate; only a vendor knows it."""
    made = plan(BY_PRIORITY, [candidate(ANTHROPIC, too_small=True), candidate(OPENAI, too_small=True)], board())
    assert len(made.candidates) == 2
    assert made.skipped == ()


def test_fallback_same_model_stays_with_the_model() -> None:
    here = candidate(ANTHROPIC, model="claude", priority=0)
    there = candidate(OPENROUTER, model="anthropic/claude", canonical="claude", priority=3)
    question = BY_PRIORITY._replace(fallback=FallbackMode.SAME_MODEL)
    made = plan(question, [here, candidate(OPENAI, priority=1), there], board())
    assert providers(made) == [ANTHROPIC, OPENROUTER]
    assert made.skipped == (Skipped(Target(OPENAI, "openai-model"), SkipReason.FALLBACK_FORBIDS),)


def test_fallback_same_model_finds_a_stand_in_for_a_target_that_is_switched_off() -> None:
    off = candidate(ANTHROPIC, model="claude", enabled=False)
    there = candidate(OPENROUTER, model="anthropic/claude", canonical="claude")
    question = BY_PRIORITY._replace(provider=ANTHROPIC, fallback=FallbackMode.SAME_MODEL)
    made = plan(question, [off, candidate(OPENAI), there], board())
    assert providers(made) == [OPENROUTER]
    assert made.first == there.target


def test_a_candidate_that_lacks_something_is_left_out_and_the_plan_says_what() -> None:
    made = plan(BY_PRIORITY, _three(anthropic=candidate(ANTHROPIC, refusals=(NO_TEMPERATURE,))), board())
    assert providers(made) == [OPENAI, GOOGLE]
    assert made.first == Target(OPENAI, "openai-model")
    assert made.refusals == ()


def test_a_fallback_that_lacks_something_is_left_out_too() -> None:
    made = plan(BY_PRIORITY, _three(openai=candidate(OPENAI, priority=1, refusals=(NO_TEMPERATURE,))), board())
    assert providers(made) == [ANTHROPIC, GOOGLE]
    assert made.skipped == (Skipped(Target(OPENAI, "openai-model"), SkipReason.LACKS, "does not accept a temperature"),)


def test_when_the_target_asked_for_lacks_something_nobody_is_asked_and_those_who_could_are_named() -> None:
    question = BY_PRIORITY._replace(provider=OPENAI)
    made = plan(question, _three(openai=candidate(OPENAI, refusals=(NO_TEMPERATURE,))), board())
    assert made.candidates == ()
    assert made.refusals == (NO_TEMPERATURE,)
    assert [one.provider for one in made.capable] == [ANTHROPIC, GOOGLE]


def test_when_everybody_lacks_something_the_refusal_of_the_first_is_told() -> None:
    all_lack = [replace(one, refusals=(NO_TEMPERATURE,)) for one in _three()]
    made = plan(BY_PRIORITY, all_lack, board())
    assert made.candidates == ()
    assert made.refusals == (NO_TEMPERATURE,)
    assert made.capable == ()


def test_nobody_configured_is_a_plan_without_anybody() -> None:
    made = plan(BY_PRIORITY, [], board())
    assert (made.candidates, made.first, made.refusals, made.retry_after) == ((), None, (), None)


def test_an_open_breaker_is_passed_over_but_the_cache_key_keeps_its_name() -> None:
    away = candidate(ANTHROPIC, priority=0, ready=False, opens_in_seconds=8.0)
    made = plan(BY_PRIORITY, _three(anthropic=away), board())
    assert providers(made) == [OPENAI, GOOGLE]
    assert made.first == away.target
    assert made.skipped == (Skipped(away.target, SkipReason.BREAKER_OPEN, seconds=8.0),)


def test_strategies_that_take_turns_choose_among_those_who_can_answer() -> None:
    away = candidate(ANTHROPIC, priority=0, cooling_seconds=8.0)
    made = plan(IN_TURN, _three(anthropic=away), board())
    assert providers(made) == [OPENAI, GOOGLE]
    assert made.first == Target(OPENAI, "openai-model")
    assert Skipped(away.target, SkipReason.COOLING, seconds=8.0) in made.skipped


def test_a_first_target_that_cools_down_is_passed_over_unless_it_returns_within_the_patience() -> None:
    cooling = _three(anthropic=candidate(ANTHROPIC, priority=0, cooling_seconds=2.0))
    assert providers(plan(BY_PRIORITY, cooling, board())) == [OPENAI, GOOGLE]
    assert providers(plan(BY_PRIORITY._replace(patience_seconds=3.0), cooling, board())) == [ANTHROPIC, OPENAI, GOOGLE]
    assert providers(plan(BY_PRIORITY._replace(patience_seconds=1.9), cooling, board())) == [OPENAI, GOOGLE]


def test_when_nobody_is_ready_those_who_cool_down_are_asked_as_they_return() -> None:
    made = plan(
        BY_PRIORITY,
        _three(
            anthropic=candidate(ANTHROPIC, priority=0, cooling_seconds=9.0),
            openai=candidate(OPENAI, priority=1, ready=False, opens_in_seconds=1.5),
            google=candidate(GOOGLE, priority=2, cooling_seconds=4.0),
        ),
        board(),
    )
    assert providers(made) == [GOOGLE, ANTHROPIC]
    assert made.retry_after == 1.5


def test_patience_puts_the_first_target_before_a_stranger_that_returns_sooner() -> None:
    cooling = [
        candidate(ANTHROPIC, priority=0, cooling_seconds=2.5),
        candidate(OPENAI, priority=1, cooling_seconds=1.0),
    ]
    assert providers(plan(BY_PRIORITY, cooling, board())) == [OPENAI, ANTHROPIC]
    assert providers(plan(BY_PRIORITY._replace(patience_seconds=3.0), cooling, board())) == [ANTHROPIC, OPENAI]


def test_who_is_open_and_cooling_returns_when_both_are_over() -> None:
    away = candidate(OPENAI, ready=False, opens_in_seconds=2.0, cooling_seconds=30.0)
    assert plan(BY_PRIORITY, [away], board()).retry_after == 30.0


def test_a_breaker_of_unknown_length_gives_no_promise() -> None:
    made = plan(BY_PRIORITY, [candidate(OPENAI, ready=False)], board())
    assert made.candidates == ()
    assert made.retry_after is None


def test_a_turn_is_taken_once_for_each_plan_and_never_by_a_preview() -> None:
    scoreboard = board()
    three = _three()
    firsts = []
    for _ in range(4):
        seen = preview(IN_TURN, three, scoreboard)
        assert preview(IN_TURN, three, scoreboard) == seen
        made = plan(IN_TURN, three, scoreboard)
        assert made == seen
        firsts.append(made.candidates[0].target.provider)
    assert firsts == [ANTHROPIC, OPENAI, GOOGLE, ANTHROPIC]


def test_an_override_does_not_use_up_a_turn() -> None:
    scoreboard = board()
    plan(IN_TURN._replace(provider=GOOGLE), _three(), scoreboard)
    plan(IN_TURN._replace(provider=ANTHROPIC), _three(), scoreboard)
    assert providers(plan(IN_TURN, _three(), scoreboard))[0] is ANTHROPIC


@st.composite
def _any_candidates(draw: st.DrawFn) -> list[Candidate]:
    kinds = st.sampled_from([ANTHROPIC, OPENAI, GOOGLE, OPENROUTER])
    return [
        candidate(
            draw(kinds),
            model=f"m{place}",
            canonical=draw(st.sampled_from(["x", "y"])),
            priority=place,
            weight=draw(st.integers(1, 5)),
            refusals=draw(st.sampled_from([(), (), (NO_TEMPERATURE,)])),
            enabled=draw(st.sampled_from([True, True, False])),
            ready=draw(st.sampled_from([True, True, False])),
            opens_in_seconds=draw(st.sampled_from([None, 3.0])),
            cooling_seconds=draw(st.sampled_from([0.0, 0.0, 2.0, 20.0])),
        )
        for place in range(draw(st.integers(0, 6)))
    ]


@given(
    candidates=_any_candidates(),
    question=st.builds(
        PlanQuestion,
        strategy=st.sampled_from(SelectionStrategy),
        provider=st.sampled_from([None, ANTHROPIC, OPENAI]),
        model=st.sampled_from([None, None, "x", "m1"]),
        fallback=st.sampled_from(FallbackMode),
        patience_seconds=st.sampled_from([0.0, 3.0]),
    ),
    seed=st.integers(0, 99),
)
def test_whatever_the_situation_a_plan_keeps_its_promises(
    candidates: list[Candidate], question: PlanQuestion, seed: int
) -> None:
    made = plan(question, candidates, board(seed))
    asked = [one.target for one in made.candidates]
    skipped = [one.target for one in made.skipped]

    assert all(one.enabled and not one.refusals and one.ready for one in made.candidates)
    assert len(set(asked)) == len(asked)
    assert len(set(skipped)) == len(skipped)
    assert set(asked).isdisjoint(skipped)
    if not made.refusals and made.first is not None:
        assert {*asked, *skipped} == {one.target for one in candidates}, (
            "each candidate is asked or skipped with a reason"
        )
    if question.fallback is FallbackMode.NONE:
        assert asked in ([], [made.first])
    if question.fallback is FallbackMode.SAME_MODEL:
        assert len({one.canonical for one in made.candidates}) <= 1
    if any(one.available for one in made.candidates):
        assert made.retry_after == 0.0
        waited_for = [one for one in made.candidates if not one.available]
        assert all(one.target == made.first and one.cooling_seconds <= question.patience_seconds for one in waited_for)
    if made.refusals:
        assert asked == []
        assert made.first is None
