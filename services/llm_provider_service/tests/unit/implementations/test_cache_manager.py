"""The cache of one of several workers: whom it tells of a refresh, and when somebody else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huleedu_service_libs.redis_link.values import LinkState
from huleedu_service_libs.workers.peers import Handler, PeerAnswers
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import LocalCache
from services.llm_provider_service.gateway.all_workers import CLEAR
from services.llm_provider_service.implementations.cache_manager_impl import CacheManagerImpl
from services.llm_provider_service.tests.unit.cache.samples import ENTRY

KEY = CacheKey("local", "0" * 64)


class Others:
    """The other workers, who keep what they are asked."""

    alone = False

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """Nobody asks this one."""

    async def ask(self, question: str, argument: Any = None, **_times: float) -> PeerAnswers:
        """Remember it."""
        self.asked.append((question, argument))
        return PeerAnswers()


def redis(*, available: bool, writable: bool) -> Callable[[], LinkState]:
    """How Redis is."""
    return lambda: LinkState(available=available, writable=writable, failures=0)


def worker(others: Others, state: Callable[[], LinkState] | None = None) -> CacheManagerImpl:
    """One worker's cache."""
    local = LocalCache(max_bytes=100_000, max_entries=10, ttl_seconds=60.0, clock=lambda: 1.0, coalesced=int)
    return CacheManagerImpl(local, others, redis=state)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (None, 1),
        (redis(available=True, writable=True), 0),
        (redis(available=False, writable=True), 1),
        (redis(available=True, writable=False), 1),
    ],
)
async def test_a_refresh_is_told_unless_redis_tells_it(state: Callable[[], LinkState] | None, told: int) -> None:
    others = Others()
    cache = worker(others, state)
    await cache.put(KEY, ENTRY, replaces=True)
    assert others.asked == [(CLEAR, {"tenant": None, "key": str(KEY)})] * told
    assert await cache.get(KEY) is not None, "it is stored here"


async def test_nothing_else_is_told() -> None:
    others = Others()
    cache = worker(others)
    await cache.put(KEY, ENTRY)
    await cache.get(KEY)
    assert await cache.clear(key=str(KEY)) == 1
    assert (cache.stats().entries, cache.has_pending(key=str(KEY)), others.asked) == (0, False, [])
