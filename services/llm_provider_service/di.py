"""Introduces everybody to everybody: settings become values and small policies, and what opens here closes here."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

from aiohttp import AsyncResolver
from aiohttp.abc import AbstractResolver
from dishka import AsyncContainer, Provider, Scope, make_async_container, provide
from dishka.entities.validation_settings import STRICT_VALIDATION

from common_core.config_enums import LLMProviderType
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy
from huleedu_service_libs.resilience.registry import CircuitBreakerRegistry
from services.llm_provider_service.accounting.prices import PriceBook
from services.llm_provider_service.api.comparison_desk import REQUEST_TYPE, ComparisonDesk, DeskDefaults
from services.llm_provider_service.comparison.prompt import prompt_sha256
from services.llm_provider_service.config import Settings, VendorSettings
from services.llm_provider_service.domain.caller import LOCAL_CALLER
from services.llm_provider_service.domain.completion import Sampling
from services.llm_provider_service.implementations.address_guard_impl import GuardedResolver
from services.llm_provider_service.implementations.anthropic_provider_impl import AnthropicProviderImpl
from services.llm_provider_service.implementations.attempts_impl import AttemptRunner
from services.llm_provider_service.implementations.bookkeeper_impl import Bookkeeper
from services.llm_provider_service.implementations.breakers_impl import BreakerKey, ProviderBreakers
from services.llm_provider_service.implementations.cache_manager_impl import LocalCacheManagerImpl, NoCacheImpl
from services.llm_provider_service.implementations.day_totals_impl import DayTotals
from services.llm_provider_service.implementations.gate_impl import Gate
from services.llm_provider_service.implementations.google_provider_impl import GoogleProviderImpl
from services.llm_provider_service.implementations.guards_impl import Guards
from services.llm_provider_service.implementations.http_transport_impl import HttpTransportImpl, open_session
from services.llm_provider_service.implementations.llm_orchestrator_impl import (
    FLIGHT_PROMOTES,
    Flights,
    LLMOrchestratorImpl,
    OrchestratorLimits,
)
from services.llm_provider_service.implementations.mock_provider_impl import MOCK_MODEL, MockProviderImpl
from services.llm_provider_service.implementations.ollama_provider_impl import OllamaProviderImpl
from services.llm_provider_service.implementations.openai_provider_impl import OpenAIProviderImpl
from services.llm_provider_service.implementations.openrouter_provider_impl import OpenRouterProviderImpl
from services.llm_provider_service.implementations.planner_impl import LiveProvider, Planner
from services.llm_provider_service.implementations.provider_tester_impl import REQUEST_TYPE as TEST_REQUEST_TYPE
from services.llm_provider_service.implementations.provider_tester_impl import ProviderTester
from services.llm_provider_service.implementations.recorder_impl import Recorder
from services.llm_provider_service.implementations.retry_manager_impl import RetryManagerImpl
from services.llm_provider_service.implementations.status_impl import GatewayStatus, ProviderFacts, ServiceFacts
from services.llm_provider_service.metrics import GatewayMetrics
from services.llm_provider_service.protocols import (
    GatewayStatusProtocol,
    LLMCacheManagerProtocol,
    LLMOrchestratorProtocol,
    LLMProviderProtocol,
    LLMRetryManagerProtocol,
    ProviderTesterProtocol,
    TimeLimits,
    TransportProtocol,
)
from services.llm_provider_service.resilience.admission import AdmissionPolicy
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.retry_policy import RetryPolicy
from services.llm_provider_service.routing.rule_source import parse_rules
from services.llm_provider_service.routing.rules import Rule, RuleScope
from services.llm_provider_service.routing.scoreboard import Scoreboard
from services.llm_provider_service.wire.capabilities import profiles
from services.llm_provider_service.wire.codec import codec_for

DISTRIBUTION = "llm-provider-service"
CONNECT_FAILURES_IN_A_ROW = 5
BYTES_PER_MB = 1024 * 1024

ProviderMap = Mapping[LLMProviderType, LLMProviderProtocol]
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
        policy = _admission(settings, settings.LLM_MAX_CONCURRENT_PER_PROVIDER)
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
    def rules(self, settings: Settings, live: tuple[LiveProvider, ...]) -> tuple[Rule, ...]:
        providers = frozenset(one.provider for one in live)
        known = [profile for profile in profiles() if profile.provider in providers]
        scope = RuleScope(
            providers=providers,
            request_types=frozenset({REQUEST_TYPE, TEST_REQUEST_TYPE}),
            models={name for profile in known for name in (profile.id, profile.canonical)},
            callers=frozenset({LOCAL_CALLER.service}),
            max_input_bytes=settings.MAX_BODY_BYTES,
        )
        return parse_rules(settings.ROUTING_RULES, scope)

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

    @provide
    def desk(self, settings: Settings) -> ComparisonDesk:
        sampling = Sampling(
            temperature=settings.LLM_DEFAULT_TEMPERATURE, max_output_tokens=settings.LLM_DEFAULT_MAX_TOKENS
        )
        return ComparisonDesk(DeskDefaults(sampling=sampling, cache=settings.LLM_CACHE_DEFAULT))


class WorldProvider(Provider):
    """Implementations, and what they hold open."""

    scope = Scope.APP

    @provide
    def retries(self, policy: RetryPolicy) -> LLMRetryManagerProtocol:
        return RetryManagerImpl(policy, sleep=asyncio.sleep, uniform=random.random)

    @provide
    async def providers(self, settings: Settings) -> AsyncIterator[ProviderMap]:
        if settings.mock_mode:
            mock = _mock(settings)
            yield {mock.provider: mock}
            return
        async with AsyncExitStack() as stack:
            made = [
                _vendor(settings, vendor, await _transport(settings, vendor, stack)) for vendor in settings.live_vendors
            ]
            yield {one.provider: one for one in made}

    @provide
    def flights(self) -> Flights:
        return Flights(promotes=FLIGHT_PROMOTES)

    @provide
    def cache(self, settings: Settings, flights: Flights, recorder: Recorder) -> LLMCacheManagerProtocol:
        if not settings.LLM_CACHE_ENABLED:
            return NoCacheImpl()
        return LocalCacheManagerImpl(
            max_bytes=int(settings.LOCAL_CACHE_SIZE_MB * BYTES_PER_MB),
            max_entries=settings.LOCAL_CACHE_MAX_ENTRIES,
            ttl_seconds=settings.LOCAL_CACHE_TTL_SECONDS,
            clock=time.monotonic,
            coalesced=lambda: flights.coalesced,
            on_operation=recorder.cache_operation,
        )

    @provide
    def attempts(
        self,
        providers: ProviderMap,
        retries: LLMRetryManagerProtocol,
        policy: RetryPolicy,
        guards: Guards,
        books: Bookkeeper,
    ) -> AttemptRunner:
        return AttemptRunner(
            providers,
            retries=retries,
            policy=policy,
            guards=guards,
            books=books,
            clock=time.monotonic,
            sleep=asyncio.sleep,
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
            gate=Gate(_admission(settings, settings.LLM_MAX_CONCURRENT_REQUESTS), clock=time.monotonic),
            attempts=attempts,
            recorder=recorder,
            limits=OrchestratorLimits(
                request_seconds=settings.LLM_REQUEST_TIMEOUT,
                minimum_attempt_seconds=settings.LLM_MINIMUM_ATTEMPT_SECONDS,
                caching=settings.LLM_CACHE_ENABLED,
            ),
            name_prompt=prompt_sha256,
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
        live: tuple[LiveProvider, ...],
        breakers: ProviderBreakers,
        gates: GateMap,
        totals: DayTotals,
        prices: PriceBook,
    ) -> GatewayStatusProtocol:
        return GatewayStatus(
            _service_facts(settings, live),
            breakers=breakers,
            gates=gates,
            totals=totals,
            prices=prices,
            clock=time.monotonic,
            wall_clock=time.time,
        )


def build_container(settings: Settings) -> AsyncContainer:
    """The whole object graph of one process; close it after the last request."""
    return make_async_container(
        RoomProvider(),
        WorldProvider(),
        context={Settings: settings},
        validation_settings=STRICT_VALIDATION,
    )


def _admission(settings: Settings, slots: int) -> AdmissionPolicy:
    return AdmissionPolicy(slots=slots, queue_limit=settings.LLM_QUEUE_LIMIT, queue_seconds=settings.LLM_QUEUE_SECONDS)


def _mock(settings: Settings) -> MockProviderImpl:
    return MockProviderImpl(
        seed=settings.MOCK_PROVIDER_SEED,
        error_rate=settings.MOCK_ERROR_RATE,
        latency_seconds=settings.MOCK_LATENCY_MS / 1000,
        sleep=asyncio.sleep,
        draw=random.Random(settings.MOCK_PROVIDER_SEED).random,
    )


async def _transport(settings: Settings, vendor: VendorSettings, stack: AsyncExitStack) -> TransportProtocol:
    """A session of the vendor's own, bound to its origin and its key."""
    inner = AsyncResolver()
    resolver: AbstractResolver = inner if vendor.allow_private else GuardedResolver(inner)
    session = await stack.enter_async_context(
        open_session(resolver=resolver, connections=settings.LLM_MAX_CONCURRENT_PER_PROVIDER)
    )
    key = vendor.api_key.get_secret_value() if vendor.api_key else None
    return HttpTransportImpl(
        session,
        base_url=vendor.base_url,
        credentials=codec_for(vendor.provider).auth_headers(key),
        max_bytes=settings.LLM_MAX_RESPONSE_BYTES,
    )


