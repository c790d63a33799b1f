"""An order for a completion and its result: the only values between the HTTP layer and the orchestrator."""

from __future__ import annotations

from typing import NamedTuple

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import AttemptOutcome
from common_core.llm_contracts import CacheMode, FallbackMode, ResultFlag
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.money import Cost
from services.llm_provider_service.domain.target import Target


class CompletionOrder(NamedTuple):
    """A request for a completion, with its options; `timeout_seconds` is the caller's own deadline, if any.

    Without `may_retry` each target is called once.
    """

    request: CompletionRequest
    request_type: str
    request_id: str
    correlation_id: str
    caller: Caller
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    provider: LLMProviderType | None = None
    model: str | None = None
    fallback: FallbackMode = FallbackMode.ANY
    cache: CacheMode = CacheMode.USE
    sample_index: int = 0
    timeout_seconds: float | None = None
    may_retry: bool = True


class CompletionResult(NamedTuple):
    """An accepted answer, its target, its attempts and its cost. `attempts` is empty for a cached answer."""

    answer: CompletionAnswer
    target: Target
    cost: Cost
    attempts: tuple[Attempt, ...]
    cached: bool
    flags: frozenset[ResultFlag]

    @property
    def calls(self) -> int:
        """Number of attempts that were sent to a vendor."""
        count = 0
        for attempt in self.attempts:
            count += attempt.outcome is not AttemptOutcome.NOT_SENT
        return count
