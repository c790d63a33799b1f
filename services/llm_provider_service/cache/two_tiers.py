"""The cache with two tiers: this process's memory in front, the Redis of all replicas behind it.

A hit in memory does not use Redis. While Redis is away, the memory is used alone. An entry from Redis is stored in
memory, unless a removal happened while it was being read.
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
    """Implements `LLMCacheManagerProtocol` with a local and a shared tier; *writer* writes in the background."""

    def __init__(self, local: LocalCache, shared: RedisTier, writer: RedisWriter, owed: PendingRemovals) -> None:
        self._local = local
        self._shared = shared
        self._owed = owed
        self._removed = 0
        self.writer = writer

    async def get(self, key: CacheKey, budget: WaitBudget | None = None) -> CachedAnswer | None:
        """Returns the answer of either tier; the rest of *budget* limits the wait for Redis."""
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
        """Store *entry* in memory at once and in Redis soon."""
        self._removed += replaces
        raw = encoded(entry)
        self._local.keep(key, raw)
        self.writer.put(key, raw, replaces=replaces)

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Remove entries in memory and in Redis; what Redis cannot do now is owed, and done when it is back.

        Returns how many entries were removed: the larger number of the two tiers, because an entry can be in both.
        """
        self._removed += 1
        here = await self._local.clear(tenant=tenant, key=key)
        removal = _removal(tenant, key)
        return here if removal is None else max(here, await self.writer.remove(removal))

    def has_pending(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Returns whether this removal still waits for Redis; until then, what it covers is not read here."""
        removal = _removal(tenant, key)
        return removal is not None and self._owed.includes(removal)

    async def removed_elsewhere(self, removal: Removal) -> None:
        """Forget what another replica has removed or refreshed in Redis."""
        self._removed += 1
        if not self._local.empty:
            key = None if removal.key is None else str(removal.key)
            await self._local.clear(tenant=removal.tenant, key=key)
        await self.writer.removed_elsewhere(removal)

    def stats(self) -> CacheStats:
        """Returns both tiers together, and each one; entries, bytes and evictions are those of the memory."""
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
    """Returns the removal for these arguments; `None` if *key* belongs to another tenant, as there is no such entry."""
    if key is None:
        return Removal(tenant=tenant)
    named = key_of(key)
    return Removal(key=named) if tenant is None or named.tenant == tenant else None
