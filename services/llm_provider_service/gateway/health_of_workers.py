"""Merges the health of all workers: the worst state is shown, and workers that did not answer are named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from common_core.observability_enums import CircuitBreakerState
from services.llm_provider_service.api_models import CacheHealth, Dependencies, Health, HealthStatus

BREAKERS_BY_WEIGHT = (CircuitBreakerState.CLOSED, CircuitBreakerState.HALF_OPEN, CircuitBreakerState.OPEN)


def merge_health(mine: Health, others: Iterable[Health], *, missing: int, workers: int) -> Health:
    """Returns *mine* merged with the health of *others*; *missing* workers give a warning only, as the others serve."""
    said = [mine, *others]
    warnings = list(dict.fromkeys(warning for one in said for warning in one.warnings))
    if missing:
        warnings.append(f"{missing} of {workers} workers did not answer at once; what they said last is shown.")
    providers = {
        name: one.model_copy(update={"circuit_breaker_state": _state(name, said)})
        for name, one in mine.providers.items()
    }
    return mine.model_copy(
        update={
            "status": _status([one.status for one in said]),
            "dependencies": Dependencies(cache=_cache([one.dependencies.cache for one in said])),
            "providers": providers,
            "warnings": warnings,
        }
    )


def worst_state(states: Iterable[CircuitBreakerState]) -> CircuitBreakerState:
    """Returns the worst state: open before half-open before closed."""
    return max(states, key=BREAKERS_BY_WEIGHT.index)


def _state(provider: str, said: Sequence[Health]) -> CircuitBreakerState:
    return worst_state(one.providers[provider].circuit_breaker_state for one in said if provider in one.providers)


def _status(said: Sequence[HealthStatus]) -> HealthStatus:
    """Returns degraded if the workers differ, so unhealthy only if all are. They differ during a change of settings."""
    if len(set(said)) == 1:
        return said[0]
    return HealthStatus.DEGRADED


def _cache(said: Sequence[CacheHealth]) -> CacheHealth:
    return CacheHealth(
        cache_mode=_status([one.cache_mode for one in said]),
        local_cache_available=all(one.local_cache_available for one in said),
        redis_available=all(one.redis_available for one in said),
        redis_failure_count=max(one.redis_failure_count for one in said),
    )
