"""Connects this process with the other replicas through one Redis; without REDIS_URL it does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from uuid import uuid4

from prometheus_client import CollectorRegistry

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.redis_link.link import RedisLink, redis_link
from huleedu_service_libs.redis_link.values import LinkPolicy, LinkState
from huleedu_service_libs.resilience.circuit_breaker import Transition
from services.llm_provider_service.cache.local import LocalCache
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_tier import RedisTier
from services.llm_provider_service.cache.redis_writer import RedisWriter
from services.llm_provider_service.cache.two_tiers import TwoTierCache
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.metrics import SharedTierMetrics
from services.llm_provider_service.protocols import LLMCacheManagerProtocol
from services.llm_provider_service.replicas.redis_streams import ReplicaStreams
from services.llm_provider_service.replicas.report_messages import (
    AccountNames,
    PeerReportListener,
    about_breaker,
    about_cooldown,
)
from services.llm_provider_service.replicas.synchronisation import Act, keeping_in_step
from services.llm_provider_service.resilience.breakers import BreakerKey

log = get_logger(__name__)

OnTransition = Callable[[BreakerKey, Transition], None]


@dataclass(frozen=True, slots=True)
class _Shared:
    link: RedisLink
    background: BackgroundWork
    names: AccountNames
    metrics: SharedTierMetrics
    streams: ReplicaStreams
    owed: PendingRemovals = field(default_factory=PendingRemovals)


class Replicas:
    """What this replica shares; without *shared* it shares nothing and costs nothing."""

    def __init__(self, shared: _Shared | None = None) -> None:
        self._shared = shared

    @property
    def link_state(self) -> Callable[[], LinkState] | None:
        """Returns a function that gives the state of Redis; `None` without Redis."""
        shared = self._shared
        return None if shared is None else lambda: shared.link.state

    @property
    def on_cool(self) -> Callable[[Target, float], None] | None:
        """Returns a function that reports a cooldown to the other replicas; `None` without Redis."""
        shared = self._shared
        if shared is None:
            return None

        def cools(target: Target, seconds: float) -> None:
            shared.streams.report(about_cooldown(target, seconds, shared.names.name_of(target.account_key)))

        return cools

    def also_hear(self, listener: OnTransition) -> OnTransition:
        """Returns a listener that also reports this replica's breaker transitions to the other replicas."""
        shared = self._shared
        if shared is None:
            return listener

        def moved(key: BreakerKey, transition: Transition) -> None:
            listener(key, transition)
            shared.streams.report(about_breaker(key, transition, shared.names.name_of((key.provider, key.account))))

        return moved

    def behind(self, local: LocalCache, ttl_seconds: float) -> LLMCacheManagerProtocol:
        """Returns a cache with *local* in front and Redis behind it; without Redis it is *local*."""
        shared = self._shared
        if shared is None:
            return local
        tier = RedisTier(shared.link, shared.owed, metrics=shared.metrics, clock=monotonic)
        writer = RedisWriter(
            shared.link,
            shared.owed,
            removal_command=shared.streams.removal_command,
            ttl_seconds=ttl_seconds,
            metrics=shared.metrics,
            clock=monotonic,
        )
        return TwoTierCache(local, tier, writer, shared.owed)

    @asynccontextmanager
    async def synchronised(self, cache: LLMCacheManagerProtocol, listener: PeerReportListener) -> AsyncIterator[None]:
        """Keep *cache* up to date with other replicas, and pass their reports to *listener*, until the block ends."""
        shared = self._shared
        if shared is None:
            yield
        elif isinstance(cache, TwoTierCache):
            async with _tiers_in_step(shared, cache, listener):
                yield
        else:
            exchange = partial(shared.streams.exchange, _nothing_to_forget, listener.told)
            async with keeping_in_step(
                shared.background, ever={}, each_round={"replica_exchanging": exchange}, last=exchange
            ):
                yield


@asynccontextmanager
async def _tiers_in_step(shared: _Shared, cache: TwoTierCache, listener: PeerReportListener) -> AsyncIterator[None]:
    writer = cache.writer
    exchange = partial(shared.streams.exchange, cache.removed_elsewhere, listener.told)

    async def last_words() -> None:
        await writer.write_waiting()
        await writer.carry_out_all()
        await exchange()

    each_round: dict[str, Act] = {"replica_paying": writer.carry_out_all, "replica_exchanging": exchange}
    async with keeping_in_step(
        shared.background, ever={"replica_writing": writer.write}, each_round=each_round, last=last_words
    ):
        yield
    if shared.owed:
        log.warning("removals_lost_at_shutdown", removals=len(shared.owed))


async def _nothing_to_forget(_removal: Removal) -> None:
    """Do nothing, because no answers are stored."""


@asynccontextmanager
async def open_replicas(
    url: str | None, names: AccountNames, registry: CollectorRegistry, background: BackgroundWork
) -> AsyncIterator[Replicas]:
    """Open the link to the Redis at *url*; this takes no longer than the link's time budget, even without a server."""
    if url is None:
        yield Replicas()
        return
    metrics = SharedTierMetrics(registry)
    async with redis_link(url, LinkPolicy(), background, on_moved=metrics.moved) as link:
        yield Replicas(_Shared(link, background, names, metrics, ReplicaStreams(link, origin=uuid4().hex)))
