"""Opens the cache that the settings ask for: none, this process's memory, or memory with Redis behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from huleedu_service_libs.peers import Peers
from services.llm_provider_service.implementations.cache_manager_impl import (
    LocalCacheManagerImpl,
    NoCacheImpl,
    OnOperation,
)
from services.llm_provider_service.implementations.guards_impl import Guards
from services.llm_provider_service.implementations.replicas_impl import Replicas
from services.llm_provider_service.implementations.workers_cache_impl import WorkersCacheImpl
from services.llm_provider_service.protocols import LLMCacheManagerProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """Bytes, entries and seconds of the memory, and seconds of an answer in Redis; nothing is kept unless `kept`."""

    kept: bool
    max_bytes: int
    max_entries: int
    ttl_seconds: float
    shared_ttl_seconds: float


@asynccontextmanager
async def open_cache(
    limits: CacheLimits,
    replicas: Replicas,
    guards: Guards,
    peers: Peers,
    *,
    coalesced: Callable[[], int],
    on_operation: OnOperation,
) -> AsyncIterator[LLMCacheManagerProtocol]:
    """The cache; it and *guards* learn from the other replicas until the end of the block, and *peers* from it."""
    async with replicas.in_step(_cache(limits, replicas, coalesced, on_operation), guards) as cache:
        told = limits.kept and not peers.alone
        yield WorkersCacheImpl(cache, peers, redis=replicas.link_state) if told else cache


def _cache(
    limits: CacheLimits, replicas: Replicas, coalesced: Callable[[], int], on_operation: OnOperation
) -> LLMCacheManagerProtocol:
    if not limits.kept:
        return NoCacheImpl()
    local = LocalCacheManagerImpl(
        max_bytes=limits.max_bytes,
        max_entries=limits.max_entries,
        ttl_seconds=limits.ttl_seconds,
        clock=monotonic,
        coalesced=coalesced,
        on_operation=on_operation,
    )
    return replicas.behind(local, limits.shared_ttl_seconds)
