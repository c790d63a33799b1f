"""The cache of one of several workers: what is refreshed here, the other workers forget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from common_core.llm_status_contracts import CacheStats
from huleedu_service_libs.peers import QUICK_WAY_SECONDS, Peers
from huleedu_service_libs.redis_link.values import LinkState
from services.llm_provider_service.caching.entry import CachedAnswer
from services.llm_provider_service.caching.key import CacheKey
from services.llm_provider_service.protocols import LLMCacheManagerProtocol
from services.llm_provider_service.resilience.time_budget import TimeBudget

CLEAR: Final = "clear"
# A refresh is answered when the others have forgotten, or after this: it must not miss its deadline for a frozen one,
# which serves nobody meanwhile and forgets as soon as it runs again.
TELL_SECONDS: Final = 0.1


class WorkersCacheImpl:
    """See `LLMCacheManagerProtocol`; a clear is passed on by whoever asks for it, see `WholeService`.

    While *redis* is well, its feed of removals tells the workers like all replicas, and nothing is said twice.
    """

    def __init__(
        self, cache: LLMCacheManagerProtocol, peers: Peers, *, redis: Callable[[], LinkState] | None = None
    ) -> None:
        self._cache = cache
        self._peers = peers
        self._redis = redis

    async def get(self, key: CacheKey, budget: TimeBudget | None = None) -> CachedAnswer | None:
        """What this worker has."""
        return await self._cache.get(key, budget)

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Store *entry* here; if it *replaces*, the others forget what they have."""
        await self._cache.put(key, entry, replaces=replaces)
        if replaces and not self._redis_tells():
            removed = {"tenant": None, "key": str(key)}
            await self._peers.ask(CLEAR, removed, seconds=TELL_SECONDS, way_seconds=QUICK_WAY_SECONDS)

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Clear this worker's."""
        return await self._cache.clear(tenant=tenant, key=key)

    def owes(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Whether this worker owes it."""
        return self._cache.owes(tenant=tenant, key=key)

    def stats(self) -> CacheStats:
        """Those of this worker."""
        return self._cache.stats()

    def _redis_tells(self) -> bool:
        if self._redis is None:
            return False
        state = self._redis()
        return state.available and state.writable
