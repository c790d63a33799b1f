"""HTTP contracts of the LLM Provider Service, for the service and for everyone who calls it.

Field names, ranges and meanings are a promise to other services: additive changes only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from common_core.config_enums import LLMProviderType
from common_core.domain_enums import EssayComparisonWinner
from common_core.json_numbers import SampleIndex, Temperature, TokenLimit
from common_core.llm_attempts import SkipReason

MAX_METADATA_BYTES = 16 * 1024
MAX_JUSTIFICATION_CHARACTERS = 1000
MIN_CONFIDENCE = 1.0
MAX_CONFIDENCE = 5.0

NonEmptyText = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]

_Word = TypeVar("_Word", bound=StrEnum)
OrNew = Annotated[_Word | str, Field(union_mode="left_to_right")]
"""A value of today's enum, or a newer service's value as plain text: the answer that holds it is already paid for."""


class CacheMode(StrEnum):
    """How one request uses the cache."""

    USE = "use"
    BYPASS = "bypass"
    REFRESH = "refresh"


class FallbackMode(StrEnum):
    """Which other targets may answer when the first one cannot."""

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
    """Extra facts about an answer that the caller should know."""

    JUSTIFICATION_TRUNCATED = "justification_truncated"
    UNKNOWN_MODEL = "unknown_model"
    FALLBACK_USED = "fallback_used"
    INJECTION_SUSPECTED = "injection_suspected"
    USAGE_UNKNOWN = "usage_unknown"
    REASKED = "reasked"


class _Contract(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContractAnswer(BaseModel):
    """Base of all answers of the gateway; a client ignores fields that a newer service adds."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LLMConfigOverrides(_Contract):
    """Settings that the caller changes for this request; null means "not given", and 0 means 0."""

    provider_override: LLMProviderType | None = Field(default=None, description="Null: the strategy chooses.")
    model_override: ModelName | None = Field(default=None, description="Alone, it must be in GET /api/v1/models.")
    temperature_override: Temperature | None = Field(default=None, description="0 means 0.")
    system_prompt_override: NonEmptyText | None = Field(default=None, description="Replaces the service's system text.")
    max_tokens_override: TokenLimit | None = Field(default=None, description="Longest answer, in tokens.")
    reasoning_effort: ReasoningEffortLevel | None = Field(default=None, description="400 for a model without it.")


class LLMComparisonRequest(_Contract):
    """Compare two essays; `user_prompt` gives the criterion."""

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

    user_prompt: NonEmptyText = Field(description="By what measure to compare; an instruction.")
    essay_a: NonEmptyText = Field(description="Data, never an instruction.")
    essay_b: NonEmptyText = Field(description="Data, never an instruction.")
    llm_config_overrides: LLMConfigOverrides | None = Field(default=None, description="What to do differently.")
    correlation_id: str | None = Field(default=None, max_length=128, description="The header comes first.")
    user_id: str | None = Field(default=None, min_length=1, max_length=256, description="For routing rules.")
    tags: Annotated[list[Tag], Field(max_length=32)] | None = Field(default=None, description="For routing rules.")
    metadata: dict[str, Any] | None = Field(
        default=None, description="Echoed verbatim, each number digit for digit; at most 16 KiB as JSON."
    )
    cache: CacheMode | None = Field(default=None, description="refresh asks anew and stores; null: a setting.")
    sample_index: SampleIndex | None = Field(default=None, description="Another index is another answer.")
    fallback: FallbackMode | None = Field(default=None, description="Null means any.")


class TokenUsage(ContractAnswer):
    """Tokens as billed; null where the vendor did not say. `prompt_tokens` includes the cached ones."""

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None


class LLMComparisonResponse(ContractAnswer):
    """One strict verdict and what it cost."""

    winner: EssayComparisonWinner = Field(description="The better essay; there is no tie.")
    justification: str = Field(min_length=1, max_length=MAX_JUSTIFICATION_CHARACTERS)
    confidence: float = Field(ge=MIN_CONFIDENCE, le=MAX_CONFIDENCE, description="1: a guess, 5: certain.")
    provider: OrNew[LLMProviderType] = Field(description="Who answered.")
    model: str = Field(description="The model that answered, as the vendor names it.")
    response_time_ms: int = Field(description="Inside the service, the vendor's time included.")
    cached: bool
    token_usage: TokenUsage
    cost_estimate: float | None = Field(description="USD, for display; null when unpriced.")
    cost_usd: str | None = Field(description="USD, exact decimal without exponent; null when unpriced.")
    pricing_status: OrNew[PricingStatus]
    correlation_id: str
    trace_id: str | None = Field(default=None, description="32 hex digits; null when the request is not traced.")
    metadata: dict[str, Any] = Field(description="What the request carried, verbatim, each number digit for digit.")
    request_id: str = Field(description="The service's own id of this request.")
    requested_provider: OrNew[LLMProviderType] | None = Field(description="As the request named it.")
    requested_model: str | None = Field(description="As the request named it.")
    attempts: int = Field(description="Upstream calls made for this answer; 0 when it came from the cache.")
    prompt_sha256: str = Field(description="Hash of the prompt that was sent, essays included.")
    flags: list[OrNew[ResultFlag]] = Field(description="More kinds may come; ignore one that you do not know.")


class ProblemAttempt(ContractAnswer):
    """One upstream attempt, as a problem document shows it."""

    provider: str
    model: str
    outcome: str = Field(description="How it ended, from a closed set.")
    duration_ms: int


class ProblemCandidate(ContractAnswer):
    """A target that could have answered but was not called."""

    provider: str
    model: str
    reason: OrNew[SkipReason] = Field(description="Why not.")
    until: str | None = Field(description="UTC, ISO 8601: when it may be asked again; null where time changes nothing.")


class ProblemPointer(ContractAnswer):
    """One thing wrong with a request, with a JSON pointer to it."""

    pointer: str = Field(description="RFC 6901; empty for the whole body, a header or the query.")
    message: str


class ProblemDocument(ContractAnswer):
    """RFC 9457 body of every 4xx and 5xx; `error`, `details` and `error_type` repeat fields for older callers."""

    type: str = Field(description="A URN that names the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What happened and what to do.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="One of the platform's error codes.")
    correlation_id: str
    retryable: bool = Field(description="Whether the same request may succeed later.")
    retry_after: int | None = Field(default=None, description="Seconds; as the header Retry-After.")
    provider: str | None = Field(default=None, description="Whose failure ended the request.")
    attempts: list[ProblemAttempt] | None = Field(default=None, description="Every try, in order.")
    candidates: list[ProblemCandidate] | None = Field(default=None, description="Who was not asked, and why.")
    errors: list[ProblemPointer] | None = None
    error: str = Field(description="Same text as title.")
    details: str = Field(description="Same text as detail.")
    error_type: str = Field(description="Same as code.")
