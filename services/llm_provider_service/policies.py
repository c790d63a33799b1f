"""Converts settings into the values and small policies that constructors take."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import LLMComparisonRequest, LLMConfigOverrides
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy
from services.llm_provider_service.api.caller_identity import LOCAL_CALLER
from services.llm_provider_service.api.comparison_mapping import (
    REQUEST_TYPE,
    ComparisonDefaults,
    ComparisonMapping,
    ParsedComparison,
)
from services.llm_provider_service.config import Settings
from services.llm_provider_service.domain.completion import Sampling
from services.llm_provider_service.gateway.gateway_status import ServiceFacts
from services.llm_provider_service.gateway.planner import request_bytes
from services.llm_provider_service.gateway.provider_test import REQUEST_TYPE as TEST_REQUEST_TYPE
from services.llm_provider_service.gateway.provider_test import TEST_REQUEST
from services.llm_provider_service.gateway.trace_export import TracePolicy
from services.llm_provider_service.implementations.cache_manager_impl import CacheLimits
from services.llm_provider_service.implementations.llm_orchestrator_impl import OrchestratorLimits
from services.llm_provider_service.implementations.mock_provider_impl import MOCK_MODEL
from services.llm_provider_service.providers.account_providers import CallLimits
from services.llm_provider_service.providers.models.capabilities import profiles
from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.resilience.admission import AdmissionPolicy
from services.llm_provider_service.resilience.retry_policy import RetryPolicy
from services.llm_provider_service.routing.rule_parser import parse_rules
from services.llm_provider_service.routing.rules import RequestKind, Rule, RuleScope
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts
from services.llm_provider_service.settings.breakers import BreakerSettings
from services.llm_provider_service.settings.cache import CacheSettings
from services.llm_provider_service.settings.limits import LimitSettings

DISTRIBUTION = "llm-provider-service"
CONNECT_FAILURES_IN_A_ROW = 5
BYTES_PER_MB = 1024 * 1024

# The shortest requests that callers may send: one with our system text, one with their own.
_SHORTEST = LLMComparisonRequest(user_prompt="x", essay_a="x", essay_b="x")
_OWN_SYSTEM_TEXT = {"llm_config_overrides": LLMConfigOverrides(system_prompt_override="x")}
SHORTEST_BODIES = (_SHORTEST, _SHORTEST.model_copy(update=_OWN_SYSTEM_TEXT))


def trace_policy(settings: Settings) -> TracePolicy:
    """Returns where spans are sent, and for which share of requests."""
    return TracePolicy(
        endpoint=settings.OTEL_EXPORTER_OTLP_ENDPOINT,
        ratio=settings.TRACE_SAMPLE_RATIO,
        service={
            "service.name": settings.SERVICE_NAME,
            "service.version": version(DISTRIBUTION),
            "deployment.environment.name": settings.ENVIRONMENT,
        },
    )


def provider_accounts(settings: Settings) -> ProviderAccounts:
    """Returns generation 0 of the accounts: those of the environment by priority, or only the mock's."""
    slots = _share(settings, settings.LLM_MAX_CONCURRENT_PER_PROVIDER)
    if settings.mock_mode:
        mock = ProviderAccount(provider=LLMProviderType.MOCK, default_model=MOCK_MODEL, max_concurrent=slots)
        return ProviderAccounts([mock])
    weights = settings.PROVIDER_WEIGHTS
    return ProviderAccounts(
        [
            replace(account, weight=weights.get(account.provider, 1), max_concurrent=slots)
            for account in settings.accounts
        ]
    )


def cache_limits(settings: CacheSettings) -> CacheLimits:
    """Returns how many answers are stored, and for how long."""
    return CacheLimits(
        kept=settings.LLM_CACHE_ENABLED,
        max_bytes=int(settings.LOCAL_CACHE_SIZE_MB * BYTES_PER_MB),
        max_entries=settings.LOCAL_CACHE_MAX_ENTRIES,
        ttl_seconds=settings.LOCAL_CACHE_TTL_SECONDS,
        shared_ttl_seconds=settings.LLM_CACHE_TTL,
    )


def redis_url(settings: CacheSettings) -> str | None:
    """Returns the URL of the Redis that replicas share, with its password; `None` for a single replica."""
    return None if settings.REDIS_URL is None else settings.REDIS_URL.get_secret_value()


def routing_rules(settings: Settings) -> tuple[Rule, ...]:
    """Returns the routing rules; raises `RuleError` for one that could never match here."""
    return parse_rules(settings.ROUTING_RULES, rule_scope(settings))


def rule_scope(settings: Settings) -> RuleScope:
    """Returns the values that requests and targets can have, for the check of routing rules.

    The configured vendors count even while the mock answers everything (it ignores rules).
    """
    providers = frozenset(account.provider for account in settings.accounts if account.live)
    known = [profile for profile in profiles() if profile.provider in providers]
    return RuleScope(
        providers=providers,
        request_types={REQUEST_TYPE: _comparisons(settings), TEST_REQUEST_TYPE: _provider_tests()},
        models={name for profile in known for name in (profile.id, profile.canonical)},
        callers=frozenset({LOCAL_CALLER.service}),
    )


