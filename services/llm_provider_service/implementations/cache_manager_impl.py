"""The cache as the gateway asks it: its tiers behind one Protocol, and the other workers told of what is refreshed."""

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

# A refresh is answered when the others have forgotten, or after this: it must not miss its deadline for a frozen one,
# which serves nobody meanwhile and forgets as soon as it runs again.
TELL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """Bytes, entries and seconds of the memory, and seconds of an answer in Redis; nothing is kept unless `kept`."""

    kept: bool
    max_bytes: int
    max_entries: int
    ttl_seconds: float
    shared_ttl_seconds: float


class CacheManagerImpl:
    """`LLMCacheManagerProtocol` over *tiers*; a clear is passed on by whoever asks for it, see `AllWorkers`.

    While *redis* is well, its feed of removals tells the workers like all replicas, and nothing is said twice.
    """

    def __init__(
        self, tiers: LLMCacheManagerProtocol, peers: Peers, *, redis: Callable[[], LinkState] | None = None
    ) -> None:
        self._tiers = tiers
        self._peers = peers
        self._redis = redis
        # All but `put` is what this worker has.
        self.get, self.clear, self.owes, self.stats = tiers.get, tiers.clear, tiers.owes, tiers.stats

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Store *entry* here; if it *replaces*, the others forget what they have."""
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
    """The cache: none, this process's memory, or memory with Redis behind it.

    *replicas* keep it, and *listener*, up to date.
    """
    tiers = _tiers(limits, replicas, coalesced, on_operation)
    async with replicas.in_step(tiers, listener):
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
