"""What the demo adds up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from prometheus_client import generate_latest

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import ResultFlag
from common_core.llm_status_contracts import CircuitBreakerList, CircuitBreakerStatus
from common_core.observability_enums import CircuitBreakerState
from services.llm_provider_service.metrics import GatewayMetrics
from services.llm_provider_service.tests.unit.tools.samples import failure, outcome
from services.llm_provider_service.tools.demo_summary import (
    VendorBooks,
    attempts_in,
    latency,
    order_effect,
    problems,
    since,
    spending,
    vendor_books,
)

NO_BREAKERS = CircuitBreakerList(circuit_breakers=[])


def breaker(provider: str, model: str | None, state: CircuitBreakerState) -> CircuitBreakerStatus:
    """One row of the list."""
    return CircuitBreakerStatus(
        provider=LLMProviderType(provider),
        model=model,
        state=state,
        failures=0,
        opened_at=None,
        retry_in_ms=None,
        last_failure=None,
    )


def books(attempts: dict[str, int], *, counted: int | None, killed: bool = False) -> VendorBooks:
    """The books of one vendor with these attempts."""
    (found,) = vendor_books(
        [],
        {("openai", outcome): n for outcome, n in attempts.items()},
        NO_BREAKERS,
        counted={} if counted is None else {"openai": counted},
        killed="openai" if killed else None,
    )
    return found


def test_attempts_are_read_from_the_services_own_metrics_page() -> None:
    metrics = GatewayMetrics()
    metrics.attempts.inc("openai", "success", by=3)
    metrics.attempts.inc("openai", "connect_failed")
    metrics.tokens.inc("openai", "m", "prompt", by=7)
    page = generate_latest(metrics.registry).decode()
    assert attempts_in(page) == {("openai", "success"): 3, ("openai", "connect_failed"): 1}


@pytest.mark.parametrize("page", ["<!doctype html><p>Not here.</p>", "up 1\n", "", "{}", "{, =1"])
def test_a_page_that_is_not_the_gateways_is_not_taken_for_one_that_counts_none(page: str) -> None:
    with pytest.raises(ValueError, match="not the gateway's metrics"):
        attempts_in(page)


def test_a_gateway_that_has_asked_nobody_yet_counts_none() -> None:
    assert attempts_in(generate_latest(GatewayMetrics().registry).decode()) == {}


@pytest.mark.parametrize(("before", "after"), [(None, {}), ({}, None), (None, None)])
def test_what_was_added_is_unknown_where_a_reading_is(
    before: dict[tuple[str, str], int] | None, after: dict[tuple[str, str], int] | None
) -> None:
    assert since(before, after) is None


def test_without_the_gateways_count_answers_are_counted_all_the_same() -> None:
    (found,) = vendor_books([outcome(provider="openai")], None, NO_BREAKERS, counted={}, killed=None)
    assert (found.provider, found.answered) == ("openai", 1)
    assert (found.failed, found.sent, found.agrees) == (None, None, None)


def test_only_what_was_added_counts() -> None:
    before = {("a", "success"): 5, ("a", "timed_out"): 1}
    after = {("a", "success"): 7, ("a", "timed_out"): 1, ("b", "success"): 4}
    assert since(before, after) == {("a", "success"): 2, ("b", "success"): 4}


@pytest.mark.parametrize(("counted", "agrees"), [(5, True), (4, False), (6, False), (None, None)])
def test_a_living_vendors_count_must_be_exactly_what_was_sent(counted: int | None, agrees: bool | None) -> None:
    found = books({"success": 3, "server_error": 2, "connect_failed": 4, "not_sent": 9}, counted=counted)
    assert found.sent == 5
    assert found.agrees is agrees
    assert found.failed == {"server_error": 2, "connect_failed": 4, "not_sent": 9}


@pytest.mark.parametrize(("counted", "agrees"), [(19, False), (20, True), (21, True), (22, True), (23, False)])
def test_calls_that_broke_off_at_the_kill_may_or_may_not_have_arrived(counted: int, agrees: bool) -> None:
    found = books({"success": 20, "connection_lost": 2, "connect_failed": 5}, counted=counted, killed=True)
    assert found.agrees is agrees


def test_a_broken_connection_to_a_living_vendor_is_no_excuse() -> None:
    assert books({"success": 20, "connection_lost": 2}, counted=21).agrees is False


def test_answers_are_counted_where_they_came_from() -> None:
    found = vendor_books(
        [
            outcome(provider="openai", seconds=0.2),
            outcome(provider="openai", seconds=0.4, flags=[ResultFlag.FALLBACK_USED]),
            outcome(provider="openai", cached=True),
            outcome(provider="google", cost_usd=None),
            failure(),
        ],
        {("openai", "success"): 2, ("google", "success"): 1, ("anthropic", "connect_failed"): 1},
        NO_BREAKERS,
        counted={},
        killed=None,
    )
    anthropic, google, openai = found
    assert (anthropic.answered, anthropic.failed, anthropic.latency) == (0, {"connect_failed": 1}, None)
    assert (google.answered, google.spending.unpriced, google.spending.usd) == (1, 1, Decimal(0))
    assert (openai.answered, openai.stood_in, openai.cached) == (2, 1, 1)
    assert (openai.spending.prompt_tokens, openai.spending.completion_tokens) == (200, 20)
    assert openai.latency is not None
    assert (openai.latency.p50, openai.latency.p99) == (200, 400)


def test_the_worst_breaker_of_a_vendor_is_shown() -> None:
    rows = [
        breaker("openai", None, CircuitBreakerState.CLOSED),
        breaker("openai", "m", CircuitBreakerState.HALF_OPEN),
        breaker("openai", "n", CircuitBreakerState.OPEN),
        breaker("google", None, CircuitBreakerState.CLOSED),
    ]
    found = vendor_books(
        [outcome(provider="google"), outcome(provider="openai"), outcome(provider="mock")],
        {},
        CircuitBreakerList(circuit_breakers=rows),
        counted={},
        killed=None,
    )
    assert {one.provider: one.breaker for one in found} == {"google": "closed", "mock": "", "openai": "open"}


def test_money_is_summed_exactly() -> None:
    ten_cents = [outcome(cost_usd="0.1").answer for _ in range(3)]
    assert spending(answer for answer in ten_cents if answer).usd == Decimal("0.3")


def test_percentiles_are_nearest_ranks() -> None:
    waited = latency([n / 1000 for n in range(100, 0, -1)])
    assert waited is not None
    assert (waited.p50, waited.p95, waited.p99) == pytest.approx((50, 95, 99))
    assert latency([]) is None


def test_a_swap_that_changes_the_winner_is_seen() -> None:
    effect = order_effect(
        [
            outcome(0, 1, first_wins=True),
            outcome(1, 0, first_wins=False),
            outcome(0, 2, first_wins=True),
            outcome(2, 0, first_wins=True),
            outcome(1, 2, first_wins=True),
            failure(),
        ]
    )
    assert (effect.pairs, effect.changed) == (2, 1)
    assert (effect.judged, effect.first_won) == (5, 4)


def test_problems_are_counted_by_their_words() -> None:
    assert problems([failure("a"), outcome(), failure("b"), failure("a")]) == {"a": 2, "b": 1}
