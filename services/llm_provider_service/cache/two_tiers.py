"""The cache with two tiers: this process's memory in front, all replicas' Redis behind it.

A hit in memory does not touch Redis. While Redis is away the memory serves alone. An entry that was read from Redis is
kept here, unless something was removed while it was on its way.
"""

from __future__ import annotations

from common_core.llm_status_contracts import CacheStats
from services.llm_provider_service.cache.entry import CachedAnswer
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import LocalCache, encoded
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_keys import key_of
from services.llm_provider_service.cache.redis_tier import RedisTier
from services.llm_provider_service.cache.redis_writer import RedisWriter
from services.llm_provider_service.resilience.wait_budget import WaitBudget


class TwoTierCache:
    """See the module's docstring and `LLMCacheManagerProtocol`; *writer* works behind the requests' backs."""

    def __init__(self, local: LocalCache, shared: RedisTier, writer: RedisWriter, owed: PendingRemovals) -> None:
        self._local = local
        self._shared = shared
        self._owed = owed
        self._removed = 0
        self.writer = writer

    async def get(self, key: CacheKey, budget: WaitBudget | None = None) -> CachedAnswer | None:
        """The answer of either tier; what *budget* has left bounds the wait for Redis."""
        entry = await self._local.get(key)
        if entry is not None:
            return entry
        removed = self._removed
        found = await self._shared.get(key, budget)
        if found is None:
            return None
        entry, raw = found
        if removed == self._removed:
            self._local.keep(key, raw)
        return entry

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Store *entry* here at once and in Redis soon."""
        self._removed += replaces
        raw = encoded(entry)
        self._local.keep(key, raw)
        self.writer.put(key, raw, replaces=replaces)

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Remove here and in Redis; what Redis cannot do now is owed, and done on its return.

        Returns how many entries are gone; one that lay in both tiers counts once where one key is cleared, and
        the larger of both numbers is returned where more are.
        """
        self._removed += 1
        here = await self._local.clear(tenant=tenant, key=key)
        removal = _removal(tenant, key)
        return here if removal is None else max(here, await self.writer.remove(removal))

    def owes(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Whether such a clear waits for Redis's return; until then this replica does not read there what it covers."""
        removal = _removal(tenant, key)
        return removal is not None and self._owed.includes(removal)

    async def removed_elsewhere(self, removal: Removal) -> None:
        """Another replica has removed or refreshed something in Redis: forget what this process kept of it."""
        self._removed += 1
        if not self._local.empty:
            key = None if removal.key is None else str(removal.key)
            await self._local.clear(tenant=removal.tenant, key=key)
        await self.writer.removed_elsewhere(removal)

    def stats(self) -> CacheStats:
        """Both tiers as one, and each by itself; entries, bytes and evictions are those of the memory."""
        local, shared = self._local.stats(), self._shared.stats(self.writer.dropped)
        return local.model_copy(
            update={
                "backend": "local+redis",
                "hits": local.hits + shared.hits,
                "misses": local.misses - shared.hits,
                "tiers": {"local": self._local.tier_stats(), "redis": shared},
            }
        )


def _removal(tenant: str | None, key: str | None) -> Removal | None:
    """`None` for a key of another tenant than the one that is named beside it: there is no such entry."""
    if key is None:
        return Removal(tenant=tenant)
    named = key_of(key)
    return Removal(key=named) if tenant is None or named.tenant == tenant else None
