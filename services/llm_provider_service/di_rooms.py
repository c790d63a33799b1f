"""What the container makes of the rooms: policies, memories and the pure parts, each from its slice of the settings."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from dishka import Provider, Scope, provide

from common_core.config_enums import LLMProviderType
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy
from huleedu_service_libs.resilience.registry import CircuitBreakerRegistry
from services.llm_provider_service.accounting.prices import PriceBook
from services.llm_provider_service.config import Settings
from services.llm_provider_service.implementations.bookkeeper_impl import Bookkeeper
from services.llm_provider_service.implementations.breakers_impl import BreakerKey, ProviderBreakers
from services.llm_provider_service.implementations.day_totals_impl import DayTotals
from services.llm_provider_service.implementations.gate_impl import Gate
from services.llm_provider_service.implementations.guards_impl import Guards
from services.llm_provider_service.implementations.mock_provider_impl import MOCK_MODEL
from services.llm_provider_service.implementations.planner_impl import LiveProvider, Planner
from services.llm_provider_service.implementations.recorder_impl import Recorder
from services.llm_provider_service.metrics import GatewayMetrics
from services.llm_provider_service.resilience.admission import AdmissionPolicy
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.retry_policy import RetryPolicy
from services.llm_provider_service.routing.rules import Rule
from services.llm_provider_service.routing.scoreboard import Scoreboard

CONNECT_FAILURES_IN_A_ROW = 5

GateMap = Mapping[LLMProviderType, Gate]


def live_providers(settings: Settings) -> tuple[LiveProvider, ...]:
    """Who may be asked, in order of priority; the mock alone, or never."""
    if settings.mock_mode:
        return (LiveProvider(provider=LLMProviderType.MOCK, default_model=MOCK_MODEL),)
    return tuple(
        LiveProvider(
            provider=vendor.provider,
            default_model=vendor.default_model,
            weight=settings.PROVIDER_WEIGHTS.get(vendor.provider, 1),
        )
        for vendor in settings.live_vendors
    )


class RoomProvider(Provider):
    """Policies, memories and the pure parts."""

    scope = Scope.APP

    @provide
    def metrics(self) -> GatewayMetrics:
        return GatewayMetrics()

    @provide
    def totals(self) -> DayTotals:
        return DayTotals(time.time)

    @provide
    def recorder(self, metrics: GatewayMetrics, totals: DayTotals) -> Recorder:
        return Recorder(metrics, totals)

    @provide
    def prices(self) -> PriceBook:
        return PriceBook(lambda: datetime.now(UTC))

    @provide
    def books(self, prices: PriceBook, recorder: Recorder) -> Bookkeeper:
        return Bookkeeper(prices, recorder, wall_clock=time.time)

    @provide
    def live(self, settings: Settings) -> tuple[LiveProvider, ...]:
        return live_providers(settings)

    @provide
    def retry_policy(self, settings: Settings) -> RetryPolicy:
        return RetryPolicy(
            minimum_attempt_seconds=settings.LLM_MINIMUM_ATTEMPT_SECONDS,
            patience_seconds=settings.FALLBACK_PATIENCE_SECONDS,
        )

    @provide
    def breakers(self, settings: Settings, recorder: Recorder) -> ProviderBreakers:
        of_target = BreakerPolicy(
            failed_requests=settings.LLM_CIRCUIT_BREAKER_FAILURE_THRESHOLD,
            failure_rate=settings.LLM_CIRCUIT_BREAKER_FAILURE_RATE,
            minimum_calls=settings.LLM_CIRCUIT_BREAKER_MINIMUM_CALLS,
            window_seconds=settings.LLM_CIRCUIT_BREAKER_WINDOW_SECONDS,
            recovery_seconds=settings.LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT,
            recovery_growth=settings.LLM_CIRCUIT_BREAKER_RECOVERY_GROWTH,
        )
        registry: CircuitBreakerRegistry[BreakerKey] = CircuitBreakerRegistry(
            clock=time.monotonic,
            jitter=random.random,
            on_transition=recorder.breaker_moved,
            enabled=settings.CIRCUIT_BREAKER_ENABLED,
        )
        of_provider = replace(of_target, consecutive_failures=CONNECT_FAILURES_IN_A_ROW)
        return ProviderBreakers(registry, of_target=of_target, of_provider=of_provider)

    @provide
    def gates(self, settings: Settings, live: tuple[LiveProvider, ...]) -> GateMap:
        policy = admission(settings, settings.LLM_MAX_CONCURRENT_PER_PROVIDER)
        return {one.provider: Gate(policy, clock=time.monotonic) for one in live}

    @provide
    def guards(self, breakers: ProviderBreakers, gates: GateMap) -> Guards:
        return Guards(
            breakers=breakers,
            cooldowns=Cooldowns(time.monotonic),
            gates=gates,
            scoreboard=Scoreboard(time.monotonic),
        )

    @provide
    def planner(
        self,
        settings: Settings,
        live: tuple[LiveProvider, ...],
        rules: tuple[Rule, ...],
        guards: Guards,
        prices: PriceBook,
    ) -> Planner:
        return Planner(
            live,
            strategy=settings.PROVIDER_SELECTION_STRATEGY,
            rules=rules,
            guards=guards,
            prices=prices,
            patience_seconds=settings.FALLBACK_PATIENCE_SECONDS,
            mock_answers_all=settings.mock_mode,
        )


def admission(settings: Settings, slots: int) -> AdmissionPolicy:
    """Slots of one gate; the line in front of it is the same for all gates."""
    return AdmissionPolicy(slots=slots, queue_limit=settings.LLM_QUEUE_LIMIT, queue_seconds=settings.LLM_QUEUE_SECONDS)
