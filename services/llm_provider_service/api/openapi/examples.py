"""Examples for the API document, built from the models and problems that the service really uses.

Providers and models come from the registry, so an example never names one that no longer exists.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.domain_enums import EssayComparisonWinner
from common_core.llm_contracts import LLMComparisonRequest, LLMComparisonResponse, PricingStatus, ResultFlag, TokenUsage
from common_core.llm_status_contracts import (
    CacheCleared,
    CacheStats,
    CircuitBreakerList,
    CircuitBreakerStatus,
    ModelInfo,
    ModelList,
    ModelPrice,
    ProviderList,
    ProviderStatus,
    ProviderTestResult,
)
from common_core.observability_enums import CircuitBreakerState
from services.llm_provider_service.api_models import (
    CacheHealth,
    Dependencies,
    Health,
    HealthStatus,
    ProviderHealth,
    Readiness,
)
from services.llm_provider_service.providers.models.capabilities import profiles

FIRST, SECOND, *_ = LLMProviderType
CORRELATION_ID: Final = "6f1c2b1e-5d0a-4c58-9d2e-0b8a4f7f3c21"


def some_model(provider: LLMProviderType) -> str:
    """Returns the first model of *provider* in the registry."""
    return next(profile.id for profile in profiles() if profile.provider is provider)


def request_examples() -> dict[str, Any]:
    """Returns the smallest comparison request, and one that uses every option."""
    example = LLMComparisonRequest.model_json_schema()["examples"][0]
    smallest = LLMComparisonRequest.model_validate(example).model_dump(exclude_unset=True)
    full = {
        **smallest,
        "llm_config_overrides": {"provider_override": FIRST, "temperature_override": 0, "max_tokens_override": 500},
        "correlation_id": CORRELATION_ID,
        "tags": ["batch-7"],
        "metadata": {"essay_a_id": "a-17", "essay_b_id": "b-4"},
        "cache": "use",
        "fallback": "same_model",
    }
    return {
        "smallest": {"summary": "The smallest request", "value": smallest},
        "full": {"summary": "A provider, its parameters and the caller's own ids", "value": full},
    }


def answer_examples() -> dict[type[BaseModel], BaseModel]:
    """Returns one example of each answer."""
    return {type(example): example for example in (_comparison(), *_status_answers(), *_health_answers())}


def _comparison() -> LLMComparisonResponse:
    return LLMComparisonResponse(
        winner=EssayComparisonWinner.ESSAY_A,
        justification="Essay A gives a reason for its claim; Essay B only states an opinion.",
        confidence=4.0,
        provider=SECOND,
        model=some_model(SECOND),
        response_time_ms=1532,
        cached=False,
        token_usage=TokenUsage(
            prompt_tokens=412,
            completion_tokens=58,
            total_tokens=470,
            cached_tokens=0,
            cache_write_tokens=None,
            reasoning_tokens=0,
        ),
        cost_estimate=0.0021,
        cost_usd="0.0021",
        pricing_status=PricingStatus.PRICED,
        correlation_id=CORRELATION_ID,
        metadata={"essay_a_id": "a-17", "essay_b_id": "b-4"},
        request_id="0d7c3b57-3b1f-4ac1-8f1e-5a4f0a9be0d3",
        requested_provider=FIRST,
        requested_model=None,
        attempts=2,
        prompt_sha256="13070b0201d9c47826d0c2253f778fbd9e13ec88636deeb308bf971f28c51a5d",
        flags=[ResultFlag.FALLBACK_USED],
    )


def _status_answers() -> tuple[BaseModel, ...]:
    return (
        ProviderList(
            providers=[
                ProviderStatus(
                    provider=FIRST,
                    enabled=True,
                    configured=True,
                    default_model=some_model(FIRST),
                    circuit_breaker_state=CircuitBreakerState.CLOSED,
                    in_flight=3,
                )
            ],
            default_provider=FIRST,
            selection_strategy=SelectionStrategy.PRIORITY,
            total_requests_today=1840,
            total_cost_today="3.8112",
        ),
        ProviderTestResult(
            success=True,
            provider=FIRST,
            model=some_model(FIRST),
            message="The provider answered.",
            response_time_ms=640,
        ),
        ModelList(models=[_model()], capability_source="The vendors' model pages", capability_date="2026-11-23"),
        CircuitBreakerList(circuit_breakers=[_breaker()]),
        CacheStats(backend="local", hits=310, misses=1530, entries=940, bytes=1_203_775, evictions=0, coalesced=12),
        CacheCleared(removed=940),
    )


def _model() -> ModelInfo:
    return ModelInfo(
        provider=FIRST,
        id=some_model(FIRST),
        capabilities=["temperature", "stop", "tools", "response_schema"],
        context_window=1_000_000,
        max_output_tokens=128_000,
        prices=ModelPrice(
            input="3", output="15", cached_input="0.3", cache_write="3.75", source="genai-prices", as_of="2026-11-09"
        ),
    )


def _breaker() -> CircuitBreakerStatus:
    return CircuitBreakerStatus(
        provider=SECOND,
        model=some_model(SECOND),
        state=CircuitBreakerState.OPEN,
        failures=12,
        opened_at="2026-11-23T10:32:28.120000+00:00",
        retry_in_ms=7400,
        last_failure="server_error",
    )


def _health_answers() -> tuple[BaseModel, ...]:
    provider = ProviderHealth(enabled=True, configured=True, circuit_breaker_state=CircuitBreakerState.CLOSED)
    health = Health(
        service="llm-provider-service",
        status=HealthStatus.HEALTHY,
        version="0.1.0",
        environment="development",
        dependencies=Dependencies(cache=CacheHealth(cache_mode=HealthStatus.HEALTHY, local_cache_available=True)),
        providers={FIRST.value: provider},
        warnings=[],
    )
    return (health, Readiness(ready=True))
