"""HTTP models that only this service uses; the contracts for callers are in common_core."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from common_core.observability_enums import CircuitBreakerState


class HealthStatus(StrEnum):
    """healthy: all is well; degraded: serving, but something is broken; unhealthy: cannot serve."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class CacheHealth(_Answer):
    """State of the cache; `redis_failure_count` counts failures since Redis last answered.

    Without Redis, `redis_available` is false and that is no problem.
    """

    cache_mode: HealthStatus
    local_cache_available: bool
    redis_available: bool = False
    redis_failure_count: int = 0


class Dependencies(_Answer):
    """What the service depends on."""

    cache: CacheHealth


class ProviderHealth(_Answer):
    """One provider as health shows it."""

    enabled: bool
    configured: bool
    circuit_breaker_state: CircuitBreakerState


class Health(_Answer):
    """Answer of `GET /healthz`: 200 while the service can serve, degraded included."""

    service: str
    status: HealthStatus
    version: str
    environment: str
    dependencies: Dependencies
    providers: dict[str, ProviderHealth]
    warnings: list[str]


class Readiness(_Answer):
    """Answer of `GET /readyz`; `reason` is set exactly when the service is not ready."""

    ready: bool
    reason: str | None = None
