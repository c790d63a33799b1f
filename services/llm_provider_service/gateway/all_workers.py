"""Status and metrics of all workers together: any worker can answer for all, by asking the others.

The merged data is for operators; no comparison waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from common_core.llm_status_contracts import (
    CacheCleared,
    CacheStats,
    CircuitBreakerList,
    CircuitBreakerStatus,
    ProviderCooldown,
    ProviderList,
    ProviderStatus,
)
from huleedu_service_libs.observability.metric_merge import keep_counts, merge, render_merged, snapshot
from huleedu_service_libs.observability.metrics import render
from huleedu_service_libs.workers.peers import ANSWER_SECONDS, QUICK_WAY_SECONDS, WAY_SECONDS, Fold, PeerAnswers, Peers
from services.llm_provider_service.api_models import Health
from services.llm_provider_service.gateway.day_totals import DayTotals, add_totals
from services.llm_provider_service.gateway.gateway_status import GatewayStatus
from services.llm_provider_service.gateway.health_of_workers import BREAKERS_BY_WEIGHT, merge_health, worst_state
from services.llm_provider_service.metrics import GAUGE_MERGES, PREFIX, GatewayMetrics
from services.llm_provider_service.protocols import LLMCacheManagerProtocol

METRICS, TOTALS, HEALTH = "metrics", "totals", "health"
PROVIDERS, BREAKERS, STATS, CLEAR = "providers", "breakers", "stats", "clear"
# Health does not wait: a worker that does not answer at once is represented by its last answer.
HEALTH_SECONDS = 0.03
# Counts of an ended worker are kept, so no counter ever decreases.
FOLDS: Mapping[str, Fold] = {METRICS: keep_counts, TOTALS: add_totals, HEALTH: lambda _left, _last: None}


class AllWorkers:
    """Merges the status of all workers of the service; each worker has one and answers the others' questions."""

    def __init__(
        self,
        peers: Peers,
        *,
        status: GatewayStatus,
        cache: LLMCacheManagerProtocol,
        totals: DayTotals,
        metrics: GatewayMetrics,
    ) -> None:
        self._peers = peers
        self._status = status
        self._cache = cache
        self._totals = totals
        self._registry = metrics.registry
        self._heard: dict[str, PeerAnswers] = {}
        peers.on_question(METRICS, self._my_metrics, lasting=True)
        peers.on_question(TOTALS, self._my_totals, lasting=True)
        peers.on_question(HEALTH, self._my_health, lasting=True)
        peers.on_question(PROVIDERS, self._my_providers)
        peers.on_question(BREAKERS, self._my_breakers)
        peers.on_question(STATS, self._my_stats)
        peers.on_question(CLEAR, self._clear_mine)

    async def health(self) -> Health:
        """Returns the health of all workers; the settings shown are this worker's."""
        mine = self._status.health()
        if self._peers.alone:
            return mine
        poll = await self._ask_or_remember(HEALTH, seconds=HEALTH_SECONDS, way_seconds=QUICK_WAY_SECONDS)
        return merge_health(
            mine, map(Health.model_validate, poll.answers), missing=poll.missing, workers=poll.others + 1
        )

    async def providers(self) -> ProviderList:
        """Returns the providers and today's totals of all workers."""
        said, totals = await asyncio.gather(self._peers.ask(PROVIDERS), self._ask_or_remember(TOTALS))
        mine = self._status.providers()
        lists = [mine, *map(ProviderList.model_validate, said.answers)]
        day = reduce(add_totals, _said_by_all(totals))
        return mine.model_copy(
            update={
                "providers": [_one_provider(one, lists) for one in mine.providers],
                "total_requests_today": day["requests"],
                "total_cost_today": day["cost"],
                "partial": said.silent > 0 or totals.unheard,
            }
        )

    async def circuit_breakers(self) -> CircuitBreakerList:
        """Returns the worst breaker of all workers for each target; `failures` are those of that breaker."""
        poll = await self._peers.ask(BREAKERS)
        lists = [self._status.circuit_breakers(), *map(CircuitBreakerList.model_validate, poll.answers)]
        worst: dict[tuple[str, str, str | None], CircuitBreakerStatus] = {}
        for breaker in chain.from_iterable(one.circuit_breakers for one in lists):
            key = (breaker.provider, breaker.account, breaker.model)
            if key not in worst or _weight(breaker) > _weight(worst[key]):
                worst[key] = breaker
        shown = [breaker for _, breaker in sorted(worst.items(), key=str)]
        return CircuitBreakerList(circuit_breakers=shown, partial=poll.silent > 0)

    async def cache_stats(self) -> CacheStats:
        """Returns the cache counters of all workers, added up."""
        poll = await self._peers.ask(STATS)
        added: dict[str, Any] = reduce(_added, poll.answers, self._cache.stats().model_dump(mode="json"))
        return CacheStats.model_validate(added | {"partial": poll.silent > 0})

    async def clear_cache(self, *, tenant: str | None = None, key: str | None = None) -> CacheCleared:
        """Clear the caches of all workers; one that does not answer now clears when it reads the message."""
        removed = await self._cache.clear(tenant=tenant, key=key)
        poll = await self._peers.ask(CLEAR, {"tenant": tenant, "key": key})
        pending = self._cache.has_pending(tenant=tenant, key=key)
        return CacheCleared(removed=removed + sum(poll.answers), partial=poll.silent > 0, pending=pending)

    async def metrics(self) -> tuple[bytes, str] | None:
        """Returns the metrics of all workers and their content type; None if the supervisor does not answer."""
        if self._peers.alone:
            return render(self._registry)
        poll = await self._peers.ask(METRICS)
        if poll.unheard:
            return None
        return render_merged([*merge(_said_by_all(poll), GAUGE_MERGES), *_workers(poll)])

    async def _ask_or_remember(
        self, question: str, *, seconds: float = ANSWER_SECONDS, way_seconds: float = WAY_SECONDS
    ) -> PeerAnswers:
        """Returns the answers of all; if the supervisor does not answer, its last answers, all counted as silent."""
        poll = await self._peers.ask(question, seconds=seconds, way_seconds=way_seconds)
        if not poll.unheard:
            self._heard[question] = poll
            return poll
        heard = self._heard.get(question, poll)
        return replace(heard, mine=poll.mine, asked=poll.asked, silent=poll.silent, unheard=True)

    async def _my_metrics(self, _argument: Any) -> Any:
        return snapshot(self._registry)

    async def _my_totals(self, _argument: Any) -> Any:
        return self._totals.said()

    async def _my_health(self, _argument: Any) -> Any:
        return self._status.health().model_dump(mode="json")

    async def _my_providers(self, _argument: Any) -> Any:
        return self._status.providers().model_dump(mode="json")

    async def _my_breakers(self, _argument: Any) -> Any:
        return self._status.circuit_breakers().model_dump(mode="json")

    async def _my_stats(self, _argument: Any) -> Any:
        return self._cache.stats().model_dump(mode="json")

    async def _clear_mine(self, argument: Any) -> Any:
        return await self._cache.clear(**argument)


