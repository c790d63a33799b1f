"""Each strategy puts the same candidates in its own order."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType, SelectionStrategy
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.routing.scoreboard import Scoreboard
from services.llm_provider_service.routing.strategies import (
    STRATEGIES,
    order_by_cost,
    order_by_latency,
    order_by_load,
    order_by_priority,
    order_by_weight,
    order_randomly,
)
from services.llm_provider_service.tests.unit.routing.samples import HandClock, board, candidate

ANTHROPIC, OPENAI, GOOGLE = LLMProviderType.ANTHROPIC, LLMProviderType.OPENAI, LLMProviderType.GOOGLE
THREE = (candidate(ANTHROPIC, priority=0), candidate(OPENAI, priority=1), candidate(GOOGLE, priority=2))


def _turns(
    strategy: SelectionStrategy, pool: tuple[Candidate, ...], scoreboard: Scoreboard, count: int
) -> list[Target]:
    chosen = []
    for _ in range(count):
        first = STRATEGIES[strategy](pool, scoreboard)[0].target
        scoreboard.take_turn(strategy, pool, first)
        chosen.append(first)
    return chosen


@pytest.mark.parametrize("strategy", SelectionStrategy)
def test_every_strategy_orders_all_candidates_and_changes_nothing(strategy: SelectionStrategy) -> None:
    scoreboard = board()
    first = STRATEGIES[strategy](THREE, scoreboard)
    assert set(first) == set(THREE)
    assert STRATEGIES[strategy](THREE, scoreboard) == first


def test_priority_follows_the_operators_list() -> None:
    assert order_by_priority(THREE[::-1], board()) == THREE


def test_round_robin_gives_everybody_a_turn() -> None:
    turns = _turns(SelectionStrategy.ROUND_ROBIN, THREE, board(), 6)
    assert [one.provider for one in turns] == [ANTHROPIC, OPENAI, GOOGLE] * 2


def test_round_robin_stays_even_when_one_was_away() -> None:
    scoreboard = board()
    _turns(SelectionStrategy.ROUND_ROBIN, THREE[:2], scoreboard, 10)
    turns = _turns(SelectionStrategy.ROUND_ROBIN, THREE, scoreboard, 6)
    assert turns[0] == THREE[2].target
    assert set(Counter(turns).values()) == {2}


@given(weights=st.lists(st.integers(1, 20), min_size=1, max_size=6), rounds=st.integers(1, 3))
def test_each_weight_is_served_exactly_in_as_many_turns_as_the_weights_sum_to(weights: list[int], rounds: int) -> None:
    pool = tuple(
        candidate(OPENAI, model=f"m{place}", weight=weight, priority=place) for place, weight in enumerate(weights)
    )
    scoreboard = board()
    for _ in range(rounds):
        turns = Counter(_turns(SelectionStrategy.WEIGHTED, pool, scoreboard, sum(weights)))
        assert turns == {one.target: one.weight for one in pool}


def test_weighted_turns_are_spread_and_do_not_come_in_a_row() -> None:
    pool = (candidate(ANTHROPIC, weight=5), candidate(OPENAI, weight=1, priority=1), candidate(GOOGLE, priority=2))
    turns = [one.provider for one in _turns(SelectionStrategy.WEIGHTED, pool, board(), 7)]
    assert turns == [ANTHROPIC, ANTHROPIC, OPENAI, ANTHROPIC, GOOGLE, ANTHROPIC, ANTHROPIC]
    assert order_by_weight(pool, board())[0].target.provider is ANTHROPIC


def test_the_cheapest_comes_first_and_who_has_no_price_last() -> None:
    dear = candidate(ANTHROPIC, expected_cost=Decimal("0.02"))
    free = candidate(LLMProviderType.OLLAMA, expected_cost=Decimal(0), priority=9)
    unpriced = candidate(GOOGLE, expected_cost=None)
    assert order_by_cost((unpriced, dear, free), board()) == (free, dear, unpriced)


def test_the_fastest_comes_first_once_all_were_tried() -> None:
    scoreboard = board()
    for one, seconds in zip(THREE, (3.0, 1.0, 2.0), strict=True):
        scoreboard.answered(one.target, seconds)
    order = order_by_latency(THREE, scoreboard)
    assert [one.target.provider for one in order] == [OPENAI, GOOGLE, ANTHROPIC]


def test_a_load_of_calls_makes_the_fastest_slower_than_the_next() -> None:
    scoreboard = board()
    for one, seconds in zip(THREE, (1.0, 1.5, 9.0), strict=True):
        scoreboard.answered(one.target, seconds)
    scoreboard.started(THREE[0].target)
    assert order_by_latency(THREE, scoreboard)[0] is THREE[1]
    scoreboard.finished(THREE[0].target)
    assert order_by_latency(THREE, scoreboard)[0] is THREE[0]


def test_who_was_never_tried_is_looked_at_first_but_by_one_call_at_a_time() -> None:
    scoreboard = board()
    scoreboard.answered(THREE[0].target, 0.5)
    scoreboard.answered(THREE[1].target, 0.6)
    assert order_by_latency(THREE, scoreboard)[0] is THREE[2]
    scoreboard.started(THREE[2].target)
    assert order_by_latency(THREE, scoreboard)[0] is THREE[0]


def test_a_slow_one_is_tried_again_only_after_both_turns_and_seconds() -> None:
    clock = HandClock()
    scoreboard = Scoreboard(clock, seed=1)
    quick, slow = THREE[:2]
    scoreboard.answered(quick.target, 0.5)
    scoreboard.answered(slow.target, 20.0)

    def served(count: int, seconds_each: float) -> list[Target]:
        chosen = []
        for _ in range(count):
            clock.now += seconds_each
            chosen += _turns(SelectionStrategy.LEAST_LATENCY, (quick, slow), scoreboard, 1)
            scoreboard.answered(chosen[-1], 0.5)
        return chosen

    assert slow.target not in served(200, 0.1), "many turns in a short time"
    assert served(15, 10.0).count(slow.target) == 1, "enough turns and enough time: one look"


def test_failing_fast_does_not_look_fast() -> None:
    scoreboard = board()
    for one in THREE:
        scoreboard.answered(one.target, 2.0)
    scoreboard.failed(THREE[0].target, 0.01)
    assert order_by_latency(THREE, scoreboard)[-1] is THREE[0]


def test_a_peak_counts_at_once_and_fades_with_time() -> None:
    clock = HandClock()
    scoreboard = Scoreboard(clock)
    target = THREE[0].target
    assert scoreboard.latency(target) is None
    scoreboard.answered(target, 1.0)
    scoreboard.answered(target, 8.0)
    assert scoreboard.latency(target) == 8.0
    clock.now += 10.0
    scoreboard.answered(target, 1.0)
    assert scoreboard.latency(target) == pytest.approx(1.0 + 7.0 / 2.718281828, rel=1e-6)


def test_of_two_drawn_by_lot_the_less_busy_comes_first() -> None:
    pool = tuple(candidate(OPENAI, model=f"m{place}") for place in range(5))
    scoreboard = board()
    for busy, one in enumerate(pool):
        for _ in range(busy):
            scoreboard.started(one.target)
    firsts = Counter(_turns_by_load(pool, scoreboard, 2000))
    assert pool[4].target not in firsts, "the busiest never wins against another"
    assert firsts[pool[0].target] > firsts[pool[1].target] > firsts[pool[3].target] > 0


def _turns_by_load(pool: tuple[Candidate, ...], scoreboard: Scoreboard, count: int) -> list[Target]:
    order = order_by_load(pool, scoreboard)
    assert scoreboard.in_flight(order[0].target) <= scoreboard.in_flight(order[1].target)
    return _turns(SelectionStrategy.LEAST_BUSY, pool, scoreboard, count)


def test_the_lot_falls_on_everybody_alike_and_is_repeatable_with_a_seed() -> None:
    turns = Counter(_turns(SelectionStrategy.RANDOM, THREE, board(seed=3), 3000))
    assert all(900 < count < 1100 for count in turns.values())
    assert order_randomly(THREE, board(seed=3)) == order_randomly(THREE, board(seed=3))


def test_the_scoreboard_forgets_the_oldest_of_too_many_targets() -> None:
    scoreboard = board()
    oldest = Target(OPENAI, "oldest")
    scoreboard.answered(oldest, 1.0)
    for number in range(1024):
        scoreboard.answered(Target(OPENAI, f"m{number}"), 1.0)
    assert scoreboard.latency(oldest) is None
    assert scoreboard.latency(Target(OPENAI, "m1023")) == 1.0


def test_a_call_that_ended_is_no_longer_in_flight_and_never_counts_below_zero() -> None:
    scoreboard = board()
    target = THREE[0].target
    scoreboard.started(target)
    scoreboard.started(target)
    assert scoreboard.in_flight(target) == 2
    for _ in range(3):
        scoreboard.finished(target)
    assert scoreboard.in_flight(target) == 0
