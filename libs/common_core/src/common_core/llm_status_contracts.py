"""HTTP contracts of the status endpoints of the LLM Provider Service: providers, models, breakers, cache.

Field names, ranges and meanings are a promise to other services: additive changes only.
"""

from __future__ import annotations

import operator

from pydantic import Field

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.llm_contracts import ContractAnswer, OrNew
from common_core.observability_enums import CircuitBreakerState


class ProviderCooldown(ContractAnswer):
    """A model that is not called until the cooldown that its vendor asked for has ended."""

    model: str
    account: str = Field(default="default", description="Which of our accounts at the provider.")
    until: str = Field(description="UTC, ISO 8601.")


class ProviderFailureReport(ContractAnswer):
    """The last attempt at a provider that failed."""

    model: str
    account: str = Field(default="default", description="Which of our accounts at the provider.")
    outcome: str = Field(description="How it ended, from a closed set.")
    at: str = Field(description="UTC, ISO 8601.")


class ProviderStatus(ContractAnswer):
    """One provider as an operator sees it."""

    provider: OrNew[LLMProviderType]
    enabled: bool = Field(description="Switched on by the settings.")
    configured: bool = Field(description="Has the key it needs.")
    default_model: str | None
    circuit_breaker_state: CircuitBreakerState = Field(description="The worst of its breakers, its models' included.")
    in_flight: int = Field(description="Calls under way.")
    cooldowns: list[ProviderCooldown] = Field(default_factory=list, description="Who is left alone, and until when.")
    last_failure: ProviderFailureReport | None = Field(default=None, description="Null while no attempt has failed.")


class _AnswerOfAll(ContractAnswer):
    """Base of answers that combine the data of all workers of the service."""

    partial: bool = Field(
        default=False, exclude_if=operator.not_, description="True when a worker did not answer in time."
    )


class ProviderList(_AnswerOfAll):
    """Answer of `GET /api/v1/providers`; the totals count all workers since midnight UTC."""

    providers: list[ProviderStatus]
    default_provider: OrNew[LLMProviderType]
    selection_strategy: OrNew[SelectionStrategy]
    total_requests_today: int
    total_cost_today: str = Field(description="USD, exact decimal.")


class ProviderTestResult(ContractAnswer):
    """Answer of `POST /api/v1/providers/{provider}/test`."""

    success: bool
    provider: OrNew[LLMProviderType]
    model: str = Field(description="Who was asked.")
    message: str = Field(description="What went wrong, if it did.")
    response_time_ms: int


class CircuitBreakerStatus(ContractAnswer):
    """One circuit breaker; `model` is null for the breaker of a whole account at the provider."""

    provider: OrNew[LLMProviderType]
    model: str | None
    account: str = Field(default="default", description="Which of our accounts at the provider.")
    state: CircuitBreakerState
    failures: int = Field(description="In the window that the breaker looks at.")
    opened_at: str | None = Field(description="UTC, ISO 8601; null while closed.")
    retry_in_ms: int | None = Field(description="Until the next probe; null while closed.")
    last_failure: str | None


class CircuitBreakerList(_AnswerOfAll):
    """Answer of `GET /api/v1/circuit-breakers`; of several workers' breakers for one target, the worst is shown."""

    circuit_breakers: list[CircuitBreakerStatus]


class ModelPrice(ContractAnswer):
    """USD per million tokens, as decimal strings; the first tier where a vendor has several."""

    input: str | None
    output: str | None
    cached_input: str | None
    cache_write: str | None
    source: str
    as_of: str


class ModelInfo(ContractAnswer):
    """One model of the registry, with its capabilities."""

    provider: OrNew[LLMProviderType]
    id: str
    capabilities: list[str]
    context_window: int | None
    max_output_tokens: int | None
    prices: ModelPrice | None


class ModelList(ContractAnswer):
    """Answer of `GET /api/v1/models`; it names the source and the date of the capability table."""

    models: list[ModelInfo]
    capability_source: str
    capability_date: str


class CacheTierStats(ContractAnswer):
    """One tier of the cache; `dropped` are answers that could not be stored there."""

    hits: int
    misses: int
    dropped: int
    damaged: int = Field(description="Entries that were unreadable or another's; they count as misses.")


class CacheStats(_AnswerOfAll):
    """Answer of `GET /api/v1/cache/stats`, counted since the process started."""

    backend: str
    hits: int
    misses: int
    entries: int
    bytes: int = Field(description="Measured size of all entries.")
    evictions: int
    coalesced: int = Field(description="Requests that waited for an equal one under way.")
    tiers: dict[str, CacheTierStats] = Field(
        default_factory=dict, exclude_if=operator.not_, description="By tier, where there is more than one."
    )


class CacheCleared(_AnswerOfAll):
    """Answer of `DELETE /api/v1/cache`."""

    removed: int
    pending: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="True when the shared tier is away and will be cleared on its return.",
    )
