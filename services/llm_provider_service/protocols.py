"""The Protocols that the platform defines: the interfaces of provider, orchestrator, cache and retry manager.

Other interfaces are next to the code that owns them.
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
    """One provider: makes one upstream call for a completion request and returns its answer."""

    @property
    def provider(self) -> LLMProviderType:
        """Returns which provider this is."""
        ...

    async def complete(self, request: CompletionRequest, model: str, deadline: Deadline) -> CompletionAnswer:
        """Make exactly one upstream call; raises a `ProviderFailure` if there is no answer."""
        ...


class LLMOrchestratorProtocol(Protocol):
    """Finds a provider that answers an order."""

    async def complete(self, order: CompletionOrder) -> CompletionResult:
        """Answer *order*; raises a `GatewayError` if no provider could."""
        ...

    def is_under_way(self, request_id: str) -> bool:
        """Returns whether work for that request still runs; it may, even if its caller has disconnected."""
        ...

    def stop_waiting(self) -> None:
        """End the grace period of a stop: calls that still run are cancelled when the orchestrator is closed."""
        ...


class LLMCacheManagerProtocol(Protocol):
    """Stores accepted answers for a limited time."""

    async def get(self, key: CacheKey, budget: WaitBudget | None = None) -> CachedAnswer | None:
        """Returns the stored answer; None if it is damaged or expired, or cannot be read within *budget*."""
        ...

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Store *entry* under *key*; may drop it if it does not fit.

        With *replaces* (a refresh), the old entry is never read again, even if the new one is dropped.
        """
        ...

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Remove one key, one tenant's entries, or all; returns how many were removed."""
        ...

    def has_pending(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Returns whether such a clear is not done everywhere yet."""
        ...

    def stats(self) -> CacheStats:
        """Counters since the start of the process."""
        ...


class LLMRetryManagerProtocol(Protocol):
    """The only retry loop of the system."""

    async def run(self, call: Callable[[int], Awaitable[Returned]], allowance: RetryAllowance) -> Returned:
        """Await `call(attempt_number)`, from 1, until it succeeds or *allowance* ends it; raises the last failure."""
        ...
