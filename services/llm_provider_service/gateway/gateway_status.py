"""The present state of this gateway process for status endpoints, read from its parts; nothing is stored twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from common_core.config_enums import SelectionStrategy
from common_core.llm_status_contracts import (
    CircuitBreakerList,
    CircuitBreakerStatus,
    ModelInfo,
    ModelList,
    ProviderList,
    ProviderStatus,
)
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.event_loop_lag import EventLoopLag
from huleedu_service_libs.redis_link.values import LinkState
from huleedu_service_libs.resilience.circuit_breaker import BreakerSnapshot
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.api_models import (
    CacheHealth,
    Dependencies,
    Health,
    HealthStatus,
    ProviderHealth,
    Readiness,
)
from services.llm_provider_service.domain.model import ModelProfile, StructuredOutput
from services.llm_provider_service.domain.money import decimal_text
from services.llm_provider_service.gateway.day_totals import DayTotals
from services.llm_provider_service.gateway.provider_status import ProviderStatuses
from services.llm_provider_service.providers.models.capabilities import CAPABILITY_DATE, CAPABILITY_SOURCE, profiles
from services.llm_provider_service.resilience.breakers import BreakerKey, ProviderBreakers
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.settings.accounts import ProviderAccounts

MOCK_WARNING = "The mock provider answers everything: no vendor is asked and no verdict is a model's."
NOBODY_WARNING = "No provider is enabled and configured."
UNREACHABLE_WARNING = "{} cannot be asked now; GET /api/v1/providers says why and until when."
FAILED_WARNING = "background_work_failed: {} failed within the last minute and was begun again; the log says how."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """Facts from the settings; *warnings* are sentences about the settings for an operator."""

    name: str
    version: str
    environment: str
    strategy: SelectionStrategy
    mock_mode: bool
    warnings: Sequence[str] = ()


class GatewayStatus:
    """Gives health, readiness, and the lists of providers, models and breakers; reads the state at each call."""

    def __init__(
        self,
        facts: ServiceFacts,
        *,
        accounts: ProviderAccounts,
        providers: ProviderStatuses,
        breakers: ProviderBreakers,
        totals: DayTotals,
        prices: PriceBook,
        clock: Clock,
        wall_clock: Callable[[], float],
        loop_watch: EventLoopLag,
        background: BackgroundWork,
        redis: Callable[[], LinkState] | None = None,
    ) -> None:
        self._facts = facts
        self._accounts = accounts
        self._providers = providers
        self._breakers = breakers
        self._totals = totals
        self._prices = prices
        self._clock = clock
        self._wall_clock = wall_clock
        self._loop_watch = loop_watch
        self._background = background
        self._redis = redis
        self._draining = False

    def providers(self) -> ProviderList:
        """Returns every provider; the mock only in mock mode."""
        now = self._accounts.now
        return ProviderList(
            providers=list(self._providers.all().values()),
            default_provider=next(iter((*now.live, *now.everybody))).provider,
            selection_strategy=self._facts.strategy,
            total_requests_today=self._totals.requests,
            total_cost_today=decimal_text(self._totals.cost),
        )

    def models(self) -> ModelList:
        """Returns the model registry of every provider."""
        return ModelList(
            models=[self._model(profile) for profile in profiles()],
            capability_source=CAPABILITY_SOURCE,
            capability_date=CAPABILITY_DATE,
        )

    def circuit_breakers(self) -> CircuitBreakerList:
        """Returns every circuit breaker of this process."""
        snapshots = self._breakers.snapshots()
        return CircuitBreakerList(
            circuit_breakers=[self._breaker(key, snapshot) for key, snapshot in sorted(snapshots.items(), key=str)]
        )

    def health(self) -> Health:
        """Returns the health: unhealthy without a live provider.

        It is degraded if a live provider cannot be asked, Redis is away, or a background task failed.
        """
        statuses = self._providers.all()
        cache = self._cache_health()
        broken = (
            bool(self._providers.unreachable())
            or cache.cache_mode is HealthStatus.DEGRADED
            or bool(self._background.failing)
        )
        status = HealthStatus.DEGRADED if broken else HealthStatus.HEALTHY
        return Health(
            service=self._facts.name,
            status=status if self._accounts.now.live else HealthStatus.UNHEALTHY,
            version=self._facts.version,
            environment=self._facts.environment,
            dependencies=Dependencies(cache=cache),
            providers={provider.value: _provider_health(one) for provider, one in statuses.items()},
            warnings=self._warnings(),
        )

    def readiness(self) -> Readiness:
        """Returns not ready while draining, with a late event loop, or without a live provider; ignores breakers."""
        if self._draining:
            return Readiness(ready=False, reason="The service is stopping.")
        if self._loop_watch.late:
            return Readiness(ready=False, reason=f"The event loop was {self._loop_watch.worst():.1f} s late.")
        if not self._accounts.now.live:
            return Readiness(ready=False, reason=NOBODY_WARNING)
        return Readiness(ready=True)

    def drain(self) -> None:
        """Make readiness return "not ready" from now on."""
        self._draining = True

    def _cache_health(self) -> CacheHealth:
        """Returns the health of the cache: degraded while Redis is configured but does not answer or accept writes."""
        if self._redis is None:
            return CacheHealth(cache_mode=HealthStatus.HEALTHY, local_cache_available=True)
        state = self._redis()
        well = state.available and state.writable
        return CacheHealth(
            cache_mode=HealthStatus.HEALTHY if well else HealthStatus.DEGRADED,
            local_cache_available=True,
            redis_available=state.available,
            redis_failure_count=state.failures,
        )

    def _warnings(self) -> list[str]:
        failing = (FAILED_WARNING.format(name) for name in self._background.failing)
        return [*self._warnings_of_providers(), *self._facts.warnings, *failing]

    def _warnings_of_providers(self) -> list[str]:
        if self._facts.mock_mode:
            return [MOCK_WARNING]
        if not self._accounts.now.live:
            return [NOBODY_WARNING]
        return [UNREACHABLE_WARNING.format(provider) for provider in self._providers.unreachable()]

    def _model(self, profile: ModelProfile) -> ModelInfo:
        return ModelInfo(
            provider=profile.provider,
            id=profile.id,
            capabilities=_capabilities(profile),
            context_window=profile.context_window,
            max_output_tokens=profile.max_output_tokens,
            prices=self._prices.price_of(profile.target),
        )

    def _breaker(self, key: BreakerKey, snapshot: BreakerSnapshot) -> CircuitBreakerStatus:
        closed = snapshot.state is CircuitBreakerState.CLOSED
        return CircuitBreakerStatus(
            provider=key.provider,
            model=key.model,
            account=key.account,
            state=snapshot.state,
            failures=snapshot.failures,
            opened_at=None if snapshot.opened_at is None else self._as_date(snapshot.opened_at),
            retry_in_ms=None if closed else round(snapshot.retry_in_seconds * 1000),
            last_failure=snapshot.last_failure,
        )

    def _as_date(self, moment: float) -> str:
        """Returns a time of the monotonic clock as a date, from the present difference of the two clocks."""
        return datetime.fromtimestamp(self._wall_clock() - self._clock() + moment, UTC).isoformat()


def _provider_health(status: ProviderStatus) -> ProviderHealth:
    return ProviderHealth(
        enabled=status.enabled,
        configured=status.configured,
        circuit_breaker_state=status.circuit_breaker_state,
    )


def _capabilities(profile: ModelProfile) -> list[str]:
    abilities = {
        "temperature": profile.temperature,
        "top_p": profile.top_p,
        "stop": profile.stop,
        "tools": profile.tools,
        "images": profile.images,
        "reasoning_effort": bool(profile.efforts),
        "response_schema": profile.structured_output is not StructuredOutput.NONE,
    }
    return [name for name, able in abilities.items() if able]
