"""The health of several workers as one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from common_core.observability_enums import CircuitBreakerState
from services.llm_provider_service.api_models import (
    CacheHealth,
    Dependencies,
    Health,
    HealthStatus,
    ProviderHealth,
)
from services.llm_provider_service.gateway.health_of_workers import merge_health

HEALTHY, DEGRADED, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY
MEMORY = CacheHealth(cache_mode=HEALTHY, local_cache_available=True)


def said(
    status: HealthStatus = HEALTHY,
    *,
    cache: CacheHealth = MEMORY,
    state: CircuitBreakerState = CircuitBreakerState.CLOSED,
    warnings: Sequence[str] = (),
) -> Health:
    """What one worker says."""
    return Health(
        service="gateway",
        status=status,
        version="1",
        environment="test",
        dependencies=Dependencies(cache=cache),
        providers={"openai": ProviderHealth(enabled=True, configured=True, circuit_breaker_state=state)},
        warnings=list(warnings),
    )


def redis(mode: HealthStatus, *, available: bool, failures: int) -> CacheHealth:
    """A cache with Redis behind it."""
    return CacheHealth(
        cache_mode=mode, local_cache_available=True, redis_available=available, redis_failure_count=failures
    )


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (HEALTHY, HEALTHY, HEALTHY),
        (HEALTHY, DEGRADED, DEGRADED),
        (DEGRADED, HEALTHY, DEGRADED),
        (UNHEALTHY, HEALTHY, DEGRADED),
        (UNHEALTHY, UNHEALTHY, UNHEALTHY),
    ],
)
def test_one_degraded_worker_is_enough_and_one_that_serves_is_enough(
    one: HealthStatus, other: HealthStatus, both: HealthStatus
) -> None:
    assert merge_health(said(one), [said(other)], missing=0, workers=2).status is both


def test_the_worst_breaker_is_shown_whoever_is_asked() -> None:
    states = [CircuitBreakerState.HALF_OPEN, CircuitBreakerState.OPEN, CircuitBreakerState.CLOSED]
    workers = [said(state=state) for state in states]
    for mine in workers:
        shown = merge_health(mine, [one for one in workers if one is not mine], missing=0, workers=3)
        assert shown.providers["openai"].circuit_breaker_state is CircuitBreakerState.OPEN


def test_redis_is_there_if_it_is_for_all_and_the_most_failures_are_shown() -> None:
    well, away = redis(HEALTHY, available=True, failures=0), redis(DEGRADED, available=False, failures=7)
    for mine, other in ((well, away), (away, well)):
        shown = merge_health(said(cache=mine), [said(cache=other)], missing=0, workers=2)
        assert shown.dependencies.cache == away
    shown = merge_health(said(cache=well), [said(cache=well)], missing=0, workers=2)
    assert shown.dependencies.cache == well
    assert merge_health(said(), [said()], missing=0, workers=2).dependencies.cache == MEMORY


def test_every_warning_is_shown_once_and_who_is_missing_is_one_more() -> None:
    shown = merge_health(said(warnings=["a", "b"]), [said(warnings=["b", "c"])], missing=1, workers=3)
    assert shown.warnings[:3] == ["a", "b", "c"]
    (missing,) = shown.warnings[3:]
    assert missing.startswith("1 of 3 workers")
    assert shown.status is HEALTHY, "those that are there serve"
