"""What an outage may cost in repeats."""

from __future__ import annotations

import pytest

from services.llm_provider_service.domain.failure_values import Backoff
from services.llm_provider_service.resilience.retry_budget import CAPACITY, RetryBudget


@pytest.mark.parametrize(("kind", "retries"), [(Backoff.TRANSIENT, 35), (Backoff.THROTTLE, 100)])
def test_without_any_success_the_bucket_runs_dry(kind: Backoff, retries: int) -> None:
    budget = RetryBudget()
    assert [budget.take(kind) for _ in range(1000)] == [True] * retries + [False] * (1000 - retries)
    assert 0 <= budget.tokens < 14


def test_a_refused_retry_takes_nothing() -> None:
    budget = RetryBudget()
    while budget.take(Backoff.TRANSIENT):
        pass
    left = budget.tokens
    assert not budget.covers(Backoff.TRANSIENT)
    assert not budget.take(Backoff.TRANSIENT)
    assert budget.tokens == left
    assert budget.covers(Backoff.THROTTLE)
    assert budget.take(Backoff.THROTTLE), "a cheaper one still fits"


def test_successes_fill_it_again_and_never_above_the_brim() -> None:
    budget = RetryBudget()
    budget.succeeded()
    assert budget.tokens == CAPACITY
    budget.take(Backoff.TRANSIENT)
    for _ in range(13):
        budget.succeeded()
    assert budget.tokens == CAPACITY - 1


def test_a_re_ask_is_free() -> None:
    budget = RetryBudget()
    assert all(budget.take(Backoff.NONE) for _ in range(1000))
    assert budget.tokens == CAPACITY