def _vendor(settings: Settings, vendor: VendorSettings, transport: TransportProtocol) -> LLMProviderProtocol:
    limits = TimeLimits(
        connect=settings.LLM_CONNECT_TIMEOUT,
        first_byte=settings.LLM_FIRST_BYTE_TIMEOUT,
        idle=settings.LLM_IDLE_TIMEOUT,
        total=settings.LLM_REQUEST_TIMEOUT,
    )
    match vendor.provider:
        case LLMProviderType.ANTHROPIC:
            return AnthropicProviderImpl(transport, limits=limits, wall_clock=time.time)
        case LLMProviderType.OPENAI:
            return OpenAIProviderImpl(transport, limits=limits, wall_clock=time.time)
        case LLMProviderType.GOOGLE:
            return GoogleProviderImpl(transport, limits=limits, wall_clock=time.time)
        case LLMProviderType.OLLAMA:
            return OllamaProviderImpl(transport, limits=limits, wall_clock=time.time)
        case LLMProviderType.OPENROUTER:
            named = {"HTTP-Referer": settings.OPENROUTER_HTTP_REFERER, "X-Title": settings.OPENROUTER_X_TITLE}
            attribution = {name: text for name, text in named.items() if text}
            return OpenRouterProviderImpl(transport, limits=limits, wall_clock=time.time, attribution=attribution)
        case LLMProviderType.MOCK:
            raise ValueError("the mock needs no transport")


def _service_facts(settings: Settings, live: tuple[LiveProvider, ...]) -> ServiceFacts:
    if settings.mock_mode:
        facts = [ProviderFacts(provider=LLMProviderType.MOCK, enabled=True, configured=True, default_model=MOCK_MODEL)]
    else:
        facts = [
            ProviderFacts(
                provider=vendor.provider,
                enabled=vendor.enabled,
                configured=vendor.configured,
                default_model=vendor.default_model,
            )
            for vendor in settings.vendors
        ]
    return ServiceFacts(
        name=settings.SERVICE_NAME,
        version=version(DISTRIBUTION),
        environment=settings.ENVIRONMENT,
        strategy=settings.PROVIDER_SELECTION_STRATEGY,
        default_provider=live[0].provider if live else facts[0].provider,
        mock_mode=settings.mock_mode,
        providers=facts,
    )
