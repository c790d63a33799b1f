"""What memory puts back into a real Redis, and what it takes back because somebody had cleared it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.redis_link.link import RedisLink, redis_link
from huleedu_service_libs.redis_link.values import LinkPolicy
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import LocalCache
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_keys import entry_name
from services.llm_provider_service.cache.write_back import WriteBack
from services.llm_provider_service.metrics import SharedTierMetrics
from tests.support.redis_server import RedisServer, redis_server

KEY = CacheKey("local", "0" * 64)
OTHER = CacheKey("another", "1" * 64)
EVERYTHING = Removal()


@dataclass
class Bench:
    """A refill of one Redis, with the memory that it reads; the time is 1,000."""

    redis: RedisServer
    link: RedisLink
    owed: PendingRemovals = field(default_factory=PendingRemovals)
    told: list[Removal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.local = LocalCache(
            max_bytes=1_000_000, max_entries=100, ttl_seconds=60, clock=monotonic, coalesced=lambda: 0
        )
        self.refill = WriteBack(
            self.link,
            self.local,
            ttl_seconds=100,
            owed=self.owed,
            on_removed=self.told.append,
            metrics=SharedTierMetrics(CollectorRegistry()),
            wall_clock=lambda: 1000.0,
        )

    async def put_back(self, *keys: CacheKey, stored_at: float = 990.0) -> None:
        """Redis is thought to have lost everything, and these are asked for."""
        for key in keys:
            self.local.keep(key, b"an answer")
        self.refill.all_in_doubt()
        for key in keys:
            self.refill.hit(key, stored_at)
        await self.refill.write()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench with a server of its own."""
    async with redis_server(tmp_path) as redis, redis_link(redis.url(), LinkPolicy(), BackgroundWork()) as link:
        yield Bench(redis, link)


async def test_what_was_put_back_after_it_had_been_cleared_elsewhere_is_taken_back(bench: Bench) -> None:
    await bench.put_back(KEY, OTHER)
    await bench.refill.removed(Removal(tenant="local"))
    assert await bench.redis.keys() == [entry_name(OTHER).encode()]
    assert bench.told == [Removal(key=KEY)], "somebody may have read it meanwhile"
    await bench.refill.removed(EVERYTHING)
    assert await bench.redis.keys() == []


async def test_what_is_newer_is_neither_overwritten_nor_taken_back(bench: Bench) -> None:
    await bench.redis.say("SET", entry_name(KEY), "newer")
    await bench.put_back(KEY, OTHER)
    assert await bench.redis.say("GET", entry_name(KEY)) == b"newer"
    await bench.redis.say("SET", entry_name(OTHER), "newer")
    await bench.refill.removed(EVERYTHING)
    assert len(await bench.redis.keys()) == 2
    assert bench.told == []


async def test_what_cannot_be_taken_back_now_is_owed(bench: Bench) -> None:
    await bench.put_back(KEY)
    bench.redis.freeze()
    await bench.refill.removed(EVERYTHING)
    assert Removal(key=KEY) in bench.owed
    bench.redis.thaw()


async def test_what_was_cleared_here_or_is_owed_or_too_old_is_not_put_back(bench: Bench) -> None:
    await bench.put_back(KEY, stored_at=900.0)
    bench.local.keep(KEY, b"an answer")
    bench.refill.all_in_doubt()
    bench.refill.hit(KEY, 990.0)
    await bench.local.clear()
    await bench.refill.write()
    bench.owed.owe(EVERYTHING)
    await bench.put_back(OTHER)
    assert await bench.redis.keys() == []
    assert bench.refill.doubts, "what is owed now may be written later"


async def test_an_answer_lives_no_longer_than_it_would_have(bench: Bench) -> None:
    await bench.put_back(KEY, stored_at=950.0)
    await bench.put_back(OTHER, stored_at=5000.0)
    assert 45_000 < await bench.redis.say("PTTL", entry_name(KEY)) <= 50_000
    assert 95_000 < await bench.redis.say("PTTL", entry_name(OTHER)) <= 100_000


async def test_doubts_do_not_grow_beyond_what_memory_holds(bench: Bench) -> None:
    for number in range(5000):
        key = CacheKey("local", f"{number:064x}")
        bench.local.keep(key, b"an answer")
        bench.refill.in_doubt(key)
    held = list(bench.local.keys())
    for text in held:
        bench.refill.hit(CacheKey("local", text.rpartition(":")[2]), 990.0)
    while bench.refill.more:
        await bench.refill.write()
    assert len(await bench.redis.keys()) == len(held) == 100
