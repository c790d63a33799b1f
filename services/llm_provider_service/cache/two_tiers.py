"""The cache with two tiers: this process's memory in front, all replicas' Redis behind it.

A hit in memory does not wait for Redis; if its answer may be missing there, it is written there soon. While Redis is
away the memory serves alone. An entry that was read from Redis is kept here, unless something was removed while it was
on its way.
"""

from __future__ import annotations

from common_core.llm_status_contracts import CacheStats
from services.llm_provider_service.cache.entry import CachedAnswer
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import LocalCache, encoded
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_keys import key_of
from services.llm_provider_service.cache.redis_removals import RedisRemovals
from services.llm_provider_service.cache.redis_tier import RedisTier
from services.llm_provider_service.cache.write_back import WriteBack
from services.llm_provider_service.resilience.time_budget import TimeBudget


class TwoTierCache:
    """See the module's docstring and `LLMCacheManagerProtocol`."""

    def __init__(
        self,
        local: LocalCache,
        shared: RedisTier,
        *,
        refill: WriteBack,
        owed: PendingRemovals,
        removals: RedisRemovals,
    ) -> None:
        self._local = local
        self._shared = shared
        self._refill = refill
        self._owed = owed
        self._removals = removals
        self._removed = 0

    def owes(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Whether such a clear waits for Redis's return; until then this replica does not read there what it covers."""
        removal = _removal(tenant, key)
        return removal is not None and removal in self._owed

    async def get(self, key: CacheKey, budget: TimeBudget | None = None) -> CachedAnswer | None:
        """The answer of either tier; what *budget* has left bounds the wait for Redis."""
        entry = await self._local.get(key)
        if entry is not None:
            if self._refill.doubts:
                self._refill.hit(key, entry.stored_at)
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
        if raw is not None:
            self._shared.put(key, raw, replaces=replaces)
        elif replaces:
            self._owed.owe(Removal(key=key))

    async def write(self) -> None:
        """Wait until something is to be written to Redis, and write it."""
        await self._shared.write()

    async def refill(self) -> bool:
        """Write to Redis some of what is missing there and was asked for here; returns whether there is more."""
        await self._refill.write()
        return self._refill.more

    def begin_round(self) -> None:
        """Redis will be asked now whether it still is what it was."""
        self._refill.begin_round()

    def all_in_doubt(self) -> None:
        """Redis may have lost what lay in it."""
        self._refill.all_in_doubt()

    async def write_waiting(self) -> None:
        """Write what waits for Redis now."""
        await self._shared.write_waiting()

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Remove here and in Redis; what Redis cannot do now is owed, and done on its return.

        Returns how many entries are gone; one that lay in both tiers counts once where one key is cleared, and
        the larger of both numbers is returned where more are.
        """
        removal = _removal(tenant, key)
        self._removed += 1
        here = await self._local.clear(tenant=tenant, key=key)
        if removal is None:
            return here
        ticket = self._owed.owe(removal)
        await self._shared.forget_waiting(removal)
        await self._refill.settled()
        there = await self._removals.pay(removal, ticket)
        return max(here, there or 0)

    async def removed_elsewhere(self, removal: Removal) -> None:
        """Another replica has removed or refreshed something in Redis: forget what this process kept of it."""
        self._removed += 1
        await self._refill.removed(removal)
        if self._local.empty:
            return
        key = None if removal.key is None else str(removal.key)
        await self._local.clear(tenant=removal.tenant, key=key)

    def stats(self) -> CacheStats:
        """Both tiers as one, and each by itself; entries, bytes and evictions are those of the memory."""
        local, shared = self._local.stats(), self._shared.stats()
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
