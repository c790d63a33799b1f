"""The Protocols that the platform names: what an implementation must do to take a place in the gateway.

Other interfaces stand beside the code that owns them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from common_core.config_enums import LLMProviderType
from common_core.llm_status_contracts import CacheStats
from services.llm_provider_service.cache.entry import CachedAnswer
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.completion_order import CompletionOrder, CompletionResult
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.resilience.retry_policy import RetryAllowance
from services.llm_provider_service.resilience.wait_budget import WaitBudget

Returned = TypeVar("Returned")


class LLMProviderProtocol(Protocol):
    """One provider: turns a completion request into one upstream call and its answer."""

    @property
    def provider(self) -> LLMProviderType:
        """Which provider this is."""
        ...

    async def complete(self, request: CompletionRequest, model: str, deadline: Deadline) -> CompletionAnswer:
        """Make exactly one upstream call; raise a `ProviderFailure` if it yields no answer."""
        ...


class LLMOrchestratorProtocol(Protocol):
    """Finds somebody who answers an order."""

    async def complete(self, order: CompletionOrder) -> CompletionResult:
        """Answer *order*; raise a `GatewayError` if nobody could."""
        ...

    def is_under_way(self, request_id: str) -> bool:
        """Whether work for that request still runs, as it may when its caller has gone."""
        ...

    def stop_waiting(self) -> None:
        """The grace of a stop is over: calls that still run are cancelled when the orchestrator is closed."""
        ...


class LLMCacheManagerProtocol(Protocol):
    """Accepted answers, kept for a while."""

    async def get(self, key: CacheKey, budget: WaitBudget | None = None) -> CachedAnswer | None:
        """The stored answer; a damaged or expired one counts as absent, and so does one that *budget* cannot buy."""
        ...

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Store *entry* under *key*; may drop it if it does not fit.

        If it *replaces* what was there (a refresh), that will not be read any more, stored or not.
        """
        ...

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Remove one key, one tenant's entries, or all; returns how many were there."""
        ...

    def owes(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Whether a clear of the same extent is not done everywhere yet."""
        ...

    def stats(self) -> CacheStats:
        """Counters since the start of the process."""
        ...


class LLMRetryManagerProtocol(Protocol):
    """The only retry loop of the system."""

    async def run(self, call: Callable[[int], Awaitable[Returned]], allowance: RetryAllowance) -> Returned:
        """Await `call(attempt_number)`, from 1, until it succeeds or *allowance* ends it; raise the last failure."""
        ...
