"""HTTP contracts of the LLM Provider Service, for the service and for everyone who calls it.

Field names, ranges and meanings are a promise to other services: additive changes only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.domain_enums import EssayComparisonWinner
from common_core.observability_enums import CircuitBreakerState

MAX_METADATA_BYTES = 16 * 1024
MAX_JUSTIFICATION_CHARACTERS = 1000
MIN_CONFIDENCE = 1.0
MAX_CONFIDENCE = 5.0

NonEmptyText = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class CacheMode(StrEnum):
    """What one request wants of the cache."""

    USE = "use"
    BYPASS = "bypass"
    REFRESH = "refresh"


class FallbackMode(StrEnum):
    """Who may answer when the first target cannot."""

    ANY = "any"
    SAME_MODEL = "same_model"
    NONE = "none"


class ReasoningEffortLevel(StrEnum):
    """How much a reasoning model may think before it answers."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class PricingStatus(StrEnum):
    """Whether a cost is known: priced, unpriced (no price or no usage: the cost is null), or free."""

    PRICED = "priced"
    UNPRICED = "unpriced"
    FREE = "free"


class ResultFlag(StrEnum):
    """What a caller should know about an answer beyond its fields."""

    JUSTIFICATION_TRUNCATED = "justification_truncated"
    UNKNOWN_MODEL = "unknown_model"
    FALLBACK_USED = "fallback_used"
    INJECTION_SUSPECTED = "injection_suspected"
    USAGE_UNKNOWN = "usage_unknown"
    REASKED = "reasked"


class _Contract(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(BaseModel):
    """What the gateway says: a reader of today takes no offence at a field of tomorrow."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LLMConfigOverrides(_Contract):
    """What the caller wants to be different; null means "not given", and 0 means 0."""

    provider_override: LLMProviderType | None = None
    model_override: ModelName | None = None
    temperature_override: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    system_prompt_override: NonEmptyText | None = None
    max_tokens_override: int | None = Field(default=None, gt=0, le=1_000_000)
    reasoning_effort: ReasoningEffortLevel | None = None


class LLMComparisonRequest(_Contract):
    """Compare two essays; `user_prompt` says by what measure."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "user_prompt": "Which essay argues its case better?",
                    "essay_a": "School should start later, because pupils who sleep learn more.",
                    "essay_b": "School is boring and it should start later I think.",
                }
            ]
        },
    )

    user_prompt: NonEmptyText
    essay_a: NonEmptyText
    essay_b: NonEmptyText
    llm_config_overrides: LLMConfigOverrides | None = None
    correlation_id: str | None = Field(default=None, max_length=128)
    user_id: str | None = Field(default=None, min_length=1, max_length=256)
    tags: Annotated[list[Tag], Field(max_length=32)] | None = None
    metadata: dict[str, Any] | None = Field(default=None, description="Echoed verbatim; at most 16 KiB as JSON.")
    cache: CacheMode | None = None
    sample_index: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    fallback: FallbackMode | None = None


class TokenUsage(_Contract):
    """Tokens as billed; null where the vendor did not say. `prompt_tokens` includes the cached ones."""

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None


class LLMComparisonResponse(_Answer):
    """One strict verdict and what it cost."""

    winner: EssayComparisonWinner
    justification: str = Field(min_length=1, max_length=MAX_JUSTIFICATION_CHARACTERS)
    confidence: float = Field(ge=MIN_CONFIDENCE, le=MAX_CONFIDENCE)
    provider: LLMProviderType
    model: str
    response_time_ms: int
    cached: bool
    token_usage: TokenUsage
    cost_estimate: float | None = Field(description="USD, for display; null when unpriced.")
    cost_usd: str | None = Field(description="USD, exact decimal without exponent; null when unpriced.")
    pricing_status: PricingStatus
    correlation_id: str
    trace_id: str | None = None
    metadata: dict[str, Any]
    request_id: str
    requested_provider: LLMProviderType | None
    requested_model: str | None
    attempts: int = Field(description="Upstream calls made for this answer; 0 when it came from the cache.")
    prompt_sha256: str
    flags: list[ResultFlag]


class ProblemAttempt(_Answer):
    """One upstream attempt, as a problem document shows it."""

    provider: str
    model: str
    outcome: str
    duration_ms: int


class ProblemPointer(_Answer):
    """One thing wrong with a request, with a JSON pointer to it."""

    pointer: str
    message: str


class ProblemDocument(_Answer):
    """RFC 9457 body of every 4xx and 5xx; `error`, `details` and `error_type` repeat fields for older callers."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    correlation_id: str
    retryable: bool
    retry_after: int | None = None
    provider: str | None = None
    attempts: list[ProblemAttempt] | None = None
    errors: list[ProblemPointer] | None = None
    error: str
    details: str
    error_type: str


class ProviderStatus(_Answer):
    """One provider as an operator sees it."""

    provider: LLMProviderType
    enabled: bool
    configured: bool
    default_model: str | None
    circuit_breaker_state: CircuitBreakerState
    in_flight: int


class ProviderList(_Answer):
    """Answer of `GET /api/v1/providers`; the totals count this process since midnight UTC."""

    providers: list[ProviderStatus]
    default_provider: LLMProviderType
    selection_strategy: SelectionStrategy
    total_requests_today: int
    total_cost_today: str


class ProviderTestResult(_Answer):
    """Answer of `POST /api/v1/providers/{provider}/test`."""

    success: bool
    provider: LLMProviderType
    model: str
    message: str
    response_time_ms: int


class CircuitBreakerStatus(_Answer):
    """One breaker; `model` is null for the provider's own."""

    provider: LLMProviderType
    model: str | None
    state: CircuitBreakerState
    failures: int
    opened_at: str | None = Field(description="UTC, ISO 8601; null while closed.")
    retry_in_ms: int | None
    last_failure: str | None


class CircuitBreakerList(_Answer):
    """Answer of `GET /api/v1/circuit-breakers`."""

    circuit_breakers: list[CircuitBreakerStatus]


class ModelPrice(_Answer):
    """USD per million tokens, as decimal strings; the first tier where a vendor has several."""

    input: str | None
    output: str | None
    cached_input: str | None
    cache_write: str | None
    source: str
    as_of: str


class ModelInfo(_Answer):
    """One model of the registry, with its capabilities."""

    provider: LLMProviderType
    id: str
    capabilities: list[str]
    context_window: int | None
    max_output_tokens: int | None
    prices: ModelPrice | None


class ModelList(_Answer):
    """Answer of `GET /api/v1/models`; says where the capability table comes from and of what date it is."""

    models: list[ModelInfo]
    capability_source: str
    capability_date: str


class CacheStats(_Answer):
    """Answer of `GET /api/v1/cache/stats`, counted since the process started."""

    backend: str
    hits: int
    misses: int
    entries: int
    bytes: int
    evictions: int
    coalesced: int


class CacheCleared(_Answer):
    """Answer of `DELETE /api/v1/cache`."""

    removed: int