def _one_provider(mine: ProviderStatus, lists: Sequence[ProviderList]) -> ProviderStatus:
    """Returns the status of one provider over all workers; the settings shown are this worker's."""
    same = [one for said in lists for one in said.providers if one.provider is mine.provider]
    state = worst_state(one.circuit_breaker_state for one in same)
    failures = [one.last_failure for one in same if one.last_failure is not None]
    return mine.model_copy(
        update={
            "in_flight": sum(one.in_flight for one in same),
            "circuit_breaker_state": state,
            "cooldowns": _longest(chain.from_iterable(one.cooldowns for one in same)),
            "last_failure": max(failures, key=lambda failure: failure.at, default=None),
        }
    )


def _longest(cooldowns: Iterable[ProviderCooldown]) -> list[ProviderCooldown]:
    """Returns the longest cooldown of each target: workers may know different ends."""
    found: dict[tuple[str, str], ProviderCooldown] = {}
    for one in cooldowns:
        key = (one.account, one.model)
        if key not in found or one.until > found[key].until:
            found[key] = one
    return list(found.values())


def _weight(breaker: CircuitBreakerStatus) -> tuple[int, int]:
    return BREAKERS_BY_WEIGHT.index(breaker.state), breaker.failures


def _added(left: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Adds numbers up, nested ones too; of any other value it keeps the first."""
    return {name: _added_value(value, other.get(name)) for name, value in left.items()}


def _added_value(left: Any, other: Any) -> Any:
    if isinstance(left, dict) and isinstance(other, dict):
        return _added(left, other)
    if isinstance(left, bool) or not isinstance(left, int | float) or other is None:
        return left
    return left + other


def _said_by_all(poll: PeerAnswers) -> list[Any]:
    return [poll.mine, *poll.answers, *(() if poll.left is None else (poll.left,))]


def _workers(poll: PeerAnswers) -> Iterable[Metric]:
    workers = GaugeMetricFamily(f"{PREFIX}_workers", "Workers by whether they answered this scrape", labels=["state"])
    workers.add_metric(["answered"], 1 + poll.asked - poll.silent)
    workers.add_metric(["silent"], poll.silent)
    yield workers
    yield CounterMetricFamily(f"{PREFIX}_worker_restarts", "Workers that died and were restarted", poll.restarts)