def _comparisons(settings: Settings) -> RequestKind:
    """Returns the sizes of comparisons, from the shortest bodies; each more byte of text needs a byte of the body."""
    mapping = ComparisonMapping(comparison_defaults(settings))
    sizes = [(_asked_bytes(mapping, body), len(body.model_dump_json(exclude_none=True))) for body in SHORTEST_BODIES]
    return RequestKind(
        carries=frozenset({"user", "tag", "model"}),
        min_input_bytes=min(asked for asked, _ in sizes),
        max_input_bytes=max(asked + settings.MAX_BODY_BYTES - sent for asked, sent in sizes),
    )


def _asked_bytes(mapping: ComparisonMapping, body: LLMComparisonRequest) -> int:
    case = mapping.case(ParsedComparison(request=body), caller=LOCAL_CALLER, correlation_id="", timeout_header=None)
    return request_bytes(case.order.request)


def _provider_tests() -> RequestKind:
    """Returns the size of provider tests: they are all equal and carry no user, tag or model."""
    size = request_bytes(TEST_REQUEST)
    return RequestKind(carries=frozenset(), min_input_bytes=size, max_input_bytes=size)


def retry_policy(settings: LimitSettings) -> RetryPolicy:
    """Returns the retry policy."""
    return RetryPolicy(
        minimum_attempt_seconds=settings.LLM_MINIMUM_ATTEMPT_SECONDS,
        patience_seconds=settings.FALLBACK_PATIENCE_SECONDS,
    )


def target_breaker(settings: BreakerSettings) -> BreakerPolicy:
    """Returns the policy of a target's circuit breaker."""
    return BreakerPolicy(
        failed_requests=settings.LLM_CIRCUIT_BREAKER_FAILURE_THRESHOLD,
        failure_rate=settings.LLM_CIRCUIT_BREAKER_FAILURE_RATE,
        minimum_calls=settings.LLM_CIRCUIT_BREAKER_MINIMUM_CALLS,
        window_seconds=settings.LLM_CIRCUIT_BREAKER_WINDOW_SECONDS,
        recovery_seconds=settings.LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT,
        recovery_growth=settings.LLM_CIRCUIT_BREAKER_RECOVERY_GROWTH,
    )


def provider_breaker(settings: BreakerSettings) -> BreakerPolicy:
    """Returns the policy of an account's breaker, which counts connection and authentication failures only."""
    return replace(target_breaker(settings), consecutive_failures=CONNECT_FAILURES_IN_A_ROW)


def gateway_slots(settings: Settings) -> AdmissionPolicy:
    """Returns how many calls the gateway makes at once, and how many may wait."""
    return _admission(settings, settings.LLM_MAX_CONCURRENT_REQUESTS)


def account_slots(settings: Settings, account: ProviderAccount) -> AdmissionPolicy:
    """Returns how many calls one account makes at once, and how many may wait."""
    return replace(_admission(settings, 1), slots=account.max_concurrent)


def orchestrator_limits(settings: Settings) -> OrchestratorLimits:
    """Returns the longest time for an order, and whether answers are cached."""
    return OrchestratorLimits(
        request_seconds=settings.LLM_REQUEST_TIMEOUT,
        minimum_attempt_seconds=settings.LLM_MINIMUM_ATTEMPT_SECONDS,
        caching=settings.LLM_CACHE_ENABLED,
    )


def comparison_defaults(settings: Settings) -> ComparisonDefaults:
    """Returns the values for what a caller does not give."""
    sampling = Sampling(temperature=settings.LLM_DEFAULT_TEMPERATURE, max_output_tokens=settings.LLM_DEFAULT_MAX_TOKENS)
    return ComparisonDefaults(sampling=sampling, cache=settings.LLM_CACHE_DEFAULT)


def call_limits(settings: Settings) -> CallLimits:
    """Returns the limits in time and bytes of a call to a vendor."""
    times = TimeLimits(
        connect=settings.LLM_CONNECT_TIMEOUT,
        first_byte=settings.LLM_FIRST_BYTE_TIMEOUT,
        idle=settings.LLM_IDLE_TIMEOUT,
        total=settings.LLM_REQUEST_TIMEOUT,
    )
    return CallLimits(
        times=times,
        max_bytes=settings.LLM_MAX_RESPONSE_BYTES,
    )


def service_facts(settings: Settings) -> ServiceFacts:
    """Returns the facts from the settings that status and health show."""
    return ServiceFacts(
        name=settings.SERVICE_NAME,
        version=version(DISTRIBUTION),
        environment=settings.ENVIRONMENT,
        strategy=settings.PROVIDER_SELECTION_STRATEGY,
        mock_mode=settings.mock_mode,
        warnings=settings.unknown,
    )


def body_memory_bytes(settings: Settings) -> int:
    """Returns the bytes of request bodies that one worker may hold at once."""
    return int(settings.MAX_BODIES_MB * BYTES_PER_MB / settings.WORKERS)


def _admission(settings: Settings, slots: int) -> AdmissionPolicy:
    return AdmissionPolicy(
        slots=_share(settings, slots),
        queue_limit=settings.LLM_QUEUE_LIMIT // settings.WORKERS,
        queue_seconds=settings.LLM_QUEUE_SECONDS,
    )


def _share(settings: Settings, slots: int) -> int:
    """Returns one worker's share of *slots*: rounded down so that the sum never exceeds it, but at least 1."""
    return max(1, slots // settings.WORKERS)
