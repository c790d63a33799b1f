"""The other replicas of the service, which meet in one Redis; without REDIS_URL there are none, and nothing is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, time
from uuid import uuid4

from prometheus_client import CollectorRegistry

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.redis_link.link import RedisLink, redis_link
from huleedu_service_libs.redis_link.values import LinkPolicy, LinkState
from huleedu_service_libs.resilience.circuit_breaker import Transition
from services.llm_provider_service.cache.local import LocalCache
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_removals import RedisRemovals
from services.llm_provider_service.cache.redis_tier import RedisTier
from services.llm_provider_service.cache.two_tiers import TwoTierCache
from services.llm_provider_service.cache.write_back import WriteBack
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.metrics import SharedTierMetrics
from services.llm_provider_service.protocols import LLMCacheManagerProtocol
from services.llm_provider_service.replicas.feed import ReplicaFeed
from services.llm_provider_service.replicas.report_messages import (
    AccountNames,
    PeerReportListener,
    about_breaker,
    about_cooldown,
)
from services.llm_provider_service.replicas.synchronisation import keeping_in_step
from services.llm_provider_service.resilience.breakers import BreakerKey

log = get_logger(__name__)

OnTransition = Callable[[BreakerKey, Transition], None]


@dataclass(frozen=True, slots=True)
class _Shared:
    link: RedisLink
    background: BackgroundWork
    names: AccountNames
    metrics: SharedTierMetrics
    feed: ReplicaFeed
    owed: PendingRemovals
    removals: RedisRemovals


class Replicas:
    """What this replica shares; made without anything, it shares nothing and costs nothing."""

    def __init__(self, shared: _Shared | None = None) -> None:
        self._shared = shared

    @property
    def link_state(self) -> Callable[[], LinkState] | None:
        """How Redis is; `None` when there is none."""
        shared = self._shared
        return None if shared is None else lambda: shared.link.state

    @property
    def on_cool(self) -> Callable[[Target, float], None] | None:
        """Tells the others of a cooldown."""
        shared = self._shared
        if shared is None:
            return None

        def cools(target: Target, seconds: float) -> None:
            shared.feed.report(about_cooldown(target, seconds, shared.names.name_of(target.account_key)))

        return cools

    def also_hear(self, listener: OnTransition) -> OnTransition:
        """*listener*, and the others too, hear of this replica's breakers."""
        shared = self._shared
        if shared is None:
            return listener

        def moved(key: BreakerKey, transition: Transition) -> None:
            listener(key, transition)
            shared.feed.report(about_breaker(key, transition, shared.names.name_of((key.provider, key.account))))

        return moved

    def behind(self, local: LocalCache, ttl_seconds: float) -> LLMCacheManagerProtocol:
        """The cache that has *local* in front and, where there is Redis, that behind it."""
        shared = self._shared
        if shared is None:
            return local
        refill = WriteBack(
            shared.link,
            local,
            ttl_seconds=ttl_seconds,
            owed=shared.owed,
            on_removed=shared.feed.removed,
            metrics=shared.metrics,
            wall_clock=time,
        )
        redis = RedisTier(
            shared.link,
            ttl_seconds=ttl_seconds,
            owed=shared.owed,
            on_removed=shared.feed.removed,
            on_dropped=refill.in_doubt,
            metrics=shared.metrics,
            clock=monotonic,
        )
        return TwoTierCache(local, redis, refill=refill, owed=shared.owed, removals=shared.removals)

    @asynccontextmanager
    async def in_step(self, cache: LLMCacheManagerProtocol, listener: PeerReportListener) -> AsyncIterator[None]:
        """Keep *cache* up to date with what the others tell, and let *listener* hear it, until the end of the block."""
        if self._shared is None:
            yield
            return
        tiers = cache if isinstance(cache, TwoTierCache) else None
        work = _Work(self._shared, tiers, listener)
        async with keeping_in_step(work, self._shared.background):
            yield
        if self._shared.owed:
            log.warning("removals_lost_at_shutdown", removals=len(self._shared.owed))


@asynccontextmanager
async def open_replicas(
    url: str | None, names: AccountNames, registry: CollectorRegistry, background: BackgroundWork
) -> AsyncIterator[Replicas]:
    """Open the link to the Redis at *url*; whatever is there, this takes no longer than the link's budget."""
    if url is None:
        yield Replicas()
        return
    metrics = SharedTierMetrics(registry)
    async with redis_link(url, LinkPolicy(), background, on_moved=metrics.moved) as link:
        feed = ReplicaFeed(link, origin=uuid4().hex)
        owed = PendingRemovals()
        removals = RedisRemovals(link, owed, on_removed=feed.removed)
        yield Replicas(_Shared(link, background, names, metrics, feed, owed, removals))


@dataclass(frozen=True, slots=True)
class _Work:
    """See `SharedWork` and `FeedReader`; `cache` is `None` where answers are not kept."""

    shared: _Shared
    cache: TwoTierCache | None
    listener: PeerReportListener

    @property
    def stirred(self) -> asyncio.Event:
        return self.shared.feed.stirred

    async def write(self) -> None:
        if self.cache is None:
            await asyncio.Event().wait()
        else:
            await self.cache.write()

    async def pay(self) -> None:
        await self.shared.removals.pay_all()

    async def exchange(self) -> None:
        if self.cache is not None:
            self.cache.begin_round()
        await self.shared.feed.send()
        await self.shared.feed.read(self)
        if self.cache is not None and await self.cache.refill():
            self.stirred.set()

    async def last_words(self) -> None:
        if self.cache is not None:
            await self.cache.write_waiting()
        await self.shared.feed.send()
        await self.shared.removals.pay_all()
        await self.shared.feed.send()

    async def removed_elsewhere(self, removal: Removal) -> None:
        if self.cache is not None:
            await self.cache.removed_elsewhere(removal)

    def may_have_lost(self) -> None:
        if self.cache is not None:
            self.cache.all_in_doubt()

    def told(self, message: Mapping[str, str], age_seconds: float) -> None:
        self.listener.told(message, age_seconds)
