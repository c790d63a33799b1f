"""The shared tier of the cache: sealed answers in Redis, read within a request's wait budget.

Nothing here fails a request. An entry that cannot be read in time, is damaged or belongs to another key counts as
absent; the next answer to the same question overwrites it.
"""

from __future__ import annotations

from common_core.llm_status_contracts import CacheTierStats
from common_core.observability_enums import CacheOperation
from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import RedisAway, RedisRefused
from services.llm_provider_service.cache.entry import CachedAnswer, DamagedEntry, decode
from services.llm_provider_service.cache.integrity import unseal
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.pending_removals import PendingRemovals
from services.llm_provider_service.cache.redis_keys import entry_name
from services.llm_provider_service.metrics import SharedTierMetrics
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.resilience.wait_budget import WaitBudget

Found = tuple[CachedAnswer, bytes]


class RedisTier:
    """Reads the answers of all replicas, except those that *owed* covers. Metric: get `hit | miss | damaged | away`."""

    def __init__(self, link: RedisLink, owed: PendingRemovals, *, metrics: SharedTierMetrics, clock: Clock) -> None:
        self._link = link
        self._owed = owed
        self._metrics = metrics
        self._clock = clock
        self._hits = self._misses = self._damaged = 0

    async def get(self, key: CacheKey, budget: WaitBudget | None) -> Found | None:
        """Returns the stored answer and its plain bytes; waits at most *budget*, and not at all while Redis is away."""
        if not self._link.available or self._owed.covers(key) or (budget is not None and budget.left <= 0):
            self._misses += 1
            return None
        started = self._clock()
        try:
            found, result = await self._look_up(key, None if budget is None else budget.left)
        finally:
            seconds = self._clock() - started
            if budget is not None:
                budget.spend(seconds)
        self._hits += found is not None
        self._misses += found is None
        self._damaged += result == "damaged"
        self._metrics.operation(CacheOperation.GET, result)
        self._metrics.look_up.observe(seconds)
        return found

    def stats(self, dropped: int) -> CacheTierStats:
        """Counters since the start; entries in Redis belong to all replicas, so their size is not counted here."""
        return CacheTierStats(hits=self._hits, misses=self._misses, dropped=dropped, damaged=self._damaged)

    async def _look_up(self, key: CacheKey, seconds: float | None) -> tuple[Found | None, str]:
        try:
            sealed = await self._link.run("GET", entry_name(key), seconds=seconds)
            if sealed is None:
                return None, "miss"
            raw = unseal(key, sealed)
            return (decode(raw), raw), "hit"
        except RedisAway:
            return None, "away"
        except RedisRefused as refused:
            return None, "damaged" if refused.wrong_type else "away"
        except DamagedEntry:
            return None, "damaged"
