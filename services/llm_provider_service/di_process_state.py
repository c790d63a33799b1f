"""Dependency injection for the state of one process (counters, breakers, cooldowns) and for the parts that use it."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

from dishka import Provider, Scope, provide

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.resilience.breaker_registry import CircuitBreakerRegistry
from huleedu_service_libs.resilience.circuit_breaker import Transition
from services.llm_provider_service import policies
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.api.comparison_mapping import ComparisonMapping
from services.llm_provider_service.config import Settings
from services.llm_provider_service.gateway.account_limits import AccountLimits
from services.llm_provider_service.gateway.attempt_log import AttemptLog
from services.llm_provider_service.gateway.day_totals import DayTotals
from services.llm_provider_service.gateway.incident_log import log_breaker
from services.llm_provider_service.gateway.metrics_recorder import MetricsRecorder
from services.llm_provider_service.gateway.planner import Planner
from services.llm_provider_service.gateway.target_state import RetryBudgets, TargetState
from services.llm_provider_service.metrics import GatewayMetrics
from services.llm_provider_service.replicas.replicas import Replicas, open_replicas
from services.llm_provider_service.replicas.report_messages import AccountNames
from services.llm_provider_service.resilience.breakers import BreakerKey, ProviderBreakers
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.peer_reports import PeerReports
from services.llm_provider_service.resilience.retry_policy import RetryPolicy
from services.llm_provider_service.resilience.slow_start import SlowStart
from services.llm_provider_service.routing.scoreboard import Scoreboard
from services.llm_provider_service.settings.accounts import ProviderAccounts


class ProcessStateProvider(Provider):
    """Provides the state of the process, and the parts that decide from it."""

    scope = Scope.APP

    metrics = provide(GatewayMetrics)
    recorder = provide(MetricsRecorder)
    background = provide(staticmethod(lambda: BackgroundWork()), provides=BackgroundWork)
    names = provide(AccountNames)

    @provide
    def retry_policy(self, settings: Settings) -> RetryPolicy:
        return policies.retry_policy(settings)

    @provide
    def totals(self) -> DayTotals:
        return DayTotals(time.time)

    @provide
    def prices(self) -> PriceBook:
        return PriceBook(lambda: datetime.now(UTC))

    @provide
    def attempt_log(self, prices: PriceBook, recorder: MetricsRecorder) -> AttemptLog:
        return AttemptLog(prices, recorder, wall_clock=time.time)

    @provide
    async def replicas(
        self, settings: Settings, names: AccountNames, metrics: GatewayMetrics, background: BackgroundWork
    ) -> AsyncIterator[Replicas]:
        async with open_replicas(policies.redis_url(settings), names, metrics.registry, background) as replicas:
            yield replicas

    @provide
    def breakers(self, settings: Settings, recorder: MetricsRecorder, replicas: Replicas) -> ProviderBreakers:
        registry: CircuitBreakerRegistry[BreakerKey] = CircuitBreakerRegistry(
            clock=time.monotonic,
            jitter=random.random,
            on_transition=replicas.also_hear(partial(_breaker_moved, recorder)),
            enabled=settings.CIRCUIT_BREAKER_ENABLED,
        )
        return ProviderBreakers(
            registry, of_target=policies.target_breaker(settings), of_account=policies.provider_breaker(settings)
        )

    @provide
    def concurrency(self, settings: Settings, accounts: ProviderAccounts, recorder: MetricsRecorder) -> AccountLimits:
        make = partial(recorder.concurrency_limit, clock=time.monotonic)
        return AccountLimits(accounts, make, partial(policies.account_slots, settings))

    @provide
    def targets(
        self, breakers: ProviderBreakers, accounts: ProviderAccounts, replicas: Replicas, recorder: MetricsRecorder
    ) -> TargetState:
        return TargetState(
            breakers=breakers,
            cooldowns=Cooldowns(time.monotonic, on_cool=replicas.on_cool),
            budgets=RetryBudgets(accounts.now.live_providers, recorder.watched),
            slow_start=SlowStart(),
            scoreboard=Scoreboard(time.monotonic),
            peer_reports=PeerReports(time.monotonic),
        )

    @provide
    def planner(
        self, settings: Settings, accounts: ProviderAccounts, targets: TargetState, prices: PriceBook
    ) -> Planner:
        return Planner(
            accounts,
            strategy=settings.PROVIDER_SELECTION_STRATEGY,
            rules=policies.routing_rules(settings),
            targets=targets,
            prices=prices,
            patience_seconds=settings.FALLBACK_PATIENCE_SECONDS,
            mock_answers_all=settings.mock_mode,
        )

    @provide
    def mapping(self, settings: Settings) -> ComparisonMapping:
        return ComparisonMapping(policies.comparison_defaults(settings))


def _breaker_moved(recorder: MetricsRecorder, key: BreakerKey, transition: Transition) -> None:
    recorder.breaker_moved(key, transition)
    log_breaker(key.provider, key.account, key.model, transition)
