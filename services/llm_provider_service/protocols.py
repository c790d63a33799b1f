"""The Protocols between the rooms and the world; every implementation stands behind one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from common_core.config_enums import LLMProviderType
from common_core.llm_status_contracts import (
    CacheCleared,
    CacheStats,
    CircuitBreakerList,
    ModelList,
    ProviderList,
    ProviderTestResult,
)
from services.llm_provider_service.api_models import Health, Readiness
from services.llm_provider_service.caching.entry import CachedAnswer
from services.llm_provider_service.caching.key import CacheKey
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.order import CompletionOrder, CompletionResult
from services.llm_provider_service.resilience.deadline import CLOCK_TOLERANCE_SECONDS, Deadline
from services.llm_provider_service.resilience.retry_policy import RetryAllowance
from services.llm_provider_service.resilience.time_budget import TimeBudget
from services.llm_provider_service.wire.http import WireRequest

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

    async def get(self, key: CacheKey, budget: TimeBudget | None = None) -> CachedAnswer | None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds: to connect, to the first byte of the answer, between two chunks, and for the whole call."""

    connect: float
    first_byte: float
    idle: float
    total: float

    def within(self, remaining: float) -> TimeLimits:
        """The same limits for a call that has only *remaining* seconds, as exactly as a timer fires."""
        return self if remaining + CLOCK_TOLERANCE_SECONDS >= self.total else replace(self, total=max(remaining, 0.001))


class VendorReply(Protocol):
    """Status and headers of an answer that has begun; the body comes in chunks, once."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, with case-insensitive look-up."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Decompressed body chunks under the byte cap."""
        ...


class TransportProtocol(Protocol):
    """The only way to a vendor's network address."""

    def send(self, request: WireRequest, limits: TimeLimits) -> AbstractAsyncContextManager[VendorReply]:
        """Send *request*; leaving the context closes or returns the connection. Raises `ProviderFailure` only."""
        ...


class GatewayStatusProtocol(Protocol):
    """What there is to see of the gateway at this moment."""

    def providers(self) -> ProviderList:
        """Every provider."""
        ...

    def models(self) -> ModelList:
        """The model registry."""
        ...

    def circuit_breakers(self) -> CircuitBreakerList:
        """Every circuit breaker of this process."""
        ...

    def health(self) -> Health:
        """Liveness and dependencies of this process."""
        ...

    def readiness(self) -> Readiness:
        """Whether traffic should come."""
        ...

    def drain(self) -> None:
        """From now on, readiness says no."""
        ...


class WholeServiceProtocol(Protocol):
    """The service as all its workers together; what a silent worker did not say in time makes an answer partial."""

    async def health(self) -> Health:
        """Liveness and dependencies, at their worst; within 80 ms, whatever the others do."""
        ...

    async def providers(self) -> ProviderList:
        """Every provider, with the calls that all workers have under way."""
        ...

    async def circuit_breakers(self) -> CircuitBreakerList:
        """Every circuit breaker, at its worst."""
        ...

    async def cache_stats(self) -> CacheStats:
        """Counters of all caches, added up."""
        ...

    async def clear_cache(self, *, tenant: str | None = None, key: str | None = None) -> CacheCleared:
        """Clear everywhere."""
        ...

    async def metrics(self) -> tuple[bytes, str] | None:
        """Prometheus text and its content type; None while it is not known what all workers counted.

        A scrape that fails is a gap, which harms no rate; a counter that falls is a reset, and all it counted so far
        would count twice.
        """
        ...


class ProviderTesterProtocol(Protocol):
    """Asks one provider something tiny, to see whether it answers."""

    async def test(self, provider: LLMProviderType) -> ProviderTestResult:
        """One counted attempt, one at a time; raises a `GatewayError` if the provider cannot be asked."""
        ...
