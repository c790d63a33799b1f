"""The cache that the gateway uses: its tiers behind one Protocol; other workers are told of refreshed entries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from huleedu_service_libs.redis_link.values import LinkState
from huleedu_service_libs.workers.peers import QUICK_WAY_SECONDS, Peers
from services.llm_provider_service.cache.entry import CachedAnswer
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import LocalCache, NoCache, OnOperation
from services.llm_provider_service.gateway.all_workers import CLEAR
from services.llm_provider_service.protocols import LLMCacheManagerProtocol
from services.llm_provider_service.replicas.replicas import Replicas
from services.llm_provider_service.replicas.report_messages import PeerReportListener

# A refresh is answered when the other workers have dropped their entry, or after this time. It must not wait for a
# frozen worker, which answers no request and drops its entry as soon as it runs again.
TELL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """Bytes, entries and seconds in memory, and seconds of an answer in Redis; nothing is stored unless `kept`."""

    kept: bool
    max_bytes: int
    max_entries: int
    ttl_seconds: float
    shared_ttl_seconds: float


class CacheManagerImpl:
    """`LLMCacheManagerProtocol` over *tiers*. It does not pass a clear on to other workers; `AllWorkers` does.

    While *redis* works, its stream of removals tells the other workers and replicas, so no worker is told twice.
    """

    def __init__(
        self, tiers: LLMCacheManagerProtocol, peers: Peers, *, redis: Callable[[], LinkState] | None = None
    ) -> None:
        self._tiers = tiers
        self._peers = peers
        self._redis = redis
        # Everything except `put` concerns this worker only.
        self.get, self.clear, self.has_pending, self.stats = tiers.get, tiers.clear, tiers.has_pending, tiers.stats

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Store *entry* here; with *replaces*, the other workers drop their entry."""
        await self._tiers.put(key, entry, replaces=replaces)
        if replaces and not (self._peers.alone or self._redis_tells()):
            removed = {"tenant": None, "key": str(key)}
            await self._peers.ask(CLEAR, removed, seconds=TELL_SECONDS, way_seconds=QUICK_WAY_SECONDS)

    def _redis_tells(self) -> bool:
        if self._redis is None:
            return False
        state = self._redis()
        return state.available and state.writable


@asynccontextmanager
async def open_cache(
    limits: CacheLimits,
    replicas: Replicas,
    listener: PeerReportListener,
    peers: Peers,
    *,
    coalesced: Callable[[], int],
    on_operation: OnOperation,
) -> AsyncIterator[CacheManagerImpl]:
    """Yields the cache: none, this process's memory, or memory with Redis behind it.

    *replicas* keep it, and *listener*, up to date.
    """
    tiers = _tiers(limits, replicas, coalesced, on_operation)
    async with replicas.synchronised(tiers, listener):
        yield CacheManagerImpl(tiers, peers, redis=replicas.link_state)


def _tiers(
    limits: CacheLimits, replicas: Replicas, coalesced: Callable[[], int], on_operation: OnOperation
) -> LLMCacheManagerProtocol:
    if not limits.kept:
        return NoCache()
    local = LocalCache(
        max_bytes=limits.max_bytes,
        max_entries=limits.max_entries,
        ttl_seconds=limits.ttl_seconds,
        clock=monotonic,
        coalesced=coalesced,
        on_operation=on_operation,
    )
    return replicas.behind(local, limits.shared_ttl_seconds)
