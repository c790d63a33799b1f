"""Introduces everybody to everybody; what opens here closes here."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from dishka import AsyncContainer, Provider, Scope, make_async_container, provide
from dishka.entities.validation_settings import STRICT_VALIDATION

from common_core.config_enums import LLMProviderType
from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.loop_watch import LoopWatch, watching_the_loop
from huleedu_service_libs.peers import Peers
from huleedu_service_libs.resilience.registry import CircuitBreakerRegistry
from huleedu_service_libs.tracing import Tracing
from services.llm_provider_service import policies
from services.llm_provider_service.accounting.prices import PriceBook
from services.llm_provider_service.api.comparison_desk import ComparisonDesk
from services.llm_provider_service.api.comparison_route import ComparisonRoute
from services.llm_provider_service.config import Settings
from services.llm_provider_service.implementations.attempts_impl import AttemptRunner
from services.llm_provider_service.implementations.bookkeeper_impl import Bookkeeper
from services.llm_provider_service.implementations.breakers_impl import BreakerKey, ProviderBreakers
from services.llm_provider_service.implementations.caches_impl import open_cache
from services.llm_provider_service.implementations.day_totals_impl import DayTotals
from services.llm_provider_service.implementations.gate_impl import Gate
from services.llm_provider_service.implementations.guards_impl import Guards
from services.llm_provider_service.implementations.llm_orchestrator_impl import (
    Flights,
    LLMOrchestratorImpl,
    is_the_leaders_own,
)
from services.llm_provider_service.implementations.mock_provider_impl import MockProviderImpl
from services.llm_provider_service.implementations.planner_impl import LiveProvider, Planner
from services.llm_provider_service.implementations.provider_tester_impl import ProviderTester
from services.llm_provider_service.implementations.recorder_impl import GATEWAY, Recorder
from services.llm_provider_service.implementations.replicas_impl import Replicas, open_replicas
from services.llm_provider_service.implementations.retry_manager_impl import RetryManagerImpl
from services.llm_provider_service.implementations.slots_impl import Slots
from services.llm_provider_service.implementations.status_impl import GatewayStatus
from services.llm_provider_service.implementations.tracing_impl import open_tracing
from services.llm_provider_service.implementations.turnstile_impl import Turnstile
from services.llm_provider_service.implementations.vendors_impl import open_vendors
from services.llm_provider_service.implementations.waiting_impl import sleep_waiting
from services.llm_provider_service.implementations.whole_service_impl import WholeService
from services.llm_provider_service.metrics import GatewayMetrics
from services.llm_provider_service.protocols import (
    GatewayStatusProtocol,
    LLMCacheManagerProtocol,
    LLMOrchestratorProtocol,
    LLMProviderProtocol,
    LLMRetryManagerProtocol,
    ProviderTesterProtocol,
    WholeServiceProtocol,
)
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.hints import Hints
from services.llm_provider_service.resilience.retry_budget import RetryBudget
from services.llm_provider_service.resilience.retry_policy import RetryPolicy
from services.llm_provider_service.routing.scoreboard import Scoreboard

ProviderMap = Mapping[LLMProviderType, LLMProviderProtocol]
GateMap = Mapping[LLMProviderType, Gate]


class MemoryProvider(Provider):
    """What the process remembers and counts, and the parts that decide."""

    scope = Scope.APP

    metrics = provide(GatewayMetrics)
    recorder = provide(Recorder)
    background = provide(staticmethod(lambda: BackgroundWork()), provides=BackgroundWork)
    live = provide(staticmethod(policies.live_providers))
    retry_policy = provide(staticmethod(policies.retry_policy))

    @provide
    def totals(self) -> DayTotals:
        return DayTotals(time.time)

    @provide
    def prices(self) -> PriceBook:
        return PriceBook(lambda: datetime.now(UTC))

    @provide
    def books(self, prices: PriceBook, recorder: Recorder) -> Bookkeeper:
        return Bookkeeper(prices, recorder, wall_clock=time.time)

    @provide
    async def replicas(
        self, settings: Settings, metrics: GatewayMetrics, background: BackgroundWork
    ) -> AsyncIterator[Replicas]:
        url, accounts = policies.redis_url(settings), policies.accounts(settings)
        async with open_replicas(url, accounts, metrics.registry, background) as replicas:
            yield replicas

    @provide
    def breakers(self, settings: Settings, recorder: Recorder, replicas: Replicas) -> ProviderBreakers:
        registry: CircuitBreakerRegistry[BreakerKey] = CircuitBreakerRegistry(
            clock=time.monotonic,
            jitter=random.random,
            on_transition=replicas.also_hear(recorder.breaker_moved),
            enabled=settings.CIRCUIT_BREAKER_ENABLED,
        )
        return ProviderBreakers(
            registry, of_target=policies.target_breaker(settings), of_provider=policies.provider_breaker(settings)
        )

    @provide
    def gates(self, settings: Settings, live: tuple[LiveProvider, ...], recorder: Recorder) -> GateMap:
        slots = policies.provider_slots(settings)
        return {one.provider: recorder.gate(one.provider, slots, time.monotonic) for one in live}

    @provide
    def guards(self, breakers: ProviderBreakers, gates: GateMap, replicas: Replicas, recorder: Recorder) -> Guards:
        return Guards(
            breakers=breakers,
            cooldowns=Cooldowns(time.monotonic, on_cool=replicas.on_cool),
            budgets={provider: recorder.watched(provider, RetryBudget()) for provider in gates},
            turnstile=Turnstile(),
            scoreboard=Scoreboard(time.monotonic),
            hints=Hints(time.monotonic),
        )

    @provide
    def planner(self, settings: Settings, live: tuple[LiveProvider, ...], guards: Guards, prices: PriceBook) -> Planner:
        return Planner(
            live,
            strategy=settings.PROVIDER_SELECTION_STRATEGY,
            rules=policies.routing_rules(settings),
            guards=guards,
            prices=prices,
            patience_seconds=settings.FALLBACK_PATIENCE_SECONDS,
            mock_answers_all=settings.mock_mode,
        )

    @provide
    def desk(self, settings: Settings) -> ComparisonDesk:
        return ComparisonDesk(policies.desk_defaults(settings))


class WorldProvider(Provider):
    """Implementations behind the Protocols, and what they hold open."""

    scope = Scope.APP

    comparison = provide(ComparisonRoute)
    whole = provide(WholeService, provides=WholeServiceProtocol)

    @provide
    async def tracing(self, settings: Settings) -> AsyncIterator[Tracing]:
        async with open_tracing(policies.trace_policy(settings)) as tracing:
            yield tracing

    @provide
    async def providers(self, settings: Settings) -> AsyncIterator[ProviderMap]:
        if settings.mock_mode:
            mock = _mock(settings)
            yield {mock.provider: mock}
            return
        endpoints = [policies.endpoint(vendor) for vendor in settings.live_vendors]
        limits = policies.line_limits(settings)
        async with open_vendors(endpoints, limits, clock=time.monotonic, wall_clock=time.time) as providers:
            yield providers

    @provide
    async def loop_watch(
        self, settings: Settings, metrics: GatewayMetrics, background: BackgroundWork
    ) -> AsyncIterator[LoopWatch]:
        watch = LoopWatch(
            settings.EVENT_LOOP_LAG_LIMIT_SECONDS, clock=time.monotonic, on_lag=metrics.event_loop_lag.observe
        )
        async with watching_the_loop(watch, background):
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
        recorder: Recorder,
        replicas: Replicas,
        guards: Guards,
        peers: Peers,
    ) -> AsyncIterator[LLMCacheManagerProtocol]:
        limits, heard = policies.cache_limits(settings), recorder.cache_operation
        opened = open_cache(limits, replicas, guards, peers, coalesced=lambda: flights.coalesced, on_operation=heard)
        async with opened as cache:
            yield cache

    @provide
    def slots(self, settings: Settings, gates: GateMap, policy: RetryPolicy, recorder: Recorder) -> Slots:
        gateway = recorder.gate(GATEWAY, policies.gateway_slots(settings), time.monotonic)
        return Slots(gateway, gates, reserve_seconds=policy.minimum_attempt_seconds)

    @provide
    def attempts(
        self,
        providers: ProviderMap,
        retries: LLMRetryManagerProtocol,
        policy: RetryPolicy,
        guards: Guards,
        slots: Slots,
        books: Bookkeeper,
    ) -> AttemptRunner:
        return AttemptRunner(
            providers,
            retries=retries,
            policy=policy,
            guards=guards,
            slots=slots,
            books=books,
            clock=time.monotonic,
            sleep=sleep_waiting,
        )

    @provide
    async def orchestrator(
        self,
        settings: Settings,
        planner: Planner,
        cache: LLMCacheManagerProtocol,
        flights: Flights,
        attempts: AttemptRunner,
        recorder: Recorder,
    ) -> AsyncIterator[LLMOrchestratorProtocol]:
        orchestrator = LLMOrchestratorImpl(
            planner=planner,
            cache=cache,
            flights=flights,
            attempts=attempts,
            recorder=recorder,
            limits=policies.orchestrator_limits(settings),
            clock=time.monotonic,
            wall_clock=time.time,
        )
        yield orchestrator
        await orchestrator.finish_running()

    @provide
    def tester(self, orchestrator: LLMOrchestratorProtocol, live: tuple[LiveProvider, ...]) -> ProviderTesterProtocol:
        return ProviderTester(orchestrator, {one.provider: one.default_model for one in live}, clock=time.monotonic)

    @provide
    def status(
        self,
        settings: Settings,
        breakers: ProviderBreakers,
        gates: GateMap,
        totals: DayTotals,
        prices: PriceBook,
        loop_watch: LoopWatch,
        background: BackgroundWork,
        replicas: Replicas,
    ) -> GatewayStatusProtocol:
        return GatewayStatus(
            policies.service_facts(settings),
            breakers=breakers,
            gates=gates,
            totals=totals,
            prices=prices,
            clock=time.monotonic,
            wall_clock=time.time,
            loop_watch=loop_watch,
            background=background,
            redis=replicas.link_state,
        )


def build_container(settings: Settings, peers: Peers) -> AsyncContainer:
    """The whole object graph of one process; close it after the last request. Raises `RuleError`."""
    policies.routing_rules(settings)  # what cannot be used is refused here, before anything is opened
    return make_async_container(
        MemoryProvider(),
        WorldProvider(),
        context={Settings: settings, Peers: peers},
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
