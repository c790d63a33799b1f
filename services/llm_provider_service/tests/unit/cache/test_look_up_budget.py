"""All that one order asks of Redis shares one budget, which is no more than 200 ms."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from common_core.config_enums import LLMProviderType
from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import LinkPolicy, RedisAway, Word
from services.llm_provider_service.cache.key import CacheKey, cache_key
from services.llm_provider_service.cache.pending_removals import PendingRemovals
from services.llm_provider_service.cache.redis_tier import RedisTier
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.implementations.llm_orchestrator_impl import LOOK_UP_SECONDS
from services.llm_provider_service.metrics import SharedTierMetrics
from services.llm_provider_service.resilience.wait_budget import WaitBudget
from services.llm_provider_service.tests.unit.cache.samples import ORDER

MOST_SECONDS = 0.2


class SlowLink(RedisLink):
    """A link that is up, to a server that knows nothing and needs *seconds* to say so, on a clock of its own."""

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self.asked = 0
        self._seconds = seconds

    @property
    def available(self) -> bool:
        """Always: nobody has found out yet."""
        return True

    async def run(self, *command: Word, seconds: float | None = None) -> Any:
        """Nothing, or `RedisAway` when *seconds* were not enough."""
        self.asked += 1
        patience = LinkPolicy().budget_seconds
        patience = patience if seconds is None else min(seconds, patience)
        self.now += min(patience, self._seconds)
        if self._seconds > patience:
            raise RedisAway("timeout")
        return None


def key(model: str) -> CacheKey:
    return cache_key(ORDER, Target(LLMProviderType.OPENAI, model))


def test_neither_the_link_nor_an_order_has_more_than_the_whole_budget() -> None:
    assert 0 < LinkPolicy().budget_seconds <= MOST_SECONDS
    assert 0 < LOOK_UP_SECONDS <= MOST_SECONDS


@pytest.mark.parametrize(("server_seconds", "asked"), [(0.06, 3), (0.1, 2), (3600.0, 1)])
async def test_three_look_ups_of_one_order_take_no_longer_than_one_budget(server_seconds: float, asked: int) -> None:
    """Whoever has nothing left does not ask at all."""
    link = SlowLink(server_seconds)
    metrics = SharedTierMetrics(CollectorRegistry())
    cache = RedisTier(link, PendingRemovals(), metrics=metrics, clock=lambda: link.now)
    budget = WaitBudget(LOOK_UP_SECONDS)
    for model in ("one", "two", "three"):
        assert await cache.get(key(model), budget) is None
    assert link.now == pytest.approx(LOOK_UP_SECONDS)
    assert link.asked == asked
    assert budget.left == pytest.approx(0, abs=1e-9)
