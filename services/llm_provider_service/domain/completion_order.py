"""One order to the gateway and its result: the only things that pass between the front door and the orchestrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import AttemptOutcome
from common_core.llm_contracts import CacheMode, FallbackMode, ResultFlag
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.money import Cost
from services.llm_provider_service.domain.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionOrder:
    """A completion that somebody wants, and how. `timeout_seconds` is the caller's own deadline, if any.

    Without `may_retry` each target is asked once.
    """

    request: CompletionRequest
    request_type: str
    request_id: str
    correlation_id: str
    caller: Caller
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    provider: LLMProviderType | None = None
    model: str | None = None
    fallback: FallbackMode = FallbackMode.ANY
    cache: CacheMode = CacheMode.USE
    sample_index: int = 0
    timeout_seconds: float | None = None
    may_retry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionResult:
    """An accepted answer: who gave it, what it took, what it cost. `attempts` is empty when it was cached."""

    answer: CompletionAnswer
    target: Target
    cost: Cost
    attempts: tuple[Attempt, ...]
    cached: bool
    flags: frozenset[ResultFlag]

    @property
    def calls(self) -> int:
        """How many of the attempts were sent to a vendor."""
        count = 0
        for attempt in self.attempts:
            count += attempt.outcome is not AttemptOutcome.NOT_SENT
        return count
