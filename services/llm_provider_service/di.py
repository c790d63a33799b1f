"""Dependency injection: builds all objects of one process and connects them; what is opened here is closed here."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping

from dishka import AsyncContainer, Provider, Scope, make_async_container, provide
from dishka.entities.validation_settings import STRICT_VALIDATION

from common_core.config_enums import LLMProviderType
from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.event_loop_lag import EventLoopLag, measuring_loop_lag
from huleedu_service_libs.observability.tracing import Tracing
from huleedu_service_libs.workers.peers import Peers
from services.llm_provider_service import policies
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.api.comparison_route import ComparisonRoute
from services.llm_provider_service.config import Settings
from services.llm_provider_service.di_process_state import ProcessStateProvider
from services.llm_provider_service.gateway.account_limits import AccountLimits
from services.llm_provider_service.gateway.all_workers import AllWorkers
from services.llm_provider_service.gateway.attempt_log import AttemptLog
from services.llm_provider_service.gateway.day_totals import DayTotals
from services.llm_provider_service.gateway.fallback import Fallback
from services.llm_provider_service.gateway.gateway_status import GatewayStatus
from services.llm_provider_service.gateway.metrics_recorder import GATEWAY, MetricsRecorder
from services.llm_provider_service.gateway.planner import Planner
from services.llm_provider_service.gateway.provider_status import ProviderStatuses
from services.llm_provider_service.gateway.provider_test import ProviderTester
from services.llm_provider_service.gateway.target_attempts import AttemptTools, ProvidersByAccount
from services.llm_provider_service.gateway.target_state import TargetState
from services.llm_provider_service.gateway.trace_export import open_tracing
from services.llm_provider_service.implementations.anthropic_provider_impl import AnthropicProviderImpl
from services.llm_provider_service.implementations.cache_manager_impl import open_cache
from services.llm_provider_service.implementations.google_provider_impl import GoogleProviderImpl
from services.llm_provider_service.implementations.llm_orchestrator_impl import (
    Flights,
    LLMOrchestratorImpl,
    is_the_leaders_own,
)
from services.llm_provider_service.implementations.mock_provider_impl import MockProviderImpl
from services.llm_provider_service.implementations.openai_provider_impl import OpenAIProviderImpl
from services.llm_provider_service.implementations.openrouter_provider_impl import OpenRouterProviderImpl
from services.llm_provider_service.implementations.retry_manager_impl import RetryManagerImpl
from services.llm_provider_service.metrics import GatewayMetrics
from services.llm_provider_service.protocols import (
    LLMCacheManagerProtocol,
    LLMOrchestratorProtocol,
    LLMRetryManagerProtocol,
)
from services.llm_provider_service.providers.account_providers import open_account_providers
from services.llm_provider_service.providers.vendor_provider import VendorProvider
from services.llm_provider_service.replicas.replicas import Replicas
from services.llm_provider_service.replicas.report_messages import AccountNames, PeerReportListener
from services.llm_provider_service.resilience.breakers import ProviderBreakers
from services.llm_provider_service.resilience.call_slots import CallSlots
from services.llm_provider_service.resilience.counted_sleep import sleep_waiting
from services.llm_provider_service.resilience.retry_policy import RetryPolicy
from services.llm_provider_service.settings.accounts import ProviderAccounts

# A vendor without a class here is built from its row in `domain/vendors.py` alone.
PROVIDER_CLASSES: Mapping[LLMProviderType, type[VendorProvider]] = {
    LLMProviderType.ANTHROPIC: AnthropicProviderImpl,
    LLMProviderType.OPENAI: OpenAIProviderImpl,
    LLMProviderType.GOOGLE: GoogleProviderImpl,
    LLMProviderType.OPENROUTER: OpenRouterProviderImpl,
}


class RuntimeProvider(Provider):
    """Provides the implementations of the Protocols, and objects that hold connections or tasks."""

    scope = Scope.APP

    comparison = provide(ComparisonRoute)
    all_workers = provide(AllWorkers)

    @provide
    async def tracing(self, settings: Settings) -> AsyncIterator[Tracing]:
        async with open_tracing(policies.trace_policy(settings)) as tracing:
            yield tracing

    @provide
    async def providers(self, settings: Settings, accounts: ProviderAccounts) -> AsyncIterator[ProvidersByAccount]:
        if settings.mock_mode:
            yield {account.key: _mock(settings) for account in accounts.now.live}
            return
        limits = policies.call_limits(settings)
        opened = open_account_providers(
            accounts, limits, clock=time.monotonic, wall_clock=time.time, classes=PROVIDER_CLASSES
        )
        async with opened as providers:
            yield providers

    @provide
    async def loop_watch(
        self, settings: Settings, metrics: GatewayMetrics, background: BackgroundWork
    ) -> AsyncIterator[EventLoopLag]:
        watch = EventLoopLag(
            settings.EVENT_LOOP_LAG_LIMIT_SECONDS, clock=time.monotonic, on_lag=metrics.event_loop_lag.observe
        )
        async with measuring_loop_lag(watch, background):
            yield watch

    @provide
    def retries(self, policy: RetryPolicy) -> LLMRetryManagerProtocol:
        return RetryManagerImpl(policy, sleep=sleep_waiting, uniform=random.random)

    @provide
    def flights(self) -> Flights:
        return Flights(promotes=is_the_leaders_own)

    @provide
    async def cache(
        self,
        settings: Settings,
        flights: Flights,
        recorder: MetricsRecorder,
        replicas: Replicas,
        targets: TargetState,
        names: AccountNames,
        peers: Peers,
    ) -> AsyncIterator[LLMCacheManagerProtocol]:
        limits, heard = policies.cache_limits(settings), recorder.cache_operation
        listener = PeerReportListener(targets.peer_reports, targets.cooldowns, targets.slow_start, names)
        opened = open_cache(limits, replicas, listener, peers, coalesced=lambda: flights.coalesced, on_operation=heard)
        async with opened as cache:
            yield cache

    @provide
    def slots(
        self, settings: Settings, concurrency: AccountLimits, policy: RetryPolicy, recorder: MetricsRecorder
    ) -> CallSlots:
        gateway = recorder.concurrency_limit(GATEWAY, policies.gateway_slots(settings), time.monotonic)
        return CallSlots(gateway, concurrency, reserve_seconds=policy.minimum_attempt_seconds)

    @provide
    def fallback(
        self,
        providers: ProvidersByAccount,
        accounts: ProviderAccounts,
        retries: LLMRetryManagerProtocol,
        policy: RetryPolicy,
        targets: TargetState,
        slots: CallSlots,
        attempt_log: AttemptLog,
        recorder: MetricsRecorder,
    ) -> Fallback:
        return Fallback(
            AttemptTools(
                providers=providers,
                accounts=accounts,
                retries=retries,
                policy=policy,
                targets=targets,
                slots=slots,
                log=attempt_log,
                recorder=recorder,
                clock=time.monotonic,
                sleep=sleep_waiting,
            )
        )

    @provide
    async def orchestrator(
        self,
        settings: Settings,
        planner: Planner,
        cache: LLMCacheManagerProtocol,
        flights: Flights,
        fallback: Fallback,
        recorder: MetricsRecorder,
    ) -> AsyncIterator[LLMOrchestratorProtocol]:
        orchestrator = LLMOrchestratorImpl(
            planner=planner,
            cache=cache,
            flights=flights,
            fallback=fallback,
            recorder=recorder,
            limits=policies.orchestrator_limits(settings),
            clock=time.monotonic,
            wall_clock=time.time,
        )
        yield orchestrator
        await orchestrator.finish_running()

    @provide
    def tester(self, orchestrator: LLMOrchestratorProtocol, accounts: ProviderAccounts) -> ProviderTester:
        return ProviderTester(orchestrator, accounts, clock=time.monotonic)

    @provide
    def provider_statuses(
        self, accounts: ProviderAccounts, targets: TargetState, concurrency: AccountLimits, attempt_log: AttemptLog
    ) -> ProviderStatuses:
        return ProviderStatuses(accounts, targets, concurrency, attempt_log.last_failures, wall_clock=time.time)

    @provide
    def status(
        self,
        settings: Settings,
        accounts: ProviderAccounts,
        providers: ProviderStatuses,
        breakers: ProviderBreakers,
        totals: DayTotals,
        prices: PriceBook,
        loop_watch: EventLoopLag,
        background: BackgroundWork,
        replicas: Replicas,
    ) -> GatewayStatus:
        return GatewayStatus(
            policies.service_facts(settings),
            accounts=accounts,
            providers=providers,
            breakers=breakers,
            totals=totals,
            prices=prices,
            clock=time.monotonic,
            wall_clock=time.time,
            loop_watch=loop_watch,
            background=background,
            redis=replicas.link_state,
        )


def build_container(settings: Settings, peers: Peers, accounts: ProviderAccounts) -> AsyncContainer:
    """Returns the object graph of one process; close it after the last request. Raises `RuleError`."""
    policies.routing_rules(settings)  # invalid rules are refused here, before anything is opened
    return make_async_container(
        ProcessStateProvider(),
        RuntimeProvider(),
        context={Settings: settings, Peers: peers, ProviderAccounts: accounts},
        validation_settings=STRICT_VALIDATION,
    )


def _mock(settings: Settings) -> MockProviderImpl:
    return MockProviderImpl(
        seed=settings.MOCK_PROVIDER_SEED,
        error_rate=settings.MOCK_ERROR_RATE,
        latency_seconds=settings.MOCK_LATENCY_MS / 1000,
        sleep=asyncio.sleep,
        draw=random.Random(settings.MOCK_PROVIDER_SEED).random,
    )
